//! Power-function averages of weights, and the averages of any other width that they span.
//!
//! ```text
//! θ̂_γ(t) = Σ_τ p_{t,γ}(τ) θ(τ),     p_{t,γ}(τ) = (γ + 1) τ^γ / t^{γ+1} on [0, t]
//! θ̂_γ(t) = β_t θ̂_γ(t − 1) + (1 − β_t) θ(t),     β_t = (1 − 1/t)^{γ+1}
//! ```
//!
//! The width of a profile is its standard deviation in units of `t`, whatever `t` is:
//! `σ_rel = √(γ + 1)/((γ + 2) √(γ + 3))`. Averages of two widths are kept up and written down now
//! and then; afterwards the profile of any other width is fitted by theirs in least squares,
//!
//! ```text
//! min_x ∫ (Σ_i x_i p_i(τ) − p(τ))² dτ:     A x = b,   A_ij = ∫ p_i p_j,   b_i = ∫ p_i p
//! ∫ p_{s,γ} p_{t,δ} = (γ + 1)(δ + 1)/(γ + δ + 1) · (s/t)^δ/t      for s ≤ t
//! ```
//!
//! and the same `x` combines what was written down.
//!
//! # References
//! Karras et al. (2024), "Analyzing and improving the training dynamics of diffusion models", §3 and
//! appendix C.
//! # Checked by
//! `tests/it/power_average.rs`

use crate::weights::{Array, Weights, WeightsError};
use std::collections::BTreeMap;
use transport_core::linalg::symmetric_eigen;

/// The widths that are kept up.
pub const WIDTHS: [f64; 2] = [0.05, 0.10];

/// The widest profile: that of `γ = 0`, the plain mean.
#[must_use]
pub fn widest() -> f64 {
    relative_width(0.0)
}

/// `σ_rel` of `γ`.
#[must_use]
pub fn relative_width(gamma: f64) -> f64 {
    (gamma + 1.0).sqrt() / ((gamma + 2.0) * (gamma + 3.0).sqrt())
}

/// `γ` of `σ_rel`, by bisection: the width falls as `γ` rises.
///
/// # Panics
/// When the width is not above 0 and at most [`widest`].
#[must_use]
pub fn exponent(width: f64) -> f64 {
    assert!(width > 0.0 && width <= widest(), "a relative width of {width}");
    let (mut low, mut high) = (0.0f64, 1.0 / width);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if relative_width(middle) > width { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// A profile: the time it ends at, and its exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// `t`.
    pub t: f64,
    /// `γ`.
    pub gamma: f64,
}

impl Profile {
    /// `∫ p q`.
    #[must_use]
    pub fn product(self, other: Self) -> f64 {
        let (first, last) = if self.t <= other.t { (self, other) } else { (other, self) };
        let scale = (first.gamma + 1.0) * (last.gamma + 1.0) / (first.gamma + last.gamma + 1.0);
        scale * (first.t / last.t).powf(last.gamma) / last.t
    }
}

/// What combines some profiles to another, and how far from it that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// `x`.
    pub weights: Vec<f64>,
    /// `‖Σ x_i p_i − p‖/‖p‖`.
    pub error: f64,
}

/// The least-squares fit of `wanted` by `given`.
///
/// Each profile is scaled to norm 1, and a ridge of 10⁻¹² keeps near copies apart.
#[must_use]
pub fn fit(given: &[Profile], wanted: Profile) -> Fit {
    const RIDGE: f64 = 1e-12;
    let n = given.len();
    let size = |p: &Profile| p.product(*p).sqrt();
    let sizes: Vec<f64> = given.iter().map(size).collect();
    let gram = |i: usize, j: usize| given[i].product(given[j]) / (sizes[i] * sizes[j]);
    let a: Vec<f64> = (0..n * n).map(|k| gram(k.div_euclid(n), k % n)).collect();
    let b: Vec<f64> = given.iter().zip(&sizes).map(|(p, s)| p.product(wanted) / s).collect();
    // Neighbouring profiles are nearly the same: the ridge keeps their difference finite.
    let (spectrum, basis) = symmetric_eigen(&a, n);
    let along = |k: usize| (0..n).map(|i| basis[i * n + k] * b[i]).sum::<f64>();
    let parts: Vec<f64> = (0..n).map(|k| along(k) / (spectrum[k].max(0.0) + RIDGE)).collect();
    let x: Vec<f64> = (0..n).map(|i| (0..n).map(|k| basis[i * n + k] * parts[k]).sum()).collect();
    let whole = wanted.product(wanted);
    let quadratic: f64 = (0..n)
        .flat_map(|i| (0..n).map(move |j| (i, j)))
        .map(|(i, j)| x[i] * x[j] * gram(i, j))
        .sum();
    let cross: f64 = x.iter().zip(&b).map(|(x, b)| x * b).sum();
    let error = ((quadratic - 2.0 * cross + whole).max(0.0) / whole).sqrt();
    Fit { weights: x.iter().zip(&sizes).map(|(x, s)| x / s).collect(), error }
}

