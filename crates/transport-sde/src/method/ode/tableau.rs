//! Butcher tableaux: explicit Runge–Kutta methods as data.
//!
//! ```text
//! kᵢ = v(x + h Σⱼ aᵢⱼ kⱼ, t + cᵢ h),    x(t+h) = x + h Σᵢ bᵢ kᵢ
//! ```
//!
//! One engine walks any of them; a method is its constants.
//!
//! # References
//! Hairer, Nørsett & Wanner (1993), "Solving ordinary differential equations I", §II.1 to II.6.

use burn::tensor::Tensor;
use transport_core::{Field, Space, Times};
use transport_kernels::combination::{Factor, combine};

/// An explicit Runge–Kutta method.
#[derive(Clone, Copy, Debug)]
pub struct Tableau {
    /// Its order.
    pub order: usize,
    /// The nodes `cᵢ`, starting with 0.
    pub c: &'static [f64],
    /// The rows `aᵢ₁ … aᵢ,ᵢ₋₁`; the first is empty.
    pub a: &'static [&'static [f64]],
    /// The weights `bᵢ`.
    pub b: &'static [f64],
}

/// The error estimates of an embedded pair: `h Σᵢ eᵢ kᵢ` with `e = b − b̂`.
///
/// A row with one entry more than the method has stages reads `v(x(t+h), t+h)` as its last: the
/// first stage of the next step, so it costs nothing ("first same as last").
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// The order of each embedded method.
    pub orders: &'static [usize],
    /// The weights `e` of each.
    pub rows: &'static [&'static [f64]],
}

/// A continuous extension over a step, θ ∈ [0, 1]:
///
/// ```text
/// x(t + θh) = x + θ(F₀ + (1−θ)(F₁ + θ(F₂ + (1−θ)(F₃ + …))))
/// F₀ = x(t+h) − x,   F₁ = h k₁ − F₀,   F₂ = 2F₀ − h(k₁ + v(x(t+h), t+h)),   F₃₊ⱼ = h Σᵢ dⱼᵢ kᵢ
/// ```
///
/// `F₀ … F₂` alone are the cubic Hermite interpolant. The stages that `d` reads are the method's,
/// then `v(x(t+h), t+h)`, then those of `c` and `a`, evaluated only when a state is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// Its order: the error of a step's interior is `O(h^{order+1})`.
    pub order: usize,
    /// The nodes of further stages.
    pub c: &'static [f64],
    /// Their rows.
    pub a: &'static [&'static [f64]],
    /// The rows of the coefficients from `F₃` on.
    pub d: &'static [&'static [f64]],
}

impl Dense {
    /// The cubic Hermite interpolant through both ends.
    pub const HERMITE: Self = Self { order: 3, c: &[], a: &[], d: &[] };
}

/// A step from `t` to `t + h`, shared by a batch or one for each row.
#[derive(Clone, Debug)]
pub enum Span<'a> {
    /// The whole batch steps together.
    Same {
        /// Where the step starts.
        t: f64,
        /// Its length.
        h: f64,
    },
    /// Row `i` steps from `t[i]` by `h[i]`.
    Each {
        /// Where each row's step starts.
        t: &'a [f64],
        /// Its length.
        h: &'a [f64],
    },
}

impl<'a> Span<'a> {
    /// A step of its own for each row.
    #[must_use]
    pub fn each(t: &'a [f64], h: &'a [f64]) -> Self {
        Self::Each { t, h }
    }

    /// `v(x, t + c h)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn eval(&self, field: &dyn Field, x: Tensor<2>, c: f64) -> Tensor<2> {
        match self {
            Self::Same { t, h } => field.eval(x, Times::Same(t + c * h)),
            Self::Each { t, h } => {
                let at: Vec<f64> = t.iter().zip(*h).map(|(t, h)| t + c * h).collect();
                field.eval(x, Times::Each(&at))
            }
        }
    }

    /// `t` and `h` of each of `n` rows.
    #[must_use]
    pub fn rows(&self, n: usize) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Same { t, h } => (vec![*t; n], vec![*h; n]),
            Self::Each { t, h } => (t.to_vec(), h.to_vec()),
        }
    }

    /// `x + h Σᵢ wᵢ kᵢ` over the weights that are not zero, row by row, or without the `x`: one
    /// pass over memory.
    ///
    /// # Shapes
    /// `x` and each of `stages`: `[n, d]`.
    ///
    /// # Panics
    /// When all weights are zero.
    #[must_use]
    pub fn combine(
        &self,
        x: Option<&Tensor<2>>,
        weights: &[f64],
        stages: &[Tensor<2>],
    ) -> Tensor<2> {
        let factor = match self {
            Self::Same { h, .. } => Factor::Same(*h),
            Self::Each { h, .. } => Factor::Each(h),
        };
        let terms = weights.iter().zip(stages).filter(|(w, _)| **w != 0.0);
        let (weights, stages): (Vec<f64>, Vec<Tensor<2>>) =
            terms.map(|(w, k)| (*w, k.clone())).unzip();
        combine(x, factor, &weights, &stages)
    }

    /// `x/h`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn divide(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Same { h, .. } => x.div_scalar(*h),
            Self::Each { h, .. } => {
                let column = Space::of(&x).column(h);
                x / column
            }
        }
    }

    /// `h x`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn scale(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Same { h, .. } => x.mul_scalar(*h),
            Self::Each { h, .. } => {
                let column = Space::of(&x).column(h);
                x * column
            }
        }
    }
}

/// `Σᵢ wᵢ kᵢ` over the weights that are not zero.
///
/// # Panics
/// When all of them are.
#[must_use]
pub fn weighted(weights: &[f64], stages: &[Tensor<2>]) -> Tensor<2> {
    let terms = weights.iter().zip(stages).filter(|(w, _)| **w != 0.0);
    let sum = terms.map(|(w, k)| k.clone().mul_scalar(*w)).reduce(|sum, term| sum + term);
    #[allow(clippy::expect_used)]
    sum.expect("a combination has a weight that is not zero")
}

/// Appends the stages of `a` and `c` to those known.
pub(crate) fn extend(
    stages: &mut Vec<Tensor<2>>,
    (c, a): (&[f64], &[&[f64]]),
    field: &dyn Field,
    x: &Tensor<2>,
    span: &Span<'_>,
) {
    for (c, row) in c.iter().zip(a) {
        let at = span.combine(Some(x), row, stages);
        stages.push(span.eval(field, at, *c));
    }
}

impl Tableau {
    /// All stages, from the first.
    ///
    /// # Shapes
    /// `x`, `k1`: `[n, d]`; each stage `[n, d]`.
    #[must_use]
    pub fn stages(
        &self,
        field: &dyn Field,
        x: &Tensor<2>,
        k1: Tensor<2>,
        span: &Span<'_>,
    ) -> Vec<Tensor<2>> {
        let mut stages = vec![k1];
        extend(&mut stages, (&self.c[1..], &self.a[1..]), field, x, span);
        stages
    }

    /// `x(t + h)` from the stages.
    #[must_use]
    pub fn advance(&self, x: Tensor<2>, stages: &[Tensor<2>], span: &Span<'_>) -> Tensor<2> {
        span.combine(Some(&x), self.b, stages)
    }

    /// One step from `x` and its slope `k1 = v(x, t)`.
    #[must_use]
    pub fn step(
        &self,
        field: &dyn Field,
        x: Tensor<2>,
        k1: Tensor<2>,
        span: &Span<'_>,
    ) -> Tensor<2> {
        let stages = self.stages(field, &x, k1, span);
        self.advance(x, &stages, span)
    }
}
