//! The fixed point of entropic transport, balanced or relaxed, in the log domain.
//!
//! ```text
//! fᵢ = λ₁ softmin_ε(g + ε log b)ᵢ,   gⱼ = λ₂ softmin_ε(f + ε log a)ⱼ,   λ = ρ/(ρ + ε)
//! ```
//!
//! with ρ = ∞, λ = 1 for a marginal that must hold. Each ε of a decreasing sequence starts from
//! the potentials of the one before, or the last from those of a part of the points; [`Anderson`]
//! accelerates each.

use super::anderson::Anderson;
use super::coarse;
use super::stored::{Marginal, Stored};
use crate::cost::{Cost, Side};
use crate::solved::Effort;

/// The first ε is this part of the cost's scale: from there an iteration finds its way without
/// help, and no kernel underflows.
const FIRST: f64 = 1.0 / 200.0;
/// ε shrinks by this factor from one stage to the next.
const SHRINK: f64 = 0.25;
/// Iterations and relative error that a stage before the last may take and need reach.
const STAGE: (usize, f64) = (30, 0.02);

/// A dual problem.
pub(crate) struct Dual<'a> {
    pub(crate) cost: &'a dyn Cost,
    pub(crate) a: &'a [f64],
    pub(crate) b: &'a [f64],
    /// How strongly each marginal is held, `f64::INFINITY` for exactly.
    pub(crate) rho: [f64; 2],
}

/// Where an iteration stands.
pub(crate) struct State {
    pub(crate) f: Vec<f64>,
    pub(crate) g: Vec<f64>,
    pub(crate) effort: Effort,
}

/// How to iterate.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) epsilon: f64,
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: usize,
    pub(crate) memory: usize,
    pub(crate) anneal: bool,
}

impl Dual<'_> {
    fn weights(&self, side: Side) -> (&[f64], f64) {
        match side {
            Side::Source => (self.a, self.rho[0]),
            Side::Target => (self.b, self.rho[1]),
        }
    }

    /// `softmin_ε(p + ε log w)` for the points of `side`, before damping.
    pub(crate) fn soft_min(&self, side: Side, potential: &[f64], epsilon: f64) -> Vec<f64> {
        let h = weighted(potential, self.weights(side.other()).0, epsilon);
        let mut out = vec![0.0; self.cost.size(side)];
        self.cost.soft_min(side, &h, epsilon, &mut out);
        out
    }

    /// Both marginals as an iteration at this ε sees them.
    fn marginals(&self, epsilon: f64) -> [Marginal<'_>; 2] {
        [Side::Source, Side::Target].map(|side| Marginal {
            weights: self.weights(side).0,
            damp: self.damping(side, epsilon),
        })
    }

    /// The source's potential that answers to `g`, and the undamped target's that answers to it:
    /// from the kernel, from a new one about `g`, or from the cost.
    fn sweep(&self, stored: &mut Option<Stored>, g: &[f64], epsilon: f64) -> [Vec<f64>; 2] {
        let sides = self.marginals(epsilon);
        let by = |stored: &Option<Stored>| stored.as_ref()?.sweep(sides, g);
        by(stored).unwrap_or_else(|| {
            *stored = Stored::new(self.cost, sides, g, epsilon);
            let read = || self.cost.sweep(g, [self.a, self.b], epsilon);
            let read = || if sides[0].damp == 1.0 { read() } else { None };
            by(stored).or_else(read).unwrap_or_else(|| {
                let mut f = self.soft_min(Side::Source, g, epsilon);
                f.iter_mut().for_each(|f| *f *= sides[0].damp);
                let image = self.soft_min(Side::Target, &f, epsilon);
                [f, image]
            })
        })
    }

    /// λ of a side.
    pub(super) fn damping(&self, side: Side, epsilon: f64) -> f64 {
        let rho = self.weights(side).1;
        if rho.is_finite() { rho / (rho + epsilon) } else { 1.0 }
    }

    /// `Σⱼ |(Pᵀ1)ⱼ − bⱼ e^{−gⱼ/ρ}|`, where `(Pᵀ1)ⱼ = bⱼ e^{(gⱼ − sⱼ)/ε}` for the undamped image s.
    fn error(&self, g: &[f64], image: &[f64], epsilon: f64) -> f64 {
        let (b, rho) = self.weights(Side::Target);
        let gap = |g: f64, s: f64| ((g - s) / epsilon).exp() - (-g / rho).exp();
        // A point without weight may be as far as it likes.
        let part = |b: f64, gap: f64| if b > 0.0 { b * gap.abs() } else { 0.0 };
        b.iter().zip(g.iter().zip(image)).map(|(b, (g, s))| part(*b, gap(*g, *s))).sum()
    }

    /// Iterates from `g` through all stages.
    pub(crate) fn solve(&self, pace: &Pace, start: Option<Vec<f64>>) -> State {
        let mass = self.b.iter().sum::<f64>();
        let coarse = || if pace.anneal { coarse::start(self, pace) } else { None };
        let start = start.map(|g| (g, 0)).or_else(coarse);
        let stages = if start.is_some() { Vec::new() } else { self.stages(pace) };
        let (mut g, mut spent) = start.unwrap_or_else(|| (vec![0.0; self.b.len()], 0));
        for epsilon in stages {
            // One iteration is left for the last stage, whose error is the one that counts.
            let left = pace.max_iterations - spent - 1;
            if left == 0 {
                break;
            }
            let stage = Pace {
                epsilon,
                tolerance: pace.tolerance.max(STAGE.1 * mass),
                max_iterations: STAGE.0.min(left),
                ..*pace
            };
            let state = self.stage(&stage, g);
            g = state.g;
            spent += state.effort.iterations;
        }
        let last = Pace { max_iterations: pace.max_iterations - spent, ..*pace };
        let mut state = self.stage(&last, g);
        state.effort.iterations += spent;
        state
    }

    /// The values of ε before the last.
    fn stages(&self, pace: &Pace) -> Vec<f64> {
        let mut epsilon = if pace.anneal { FIRST * self.cost.scale() } else { 0.0 };
        let mut stages = Vec::new();
        while epsilon > pace.epsilon / SHRINK {
            stages.push(epsilon);
            epsilon *= SHRINK;
        }
        stages
    }

    /// Iterates at one ε. The state's f is the exact answer to its g.
    fn stage(&self, pace: &Pace, mut g: Vec<f64>) -> State {
        let epsilon = pace.epsilon;
        let mut history = Anderson::new(pace.memory, self.b);
        let (mut iterations, mut stored) = (0, None);
        loop {
            let [f, mut image] = self.sweep(&mut stored, &g, epsilon);
            let error = self.error(&g, &image, epsilon);
            let damp = self.damping(Side::Target, epsilon);
            image.iter_mut().for_each(|s| *s *= damp);
            iterations += 1;
            if error <= pace.tolerance || iterations >= pace.max_iterations {
                let effort = Effort { iterations, error, tolerance: pace.tolerance };
                return State { f, g, effort };
            }
            g = history.guarded(error, &g, image);
        }
    }
}

/// `p + ε log w`, minus infinity where the weight is 0.
pub(crate) fn weighted(potential: &[f64], weights: &[f64], epsilon: f64) -> Vec<f64> {
    potential.iter().zip(weights).map(|(p, w)| p + epsilon * w.ln()).collect()
}
