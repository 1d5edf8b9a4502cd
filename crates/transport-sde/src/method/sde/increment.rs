//! What a step sees of the Brownian path.

use super::Span;
use super::terms::Terms;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// The increment of `W` over a step `[t, t + h]`, and its space-time Lévy area.
///
/// ```text
/// ΔW = W_{t+h} − W_t                                     ~ N(0, h I)
/// H  = 1/h ∫ₜ^{t+h} (W_s − W_t − (s − t)/h ΔW) ds        ~ N(0, h/12 I),   independent of ΔW
/// ```
///
/// `H` is the average of what the path does beside the straight line, so that the iterated
/// integrals of the literature are
///
/// ```text
/// I₍₁,₀₎ = ∫ₜ^{t+h} (W_s − W_t) ds = h (½ ΔW + H),    I₍₀,₁₎ = ∫ₜ^{t+h} (s − t) dW = h (½ ΔW − H)
/// ```
///
/// # References
/// Foster, Lyons & Oberhauser (2020), "An optimal polynomial approximation of Brownian motion".
#[derive(Clone, Debug)]
pub struct Increment {
    /// `ΔW`, `[n, d]`.
    pub dw: Tensor<2>,
    /// `H`, `[n, d]`, when the method asked for it ([`super::SdeMethod::AREA`]).
    pub dh: Option<Tensor<2>>,
}

impl Increment {
    /// Fresh draws for one step: `ΔW` from `noise`, `H` from its purpose "area".
    ///
    /// `ΔW` is the same whether `H` is asked for or not.
    #[must_use]
    pub fn draw(noise: &Noise, d: usize, span: Span<'_>, area: bool, space: &Space) -> Self {
        let scaled = |noise: &Noise, variance: f64| {
            span.scale(noise.normal(d, space), |_, h| (variance * h).sqrt())
        };
        let dh = area.then(|| scaled(&noise.purpose("area"), 1.0 / 12.0));
        Self { dw: scaled(noise, 1.0), dh }
    }

    /// `H`.
    ///
    /// # Panics
    /// When it was not drawn: the method that calls this declares `AREA = true`.
    #[must_use]
    pub fn area(&self) -> Tensor<2> {
        self.dh.clone().unwrap_or_else(|| panic!("a method that takes areas declares AREA"))
    }

    /// `χ = I₍₁,₀₎/h = ½ ΔW + H`, the path's average over the step, measured from its start.
    ///
    /// # Panics
    /// As [`Increment::area`].
    #[must_use]
    pub fn average(&self) -> Tensor<2> {
        Terms::default().plus(0.5, self.dw.clone()).plus(1.0, self.area()).sum()
    }
}
