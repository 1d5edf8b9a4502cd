//! A continuous normalizing flow: the law that a network's velocity carries a reference to.
//!
//! ```text
//! ẋ = v_θ(x, t | c),   x(0) ~ N(0, I),      log p(x(1)) = log N(x(0)) − ∫₀¹ ∇·v_θ dt
//! ```
//!
//! # References
//! Chen et al. (2018), "Neural ordinary differential equations", §4; Grathwohl et al. (2019),
//! "FFJORD"; Finlay et al. (2020), "How to train your neural ODE".

use crate::net::{Mlp, MlpConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Density, Field, Jvp, Noise, Space, Times, law::Gaussian};
use transport_sde::SolveError;
use transport_sde::adjoint::{Backward, Differentiated, Integration, Parametric};
use transport_sde::likelihood::{PENALISED, Penalised, Trace};

/// The velocity `v_θ(x, t | c)`, 0 at the start of training: the identity.
#[derive(Module, Debug)]
pub struct ContinuousFlow {
    net: Mlp,
}

impl ContinuousFlow {
    /// A velocity on `dim` coordinates with `context` columns of context (0 for none).
    #[must_use]
    pub fn new(
        config: &MlpConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        Self { net: Mlp::new(config, dim, dim, context, &noise.purpose("init"), space) }
    }

    /// The velocity with the context bound: one row for all, or one for each state.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> Velocity<'_> {
        Velocity { model: self, context }
    }
}

/// A [`ContinuousFlow`] with its context bound, which is what a solver integrates.
#[derive(Clone, Debug)]
pub struct Velocity<'a> {
    model: &'a ContinuousFlow,
    context: Option<Tensor<2>>,
}

impl Field for Velocity<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.net.forward(x, t, self.context.clone())
    }
}

impl Jvp for Velocity<'_> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.model.net.jvp(x, t, self.context.clone(), u)
    }

    fn divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        self.model.net.divergence(x, t, self.context.clone())
    }
}

/// The weights of what keeps a flow easy to integrate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalties {
    /// On `∫ ‖v‖² dt`, which is least for straight lines.
    pub kinetic: f64,
    /// On `∫ ‖∂ₓv‖² dt`.
    pub jacobian: f64,
}

/// The negative log-likelihood of data points and its penalties, a mean over rows and coordinates.
///
/// ```text
/// L = 1/(n d) Σᵢ [ −log N(z) − log |det ∂z/∂x| + λ_K ∫‖v‖² dt + λ_J ∫‖∂ₓv ε‖² dt ],     z = x(0)
/// ```
///
/// # Checked by
/// `tests/it/continuous.rs`
#[derive(Clone, Debug)]
pub struct NegativeLogLikelihood {
    /// How the divergence is found.
    pub trace: Trace,
    /// The penalties; a Jacobian's needs a probe in the trace.
    pub penalties: Penalties,
    /// The contexts, `[n, c]`.
    pub context: Option<Tensor<2>>,
}

impl Parametric<ContinuousFlow> for NegativeLogLikelihood {
    fn eval(&self, module: &ContinuousFlow, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let field = module.given(self.context.clone());
        Penalised { field, trace: self.trace.clone() }.eval(y, t)
    }
}

impl NegativeLogLikelihood {
    /// `(x, 0, 0, 0)`.
    fn start(x: Tensor<2>) -> Tensor<2> {
        let ([n, _], space) = (x.dims(), Space::of(&x));
        let blank = Tensor::zeros([n, PENALISED], (&space.device, space.dtype));
        Tensor::cat(vec![x, blank], 1)
    }

    /// `L` from what the integration ended at.
    fn of_end(&self, end: Tensor<2>) -> Tensor<1> {
        let [n, m] = end.dims();
        let d = m - PENALISED;
        let column = |k: usize| end.clone().narrow(1, d + k, 1).reshape([n]);
        let log_prob = Gaussian::standard(d).log_prob(end.clone().narrow(1, 0, d)) + column(0);
        // Walked from the data to the reference: both integrals come out negative.
        let Penalties { kinetic, jacobian } = self.penalties;
        let size = column(1).mul_scalar(-kinetic) + column(2).mul_scalar(-jacobian);
        (size - log_prob).sum_dim(0).div_scalar((n * d) as f64)
    }

    /// The loss on data points, NaN where the integration fails; `integration` runs from 1 to 0.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[1]`.
    #[must_use]
    pub fn loss(
        &self,
        model: &ContinuousFlow,
        x: Tensor<2>,
        integration: &Integration,
    ) -> Tensor<1> {
        let blank = x.clone().narrow(0, 0, 1).narrow(1, 0, 1).reshape([1]).full_like(f64::NAN);
        let end = integration.solve(self, model, Self::start(x), |_, _, _| {});
        end.map_or(blank, |end| self.of_end(end))
    }

    /// The loss on data points and its gradient; `integration` runs from 1 to 0.
    ///
    /// # Errors
    /// [`SolveError`] when a state or its adjoint is not finite.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    pub fn gradient(
        &self,
        how: Backward,
        model: &ContinuousFlow,
        x: Tensor<2>,
        integration: &Integration,
    ) -> Result<Differentiated, SolveError> {
        integration.differentiate(how, self, model, Self::start(x), |end| self.of_end(end))
    }
}
