//! AdamW with a warm-up and a cosine decay, global-norm clipping, and the moving average of the
//! weights, fused into one pass over memory.
//!
//! Parameters are updated on the host in f32: free on host devices, one transfer each way a step
//! on others.

use crate::weights::{Array, Weights, WeightsError};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use transport_core::Space;
use transport_kernels::adamw;

/// How parameters follow gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimConfig {
    /// The peak learning rate.
    pub lr: f64,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// The decay of weight matrices towards zero (biases are left alone).
    pub weight_decay: f64,
    /// The largest global gradient norm; longer gradients are shortened to it.
    pub clip: f64,
    /// The decay of the moving average of the weights.
    pub ema: f64,
    /// The relative width of the power-function average of the weights that a finished model keeps
    /// in the place of the moving one ([`crate::power_average`]); 0 for the moving one.
    pub relative: f64,
    /// How often power-function averages are written down during the training.
    pub snapshots: u64,
}

impl Default for OptimConfig {
    fn default() -> Self {
        let (relative, snapshots) = (0.0, 16);
        Self {
            lr: 4e-3,
            warmup: 200,
            weight_decay: 1e-2,
            clip: 1.0,
            ema: 0.999,
            relative,
            snapshots,
        }
    }
}

impl OptimConfig {
    /// The learning rate of step `step` of `total`, counted from 0: linear up, then half a cosine
    /// down to a hundredth of the peak.
    #[must_use]
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        const FLOOR: f64 = 0.01;
        let warm = ((step + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let span = total.saturating_sub(self.warmup).max(1) as f64;
        let done = (step.saturating_sub(self.warmup) as f64 / span).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.lr * warm * (FLOOR + (1.0 - FLOOR) * cosine)
    }
}

/// The first and second moments, and the moving average, of one parameter.
#[derive(Clone, Debug, PartialEq)]
struct Slot {
    name: String,
    shape: Vec<usize>,
    m: Vec<f32>,
    v: Vec<f32>,
    ema: Vec<f32>,
}

/// AdamW and the moving average of a module's parameters.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   ϵ = 10⁻⁸
/// θ ← θ − η ( m̂ / (√v̂ + ϵ) + w θ ),    m̂ = m/(1 − β₁ᵏ),  v̂ = v/(1 − β₂ᵏ)
/// θ̄ ← θ̄ + (1 − d)(θ − θ̄),    d = min(decay, (1 + k)/(10 + k))
/// ```
///
/// # References
/// Loshchilov & Hutter (2019), "Decoupled weight decay regularization".
/// # Checked by
/// `tests/it/optim.rs`
#[derive(Clone, Debug)]
pub struct AdamW {
    config: OptimConfig,
    betas: Betas,
    slots: Vec<Slot>,
    step: u64,
}

/// How long [`AdamW`] remembers gradients and their squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Betas {
    /// `β₁`, of the gradients; two-player games want it small, since the other player moves.
    pub first: f32,
    /// `β₂`, of their squares.
    pub second: f32,
}

impl Default for Betas {
    fn default() -> Self {
        Self { first: 0.9, second: 0.999 }
    }
}

const EPSILON: f32 = 1e-8;

/// A gradient for each parameter, in the order of the module's visit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatGradients(pub Vec<Vec<f32>>);

impl FlatGradients {
    /// Takes the gradients of a module's parameters; zeros where a parameter was not used.
    #[must_use]
    pub fn take<M: Module>(module: &M, gradients: Gradients) -> Self {
        let mut take = Take { gradients, flat: Vec::new() };
        module.visit(&mut take);
        Self(take.flat)
    }

    /// `self + weight · other`.
    pub fn add(&mut self, other: &Self, weight: f32) {
        let add = |(a, b): (&mut Vec<f32>, &Vec<f32>)| adamw::add_scaled(a, b, weight);
        if self.is_large() {
            self.0.par_iter_mut().zip(&other.0).for_each(add);
        } else {
            self.0.iter_mut().zip(&other.0).for_each(add);
        }
    }

    /// All entries times `factor`.
    pub fn scale(&mut self, factor: f32) {
        self.0.iter_mut().for_each(|g| adamw::scale(g, factor));
    }

    /// The Euclidean norm over all parameters.
    #[must_use]
    pub fn norm(&self) -> f64 {
        // Each parameter's sum on any thread, the total in their order.
        let square = |g: &Vec<f32>| adamw::sum_of_squares(g);
        let sums: Vec<f64> = if self.is_large() {
            self.0.par_iter().map(square).collect()
        } else {
            self.0.iter().map(square).collect()
        };
        sums.iter().sum::<f64>().sqrt()
    }

    /// Whether passes over it are worth several threads.
    fn is_large(&self) -> bool {
        self.0.iter().map(Vec::len).sum::<usize>() >= 1 << 17
    }
}

