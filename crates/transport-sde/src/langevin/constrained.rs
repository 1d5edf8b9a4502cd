//! A target on constrained parameters, carried over to all of `ℝᵈ`.

use super::{Target, Transform, TransformError};
use burn::tensor::Tensor;

/// The law of the free coordinates `u` when `x(u)` follows a target.
///
/// ```text
/// log π(u) = log p̃(x(u)) + Σ log|J(u)|,    ∇ᵤ log π = Jᵀ ∇ₓ log p̃ + ∇ᵤ Σ log|J|
/// ```
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// use transport_sde::langevin::{Constrained, LogDensity, Target, Transform};
/// // x ~ Exp(1) on x > 0: log p̃ = −x. In u = log x: u − eᵘ, with slope 1 − eᵘ.
/// let exponential = LogDensity::new(|x| x.neg().squeeze_dim(1));
/// let target = Constrained::new(exponential, vec![Transform::POSITIVE]).unwrap();
/// let u = Space::f64(&device::select(None).unwrap()).tensor(vec![0.0], [1, 1]);
/// let (log_density, score) = target.log_density_and_score(u);
/// assert_eq!((log_density.into_scalar::<f64>(), score.into_scalar::<f64>()), (-1.0, 0.0));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Constrained<T> {
    target: T,
    transforms: Vec<Transform>,
}

impl<T> Constrained<T> {
    /// A target on parameters that stand in the order of the transforms.
    ///
    /// # Errors
    /// [`TransformError`] for bounds that are not in order and blocks without parameters.
    pub fn new(target: T, transforms: Vec<Transform>) -> Result<Self, TransformError> {
        transforms.iter().enumerate().try_for_each(|(i, t)| t.check(i))?;
        Ok(Self { target, transforms })
    }

    /// The number of free coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.transforms.iter().map(Transform::free).sum()
    }

    /// The parameters, `x(u)`.
    ///
    /// # Shapes
    /// `u`: `[n, dim]`; returns `[n, width]`.
    #[must_use]
    pub fn constrain(&self, u: Tensor<2>) -> Tensor<2> {
        self.forward(&u).0
    }

    /// The free coordinates of parameters inside their constraints.
    ///
    /// # Shapes
    /// `x`: `[n, width]`; returns `[n, dim]`.
    #[must_use]
    pub fn unconstrain(&self, x: &Tensor<2>) -> Tensor<2> {
        let blocks = blocks(x, &self.transforms, Transform::width);
        Tensor::cat(self.transforms.iter().zip(blocks).map(|(t, x)| t.inverse(x)).collect(), 1)
    }

    /// `x(u)`, and `log|J|` of each block.
    fn forward(&self, u: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let parts = blocks(u, &self.transforms, Transform::free);
        let both = self.transforms.iter().zip(parts).map(|(t, u)| t.forward(u));
        let (x, log_det): (Vec<_>, Vec<_>) = both.unzip();
        (Tensor::cat(x, 1), Tensor::cat(log_det, 1))
    }
}

impl<T: Target> Target for Constrained<T> {
    fn log_density_and_score(&self, u: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (x, log_det) = self.forward(&u);
        let (log_density, score) = self.target.log_density_and_score(x.clone());
        let parts = blocks(&u, &self.transforms, Transform::free)
            .zip(blocks(&x, &self.transforms, Transform::width))
            .zip(blocks(&score, &self.transforms, Transform::width));
        let pulled = self.transforms.iter().zip(parts);
        let pulled = pulled.map(|(t, ((u, x), g))| t.pull_back(u, x, g)).collect();
        (log_density + log_det.sum_dim(1).squeeze_dim(1), Tensor::cat(pulled, 1))
    }
}

/// The columns of each transform.
///
/// # Panics
/// When the columns are not as many as the transforms need.
fn blocks<'a>(
    x: &'a Tensor<2>,
    transforms: &'a [Transform],
    size: fn(&Transform) -> usize,
) -> impl Iterator<Item = Tensor<2>> + 'a {
    let total: usize = transforms.iter().map(size).sum();
    assert_eq!(x.dims()[1], total, "the transforms take {total} columns");
    let mut start = 0;
    transforms.iter().map(move |t| {
        let width = size(t);
        start += width;
        x.clone().narrow(1, start - width, width)
    })
}
