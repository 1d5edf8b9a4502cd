//! Laws: what is sampled from, and what is known about it in closed form.
//!
//! The oracles ([`Gaussian`], [`Mixture`], the [`plane`] laws) keep their parameters as host f64
//! and compute on whatever device and dtype the points come in.

mod banana;
mod empirical;
mod funnel;
mod gamma;
mod gaussian;
mod memorisation;
mod mixture;
mod noised;
pub mod plane;
pub mod simulator;

pub use banana::Banana;
pub use empirical::{Empirical, NoisedEmpirical};
pub use funnel::Funnel;
pub use gamma::Gamma;
pub use gaussian::Gaussian;
pub use memorisation::{ExcessLoss, excess_loss};
pub use mixture::Mixture;
pub use noised::{Noisable, OracleFlow, Posterior, PosteriorJvp, by_time};

use crate::device::Space;
use crate::linalg::NotPositiveDefinite;
use crate::noise::{Noise, Stream};
use burn::tensor::Tensor;

/// A law that can be sampled.
pub trait Law: Send + Sync {
    /// The dimension `d` of its points.
    fn dim(&self) -> usize;

    /// One point for each sample that `noise` names.
    ///
    /// # Shapes
    /// Returns `[noise.len(), d]`.
    fn sample(&self, noise: &Noise, space: &Space) -> Tensor<2>;
}

/// A law with a computable density.
pub trait Density: Send + Sync {
    /// `log p(x)`, in nats.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n]`.
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1>;
}

/// The standard error of an estimate, row by row, `[n]`.
#[derive(Clone, Debug)]
pub struct StdErr(pub Tensor<1>);

/// A law whose log-density is estimated, without bias, from random draws.
pub trait DensityEstimate: Send + Sync {
    /// An estimate of `log p(x)` in nats, and its standard error. A row's estimate depends on its
    /// own draws only.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, and `noise` names its `n` samples; returns two `[n]`.
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr);
}

/// A law with a computable score.
pub trait Score: Send + Sync {
    /// `∇ log p(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn score(&self, x: Tensor<2>) -> Tensor<2>;
}

/// A law that is drawn point by point, each from its sample's own stream.
pub trait PointLaw: Send + Sync {
    /// The dimension `d` of its points.
    fn dim(&self) -> usize;

    /// Draws one point into `out`, which has length `d`.
    fn draw(&self, stream: &mut Stream, out: &mut [f64]);

    /// One point for each sample that `noise` names, row-major on the host.
    fn draws(&self, noise: &Noise) -> Vec<f64> {
        let d = self.dim();
        let mut values = vec![0.0; noise.len() * d];
        for (row, out) in values.chunks_exact_mut(d).enumerate() {
            self.draw(&mut noise.stream(row), out);
        }
        values
    }
}

impl<L: PointLaw + ?Sized> PointLaw for Box<L> {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        (**self).draw(stream, out);
    }
}

impl<L: PointLaw + ?Sized> Law for L {
    fn dim(&self) -> usize {
        PointLaw::dim(self)
    }

    fn sample(&self, noise: &Noise, space: &Space) -> Tensor<2> {
        space.tensor(self.draws(noise), [noise.len(), PointLaw::dim(self)])
    }
}

/// Parameters that do not make a law.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LawError {
    /// Sizes that do not fit together.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// Which parameter.
        what: &'static str,
        /// How many it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A covariance that is not positive definite.
    #[error("the covariance is degenerate: {0}")]
    Covariance(#[from] NotPositiveDefinite),
    /// A weight that is negative, not finite, or all of them zero.
    #[error("weight {index} is {value}: weights are finite, not negative, and not all zero")]
    Weight {
        /// Which weight.
        index: usize,
        /// Its value.
        value: f64,
    },
}
