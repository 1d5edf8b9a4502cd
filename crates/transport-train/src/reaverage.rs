//! A finished run with its weights averaged over another width than it was trained to keep.

use crate::config::Config;
use crate::power_average::{PowerAverages, widest};
use crate::run::RunError;
use crate::store::{Archive, Folder, StoreError};
use crate::trainer::Keep;
use serde_json::Value;

const LAYOUT: &str = "layout";

/// Averages as a file, with the names and shapes of their parameters in its card.
#[must_use]
pub fn archive(averages: &PowerAverages) -> Archive {
    let mut card = serde_json::Map::new();
    card.insert(LAYOUT.to_owned(), serde_json::json!(averages.layout()));
    Archive { card, weights: averages.state() }
}

/// Writes the run of `from` to `to`, which holds none, with the power-function average of relative
/// width `width` of its weights at the end of the training; returns how far the profile is from the
/// one asked for, relative to its norm.
///
/// # Errors
/// [`RunError`] when there is no finished run, it kept no averages, the width is not above 0 and at
/// most [`widest`], or a file cannot be read or written.
pub fn reaverage(from: &Folder, to: &Folder, width: f64) -> Result<f64, RunError> {
    if !(width > 0.0 && width <= widest()) {
        return Err(RunError::Width { width, widest: widest() });
    }
    let (mut model, file) = (from.read_model()?, from.read_averages()?);
    let path = from.file("averages.safetensors");
    let malformed = |reason: String| StoreError::Malformed { path: path.clone(), reason };
    let layout = file.card.get(LAYOUT).cloned().unwrap_or(Value::Null);
    let layout = serde_json::from_value(layout).map_err(|e| malformed(e.to_string()))?;
    let averages = PowerAverages::read(layout, &file.weights)
        .map_err(|source| StoreError::Weights { path: path.clone(), source })?;
    let card = from.file("model.safetensors");
    let step = model.card.get("steps").and_then(Value::as_u64).ok_or_else(|| {
        StoreError::Malformed { path: card, reason: "its card has no number of steps".to_owned() }
    })?;
    let (weights, error) = averages.average(width, step);
    model.weights.0.extend(weights.0);
    // These are the weights of the last step, whichever were kept.
    model.card.remove("best");
    if let Some(config) = model.card.get_mut("config") {
        config["optim"]["relative"] = width.into();
        config["train"]["keep"] = serde_json::json!(Keep::Last);
    }
    let mut config = Config::parse(&from.read_config()?)?;
    config.optim.relative = width;
    config.train.keep = Keep::Last;
    to.begin()?;
    to.write_config(&config.to_toml()?)?;
    to.write_averages(&file)?;
    to.finish(&model)?;
    Ok(error)
}