struct Take {
    gradients: Gradients,
    flat: Vec<Vec<f32>>,
}

impl ModuleVisitor for Take {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let gradient = value.grad_remove(&mut self.gradients);
        self.flat.push(match gradient {
            Some(gradient) => read(gradient),
            None => vec![0.0; value.dims().iter().product()],
        });
    }
}

fn read<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    let count = x.dims().iter().product();
    // An f32 tensor reads as f32; a device that refuses leaves NaN, which training reports.
    x.into_data().try_into_vec::<f32>().unwrap_or_else(|_| vec![f32::NAN; count])
}

impl AdamW {
    /// Fresh moments for a module, and its weights as the start of the average.
    #[must_use]
    pub fn new<M: Module>(config: OptimConfig, module: &M) -> Self {
        Self::with_betas(config, Betas::default(), module)
    }

    /// [`AdamW::new`] with betas of one's own.
    #[must_use]
    pub fn with_betas<M: Module>(config: OptimConfig, betas: Betas, module: &M) -> Self {
        let mut names = Names::default();
        module.visit(&mut names);
        Self { config, betas, slots: names.slots, step: 0 }
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.slots.iter().map(|slot| slot.ema.len()).sum()
    }

    /// One step at learning rate `rate`; returns the module and the gradient's norm before
    /// clipping. A module whose parameters nobody else holds is updated in place on host devices.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: FlatGradients, rate: f64) -> (M, f64) {
        let norm = gradients.norm();
        self.step += 1;
        let k = self.step as f64;
        let decay = self.config.ema.min((1.0 + k) / (10.0 + k));
        let long = norm > self.config.clip;
        let numbers = adamw::AdamW {
            scale: if long { (self.config.clip / norm) as f32 } else { 1.0 },
            rate: rate as f32,
            beta1: self.betas.first,
            beta2: self.betas.second,
            correct1: 1.0 / (1.0 - self.betas.first.powf(k as f32)),
            correct2: 1.0 / (1.0 - self.betas.second.powf(k as f32)),
            epsilon: EPSILON,
            decay: self.config.weight_decay as f32,
            follow: (1.0 - decay) as f32,
        };
        let mut update = Update { pairs: self.slots.iter_mut().zip(gradients.0), numbers };
        (module.map(&mut update), norm)
    }

    /// The averaged weights.
    #[must_use]
    pub fn average(&self) -> Weights {
        self.export(|slot| &slot.ema)
    }

    /// The moments and the average, for a checkpoint: `adam.m/…`, `adam.v/…`, `ema/…`.
    #[must_use]
    pub fn state(&self) -> Weights {
        let mut state = Weights::default();
        state.put("adam.m", self.export(|slot| &slot.m));
        state.put("adam.v", self.export(|slot| &slot.v));
        state.put("ema", self.average());
        state
    }

    /// Takes back what [`AdamW::state`] gave, after `step` steps.
    ///
    /// # Errors
    /// [`WeightsError`] when an array is missing or has another shape.
    pub fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        for slot in &mut self.slots {
            let read = |part: &str| {
                let name = format!("{part}/{}", slot.name);
                state.get(&name, &slot.shape).map(|array| array.values.clone())
            };
            let (m, v, ema) = (read("adam.m")?, read("adam.v")?, read("ema")?);
            (slot.m, slot.v, slot.ema) = (m, v, ema);
        }
        self.step = step;
        Ok(())
    }

    fn export(&self, values: impl Fn(&Slot) -> &Vec<f32>) -> Weights {
        let array = |s: &Slot| Array { shape: s.shape.clone(), values: values(s).clone() };
        Weights(self.slots.iter().map(|s| (s.name.clone(), array(s))).collect())
    }
}

#[derive(Default)]
struct Names {
    path: Vec<String>,
    slots: Vec<Slot>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().inner();
        let shape = value.dims().to_vec();
        let ema = read(value);
        let zeros = vec![0.0; ema.len()];
        let name = self.path.join(".");
        self.slots.push(Slot { name, shape, m: zeros.clone(), v: zeros, ema });
    }
}

struct Update<I> {
    pairs: I,
    numbers: adamw::AdamW,
}

impl<'a, I: Iterator<Item = (&'a mut Slot, Vec<f32>)>> ModuleMapper for Update<I> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((slot, gradient)) = self.pairs.next() else { return param };
        let decay = if D > 1 { self.numbers.decay } else { 0.0 };
        let numbers = adamw::AdamW { decay, ..self.numbers };
        param.map(|value| {
            let (space, shape) = (Space::of(&value), value.dims());
            let mut theta = read(value);
            numbers.step(adamw::Slot {
                theta: &mut theta,
                m: &mut slot.m,
                v: &mut slot.v,
                average: &mut slot.ema,
                gradient: &gradient,
            });
            space.tensor_f32(theta, shape)
        })
    }
}
