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
    w: Scaled,
    area: Option<Scaled>,
}

/// `c v`, not multiplied out: sums take the factor into their weights.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    pub(super) factor: f64,
    pub(super) values: Tensor<2>,
}

impl Scaled {
    fn plain(values: Tensor<2>) -> Self {
        Self { factor: 1.0, values }
    }

    fn value(&self) -> Tensor<2> {
        match self.factor {
            1.0 => self.values.clone(),
            c => self.values.clone().mul_scalar(c),
        }
    }
}

impl Increment {
    /// `ΔW`, and `H` where there is one.
    ///
    /// # Shapes
    /// `dw`, `dh`: `[n, d]`.
    #[must_use]
    pub fn new(dw: Tensor<2>, dh: Option<Tensor<2>>) -> Self {
        Self { w: Scaled::plain(dw), area: dh.map(Scaled::plain) }
    }

    /// Fresh draws for one step: `ΔW` from `noise`, `H` from its purpose "area".
    ///
    /// `ΔW` is the same whether `H` is asked for or not.
    #[must_use]
    pub fn draw(noise: &Noise, d: usize, span: Span<'_>, area: bool, space: &Space) -> Self {
        let scaled = |noise: &Noise, variance: f64| {
            let (normal, scale) = (noise.normal(d, space), |h: f64| (variance * h).sqrt());
            match span {
                Span::Same { h, .. } => Scaled { factor: scale(h), values: normal },
                Span::Each { .. } => Scaled::plain(span.scale(normal, |_, h| scale(h))),
            }
        };
        let dh = area.then(|| scaled(&noise.purpose("area"), 1.0 / 12.0));
        Self { w: scaled(noise, 1.0), area: dh }
    }

    /// `ΔW`, `[n, d]`.
    #[must_use]
    pub fn dw(&self) -> Tensor<2> {
        self.w.value()
    }

    /// `H`, `[n, d]`.
    ///
    /// # Panics
    /// When it was not drawn: the method that calls this declares [`super::SdeMethod::AREA`].
    #[must_use]
    pub fn area(&self) -> Tensor<2> {
        self.h().value()
    }

    pub(super) fn w(&self) -> &Scaled {
        &self.w
    }

    pub(super) fn h(&self) -> &Scaled {
        self.area.as_ref().unwrap_or_else(|| panic!("a method that takes areas declares AREA"))
    }

    /// `χ = I₍₁,₀₎/h = ½ ΔW + H`, the path's average over the step, measured from its start.
    ///
    /// # Panics
    /// As [`Increment::area`].
    #[must_use]
    pub fn average(&self) -> Tensor<2> {
        Terms::default().multiple(0.5, self.w()).multiple(1.0, self.h()).sum()
    }
}
