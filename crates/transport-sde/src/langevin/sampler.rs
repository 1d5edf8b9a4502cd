//! The only loop of the samplers.

use super::warmup::Warmup;
use super::{Chains, Halted, Metric, Move, PlanError, SampleError, State, Transition, Tuning};
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport_core::Noise;
use transport_core::device::to_host;

/// How long to warm up, what to adapt meanwhile, and how much to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The tuning to start from; without warm-up, the one to draw with.
    pub tuning: Tuning,
    /// Steps before anything is kept.
    pub warmup: usize,
    /// Draws to keep of each chain.
    pub draws: usize,
    /// Steps from one kept draw to the next.
    pub thin: usize,
    /// What warm-up learns of the geometry.
    pub metric: Metric,
    /// Whether warm-up adapts the step, where proposals are judged.
    pub adapt_step: bool,
    /// The acceptance rate aimed at; the sampler's own by default.
    pub acceptance: Option<f64>,
}

impl Plan {
    /// Draws with a fixed tuning, without warm-up.
    #[must_use]
    pub fn fixed(tuning: Tuning, draws: usize) -> Self {
        let (warmup, thin, metric) = (0, 1, Metric::Keep);
        Self { tuning, warmup, draws, thin, metric, adapt_step: false, acceptance: None }
    }

    /// Draws after a warm-up that adapts the step and the geometry.
    #[must_use]
    pub fn adaptive(warmup: usize, draws: usize, metric: Metric) -> Self {
        Self { warmup, metric, adapt_step: true, ..Self::fixed(Tuning::new(0.1), draws) }
    }

    fn check(&self, chains: usize) -> Result<(), PlanError> {
        self.tuning.check()?;
        let counts =
            [("draws", self.draws), ("chains", chains), ("steps between draws", self.thin)];
        if let Some((what, _)) = counts.into_iter().find(|(_, n)| *n == 0) {
            return Err(PlanError::None { what });
        }
        match self.acceptance {
            Some(value) if !(value > 0.0 && value < 1.0) => Err(PlanError::Acceptance { value }),
            _ => Ok(()),
        }
    }
}

/// What an observer sees of each step.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The step, counted from 1 over warm-up and draws.
    pub step: usize,
    /// How many there will be.
    pub total: usize,
    /// Whether it belongs to warm-up.
    pub warming: bool,
    /// The step's size.
    pub tuning: &'a Tuning,
    /// The acceptance probability of each chain; empty where proposals are not judged.
    pub acceptance: &'a [f64],
    /// Where the chains are.
    pub state: &'a State,
}

/// Runs the chains that start at `start`; step `k` is driven by `noise.at_step(k)`.
///
/// Warm-up pools all chains. After it, and everywhere without it, chain `i` depends on nothing but
/// its start and its own draws. `observe` sees every step and may stop the run.
///
/// # Errors
/// [`Halted`], with the draws until then: a plan that cannot be carried out, a start of zero
/// density, a position or score that is not finite, or a stop. Samplers that judge their proposals
/// reject those of zero density and those that are not finite instead.
///
/// # Panics
/// When `start` and `noise` disagree on the number of chains.
///
/// # Shapes
/// `start`: `[chains, d]`.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use std::ops::ControlFlow;
/// use transport_core::{Noise, Space, device, law::Gaussian};
/// use transport_sde::langevin::{Mala, Metric, Plan, sample};
/// let law = Gaussian::new(vec![1.0], vec![4.0]).unwrap();
/// let noise = Noise::new(0, 16);
/// let start = noise.normal(1, &Space::f64(&device::select(None).unwrap()));
/// let plan = Plan::adaptive(200, 300, Metric::Diagonal);
/// let chains = sample(&Mala { target: &law }, start, &plan, &noise, |_| ControlFlow::Continue(())).unwrap();
/// let summary = chains.summaries()[0];
/// assert!((summary.mean - 1.0).abs() < 4.0 * summary.mcse_mean);
/// # }
/// ```
pub fn sample(
    transition: &dyn Transition,
    start: Tensor<2>,
    plan: &Plan,
    noise: &Noise,
    mut observe: impl FnMut(Report<'_>) -> ControlFlow<()>,
) -> Result<Chains, Box<Halted>> {
    let [n, d] = start.dims();
    assert_eq!(n, noise.len(), "{n} starting points for {} chains", noise.len());
    let mut run = Sampling::new(transition, plan, noise, [n, d]);
    match run.all(start, &mut observe) {
        Ok(()) => Ok(run.chains),
        Err(error) => Err(Box::new(Halted { error, chains: run.chains })),
    }
}

/// A run under way.
struct Sampling<'a> {
    transition: &'a dyn Transition,
    plan: &'a Plan,
    noise: &'a Noise,
    tuning: Tuning,
    warmup: Warmup,
    chains: Chains,
    t: f64,
}

