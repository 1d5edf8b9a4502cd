//! What a run begins with and sees, for a peer that is to begin with and see the same.

use crate::{BATCH, STEPS};
use std::error::Error;
use std::path::Path;
use transport::core::Noise;
use transport::data::write_npy_array;
use transport::models::Flow;
use transport::train::batch::Batches;
use transport::train::weights::Weights;

/// The names of a plain coupling's arrays, a matrix `[inputs, outputs]` before its bias.
const ARRAYS: [&str; 6] = [
    "input.weight",
    "input.bias",
    "hidden.0.weight",
    "hidden.0.bias",
    "output.weight",
    "output.bias",
];

/// The rows of every step, `[STEPS · BATCH, 1]`: the draws of `Trainer`.
pub fn order(path: &Path, rows: usize, seed: u64) -> Result<(), Box<dyn Error>> {
    let mut batches = Batches::new(rows, BATCH, &Noise::new(seed, BATCH).purpose("train"));
    let order: Vec<f64> = (0..STEPS).flat_map(|k| batches.rows(k)).map(|r| r as f64).collect();
    Ok(write_npy_array(path, &[order.len(), 1], &order)?)
}

/// The weights of a plain coupling flow, from the data's side on.
pub fn weights(path: &Path, model: &Flow) -> Result<(), Box<dyn Error>> {
    let Weights(arrays) = Weights::of(model);
    let name = |k: usize, part: &str| format!("layers.{k}.Coupling.conditioner.{part}");
    let layers = (0..arrays.len() / ARRAYS.len()).rev();
    let names = layers.flat_map(|k| ARRAYS.map(|part| name(k, part)));
    let values: Vec<f64> =
        names.flat_map(|name| arrays[&name].values.iter().map(|v| f64::from(*v))).collect();
    Ok(write_npy_array(path, &[values.len(), 1], &values)?)
}
