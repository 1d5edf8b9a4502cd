//! Laws that move: `q_t` with its log-density and its score.

use crate::flow::OdeFlow;
use crate::grid::Grid;
use crate::method::Solver;
use burn::tensor::Tensor;
use transport_core::law::{Noisable, OracleFlow, PosteriorJvp, by_time};
use transport_core::{
    Density, Field, Interval, Invertible, Jvp, LinearSde, Schedule, Score, ScoredField, Times,
};

/// A curve of laws `t ↦ q_t`, known in closed form.
pub trait MovingLaw: Send + Sync {
    /// `log q_t(x)`, in nats.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n]`.
    fn log_prob(&self, x: Tensor<2>, t: f64) -> Tensor<1>;

    /// `∇ log q_t(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn score(&self, x: Tensor<2>, t: f64) -> Tensor<2>;
}

impl<Q: MovingLaw + ?Sized> MovingLaw for &Q {
    fn log_prob(&self, x: Tensor<2>, t: f64) -> Tensor<1> {
        (**self).log_prob(x, t)
    }

    fn score(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        (**self).score(x, t)
    }
}

/// On the transport clock.
impl<L: Noisable, S: Schedule> MovingLaw for OracleFlow<L, S> {
    fn log_prob(&self, x: Tensor<2>, t: f64) -> Tensor<1> {
        self.at(t).log_prob(x)
    }

    fn score(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        self.at(t).score(x)
    }
}

/// The marginals of a linear SDE started at a law, on the process's own clock:
/// `q_s = law of α(s) X₀ + σ(s) Z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noised<L, P> {
    /// The law at `s = 0`.
    pub law: L,
    /// The process.
    pub process: P,
}

impl<L: Noisable, P: LinearSde> Noised<L, P> {
    /// `q_s`.
    pub fn at(&self, s: f64) -> L::Noised {
        self.law.noised(&self.process.coefs(s))
    }
}

impl<L: Noisable, P: LinearSde> MovingLaw for Noised<L, P> {
    fn log_prob(&self, x: Tensor<2>, s: f64) -> Tensor<1> {
        self.at(s).log_prob(x)
    }

    fn score(&self, x: Tensor<2>, s: f64) -> Tensor<2> {
        self.at(s).score(x)
    }
}

/// A law that stays, such as a stationary one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Still<L>(pub L);

impl<L: Density + Score> MovingLaw for Still<L> {
    fn log_prob(&self, x: Tensor<2>, _t: f64) -> Tensor<1> {
        self.0.log_prob(x)
    }

    fn score(&self, x: Tensor<2>, _t: f64) -> Tensor<2> {
        self.0.score(x)
    }
}

/// The law that a velocity field carries a reference to, with its log-density by the change of
/// variables along the flow and a score that is learned beside the velocity: how a model is its own
/// moving law.
///
/// The continuity equation then says whether the score is that of the flow.
///
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs::a_flow_is_its_own_law`
#[derive(Clone, Debug)]
pub struct Carried<R, V, F> {
    /// The law at `start`.
    pub reference: R,
    /// The velocity.
    pub velocity: V,
    /// The score.
    pub score: F,
    /// The time of the reference.
    pub start: f64,
    /// Equal steps from `start` to any time, so that the density is smooth in time.
    pub steps: usize,
    /// An ODE method.
    pub solver: Solver,
}

impl<R: Density, V: Jvp, F: Field> MovingLaw for Carried<R, V, F> {
    /// NaN where there is no grid: no steps, or a `t` that is not after `start`.
    fn log_prob(&self, x: Tensor<2>, t: f64) -> Tensor<1> {
        match Grid::uniform(Interval { start: self.start, end: t }, self.steps) {
            Ok(grid) if t > self.start => {
                let map = OdeFlow { field: &self.velocity, grid, solver: self.solver };
                let (z, log_det) = map.pull(x);
                self.reference.log_prob(z) + log_det
            }
            _ => x.narrow(1, 0, 1).full_like(f64::NAN).squeeze_dim(1),
        }
    }

    fn score(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        self.score.eval(x, Times::Same(t))
    }
}

/// The score of a moving law, as a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreOf<Q>(pub Q);

impl<Q: MovingLaw> Field for ScoreOf<Q> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        by_time(x, t, |x, t| self.0.score(x, t))
    }
}

impl<L: PosteriorJvp, S: Schedule> Jvp for ScoreOf<OracleFlow<L, S>> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.0.score_jvp(x, t, u)
    }
}

/// The score that a field has learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedScore<F>(pub F);

impl<F: ScoredField> Field for LearnedScore<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.velocity_and_score(x, t).1
    }
}