impl<'a> Sampling<'a> {
    fn new(
        transition: &'a dyn Transition,
        plan: &'a Plan,
        noise: &'a Noise,
        [n, d]: [usize; 2],
    ) -> Self {
        let goal = transition.goal().filter(|_| plan.adapt_step && plan.warmup > 0);
        let goal = goal.map(|own| plan.acceptance.unwrap_or(own));
        let (tuning, warmup) =
            (plan.tuning.clone(), Warmup::new(plan.warmup, plan.metric, goal, d));
        let chains = Chains::empty(n, d, tuning.clone());
        Self { transition, plan, noise, tuning, warmup, chains, t: 0.0 }
    }

    fn all(
        &mut self,
        start: Tensor<2>,
        observe: &mut dyn FnMut(Report<'_>) -> ControlFlow<()>,
    ) -> Result<(), SampleError> {
        self.plan.check(self.noise.len())?;
        let mut state = self.transition.begin(start, self.noise);
        check_start(&state, self.noise.len())?;
        self.warmup.start(self.transition, &state, &mut self.tuning, self.noise);
        let total = self.plan.warmup + self.plan.draws * self.plan.thin;
        for k in 0..total {
            let noise = self.noise.at_step(k as u64);
            let moved = self.transition.step(k, state, &self.tuning, &noise);
            self.t += self.tuning.step;
            self.chains.evals += moved.evals;
            self.check(k, &moved)?;
            let tuning = self.tuning.clone();
            self.take(k, &moved);
            let report = Report {
                step: k + 1,
                total,
                warming: k < self.plan.warmup,
                tuning: &tuning,
                acceptance: &moved.acceptance,
                state: &moved.state,
            };
            if observe(report).is_break() && k + 1 < total {
                return Err(SampleError::Stopped { step: k + 1 });
            }
            state = moved.state;
        }
        Ok(())
    }

    /// Learns from a step of the warm-up, keeps one of the draws.
    fn take(&mut self, k: usize, moved: &Move) {
        let Some(drawn) = k.checked_sub(self.plan.warmup) else {
            let noise = self.noise.at_step(k as u64);
            if self.warmup.learn(k, moved, self.transition, &mut self.tuning) {
                self.warmup.start(self.transition, &moved.state, &mut self.tuning, &noise);
            }
            if k + 1 == self.plan.warmup {
                self.warmup.finish(&mut self.tuning);
                self.chains.tuning = self.tuning.clone();
            }
            return;
        };
        let sums = self.chains.acceptance.iter_mut().zip(&moved.acceptance);
        sums.for_each(|(sum, a)| *sum += a);
        let counts = self.chains.divergences.iter_mut().zip(&moved.divergent);
        counts.for_each(|(count, d)| *count += usize::from(*d));
        self.chains.judged += usize::from(!moved.acceptance.is_empty());
        if (drawn + 1).is_multiple_of(self.plan.thin) {
            self.chains.last = to_host(self.transition.visible(&moved.state));
            self.chains.draws.extend_from_slice(&self.chains.last);
        }
    }

    /// Unadjusted chains can run away; judged ones are finite because the rest is rejected.
    fn check(&self, k: usize, moved: &Move) -> Result<(), SampleError> {
        if !moved.acceptance.is_empty() {
            return Ok(());
        }
        let place = |what, chain| SampleError::NotFinite { what, chain, t: self.t, step: k + 1 };
        for (what, values) in [("position", &moved.state.x), ("score", &moved.state.score)] {
            if let Some(row) = first_not_finite(values) {
                return Err(place(what, row % self.noise.len()));
            }
        }
        Ok(())
    }
}

/// That every chain starts where the density is positive and everything is finite.
fn check_start(state: &State, n: usize) -> Result<(), SampleError> {
    let not_finite =
        |what| move |row: usize| SampleError::NotFinite { what, chain: row % n, t: 0.0, step: 0 };
    if let Some(row) = first_not_finite(&state.x) {
        return Err(not_finite("position")(row));
    }
    let zero = state.log_density.iter().position(|v| !v.is_finite());
    if let Some(row) = zero {
        return Err(SampleError::ZeroDensity { chain: row % n, value: state.log_density[row] });
    }
    first_not_finite(&state.score).map_or(Ok(()), |row| Err(not_finite("score")(row)))
}

/// Which chains cannot start where they are.
pub(super) fn unusable(state: &State, n: usize) -> Vec<bool> {
    let mut bad = vec![false; n];
    for x in [&state.x, &state.score] {
        let sizes = to_host(x.clone().abs().sum_dim(1));
        sizes.iter().enumerate().for_each(|(row, size)| bad[row % n] |= !size.is_finite());
    }
    let densities = state.log_density.iter().enumerate();
    densities.for_each(|(row, v)| bad[row % n] |= !v.is_finite());
    bad
}

/// The first row with a value that is not finite.
fn first_not_finite(x: &Tensor<2>) -> Option<usize> {
    // One number decides in the usual case.
    if x.clone().abs().sum().into_scalar::<f64>().is_finite() {
        return None;
    }
    to_host(x.clone().abs().sum_dim(1)).iter().position(|size| !size.is_finite())
}
