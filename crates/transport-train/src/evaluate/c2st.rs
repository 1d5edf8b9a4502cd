//! The classifier two-sample test: how well a small network tells two samples apart.

use crate::batch::shards;
use burn::tensor::activation::{relu, sigmoid, softplus};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use transport_core::device::{DeviceError, select, to_host};
use transport_core::{Noise, Space};
use transport_kernels::adamw;

/// Parts of the cross-validation.
pub(super) const FOLDS: usize = 5;
/// Rows of a step.
const BATCH: usize = 200;
/// Passes over the rows at most.
const EPOCHS: u64 = 1000;
/// Passes without an improvement by `TOLERANCE` after which training ends.
const PATIENCE: usize = 10;
const TOLERANCE: f64 = 1e-4;
const RATE: f32 = 1e-3;
/// The weight of `½ |W|²/n` in the loss.
const PENALTY: f32 = 1e-4;

/// Whether each row is told right by a classifier that did not see it: 1 or 0, the rows of `x`
/// first. The mean is the test's accuracy: ½ for one law, 1 for samples that nothing confuses.
///
/// ```text
/// logit(x) = W₃ relu(W₂ relu(W₁ z + b₁) + b₂) + b₃,    z = (x − mean X)/std X
/// ```
///
/// Five folds of the pooled, shuffled rows; in each the network is trained on the other four by
/// Adam (rate 10⁻³, batches of 200) on the cross-entropy with the penalty 10⁻⁴ ½ |W|², until it
/// has not fallen by 10⁻⁴ for ten passes: scikit-learn's `MLPClassifier` as the usual test sets
/// it, where `width` is `10 d`. Uniform Glorot initialisation.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[n, d]` row-major; returns `[2n]`.
///
/// # Errors
/// [`DeviceError`] when no CPU backend is compiled in and no other device opens.
///
/// # Panics
/// When the samples have different sizes or fewer than five rows.
///
/// # References
/// Lopez-Paz & Oquab (2017), "Revisiting classifier two-sample tests"; Lueckmann et al. (2021),
/// "Benchmarking simulation-based inference", for this classifier.
/// # Checked by
/// `tests/it/evaluation.rs`
pub fn c2st(
    x: &[f64],
    y: &[f64],
    d: usize,
    width: usize,
    noise: &Noise,
) -> Result<Vec<f64>, DeviceError> {
    assert!(x.len() == y.len() && x.len() / d >= FOLDS, "{} and {} values", x.len(), y.len());
    let device = select(None)?;
    let rows = scaled(x, y, d);
    let n = rows.len() / d;
    let noise = noise.purpose("c2st").resized(1);
    let order = noise.purpose("folds").permutation(n);
    let test = Test { rows, d, half: n / 2, width, device };
    let folds: Vec<(Vec<usize>, Vec<f64>)> = shards(n, FOLDS)
        .into_par_iter()
        .enumerate()
        .map(|(fold, held)| {
            let training = [&order[..held.start], &order[held.end..]].concat();
            let judged = order[held].to_vec();
            let right = test.fold(&training, &judged, &noise.purpose(&format!("fold {fold}")));
            (judged, right)
        })
        .collect();
    let mut all = vec![0.0; n];
    for (judged, right) in folds {
        judged.into_iter().zip(right).for_each(|(row, right)| all[row] = right);
    }
    Ok(all)
}

/// Both samples, by the mean and standard deviation of the first.
fn scaled(x: &[f64], y: &[f64], d: usize) -> Vec<f32> {
    let n = (x.len() / d) as f64;
    let column = |j: usize| x.iter().skip(j).step_by(d);
    let moments = |j: usize| {
        let mean = column(j).sum::<f64>() / n;
        let variance = column(j).map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    };
    let moments: Vec<(f64, f64)> = (0..d).map(moments).collect();
    let scale = |(k, v): (usize, &f64)| ((v - moments[k % d].0) / moments[k % d].1) as f32;
    x.iter().enumerate().chain(y.iter().enumerate()).map(scale).collect()
}

struct Test {
    rows: Vec<f32>,
    d: usize,
    /// Rows from here on are of the second sample.
    half: usize,
    width: usize,
    device: Device,
}

impl Test {
    fn gather(&self, chosen: &[usize], space: &Space) -> Tensor<2> {
        let rows = chosen.iter().flat_map(|i| &self.rows[i * self.d..(i + 1) * self.d]);
        space.tensor_f32(rows.copied().collect(), [chosen.len(), self.d])
    }

    fn labels(&self, chosen: &[usize]) -> Vec<f32> {
        chosen.iter().map(|i| f32::from(u8::from(*i >= self.half))).collect()
    }

    /// Trains on some rows and judges others.
    fn fold(&self, training: &[usize], judged: &[usize], noise: &Noise) -> Vec<f64> {
        let space = Space::f32(&self.device);
        let sizes = [self.d, self.width, self.width, 1];
        let mut net = Net::new(&sizes, &noise.purpose("start"));
        let (mut best, mut idle) = (f64::INFINITY, 0);
        for epoch in 0..EPOCHS {
            let order = noise.at_step(epoch).permutation(training.len());
            let mut loss = 0.0;
            for batch in order.chunks(BATCH) {
                let chosen: Vec<usize> = batch.iter().map(|i| training[*i]).collect();
                let labels = space.tensor_f32(self.labels(&chosen), [chosen.len(), 1]);
                let share = chosen.len() as f64 / training.len() as f64;
                loss += share * net.step(self.gather(&chosen, &space), labels, &space);
            }
            idle = if loss > best - TOLERANCE { idle + 1 } else { 0 };
            best = best.min(loss);
            if idle > PATIENCE {
                break;
            }
        }
        let logits = to_host(net.forward(self.gather(judged, &space), &space).pop_logit());
        let right =
            |(logit, label): (&f64, f32)| f64::from(u8::from((*logit > 0.0) == (label > 0.5)));
        logits.iter().zip(self.labels(judged)).map(right).collect()
    }
}

