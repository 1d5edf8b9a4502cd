//! What training sees, for a peer that is to see the same.

use crate::laws::{Task, draws};
use crate::methods::{BATCH, ROWS, network};
use std::error::Error;
use std::path::{Path, PathBuf};
use transport::core::{Interval, Noise, Space};
use transport::data::write_npy_array;
use transport::train::batch::Batches;
use transport::train::objective::Batch;
use transport::train::weights::Weights;

/// Writes `WHERE-init.npy`, the first weights of every method's network, layer by layer, a layer's
/// `[inputs, outputs]` matrix before its bias; and `WHERE-stream.npy`, for each step a batch of
/// rows `(x₀, x₁, t, z)`: the starts, the data, the times, and the normal draws of the noise on the paths, before any coupling. Leaves files that are
/// there alone.
pub fn write(
    task: &Task,
    seed: u64,
    steps: u64,
    space: &Space,
    at: impl Fn(&str) -> PathBuf,
) -> Result<(), Box<dyn Error>> {
    if at("stream").exists() {
        return Ok(());
    }
    save(&at("init"), 1, &initial(seed, space))?;
    save(&at("stream"), 7, &rows(task, seed, steps, space))
}

fn save(path: &Path, columns: usize, values: &[f64]) -> Result<(), Box<dyn Error>> {
    Ok(write_npy_array(path, &[values.len() / columns, columns], values)?)
}

fn initial(seed: u64, space: &Space) -> Vec<f64> {
    let Weights(arrays) = Weights::of(&network(seed, space));
    let layer = |k: usize| ["weight", "bias"].map(|part| format!("layers.{k}.{part}"));
    let names = (0..arrays.len() / 2).flat_map(layer);
    names.flat_map(|name| arrays[&name].values.iter().map(|v| f64::from(*v))).collect()
}

/// The draws of `Trainer` on `Coupled` ends.
fn rows(task: &Task, seed: u64, steps: u64, space: &Space) -> Vec<f64> {
    let data = draws(&task.target, seed, "train", ROWS);
    let noise = Noise::new(seed, BATCH).purpose("train");
    let mut batches = Batches::new(ROWS, BATCH, &noise);
    let mut out = Vec::with_capacity(7 * BATCH * steps as usize);
    for step in 0..steps {
        let (chosen, noise) = (batches.rows(step), noise.at_step(step));
        let starts = task.source.draws(&noise.purpose("source"));
        let blur = noise.purpose("blur").normal_values(2);
        let none = space.tensor(vec![0.0; BATCH], [BATCH, 1]);
        let batch = Batch { data: none, context: None, noise, first: 0, whole: BATCH };
        let times = batch.times(Interval::UNIT);
        let pairs = starts.chunks_exact(2).zip(chosen);
        for ((start, row), (t, z)) in pairs.zip(times.iter().zip(blur.chunks_exact(2))) {
            out.extend_from_slice(start);
            out.extend_from_slice(&data[2 * row..2 * row + 2]);
            out.push(*t);
            out.extend_from_slice(z);
        }
    }
    out
}
