//! The convolutional denoisers of the `ddpm_mnist_cnn` family: sizes and schedule out of the
//! weights.

use super::adopt::{Origin, adopt};
use super::{Found, ImportError};
use crate::registry::imported::{Betas, ChainSettings, Settings};
use crate::weights::{Array, Weights};
use serde::Deserialize;
use transport_core::{Prediction, Space};
use transport_models::net::DdpmCnnConfig;

/// What a file beside the weights may say; what it leaves out is taken from the weights, or is as
/// in the published ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Overrides {
    /// The number of timesteps `T`; the table then has `T + 1` entries, from 0 to T.
    timesteps: Option<usize>,
    beta_start: Option<f64>,
    beta_end: Option<f64>,
    betas: Option<Betas>,
    prediction: Option<Prediction>,
    /// What the pixel values 0 and 255 are to the network.
    state_range: Option<[f64; 2]>,
    /// Planes after each block.
    widths: Option<Vec<usize>>,
    /// Samplers hold what is denoised between ±clip.
    clip: Option<f64>,
}

const FREQUENCIES: &str = "frequencies";

/// Reads a network and its chain out of others' arrays.
///
/// ```text
/// beta_t, alpha_t                      [T + 1]: β and ᾱ, if they are there
/// ·.frequencies                        [K]
/// ·.time_embed.{0, 2, 4, …}            Linear
/// ·.blocks.{0 … B − 1}.net.{0, 1}      Conv2d, LayerNorm over the image
/// ·.blocks.B                           Conv2d
/// ```
///
/// Every size is that of an array; the names may stand under any prefix.
pub(super) fn read(mut theirs: Weights, given: &Overrides) -> Result<Found, ImportError> {
    let tables = ["beta_t", "alpha_t"].map(|name| theirs.0.remove(name));
    let prefix = theirs.0.keys().find_map(|name| name.strip_suffix(FREQUENCIES)).map(str::to_owned);
    let prefix = prefix.ok_or_else(|| ImportError::Unrecognised {
        expected: "an array `frequencies` of a ddpm-mnist-cnn".into(),
    })?;
    let cnn = sizes(&theirs, &prefix)?;
    if let Some(widths) = given.widths.as_ref().filter(|widths| **widths != cnn.widths) {
        return Err(contradiction("widths", format!("{widths:?}"), format!("{:?}", cnn.widths)));
    }
    let (chain, offset, betas) = chain(tables, given)?;
    let mut settings = Settings::ddpm_cnn();
    settings.reading.offset = offset;
    settings.reading.unit = 1.0 / (chain.timesteps as f64 - chain.unused as f64);
    settings.reading.prediction = given.prediction.unwrap_or(settings.reading.prediction);
    settings.reading.clip = given.clip;
    settings.state_range = given.state_range.unwrap_or(settings.state_range);
    settings.chain = chain;
    let blocks = cnn.widths.len();
    settings.cnn = Some(cnn);
    let parameters = parameters(&settings)?;
    let net = adopt(theirs, &parameters, |name, array| origin(&prefix, blocks, name, array))?;
    Ok(Found { settings, net, betas, classes: 0 })
}

fn parameters(settings: &Settings) -> Result<Weights, ImportError> {
    if let Some(reason) = settings.cnn.as_ref().and_then(|cnn| cnn.check().err()) {
        return Err(ImportError::Unrecognised { expected: format!("a ddpm-mnist-cnn ({reason})") });
    }
    let space = Space::f32(&transport_core::device::select(None)?);
    settings.parameters(&space).map_err(|e| ImportError::Unrecognised { expected: e.to_string() })
}

fn contradiction(what: &str, config: String, weights: String) -> ImportError {
    ImportError::Contradiction { what: what.to_owned(), config, weights }
}

