//! Residual layers.

use super::power_series::{estimate, exact};
use crate::net::{Bounded, ConditionerConfig, Contraction};
use burn::module::Module;
use burn::tensor::{Bool, DType, Tensor};
use transport_core::{Noise, Space};

/// The identity plus a contraction on the way to the reference.
///
/// ```text
/// z = x + g(x, c),   Lip(g) ≤ κ = 0.9,      log|det ∂z/∂x| = log det(I + J_g) = Σ_k (−1)^{k+1}/k tr J_g^k
/// ```
///
/// From data to reference in one evaluation; from reference to data by the fixed point of
/// `x ← z − g(x)`, whose error falls by κ at each step. A row stops when it moves by less than the
/// tolerance, whatever the rows beside it do; [`MOST_STEPS`] is more than a contraction by κ needs
/// from any start. The log-determinant is exact by the Jacobian when a density is asked for; in
/// training beyond [`EXACT`] coordinates it is the unbiased estimate of
/// [`super::power_series::estimate`].
///
/// The gradient of the way back is that of [`NEUMANN`] further steps from the fixed point: a
/// Neumann series of the implicit derivative, approximate to `κ^32` of it.
///
/// # References
/// Behrmann, Grathwohl, Chen, Duvenaud & Jacobsen (2019), "Invertible residual networks"; Chen,
/// Behrmann, Duvenaud & Jacobsen (2019), "Residual flows for invertible generative modeling".
/// # Checked by
/// `tests/it/residual.rs`
#[derive(Module, Debug)]
pub struct Residual {
    net: Contraction,
}

/// The Lipschitz constant κ of each residual.
pub const LIPSCHITZ: f64 = 0.9;
/// Coordinates up to which training takes the Jacobian as well.
pub const EXACT: usize = 12;
/// Steps of the fixed point: κ⁵⁰⁰ = 10⁻²³.
pub const MOST_STEPS: usize = 500;
/// Steps through which the way back is differentiated.
pub const NEUMANN: usize = 32;

/// How a log-determinant is found.
#[derive(Clone, Copy, Debug)]
pub enum LogDet<'a> {
    /// In closed form, or by the Jacobian.
    Exact,
    /// By the unbiased estimate, where a closed form is dear.
    Estimate(&'a Noise),
    /// By the unbiased estimate in any dimension.
    AlwaysEstimate(&'a Noise),
}

impl<'a> LogDet<'a> {
    /// The noise of an estimate.
    pub(super) fn noise(self) -> Option<&'a Noise> {
        match self {
            Self::Exact => None,
            Self::Estimate(noise) | Self::AlwaysEstimate(noise) => Some(noise),
        }
    }

    /// The same way with another noise.
    pub(super) fn with(self, noise: Option<&Noise>) -> LogDet<'_> {
        match (self, noise) {
            (Self::Estimate(_), Some(noise)) => LogDet::Estimate(noise),
            (Self::AlwaysEstimate(_), Some(noise)) => LogDet::AlwaysEstimate(noise),
            _ => LogDet::Exact,
        }
    }
}

impl Residual {
    /// A layer on `dim` coordinates; the identity at first.
    #[must_use]
    pub fn new(
        net: &ConditionerConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        Self { net: Contraction::new(net, LIPSCHITZ, dim, context, noise, space) }
    }

    pub(super) fn pull(
        &self,
        x: Tensor<2>,
        context: Option<&Tensor<2>>,
        how: LogDet<'_>,
    ) -> (Tensor<2>, Tensor<1>) {
        let d = x.dims()[1];
        let net = self.net.given(context);
        let (g, derivative) = net.linearised(x.clone());
        let log_det = match how {
            LogDet::AlwaysEstimate(noise) => estimate(&derivative, d, LIPSCHITZ, noise),
            LogDet::Estimate(noise) if d > EXACT => estimate(&derivative, d, LIPSCHITZ, noise),
            _ => exact(&derivative, x.dims()),
        };
        (x + g, log_det)
    }

    pub(super) fn push(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        let net = self.net.given(c);
        let mut x = fixed_point(&net.detached(), z.clone().detach());
        if net.is_tracked() || z.device().is_autodiff() {
            for _ in 0..NEUMANN {
                x = z.clone() - net.value(x);
            }
        }
        let (_, derivative) = net.linearised(x.clone());
        let log_det = exact(&derivative, x.dims()).neg();
        (x, log_det)
    }
}

/// The `x` with `x + g(x) = z`.
fn fixed_point(net: &Bounded, z: Tensor<2>) -> Tensor<2> {
    let [n, d] = z.dims();
    let tolerance = if z.dtype() == DType::F64 { 1e-14 } else { 4e-7 };
    let mut x = z.clone();
    let mut moving: Option<Tensor<2, Bool>> = None;
    for _ in 0..MOST_STEPS {
        let next = z.clone() - net.value(x.clone());
        let change = (next.clone() - x.clone()).abs().max_dim(1);
        let size = next.clone().abs().max_dim(1).add_scalar(1.0).mul_scalar(tolerance);
        let still = change.greater(size);
        x = match &moving {
            None => next,
            Some(moving) => x.mask_where(moving.clone().expand([n, d]), next),
        };
        let now = moving.map_or(still.clone(), |moving| moving.bool_and(still));
        if !now.clone().any().into_scalar::<bool>() {
            break;
        }
        moving = Some(now);
    }
    x
}
