//! A field with parameters, and its vector-Jacobian products.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use transport_core::{Field, Times};

/// `f(y, t; θ)`, θ the parameters of a module.
pub trait Parametric<M>: Send + Sync {
    /// `f(y, t; θ)`.
    ///
    /// # Shapes
    /// `y`: `[n, m]`; returns `[n, m]`.
    fn eval(&self, module: &M, y: Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// `f(·, ·; θ)` with θ bound: a [`Field`].
#[derive(Clone, Copy, Debug)]
pub struct At<'a, M, P> {
    /// `f`.
    pub equation: &'a P,
    /// θ.
    pub module: &'a M,
}

impl<M: Sync, P: Parametric<M>> Field for At<'_, M, P> {
    fn eval(&self, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.equation.eval(self.module, y, t)
    }
}

/// A gradient in the parameters of a module: one flat tensor for each, in the order of its visit.
#[derive(Clone, Debug, Default)]
pub struct ParameterGradient(pub Vec<Tensor<1>>);

impl ParameterGradient {
    /// Zeros.
    #[must_use]
    pub fn zeros<M: Module>(module: &M) -> Self {
        let mut visit = Collect { gradients: None, found: Vec::new() };
        module.visit(&mut visit);
        Self(visit.found)
    }

    /// What a backward pass found; zeros where a parameter was not used.
    #[must_use]
    pub fn take<M: Module>(module: &M, gradients: Gradients) -> Self {
        let mut visit = Collect { gradients: Some(gradients), found: Vec::new() };
        module.visit(&mut visit);
        Self(visit.found)
    }

    /// `self + weight · other`.
    pub(super) fn add(&mut self, other: Self, weight: f64) {
        let old = std::mem::take(&mut self.0);
        self.0 = old.into_iter().zip(other.0).map(|(a, b)| a + b.mul_scalar(weight)).collect();
    }
}

struct Collect {
    gradients: Option<Gradients>,
    found: Vec<Tensor<1>>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let found = self.gradients.as_mut().and_then(|g| value.grad_remove(g));
        let count = value.dims().iter().product::<usize>();
        self.found.push(found.unwrap_or_else(|| value.inner().zeros_like()).reshape([count]));
    }
}

/// `g(y; θ)` and `aᵀ ∂g/∂y`, `aᵀ ∂g/∂θ`, by one graph; `live` holds θ as leaves.
///
/// # Shapes
/// `y`, `a`: `[n, m]`; returns two `[n, m]`.
pub(super) fn vjp<M: Module>(
    live: &M,
    y: Tensor<2>,
    a: Tensor<2>,
    g: impl FnOnce(Tensor<2>) -> Tensor<2>,
) -> (Tensor<2>, Tensor<2>, ParameterGradient) {
    let leaf = y.autodiff().require_grad();
    let value = g(leaf.clone());
    let mut gradients = (value.clone() * a.clone()).sum().backward();
    let in_y = leaf.grad_remove(&mut gradients).unwrap_or_else(|| a.zeros_like());
    (value.inner(), in_y, ParameterGradient::take(live, gradients))
}