/// The sizes that the arrays have.
fn sizes(theirs: &Weights, prefix: &str) -> Result<DdpmCnnConfig, ImportError> {
    let find = |name: &str, rank: usize| {
        let full = format!("{prefix}{name}");
        let array = theirs.0.get(&full).filter(|array| array.shape.len() == rank);
        array.map(|array| array.shape.as_slice()).ok_or_else(|| ImportError::Unrecognised {
            expected: format!("an array `{full}` with {rank} sides"),
        })
    };
    let many = |name: &dyn Fn(usize) -> String, rank: usize| -> Vec<Vec<usize>> {
        let shapes = (0..).map_while(|k| find(&name(k), rank).ok());
        shapes.map(<[usize]>::to_vec).collect()
    };
    let full = |name: &str, shape: &[usize]| match find(name, shape.len())? == shape {
        true => Ok(()),
        false => Err(ImportError::Unrecognised {
            expected: format!("an array `{prefix}{name}` of shape {shape:?}"),
        }),
    };
    let convs = many(&|k| format!("blocks.{k}.net.0.weight"), 4);
    let layers = many(&|k| format!("time_embed.{}.weight", 2 * k), 2);
    let first = find("blocks.0.net.0.weight", 4)?;
    let norm = find("blocks.0.net.1.weight", 3)?;
    let out = find(&format!("blocks.{}.weight", convs.len()), 4)?;
    find("time_embed.0.weight", 2)?;
    let hidden = layers.len().saturating_sub(1);
    // No product of sizes is taken that no array has.
    for (k, pair) in convs.windows(2).enumerate() {
        let shape = [pair[1][0], pair[0][0], first[2], first[2]];
        full(&format!("blocks.{}.net.0.weight", k + 1), &shape)?;
    }
    for (k, pair) in layers.windows(2).enumerate() {
        full(&format!("time_embed.{}.weight", 2 * (k + 1)), &[pair[1][0], pair[0][0]])?;
    }
    Ok(DdpmCnnConfig {
        channels: first[1],
        height: norm[1],
        width: norm[2],
        widths: convs.iter().map(|shape| shape[0]).collect(),
        kernel: first[2],
        out_kernel: out[2],
        frequencies: find(FREQUENCIES, 1)?[0],
        time_widths: layers[..hidden].iter().map(|shape| shape[0]).collect(),
    })
}

/// Where a parameter stands in the file.
fn origin(prefix: &str, blocks: usize, name: &str, array: &Array) -> Origin {
    let mut parts: Vec<String> = name.split('.').map(str::to_owned).collect();
    match parts[0].as_str() {
        "blocks" => {
            let place = if parts[2] == "conv" { "net.0" } else { "net.1" };
            parts[2] = place.to_owned();
        }
        "out" => parts[0] = format!("blocks.{blocks}"),
        "time_embed" => {
            let layer: usize = parts[1].parse().unwrap_or(0);
            parts[1] = (2 * layer).to_string();
        }
        _ => {}
    }
    let theirs = format!("{prefix}{}", parts.join("."));
    match array.shape.len() {
        2 => Origin::Transposed(theirs),
        _ => Origin::Same(theirs),
    }
}

type Chain = (ChainSettings, f64, Option<Array>);

