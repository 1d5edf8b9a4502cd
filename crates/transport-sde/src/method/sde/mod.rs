//! Methods for `dX = a(X, t) dt + b(X, t) dW`, converging to the Itô solution.
//!
//! A method names the SDEs that it is right for by a trait, [`SdeMethod::On`]: any, those whose
//! `b` has a derivative, those with additive noise, and so on. What it sees of the Brownian path is
//! an [`Increment`]: fresh draws, or pieces of one path from a [`BrownianTree`].

mod adaptive;
mod branch;
mod bridge;
mod euler_maruyama;
mod exponential_euler;
mod increment;
mod milstein;
mod shark;
mod span;
mod sra1;
mod srk;
mod stepper;
mod stochastic_heun;
mod terms;
mod tree;
mod walk;

pub use adaptive::{AdaptiveSde, SdeControl};
pub use euler_maruyama::EulerMaruyama;
pub use exponential_euler::ExponentialEuler;
pub use increment::Increment;
pub use milstein::Milstein;
pub use shark::Shark;
pub use span::{Moment, Span};
pub use sra1::Sra1;
pub use srk::Srk;
pub use stepper::SdeStepper;
pub use stochastic_heun::StochasticHeun;
pub use tree::{BrownianTree, TreeError};
pub use walk::Walk;

use crate::dynamics::Sde;
use burn::tensor::Tensor;
use std::fmt::Debug;

/// The structure of a diffusion coefficient, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoiseKind {
    /// Any `b(x, t)`.
    General,
    /// `(∂_{b e_i} b) e_j = (∂_{b e_j} b) e_i`: the order in which two noises act does not matter.
    Commutative,
    /// Diagonal, entry `i` a function of `x_i` and `t`.
    Diagonal,
    /// A function of `t` only.
    Additive,
}

/// A one-step method for `dX = a dt + b dW`, converging to the Itô solution.
pub trait SdeMethod: Debug + Default + Send + Sync {
    /// What it asks of an SDE, as a trait object: the narrowest for which it is right.
    type On<'s>: Sde + ?Sized + 's;

    /// The widest kind of noise for which the second of [`SdeMethod::STRONG`] holds.
    const NOISE: NoiseKind;
    /// The strong order for additive noise, and for [`SdeMethod::NOISE`].
    const STRONG: (f64, f64);
    /// The weak order for [`SdeMethod::NOISE`].
    const WEAK: f64;
    /// The weak order for additive noise.
    const WEAK_ADDITIVE: f64 = Self::WEAK;
    /// Evaluations of the drift in a step.
    const STAGES: usize;
    /// Whether it takes the space-time area `H` beside `ΔW`.
    const AREA: bool = false;

    /// The SDE as what the method asks for, when it offers that.
    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>>;

    /// `x(t + h)` from `x(t)` and the Brownian path over the step.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn step(&self, sde: &Self::On<'_>, x: Tensor<2>, span: Span<'_>, path: &Increment)
    -> Tensor<2>;
}

/// A method that estimates its own error in a step from what it has computed anyway.
pub trait Embedded: SdeMethod {
    /// The estimate falls as `h` to this power.
    const ESTIMATE: f64;

    /// The step of [`SdeMethod::step`] and an estimate of its error, per coordinate.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    fn step_with_error(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> (Tensor<2>, Tensor<2>);
}
