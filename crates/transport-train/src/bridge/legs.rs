//! Paths simulated between neighbouring laws, and the rows that a fit makes of them.

use super::alternate::{ImfConfig, Scheme, Start};
use super::source::Source;
use crate::batch::Rows;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Interval, Noise, Space, Times};
use transport_sde::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise};
use transport_sde::{Diffusion, Grid, Sde, SdeFlow, SolveError, Solver};

/// Paths between two neighbouring laws.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The times, in the order in which the states were made: falling where the paths were
    /// simulated backwards.
    pub times: Vec<f64>,
    /// The states at each time, `[n, d]` row-major.
    pub states: Vec<Vec<f64>>,
    /// `d`.
    pub dim: usize,
}

/// The intervals between neighbouring laws.
pub(super) struct Legs<'a> {
    pub(super) config: &'a ImfConfig,
    pub(super) clock: &'a [f64],
    pub(super) laws: &'a [Source],
    pub(super) space: &'a Space,
}

impl Legs<'_> {
    fn rows<S: Scheme>(
        &self,
        paths: impl Fn(usize) -> Result<Simulated, SolveError>,
    ) -> Result<Rows, SolveError> {
        let (mut states, dim) = (Vec::new(), S::columns(self.laws[0].dim()));
        for k in 0..self.laws.len() - 1 {
            states.extend(S::rows(&paths(k)?));
        }
        Ok(Rows { states, dim, contexts: Vec::new(), context_dim: 0 })
    }

    /// The draws of interval `k`.
    fn draws(k: usize, noise: &Noise) -> Noise {
        if k == 0 { noise.clone() } else { noise.purpose(&format!("interval.{k}")) }
    }

    /// Rows of the first coupling.
    pub(super) fn start<S: Scheme>(&self, start: Start, noise: &Noise) -> Rows {
        let independent = |k: usize| {
            let (noise, dim) = (Self::draws(k, noise), self.laws[0].dim());
            let source = self.laws[k].draws(&noise.purpose("source"));
            let target = self.laws[k + 1].draws(&noise.purpose("target"));
            let times = vec![self.clock[k], self.clock[k + 1]];
            Ok(Simulated { times, states: vec![source, target], dim })
        };
        let rows = match start {
            Start::Independent => self.rows::<S>(independent),
            Start::Reference => self.simulate::<S, _>(&Brownian(self.config.sigma), false, noise),
        };
        // Brownian paths from finite points are finite.
        #[allow(clippy::expect_used)]
        rows.expect("finite rows")
    }

    /// Paths of `sde`, from each law but the last one, or backwards from each but the first.
    pub(super) fn simulate<S: Scheme, P: Sde>(
        &self,
        sde: &P,
        back: bool,
        noise: &Noise,
    ) -> Result<Rows, SolveError> {
        self.rows::<S>(|k| {
            let (noise, ends) = (Self::draws(k, noise), [self.clock[k], self.clock[k + 1]]);
            let own = |t: f64| if back { 1.0 - t } else { t };
            let name = if back { "target" } else { "source" };
            let start = self.laws[k + usize::from(back)].draws(&noise.purpose(name));
            let ends = if back { [own(ends[1]), own(ends[0])] } else { ends };
            let mut paths = self.paths(sde, start, ends, S::WHOLE, &noise)?;
            paths.times.iter_mut().for_each(|t| *t = own(*t));
            Ok(paths)
        })
    }

    /// Paths on the process's own clock.
    fn paths<P: Sde>(
        &self,
        sde: &P,
        start: Vec<f64>,
        [from, to]: [f64; 2],
        whole: bool,
        noise: &Noise,
    ) -> Result<Simulated, SolveError> {
        // The clock of the snapshots rises.
        #[allow(clippy::expect_used)]
        let grid = Grid::uniform(Interval { start: from, end: to }, self.config.simulation)
            .expect("a rising clock and some steps");
        let times = if whole { grid.times().to_vec() } else { vec![from, to] };
        let (n, dim) = (noise.len(), self.laws[0].dim());
        let flow = SdeFlow { sde: Borrowed(sde), grid, solver: Solver::EulerMaruyama };
        let x = self.space.tensor(start, [n, dim]);
        let states = flow.solve_trace(x, &times, &noise.purpose("path"))?.states;
        Ok(Simulated { times, states: states.into_iter().map(to_host).collect(), dim })
    }
}

/// `dX = σ dW`.
#[derive(Clone, Copy, Debug)]
struct Brownian(f64);

impl Sde for Brownian {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.0)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for Brownian {}
impl DiagonalNoise for Brownian {}

/// A process that is looked at only.
struct Borrowed<'a, P>(&'a P);

impl<P: Sde> Sde for Borrowed<'_, P> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.drift(x, t)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.diffusion(x, t)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        self.0.capabilities()
    }
}
