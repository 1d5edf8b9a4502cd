//! The instantaneous change of variables along a flow.
//!
//! ```text
//! d/dt log p_t(x_t) = −∇·v(x_t, t),     log p₁(x₁) = log p₀(x₀) − ∫₀¹ ∇·v(x_t, t) dt
//! ```
//!
//! The divergence is exact by `d` directional derivatives ([`Augmented`], behind
//! [`transport_core::Invertible`]), or estimated by random probes ([`EstimatedDensity`]).
//!
//! # References
//! Chen et al. (2018), "Neural ordinary differential equations", app. A.

mod penalised;
mod variational;

pub use penalised::{PENALISED, Penalised, Trace};
pub use variational::{NoBound, Variational};

use crate::driver::{SolveError, drive};
use crate::flow::OdeFlow;
use crate::method::{Integrator, Solver};
use burn::tensor::Tensor;
use transport_core::{Density, DensityEstimate, Field, Jvp, Noise, Space, StdErr, Times};

/// The field on `[n, d + 1]` whose last column integrates the divergence of the first `d`.
///
/// Run backwards from (x, 0) it ends at `(T⁻¹(x), log |det ∂T⁻¹/∂x|)`.
#[derive(Clone, Copy, Debug)]
pub struct Augmented<F> {
    /// The field to follow.
    pub field: F,
}

impl<F: Jvp> Field for Augmented<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let d = x.dims()[1] - 1;
        let (value, divergence) = self.field.divergence(x.narrow(1, 0, d), t);
        Tensor::cat(vec![value, divergence.unsqueeze_dim(1)], 1)
    }
}

/// The law of a probe `ε`, with `E[ε εᵀ] = I`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Standard normal: `Var(εᵀJε) = 2 ‖sym J‖²`, with `sym J = ½(J + Jᵀ)`.
    Gaussian,
    /// Independent signs: `Var(εᵀJε) = 2 Σ_{i≠j} (sym J)ᵢⱼ²`, less by the diagonal and zero where
    /// `sym J` is diagonal.
    Rademacher,
}

impl Probe {
    /// One probe for each sample, `[n, d]`.
    #[must_use]
    pub fn draw(self, d: usize, noise: &Noise, space: &Space) -> Tensor<2> {
        match self {
            Self::Gaussian => noise.normal(d, space),
            Self::Rademacher => {
                let sign = |u: f64| if u < 0.5 { -1.0 } else { 1.0 };
                let values = noise.uniform_values(d).into_iter().map(sign).collect();
                space.tensor(values, [noise.len(), d])
            }
        }
    }
}

/// Hutchinson's estimator of a trace, `tr J = E[εᵀ J ε]`, with `count` probes for each row.
///
/// # References
/// Hutchinson (1990); Grathwohl et al. (2019), "FFJORD"; variances: Avron & Toledo (2011).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hutchinson {
    probe: Probe,
    count: usize,
}

/// A standard error takes two probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} probes have no standard error: at least 2 are needed")]
pub struct TooFewProbes {
    /// How many were asked for.
    pub found: usize,
}

impl Hutchinson {
    /// `count` probes.
    ///
    /// # Errors
    /// [`TooFewProbes`] for fewer than two, which would leave the error unknown.
    pub fn new(probe: Probe, count: usize) -> Result<Self, TooFewProbes> {
        if count < 2 { Err(TooFewProbes { found: count }) } else { Ok(Self { probe, count }) }
    }

    /// Probe `k` of each sample, `[n, d]`.
    fn draw(&self, k: usize, d: usize, noise: &Noise, space: &Space) -> Tensor<2> {
        self.probe.draw(d, &noise.purpose("probe").at_step(k as u64), space)
    }
}

/// The field on `[n, d + K]` whose last `K` columns integrate `εₖᵀ ∂ₓv εₖ`, the probes fixed along
/// the path.
#[derive(Clone, Debug)]
pub struct Probed<F> {
    /// The field to follow.
    pub field: F,
    /// The probes, `K` of `[n, d]`.
    pub probes: Vec<Tensor<2>>,
}

impl<F: Jvp> Field for Probed<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let x = x.clone().narrow(1, 0, x.dims()[1] - self.probes.len());
        let mut columns = Vec::with_capacity(1 + self.probes.len());
        for probe in &self.probes {
            let (value, tangent) = self.field.jvp(x.clone(), t, probe.clone());
            if columns.is_empty() {
                columns.push(value);
            }
            columns.push((probe.clone() * tangent).sum_dim(1));
        }
        Tensor::cat(columns, 1)
    }
}

