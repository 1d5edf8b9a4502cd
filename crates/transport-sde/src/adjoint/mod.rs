//! Gradients of a loss at the end of an ODE, in its parameters and its start.
//!
//! ```text
//! ẏ = f(y, t; θ),   y(t₀) = y₀,   L = ℓ(y(t₁));      ∂L/∂θ, ∂L/∂y₀
//! ```
//!
//! Burn's tape is used once and is of first order, so each piece of the path gets a graph of its
//! own and the pieces are chained by hand through `aᵀ ∂/∂(y, θ)`, a vector-Jacobian product.
//!
//! | how | gradient of | states kept | graph |
//! |---|---|---|---|
//! | [`Backward::Plain`] | the discrete path | | N steps |
//! | [`Backward::Checkpointed`] | the discrete path | S + N/S | 1 step |
//! | [`Backward::Adjoint`] | the continuous path, on the same steps | 1 | 1 evaluation |
//!
//! # References
//! Griewank & Walther (2000), "Revolve", on checkpoints; Chen et al. (2018), "Neural ordinary
//! differential equations", §2, on the adjoint.

mod continuous;
mod discrete;
mod parametric;

pub use parametric::{At, ParameterGradient, Parametric};

use crate::driver::{SolveError, drive};
use crate::grid::Grid;
use crate::method::ode::tableau::Tableau;
use crate::method::ode::{Bs32, Dop853, Dopri5, Euler, Heun, Midpoint, Rk4, RungeKutta, Tsit5};
use crate::method::{Integrator, Solver};
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How a gradient is carried back through an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backward {
    /// One graph of the whole path.
    Plain,
    /// The states at the ends of so many segments are kept; those within a segment are computed
    /// again on the way back, and each step gets a graph of its own.
    Checkpointed {
        /// Segments, at least 1; as many as there are steps computes nothing twice but the graph.
        segments: usize,
    },
    /// The adjoint equation beside the path, both integrated from the end to the start.
    ///
    /// ```text
    /// ȧ = −(∂f/∂y)ᵀ a,   a(t₁) = ∂ℓ/∂y,      ∂L/∂θ = ∫_{t₀}^{t₁} (∂f/∂θ)ᵀ a dt,   ∂L/∂y₀ = a(t₀)
    /// ```
    ///
    /// It differs from the gradient of the discrete path by the order of the method.
    Adjoint,
}

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct Differentiated {
    /// `ℓ(y(t₁))`.
    pub loss: f64,
    /// `y(t₁)`, `[n, m]`.
    pub end: Tensor<2>,
    /// `∂L/∂y₀`, `[n, m]`.
    pub start: Tensor<2>,
    /// `∂L/∂θ`.
    pub parameters: ParameterGradient,
}

/// An explicit Runge–Kutta method on the steps of a grid, increasing or decreasing.
#[derive(Clone, Debug)]
pub struct Integration {
    /// The steps.
    pub grid: Grid,
    solver: Solver,
    tableau: Tableau,
}

/// A method that is no explicit Runge–Kutta method of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no explicit Runge–Kutta method, through which gradients are taken; `rk4` is")]
pub struct NotRungeKutta {
    /// The method.
    pub name: &'static str,
}

/// The tableau of a method.
fn tableau(solver: Solver) -> Option<Tableau> {
    Some(match solver {
        Solver::Euler => Euler::TABLEAU,
        Solver::Midpoint => Midpoint::TABLEAU,
        Solver::Heun => Heun::TABLEAU,
        Solver::Bs32 => Bs32::TABLEAU,
        Solver::Rk4 => Rk4::TABLEAU,
        Solver::Dopri5 => Dopri5::TABLEAU,
        Solver::Tsit5 => Tsit5::TABLEAU,
        Solver::Dop853 => Dop853::TABLEAU,
        _ => return None,
    })
}

impl Integration {
    /// `solver` on `grid`.
    ///
    /// # Errors
    /// [`NotRungeKutta`] when it is no explicit Runge–Kutta method.
    pub fn new(solver: Solver, grid: Grid) -> Result<Self, NotRungeKutta> {
        let tableau = tableau(solver).ok_or(NotRungeKutta { name: solver.name() })?;
        Ok(Self { grid, solver, tableau })
    }

    /// Whether gradients are taken through `solver`.
    #[must_use]
    pub fn takes(solver: Solver) -> bool {
        tableau(solver).is_some()
    }

    /// `y(t₁)`, without a gradient, with a look at each state `y(t_k)`.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    ///
    /// # Shapes
    /// `y`: `[n, m]`; returns `[n, m]`.
    pub fn solve<M: Sync, P: Parametric<M>>(
        &self,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        observe: impl FnMut(usize, f64, &Tensor<2>),
    ) -> Result<Tensor<2>, SolveError> {
        let field = At { equation, module };
        let mut stepper = self.solver.bind(&field, &self.grid);
        drive(&mut *stepper, y, &self.grid, observe)
    }

    /// The loss at the end of the path from `y`, and its gradient; `module` is outside autodiff.
    ///
    /// `loss` maps the end state to one number.
    ///
    /// # Errors
    /// [`SolveError`] when a state, or its adjoint, is not finite.
    ///
    /// # Shapes
    /// `y`: `[n, m]`.
    ///
    /// # Checked by
    /// `tests/it/adjoint.rs`
    pub fn differentiate<M: Module + Sync, P: Parametric<M>>(
        &self,
        how: Backward,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
    ) -> Result<Differentiated, SolveError> {
        match how {
            Backward::Plain => self.plain(equation, module, y, loss),
            Backward::Checkpointed { segments } => {
                self.checkpointed(segments, equation, module, y, loss)
            }
            Backward::Adjoint => self.adjoint(equation, module, y, loss),
        }
    }
}

/// `ℓ(y)` and `∂ℓ/∂y`.
fn terminal(y: Tensor<2>, loss: impl Fn(Tensor<2>) -> Tensor<1>) -> (f64, Tensor<2>) {
    let leaf = y.clone().autodiff().require_grad();
    let value = loss(leaf.clone());
    let gradient = leaf.grad_remove(&mut value.backward());
    (value.into_scalar::<f64>(), gradient.unwrap_or_else(|| y.zeros_like()))
}
