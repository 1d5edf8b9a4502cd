//! The ground cost `c(xᵢ, yⱼ)`: between points, by a closure, or given as a matrix.
//!
//! Solvers read rows of it and never hold all of it: points take `O((n + m) d)` memory. The one
//! reduction that they are made of is the soft minimum,
//!
//! ```text
//! softmin_ε(h)ᵢ = −ε log Σⱼ exp((hⱼ − cᵢⱼ)/ε)   →   minⱼ (cᵢⱼ − hⱼ)   as ε → 0
//! ```
//!
//! which [`Euclidean`] computes from the points, in tiles, with vector instructions.

mod euclidean;
mod given;
mod real;
mod soft_min;
mod sweep;
mod tiles;

pub use euclidean::Euclidean;
pub use given::{Function, Matrix};
pub use real::Real;
pub(crate) use soft_min::{exponentials, highest};

use transport_core::Noise;

/// A side of a transport problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The measure that is transported, `Σᵢ aᵢ δ_{xᵢ}`.
    Source,
    /// The measure that it is transported onto, `Σⱼ bⱼ δ_{yⱼ}`.
    Target,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

/// A cost between `n` source points and `m` target points.
///
/// Implementors hold finite costs only; constructors check it.
pub trait Cost: Sync {
    /// `[n, m]`.
    fn shape(&self) -> [usize; 2];

    /// The costs between point `index` of `side` and every point of the other side.
    ///
    /// # Panics
    /// When `out` is not as long as the other side, or there is no such point.
    fn row(&self, side: Side, index: usize, out: &mut [f64]);

    /// `softmin_ε(h)` for every point of `side`, where `h` lives on the other side; minus infinity
    /// in `h` leaves a point out.
    ///
    /// # Panics
    /// When `h` or `out` has the wrong length.
    fn soft_min(&self, side: Side, h: &[f64], epsilon: f64, out: &mut [f64]) {
        soft_min::by_rows(self, side, h, epsilon, out);
    }

    /// An iteration in one reading of all pairs, where there is a way to it: the soft minimum `f` of
    /// `g + ε log b` for the source, and that of `f + ε log a` for the target.
    ///
    /// # Panics
    /// When lengths differ.
    fn sweep(&self, _g: &[f64], _weights: [&[f64]; 2], _epsilon: f64) -> Option<[Vec<f64>; 2]> {
        None
    }

    /// `[Σ P, Σ P c]` of the plan `P = a ⊗ b exp((f ⊕ g − c)/ε)` with these potentials.
    ///
    /// # Panics
    /// When lengths differ.
    fn totals(&self, potentials: [&[f64]; 2], weights: [&[f64]; 2], epsilon: f64) -> [f64; 2] {
        soft_min::totals_by_rows(self, potentials, weights, epsilon)
    }

    /// The same cost between some of the points, `[source, target]`, where that takes little to
    /// make. It serves as a start for many points; not a result.
    fn part(&self, _chosen: [&[usize]; 2]) -> Option<Box<dyn Cost + '_>> {
        None
    }

    /// The number of points of a side.
    fn size(&self, side: Side) -> usize {
        match side {
            Side::Source => self.shape()[0],
            Side::Target => self.shape()[1],
        }
    }

    /// The largest cost of a few rows spread over the source: what "large" means here. It sets
    /// where an annealed ε starts, not a result.
    fn scale(&self) -> f64 {
        let [n, m] = self.shape();
        let mut row = vec![0.0; m];
        let mut largest = 0f64;
        for i in (0..n).step_by(n.div_ceil(16)) {
            self.row(Side::Source, i, &mut row);
            largest = row.iter().fold(largest, |l, c| l.max(c.abs()));
        }
        largest
    }
}

/// Pairs of points up to which one thread does all the work: waking others takes longer.
pub(crate) const ALONE: usize = 1 << 16;

/// A random part of `size` points, the same for every problem of this size: one in `share`.
pub(crate) fn random_part(size: usize, side: u64, share: usize) -> Vec<usize> {
    let noise = Noise::new(size as u64, 1).purpose("a part").at_step(side);
    let mut order = noise.permutation(size);
    order.truncate(size.div_ceil(share));
    order
}
