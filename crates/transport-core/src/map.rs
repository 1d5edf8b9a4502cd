//! Transport maps: push-forwards, invertible maps, paths, and the law they make of a reference.

mod chain;

pub use chain::Chain;

use crate::device::{Space, to_host};
use crate::law::{Density, Empirical, Law, LawError};
use crate::linalg::transpose;
use crate::noise::Noise;
use burn::tensor::Tensor;

/// A map or Markov kernel `T` that carries points of the reference to points of the data.
pub trait PushForward: Send + Sync {
    /// `T(z)`, or one draw of the kernel `T(· | z)` for each row.
    ///
    /// # Shapes
    /// `z`: `[n, d]`. `noise` names the same `n` samples; a deterministic map ignores it.
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2>;

    /// Many draws of the kernel `T(· | z)` at one point, one for each sample that `noise` names.
    ///
    /// # Shapes
    /// `z`: `[1, d]`; returns `[noise.len(), d]`.
    fn draws_at(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let d = z.dims()[1];
        self.push(z.expand([noise.len(), d]), noise)
    }
}

/// A map with an inverse and a tractable Jacobian.
pub trait Invertible: PushForward {
    /// `T⁻¹(x)` and `log |det ∂T⁻¹/∂x|`, fused.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]` and `[n]`.
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>);
}

/// A push-forward that passes through intermediate times.
pub trait Path: PushForward {
    /// The states at each of `knots`, increasing times in `[0, 1]`, of the path that starts at `z`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; each state `[n, d]`.
    fn trace(&self, z: Tensor<2>, knots: &[f64], noise: &Noise) -> Trajectory;
}

/// States along a path.
#[derive(Clone, Debug)]
pub struct Trajectory {
    /// The times, on the clock of what was followed.
    pub times: Vec<f64>,
    /// The state at each time, `[n, d]`.
    pub states: Vec<Tensor<2>>,
}

impl Trajectory {
    /// The family (q_t) as empirical laws, a time with each.
    ///
    /// # Errors
    /// [`LawError::Size`] when the states have no rows.
    pub fn laws(&self) -> Result<Vec<(f64, Empirical)>, LawError> {
        let law =
            |(t, x): (&f64, &Tensor<2>)| Ok((*t, Empirical::new(to_host(x.clone()), x.dims()[1])?));
        self.times.iter().zip(&self.states).map(law).collect()
    }
}

/// A reference law and the map that pushes it forward: `T_# μ₀`.
///
/// It is a [`Law`] always, and a [`Density`] when the map is [`Invertible`]:
///
/// ```text
/// log p(x) = log p₀(T⁻¹(x)) + log |det ∂T⁻¹/∂x|
/// ```
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Density, Law, Noise, Space, Transport, device, law::Gaussian, map::Affine};
/// let space = Space::f64(&device::select(None).unwrap());
/// let law = Transport {
///     reference: Gaussian::standard(1),
///     map: Affine::new(vec![2.0], vec![1.0]).unwrap(),
/// };
/// let x = law.sample(&Noise::new(0, 4), &space);
/// let exact = Gaussian::isotropic(vec![1.0], 2.0).log_prob(x.clone());
/// let gap = (law.log_prob(x) - exact).abs().max().into_scalar::<f64>();
/// assert!(gap < 1e-12);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport<R, T> {
    /// The easy law `μ₀`.
    pub reference: R,
    /// The map `T`.
    pub map: T,
}

impl<R: Law, T: PushForward> Law for Transport<R, T> {
    fn dim(&self) -> usize {
        self.reference.dim()
    }

    fn sample(&self, noise: &Noise, space: &Space) -> Tensor<2> {
        let z = self.reference.sample(&noise.purpose("reference"), space);
        self.map.push(z, &noise.purpose("map"))
    }
}

impl<R: Density, T: Invertible> Density for Transport<R, T> {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let (z, log_det) = self.map.pull(x);
        self.reference.log_prob(z) + log_det
    }
}

/// The affine map `T(z) = L z + m` with `L` lower triangular: what a Gaussian is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    lower: Vec<f64>,
    inverse: Vec<f64>,
    shift: Vec<f64>,
}

/// The matrix has a zero (or not finite) entry on its diagonal, or the wrong size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a triangular map needs a finite non-zero diagonal and d² = {expected} entries")]
pub struct SingularMap {
    /// The number of entries that the shift's length asks for.
    pub expected: usize,
}

impl Affine {
    /// `T(z) = L z + m`; `lower` is `[d, d]` row-major and what stands above its diagonal is
    /// not read.
    ///
    /// # Errors
    /// [`SingularMap`] when a diagonal entry is zero or the size is wrong.
    pub fn new(lower: Vec<f64>, shift: Vec<f64>) -> Result<Self, SingularMap> {
        let d = shift.len();
        let regular = lower.len() == d * d
            && (0..d).all(|i| lower[i * d + i] != 0.0 && lower[i * d + i].is_finite());
        if !regular {
            return Err(SingularMap { expected: d * d });
        }
        let lower: Vec<f64> =
            (0..d * d).map(|k| if k % d <= k / d { lower[k] } else { 0.0 }).collect();
        let inverse = crate::linalg::invert_lower(&lower, d);
        Ok(Self { lower, inverse, shift })
    }
}

impl PushForward for Affine {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        let (d, space) = (self.shift.len(), Space::of(&z));
        z.matmul(space.tensor(transpose(&self.lower, d), [d, d]))
            + space.tensor(self.shift.clone(), [1, d])
    }
}

impl Invertible for Affine {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let (d, n, space) = (self.shift.len(), x.dims()[0], Space::of(&x));
        let log_det: f64 = (0..d).map(|i| -self.lower[i * d + i].abs().ln()).sum();
        let z = (x - space.tensor(self.shift.clone(), [1, d]))
            .matmul(space.tensor(transpose(&self.inverse, d), [d, d]));
        (z, space.tensor(vec![log_det; n], [n]))
    }
}
