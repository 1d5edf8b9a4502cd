//! A Brownian path that can be asked for at any time, at any resolution, in any order.

use super::walk::Walk;
use super::{Increment, Span};
use burn::tensor::Tensor;
use transport_core::{Interval, Noise, Space, Times};

/// A virtual Brownian tree: for each sample a path `W` on an interval, and its space-time areas.
///
/// ```text
/// node (l, k):   [start + k L/2ˡ, start + (k + 1) L/2ˡ],   its (ΔW, H) follows from its parent's
/// ```
///
/// The draws that split a node are a function of (seed, sample, node): nothing is stored, every
/// question about the path has one answer whatever was asked before it, and a coarse increment is
/// the sum of the fine ones. The joint law of `(ΔW, H)` over intervals is exact wherever their ends
/// lie on the dyadic times `start + k L/2^depth`, or in different leaves: inside a leaf, the
/// smallest interval, one cut is exact and several share its draws. So the tolerance, a leaf's
/// length, is chosen below the smallest step.
///
/// Times closer than 10⁻⁶ leaves to a dyadic one are taken to be it.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Interval, Noise, Space, Times, device, device::to_host};
/// use transport_sde::method::sde::BrownianTree;
/// let space = Space::f64(&device::select(None).unwrap());
/// let tree = BrownianTree::new(&Noise::new(1, 3), 2, Interval::UNIT, 1e-4).unwrap();
/// let w = |from, to| tree.increment(Times::Same(from), Times::Same(to), &space).dw();
/// let gap = w(0.0, 0.7) - (w(0.0, 0.31) + w(0.31, 0.7));
/// assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12));
/// # }
/// ```
/// # References
/// Li, Wong, Chen & Duvenaud (2020), "Scalable gradients for stochastic differential equations";
/// Jelinčič, Foster & Kidger (2024), for areas and exact laws at any time.
/// # Checked by
/// `tests/it/tree.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct BrownianTree {
    pub(super) noise: Noise,
    pub(super) dim: usize,
    interval: Interval,
    pub(super) depth: u32,
}

/// A tree that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// An interval without length, or not finite.
    #[error("a Brownian path needs a finite interval with start < end, not [{start}, {end}]")]
    Interval {
        /// Its start.
        start: f64,
        /// Its end.
        end: f64,
    },
    /// A tolerance that is not positive, or too fine.
    #[error("the tolerance of a Brownian path is at least {smallest} here, not {tolerance}")]
    Tolerance {
        /// What was asked for.
        tolerance: f64,
        /// The interval's length over 2³⁰.
        smallest: f64,
    },
}

/// The deepest tree: node numbers stay below 2³¹.
const DEEPEST: u32 = 30;
/// In leaves: what counts as on a dyadic time.
const SNAP: f64 = 1e-6;

impl BrownianTree {
    /// The paths of `noise`'s samples in `dim` dimensions, with leaves no longer than `tolerance`.
    ///
    /// # Errors
    /// [`TreeError`] when the interval is empty, or the tolerance not positive or below its length
    /// over 2³⁰.
    ///
    /// # Panics
    /// When `dim` is 0.
    pub fn new(
        noise: &Noise,
        dim: usize,
        interval: Interval,
        tolerance: f64,
    ) -> Result<Self, TreeError> {
        assert!(dim > 0, "a path in no dimensions");
        let Interval { start, end } = interval;
        if !(start.is_finite() && end.is_finite() && start < end) {
            return Err(TreeError::Interval { start, end });
        }
        let smallest = interval.length() / f64::from(1u32 << DEEPEST);
        if !(tolerance >= smallest && tolerance.is_finite()) {
            return Err(TreeError::Tolerance { tolerance, smallest });
        }
        // The guard against rounding: a tolerance of exactly L/2ˡ has depth l.
        let depth = ((interval.length() / tolerance).log2() - 1e-9).ceil().max(0.0);
        Ok(Self { noise: noise.purpose("brownian tree"), dim, interval, depth: depth as u32 })
    }

    /// The interval.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The levels below the root.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// A leaf's length: the path's resolution.
    #[must_use]
    pub fn leaf(&self) -> f64 {
        self.interval.length() / f64::from(1u32 << self.depth)
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.noise.len()
    }

    /// The paths of a sub-range of the samples.
    ///
    /// # Panics
    /// When the range reaches beyond the samples.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        Self { noise: self.noise.rows(rows), ..self.clone() }
    }

    /// Someone who walks along the paths, and remembers the branch that he stands on.
    #[must_use]
    pub fn walk(&self) -> Walk {
        Walk::new(self)
    }

    /// `W_t − W_start`.
    ///
    /// # Shapes
    /// Returns `[n, dim]`.
    ///
    /// # Panics
    /// When a time lies outside the interval.
    #[must_use]
    pub fn value(&self, t: Times<'_>, space: &Space) -> Tensor<2> {
        self.increment(Times::Same(self.interval.start), t, space).dw()
    }

    /// `(ΔW, H)` over `[from, to]`.
    ///
    /// # Shapes
    /// Returns `[n, dim]` each.
    ///
    /// # Panics
    /// When a time lies outside the interval, or `from > to`.
    #[must_use]
    pub fn increment(&self, from: Times<'_>, to: Times<'_>, space: &Space) -> Increment {
        let n = self.samples();
        let each = |t: Times<'_>| match t {
            Times::Same(t) => vec![t; n],
            Times::Each(ts) => ts.to_vec(),
        };
        let (t, to) = (each(from), each(to));
        let h: Vec<f64> = t.iter().zip(&to).map(|(from, to)| to - from).collect();
        self.walk().increment(Span::Each { t: &t, h: &h }, true, space)
    }

    /// A time in leaves from the start, moved onto a dyadic time that it is nearly on.
    pub(super) fn place(&self, t: f64) -> f64 {
        let last = f64::from(1u32 << self.depth);
        let place = (t - self.interval.start) / self.interval.length() * last;
        let inside = (-SNAP..=last + SNAP).contains(&place);
        let Interval { start, end } = self.interval;
        assert!(inside, "t = {t} is outside of the path's interval [{start}, {end}]");
        let near = place.round();
        if (place - near).abs() < SNAP { near } else { place }
    }

    /// The inverse of [`BrownianTree::place`].
    pub(super) fn time(&self, place: f64) -> f64 {
        let last = f64::from(1u32 << self.depth);
        self.interval.start + self.interval.length() * (place / last)
    }
}
