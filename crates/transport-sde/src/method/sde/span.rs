//! The interval `[t, t + h]` of a step, one for the batch or one per row.

use burn::tensor::Tensor;
use transport_core::{Space, Times};

/// `[t, t + h]`, `h > 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span<'a> {
    /// All rows take the same step.
    Same {
        /// Where it starts.
        t: f64,
        /// Its length.
        h: f64,
    },
    /// Row `i` steps from `t[i]` to `t[i] + h[i]`.
    Each {
        /// Where the rows start.
        t: &'a [f64],
        /// How far they go.
        h: &'a [f64],
    },
}

impl Span<'_> {
    /// `t + c h`.
    #[must_use]
    pub fn at(&self, c: f64) -> Moment {
        match self {
            Self::Same { t, h } => Moment::Same(t + c * h),
            Self::Each { t, h } => Moment::Each(t.iter().zip(*h).map(|(t, h)| t + c * h).collect()),
        }
    }

    /// `f(t, h) ⊙ x`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    ///
    /// # Panics
    /// When there is one step per row and the numbers differ.
    #[must_use]
    pub fn scale(&self, x: Tensor<2>, f: impl Fn(f64, f64) -> f64) -> Tensor<2> {
        match self {
            Self::Same { t, h } => x.mul_scalar(f(*t, *h)),
            Self::Each { t, h } => {
                assert_eq!((t.len(), h.len()), (x.dims()[0], x.dims()[0]), "steps and rows");
                let factors: Vec<f64> = t.iter().zip(*h).map(|(t, h)| f(*t, *h)).collect();
                let column = Space::of(&x).column(&factors);
                x * column
            }
        }
    }

    /// `h c ⊙ x`: what a drift is multiplied with.
    #[must_use]
    pub fn times_h(&self, x: Tensor<2>, c: f64) -> Tensor<2> {
        self.scale(x, |_, h| c * h)
    }

    /// `h` itself, as `[1, 1]` or `[n, 1]`.
    pub(super) fn h_column(&self, space: &Space) -> Tensor<2> {
        match self {
            Self::Same { h, .. } => space.column(&[*h]),
            Self::Each { h, .. } => space.column(h),
        }
    }
}

/// A time inside a [`Span`], which owns what [`Times`] borrows.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// One for the batch.
    Same(f64),
    /// One per row.
    Each(Vec<f64>),
}

impl Moment {
    /// As the argument of a drift.
    #[must_use]
    pub fn times(&self) -> Times<'_> {
        match self {
            Self::Same(t) => Times::Same(*t),
            Self::Each(t) => Times::Each(t),
        }
    }
}