/// Averages of the two [`WIDTHS`], and what was written down of them.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerAverages {
    every: u64,
    running: [Vec<f32>; 2],
    /// By the step, then the width.
    snapshots: BTreeMap<u64, [Vec<f32>; 2]>,
    shapes: Vec<(String, Vec<usize>)>,
}

impl PowerAverages {
    /// Averages of parameters of these names and shapes, written down every `every` steps.
    #[must_use]
    pub fn new(weights: &Weights, every: u64) -> Self {
        let shapes = weights.0.iter().map(|(name, a)| (name.clone(), a.shape.clone())).collect();
        let start = flat(weights);
        Self {
            every: every.max(1),
            running: [start.clone(), start],
            snapshots: BTreeMap::new(),
            shapes,
        }
    }

    /// Takes in the weights after step `step`, counted from 1.
    pub fn follow(&mut self, weights: &Weights, step: u64) {
        let theta = flat(weights);
        for (average, width) in self.running.iter_mut().zip(WIDTHS) {
            let keep = (1.0 - 1.0 / step as f64).powf(exponent(width) + 1.0);
            let follow = (1.0 - keep) as f32;
            average.iter_mut().zip(&theta).for_each(|(a, w)| *a += follow * (w - *a));
        }
        if step.is_multiple_of(self.every) {
            self.snapshots.insert(step, self.running.clone());
        }
    }

    /// The average of relative width `width` after `step` steps, and how far its profile is from the
    /// one asked for.
    #[must_use]
    pub fn average(&self, width: f64, step: u64) -> (Weights, f64) {
        let mut kept = self.snapshots.clone();
        kept.entry(step).or_insert_with(|| self.running.clone());
        combined(&kept, width, step, &self.shapes)
    }

    /// Everything that was written down and is running, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> Weights {
        let mut state = Weights::default();
        let mut put = |name: String, values: &Vec<f32>| {
            state.0.insert(name, Array { shape: vec![values.len()], values: values.clone() });
        };
        for (k, values) in self.running.iter().enumerate() {
            put(format!("power.running/{k}"), values);
        }
        for (step, both) in &self.snapshots {
            for (k, values) in both.iter().enumerate() {
                put(format!("power/{step:020}/{k}"), values);
            }
        }
        state
    }

    /// The names and the shapes of the parameters.
    #[must_use]
    pub fn layout(&self) -> &[(String, Vec<usize>)] {
        &self.shapes
    }

    /// What [`PowerAverages::state`] gave of parameters of these names and shapes.
    ///
    /// # Errors
    /// [`WeightsError`] when an array is missing or has another length.
    pub fn read(layout: Vec<(String, Vec<usize>)>, state: &Weights) -> Result<Self, WeightsError> {
        let size = |(_, shape): &(String, Vec<usize>)| shape.iter().product::<usize>();
        let none = vec![0.0; layout.iter().map(size).sum()];
        let running = [none.clone(), none];
        let mut averages = Self { every: 1, running, snapshots: BTreeMap::new(), shapes: layout };
        averages.restore(state)?;
        Ok(averages)
    }

    /// Takes back what [`PowerAverages::state`] gave.
    ///
    /// # Errors
    /// [`WeightsError`] when an array is missing or has another length.
    pub fn restore(&mut self, state: &Weights) -> Result<(), WeightsError> {
        let shape = [self.running[0].len()];
        let read = |name: &str| state.get(name, &shape).map(|array| array.values.clone());
        self.running = [read("power.running/0")?, read("power.running/1")?];
        self.snapshots.clear();
        for name in state.part("power").0.keys() {
            let Some((step, "0")) = name.split_once('/') else { continue };
            let Ok(at) = step.parse() else { continue };
            let both = [read(&format!("power/{step}/0"))?, read(&format!("power/{step}/1"))?];
            self.snapshots.insert(at, both);
        }
        Ok(())
    }
}

fn flat(weights: &Weights) -> Vec<f32> {
    weights.0.values().flat_map(|a| a.values.iter().copied()).collect()
}

fn combined(
    kept: &BTreeMap<u64, [Vec<f32>; 2]>,
    width: f64,
    step: u64,
    shapes: &[(String, Vec<usize>)],
) -> (Weights, f64) {
    let profile = |t: u64, width: f64| Profile { t: t as f64, gamma: exponent(width) };
    let profiles: Vec<Profile> =
        kept.keys().flat_map(|t| WIDTHS.map(|width| profile(*t, width))).collect();
    let Fit { weights, error } = fit(&profiles, profile(step, width));
    let count = kept.values().next().map_or(0, |both| both[0].len());
    let mut sum = vec![0.0f64; count];
    for (x, values) in weights.iter().zip(kept.values().flatten()) {
        sum.iter_mut().zip(values).for_each(|(s, v)| *s += x * f64::from(*v));
    }
    let mut rest = sum.iter().map(|v| *v as f32);
    let array = |(name, shape): &(String, Vec<usize>)| {
        let values = rest.by_ref().take(shape.iter().product()).collect();
        (name.clone(), Array { shape: shape.clone(), values })
    };
    (Weights(shapes.iter().map(array).collect()), error)
}