/// A layer's parameters and their moments.
struct Layer {
    shape: [usize; 2],
    /// The matrix and the bias.
    arrays: [Array; 2],
}

struct Array {
    theta: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    /// The average that nobody asks for.
    spare: Vec<f32>,
}

impl Array {
    fn new(theta: Vec<f32>) -> Self {
        let zeros = vec![0.0; theta.len()];
        Self { theta, m: zeros.clone(), v: zeros.clone(), spare: zeros }
    }

    fn update(&mut self, gradient: &[f32], k: i32) {
        let numbers = adamw::AdamW {
            scale: 1.0,
            rate: RATE,
            beta1: 0.9,
            beta2: 0.999,
            correct1: 1.0 / (1.0 - 0.9f32.powi(k)),
            correct2: 1.0 / (1.0 - 0.999f32.powi(k)),
            epsilon: 1e-8,
            decay: 0.0,
            follow: 0.0,
        };
        let (theta, m, v, average) = (&mut self.theta, &mut self.m, &mut self.v, &mut self.spare);
        numbers.step(adamw::Slot { theta, m, v, average, gradient });
    }
}

struct Net {
    layers: Vec<Layer>,
    steps: i32,
}

/// The inputs of each layer and the logits, with the matrices that led there.
struct Forward {
    values: Vec<Tensor<2>>,
    matrices: Vec<Tensor<2>>,
}

impl Forward {
    fn pop_logit(mut self) -> Tensor<2> {
        self.values.swap_remove(self.values.len() - 1)
    }
}

impl Net {
    /// Weights and biases uniform on `±√(6/(inputs + outputs))`.
    fn new(sizes: &[usize], noise: &Noise) -> Self {
        let layer = |(k, pair): (usize, &[usize])| {
            let [from, to] = [pair[0], pair[1]];
            let bound = (6.0 / (from + to) as f64).sqrt();
            let draws = noise.at_step(k as u64).resized(1).uniform_values((from + 1) * to);
            let mut values: Vec<f32> =
                draws.into_iter().map(|u| (bound * (2.0 * u - 1.0)) as f32).collect();
            let bias = values.split_off(from * to);
            Layer { shape: [from, to], arrays: [Array::new(values), Array::new(bias)] }
        };
        Self { layers: sizes.windows(2).enumerate().map(layer).collect(), steps: 0 }
    }

    fn forward(&self, x: Tensor<2>, space: &Space) -> Forward {
        let (mut values, mut matrices) = (vec![x], Vec::new());
        for (k, layer) in self.layers.iter().enumerate() {
            let weight = space.tensor_f32(layer.arrays[0].theta.clone(), layer.shape);
            let bias = space.tensor_f32(layer.arrays[1].theta.clone(), [1, layer.shape[1]]);
            let out = values[k].clone().matmul(weight.clone()) + bias;
            let last = k + 1 == self.layers.len();
            values.push(if last { out } else { relu(out) });
            matrices.push(weight);
        }
        Forward { values, matrices }
    }

    /// One step of Adam; returns the loss before it.
    ///
    /// ```text
    /// L = mean(softplus(z) − y z) + (w/2n) Σ |W|²
    /// δ₃ = (σ(z) − y)/n,   ∂W_k = h_kᵀ δ_k + (w/n) W_k,   δ_{k−1} = (δ_k W_kᵀ) ∘ 1{h_k > 0}
    /// ```
    fn step(&mut self, x: Tensor<2>, y: Tensor<2>, space: &Space) -> f64 {
        let n = x.dims()[0] as f64;
        let Forward { values, matrices } = self.forward(x, space);
        let logit = values[values.len() - 1].clone();
        let cross = softplus(logit.clone(), 1.0) - y.clone() * logit.clone();
        let squares: f64 =
            self.layers.iter().map(|l| adamw::sum_of_squares(&l.arrays[0].theta)).sum();
        let loss = cross.sum().into_scalar::<f64>() / n + 0.5 * f64::from(PENALTY) * squares / n;
        let mut delta = (sigmoid(logit) - y).div_scalar(n);
        self.steps += 1;
        for k in (0..self.layers.len()).rev() {
            let penalty = matrices[k].clone().mul_scalar(f64::from(PENALTY) / n);
            let weight = values[k].clone().transpose().matmul(delta.clone()) + penalty;
            let bias = delta.clone().sum_dim(0);
            if k > 0 {
                // A rectified value's sign is its derivative.
                let through = delta.matmul(matrices[k].clone().transpose());
                delta = through * values[k].clone().sign();
            } else {
                delta = bias.clone();
            }
            for (array, gradient) in self.layers[k].arrays.iter_mut().zip([weight, bias]) {
                let gradient: Vec<f32> = to_host(gradient).into_iter().map(|v| v as f32).collect();
                array.update(&gradient, self.steps);
            }
        }
        loss
    }
}
