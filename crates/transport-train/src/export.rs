//! A run as one file for others: safetensors with a JSON card that says how to read it.

use crate::config::ConfigError;
use crate::registry;
use crate::run::Card;
use crate::store::{Archive, Folder, MODEL, StoreError, read, write};
use crate::weights::Weights;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use transport_core::Schedule;
use transport_core::schedule::Named;
use transport_models::net::Embedding;

/// Where the description stands in the card.
const KEY: &str = "export";
/// Rows of a schedule's table.
const TIMES: u32 = 101;

/// A run that cannot be exported, or a file that is no export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run's own file in the place of another.
    #[error("{} is the run's own model file: export to another", path.display())]
    Own {
        /// The file.
        path: PathBuf,
    },
}

/// Writes the finished run in a folder as one file.
///
/// The file is the run's own `model.safetensors` with a description added to its card under
/// `export`: the tensors and their layout, the equations of the network, what it predicts, the
/// schedule as a table, and how rows become states. Taken away again, what is left is the run's file
/// to the bit ([`crate::import`](mod@crate::import), format `transport`).
///
/// # Errors
/// [`ExportError`] when there is no finished run, or the file cannot be written.
///
/// # Checked by
/// `tests/it/export.rs`, `examples/velocity.py`
pub fn export(folder: &Folder, path: &Path) -> Result<(), ExportError> {
    let mut archive = folder.read_model()?;
    let place = |path: &Path| std::fs::canonicalize(path).ok();
    if place(path).is_some_and(|target| place(&folder.file(MODEL)) == Some(target)) {
        return Err(ExportError::Own { path: path.to_owned() });
    }
    let card = card(&archive.card, path)?;
    archive.card.insert(KEY.to_owned(), description(&card, &archive.weights)?);
    Ok(write(path, &archive)?)
}

/// The configuration and the model file of an exported run.
///
/// # Errors
/// [`StoreError`] when the file is no export or damaged; [`ConfigError`] when its configuration is
/// none of ours.
pub(crate) fn restored(path: &Path) -> Result<(String, Archive), ExportError> {
    let mut archive = read(path)?;
    archive.card.remove(KEY);
    let card = card(&archive.card, path)?;
    card.config.check()?;
    Ok((card.config.to_toml()?, archive))
}

fn card(card: &Map<String, Value>, path: &Path) -> Result<Card, StoreError> {
    serde_json::from_value(Value::Object(card.clone())).map_err(|e| StoreError::Malformed {
        path: path.to_owned(),
        reason: format!("its card: {e}"),
    })
}

fn description(card: &Card, weights: &Weights) -> Result<Value, ConfigError> {
    let model = &card.config.model;
    let entry = registry::model(&model.name)?;
    let tensors: Map<String, Value> =
        weights.0.iter().map(|(name, array)| (name.clone(), json!(array.shape))).collect();
    let mut about = json!({
        "model": model.name,
        "what": entry.summary(),
        "trained by": entry.objective(),
        "settings": model.settings,
        "tensors": tensors,
        "layout": LAYOUT,
        "rows": ROWS,
    });
    if let Some((schedule, head)) = entry.reading(&model.settings)? {
        about["schedule"] = table(schedule);
        about["head"] = json!({ "predicts": head, "given": INPUTS, "meaning": MEANING });
        about["network"] = network(&model.settings);
    }
    Ok(about)
}

const LAYOUT: &str =
    "matrices are [inputs, outputs], y = x W + b; kernels are [outputs, inputs, height, width]";
const ROWS: &str = "state = (row - mean)/scale over the columns of schema.scaler that are not \
    constant_columns, in order; one mean and one scale stand for all columns alike; images are rows \
    of pixels, channel last";
const INPUTS: &str = "x/sqrt(alpha² + sigma²) and t; an edm head x/sqrt(sigma² + alpha² sigma_d²) and \
    ln(sigma/alpha)/4 in the place of t";
const MEANING: &str = "at x_t = alpha x_1 + sigma x_0, x_1 the data and x_0 standard normal: data x_1; \
    noise x_0; velocity alpha' x_1 + sigma' x_0; score -x_0/sigma; \
    v (alpha x_0 - sigma x_1)/sqrt(alpha² + sigma²)";

/// The schedule by name, with its coefficients at times from one end of its domain to the other.
fn table(schedule: Named) -> Value {
    let domain = schedule.domain();
    let time = |k: u32| domain.start + domain.length() * f64::from(k) / f64::from(TIMES - 1);
    let row = |k: u32| {
        let (t, c) = (time(k), schedule.at(time(k)));
        [t, c.alpha, c.sigma, c.d_alpha, c.d_sigma]
    };
    json!({
        "name": schedule,
        "domain": [domain.start, domain.end],
        "columns": ["t", "alpha", "sigma", "alpha'", "sigma'"],
        "table": (0..TIMES).map(row).collect::<Vec<_>>(),
    })
}

/// The network's equations; those of image networks are in the library's documentation.
fn network(settings: &toml::Table) -> Value {
    let setting = |name: &str| settings.get(name).and_then(toml::Value::as_integer);
    let kind = settings.get("net").and_then(toml::Value::as_str).unwrap_or("mlp");
    if kind != "mlp" {
        return json!({ "kind": kind, "equations": format!("transport_models::net, {kind}") });
    }
    let frequencies = setting("frequencies").and_then(|k| usize::try_from(k).ok()).unwrap_or(0);
    json!({
        "kind": "mlp",
        "width": setting("width"),
        "depth": setting("depth"),
        "turns": Embedding { frequencies }.turns(),
        "equations": [
            "phi = [sin(2 pi turns t), cos(2 pi turns t)]",
            "h = x net.input.weight + net.input.bias + phi net.time.weight + net.time.bias",
            "with a context c: h = h + c net.context.weight + net.context.bias",
            "for each k: h = h + silu(h) net.hidden.k.weight + net.hidden.k.bias",
            "out = silu(h) net.output.weight + net.output.bias",
        ],
    })
}