/// The law `T_# μ₀` of a flow with its log-density estimated by probes: `K` directional derivatives
/// for each evaluation instead of `d`.
///
/// ```text
/// log p₁(x) = log p₀(z) − E_ε ∫ εᵀ ∂ₓv ε dt,     z = T⁻¹(x)
/// ```
///
/// Without bias for the log-density (up to the solver's steps), since `z` does not depend on the
/// probes; its exponential is biased upwards.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{DensityEstimate, Interval, Noise, Space, device, field::AffineField};
/// use transport_core::law::Gaussian;
/// use transport_sde::likelihood::{EstimatedDensity, Hutchinson, Probe};
/// use transport_sde::{Grid, OdeFlow, Solver};
/// let field = AffineField { matrix: vec![0.5, 1.0, -1.0, 0.2], offset: vec![0.0; 2], rate: vec![0.0; 2] };
/// let flow = OdeFlow { field, grid: Grid::uniform(Interval::UNIT, 50).unwrap(), solver: Solver::Heun };
/// let trace = Hutchinson::new(Probe::Rademacher, 4).unwrap();
/// let law = EstimatedDensity { reference: Gaussian::standard(2), flow, trace };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![0.3, -0.1], [1, 2]);
/// let (_, error) = law.estimate(x, &Noise::new(0, 1));
/// // ½(J + Jᵀ) is diagonal here, and signs are exact.
/// assert!(error.0.into_scalar::<f64>() < 1e-12);
/// # }
/// ```
/// # Checked by
/// `tests/it/likelihood.rs`
#[derive(Clone, Debug)]
pub struct EstimatedDensity<R, F, I = Solver> {
    /// `μ₀`.
    pub reference: R,
    /// The flow `T`.
    pub flow: OdeFlow<F, I>,
    /// The probes.
    pub trace: Hutchinson,
}

impl<R: Density, F: Jvp, I: Integrator> EstimatedDensity<R, F, I> {
    /// The log-density under each probe, `[n, K]`, or where the integration failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    ///
    /// # Panics
    /// When the flow's solver is not an ODE method.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, and `noise` names its `n` samples.
    pub fn per_probe(&self, x: Tensor<2>, noise: &Noise) -> Result<Tensor<2>, SolveError> {
        let ([n, d], count, space) = (x.dims(), self.trace.count, Space::of(&x));
        let probes = (0..count).map(|k| self.trace.draw(k, d, noise, &space)).collect();
        let field = Probed { field: &self.flow.field, probes };
        let grid = self.flow.solver.stops(&self.flow.grid.reversed());
        let mut stepper = self.flow.solver.bind(&field, &grid);
        let blank = Tensor::zeros([n, count], (&space.device, space.dtype));
        let start = Tensor::cat(vec![x, blank], 1);
        let end = drive(&mut *stepper, start, &grid, |_, _, _| {})?;
        let reference = self.reference.log_prob(end.clone().narrow(1, 0, d));
        Ok(end.narrow(1, d, count) + reference.unsqueeze_dim(1))
    }

    /// The estimate and its standard error across the probes, or where the integration failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    ///
    /// # Panics
    /// When the flow's solver is not an ODE method.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n]`.
    pub fn try_estimate(
        &self,
        x: Tensor<2>,
        noise: &Noise,
    ) -> Result<(Tensor<1>, StdErr), SolveError> {
        let values = self.per_probe(x, noise)?;
        let count = self.trace.count as f64;
        let mean = values.clone().mean_dim(1);
        let spread = (values - mean.clone()).powi_scalar(2).sum_dim(1);
        let error = spread.div_scalar((count - 1.0) * count).sqrt();
        Ok((mean.squeeze_dim(1), StdErr(error.squeeze_dim(1))))
    }
}

impl<R: Density, F: Jvp, I: Integrator> DensityEstimate for EstimatedDensity<R, F, I> {
    /// NaN in each row where the integration fails; [`EstimatedDensity::try_estimate`] says why.
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr) {
        let blank = x.clone().narrow(1, 0, 1).full_like(f64::NAN).squeeze_dim::<1>(1);
        self.try_estimate(x, noise).unwrap_or_else(|_| (blank.clone(), StdErr(blank)))
    }
}