/// The chain, what the network calls its first step, and the table where it has no name.
///
/// `ᾱ` is what the network was trained on. Entries without noise, `ᾱ = 1`, are the clean state and
/// no step.
fn chain(tables: [Option<Array>; 2], given: &Overrides) -> Result<Chain, ImportError> {
    let [betas, alphas] = tables;
    let (betas, alphas) = (table(betas, "beta_t")?, table(alphas, "alpha_t")?);
    let own = Settings::ddpm_cnn().chain;
    let end = |of: fn(&[f64]) -> Option<&f64>| betas.as_deref().and_then(of).copied().map(decimal);
    let found = alphas.as_ref().or(betas.as_ref()).map(Vec::len);
    let said = given.timesteps.map(|timesteps| timesteps.saturating_add(1));
    if let (Some(found), Some(said)) = (found, said)
        && found != said
    {
        let count = |entries: usize| (entries - 1).to_string();
        return Err(contradiction("timesteps", count(said), count(found)));
    }
    let named = ChainSettings {
        timesteps: found.or(said).unwrap_or(own.timesteps),
        beta_start: given.beta_start.or(end(|b| b.first())).unwrap_or(own.beta_start),
        beta_end: given.beta_end.or(end(|b| b.last())).unwrap_or(own.beta_end),
        betas: given.betas.unwrap_or(own.betas),
        ..own
    };
    let bars = match (alphas, betas) {
        (Some(alphas), Some(betas)) => cumulative(alphas, &betas)?,
        (Some(alphas), None) => alphas,
        (None, Some(betas)) => products(&betas),
        (None, None) => return Ok((named, 0.0, None)),
    };
    let levels = named.bars().unwrap_or_default();
    if near(&levels, &bars) {
        return Ok((named, 0.0, None));
    }
    if given.betas.is_some() || given.beta_start.is_some() || given.beta_end.is_some() {
        let last = |bars: &[f64]| match bars.last() {
            Some(bar) => format!("a chain that ends at ᾱ = {bar:.6e}"),
            None => "no chain".to_owned(),
        };
        return Err(contradiction("the noise levels", last(&levels), last(&bars)));
    }
    listed(&bars, named)
}

/// The number that a single-precision one was typed as.
fn decimal(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

/// A chain that has no name: its table goes with the weights.
fn listed(bars: &[f64], asked: ChainSettings) -> Result<Chain, ImportError> {
    let clean = bars.iter().take_while(|bar| **bar >= 1.0).count();
    let noisy = &bars[clean..];
    let before = std::iter::once(1.0).chain(noisy.iter().copied());
    let betas: Vec<f32> = before.zip(noisy).map(|(a, b)| (1.0 - b / a) as f32).collect();
    if betas.is_empty() || betas.iter().any(|beta| !(*beta > 0.0 && *beta < 1.0)) {
        return Err(ImportError::Unrecognised {
            expected: "noise levels `alpha_t` that fall from 1 towards 0, or `beta_t` in (0, 1)"
                .into(),
        });
    }
    let unused = usize::from(clean == 0);
    let settings = ChainSettings { betas: Betas::Table, timesteps: betas.len(), unused, ..asked };
    let array = Array { shape: vec![betas.len()], values: betas };
    Ok((settings, clean as f64, Some(array)))
}

fn table(array: Option<Array>, name: &str) -> Result<Option<Vec<f64>>, ImportError> {
    match array {
        Some(array) if array.shape.len() != 1 || array.shape[0] < 2 => {
            Err(ImportError::Unrecognised { expected: format!("`{name}` as a row of numbers") })
        }
        array => Ok(array.map(|a| a.values.into_iter().map(f64::from).collect())),
    }
}

fn products(betas: &[f64]) -> Vec<f64> {
    let mut log = 0.0;
    let product = |beta: &f64| {
        log += (-beta).ln_1p();
        f64::exp(log)
    };
    betas.iter().map(product).collect()
}

/// `ᾱ`, whether `alpha_t` is that or `1 − β`: the products, which are the more precise, unless up to
/// a tenth of the entries differ from them, as they do where β was capped.
fn cumulative(alphas: Vec<f64>, betas: &[f64]) -> Result<Vec<f64>, ImportError> {
    let single: Vec<f64> = betas.iter().map(|beta| 1.0 - beta).collect();
    let bars = products(betas);
    if near(&single, &alphas) || near(&bars, &alphas) {
        return Ok(bars);
    }
    let most = bars.len() - bars.len().div_ceil(10);
    let agree = alphas.len() == bars.len() && near(&bars[..most], &alphas[..most]);
    let expected = || "`alpha_t` as the products of 1 − `beta_t`".to_owned();
    if agree { Ok(alphas) } else { Err(ImportError::Unrecognised { expected: expected() }) }
}

/// Equal up to the rounding of single precision, accumulated.
fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 + 1e-3 * b.abs())
}
