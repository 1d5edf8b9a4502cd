//! Time as host `f64`: one value for a batch, or one per row.

use crate::device::Space;
use burn::tensor::Tensor;

/// The times of a batch.
///
/// Time stays on the host in double precision and becomes a column at a network's edge only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times<'a> {
    /// The whole batch is at one time.
    Same(f64),
    /// Row `i` is at `times[i]`.
    Each(&'a [f64]),
}

impl Times<'_> {
    /// `f(t)` as a `[1, 1]` tensor (one time) or `[n, 1]` column (one per row), which broadcasts
    /// against `[n, d]`.
    #[must_use]
    pub fn column(&self, space: &Space, f: impl Fn(f64) -> f64) -> Tensor<2> {
        match self {
            Self::Same(t) => space.column(&[f(*t)]),
            Self::Each(ts) => space.column(&ts.iter().map(|t| f(*t)).collect::<Vec<_>>()),
        }
    }

    /// `a(t) ⊙ x`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    ///
    /// # Panics
    /// When there is one time per row and the numbers differ.
    #[must_use]
    pub fn scale(&self, x: Tensor<2>, a: impl Fn(f64) -> f64) -> Tensor<2> {
        match self {
            Self::Same(t) => x.mul_scalar(a(*t)),
            Self::Each(ts) => {
                self.check(x.dims()[0]);
                let space = Space::of(&x);
                let column = space.column(&ts.iter().map(|t| a(*t)).collect::<Vec<_>>());
                x * column
            }
        }
    }

    /// Panics unless `n` rows can carry these times.
    ///
    /// # Panics
    /// When there is one time per row and the numbers differ.
    pub fn check(&self, n: usize) {
        if let Self::Each(ts) = self {
            assert_eq!(ts.len(), n, "{} times for {n} rows", ts.len());
        }
    }
}

/// A closed interval `[start, end]` of a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub start: f64,
    /// Its upper end.
    pub end: f64,
}

impl Interval {
    /// `[0, 1]`.
    pub const UNIT: Self = Self { start: 0.0, end: 1.0 };

    /// Whether `t` lies inside, ends included.
    #[must_use]
    pub fn contains(&self, t: f64) -> bool {
        (self.start..=self.end).contains(&t)
    }

    /// `end − start`.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.end - self.start
    }
}
