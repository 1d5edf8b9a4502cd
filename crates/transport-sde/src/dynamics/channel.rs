//! Linear-Gaussian channels and their exact reverse kernels.
//!
//! ```text
//! X_t | X_s ~ N(A X_s, Q),     X_s ~ N(m, C)   ⟹   X_s | X_t ~ N(m + K (X_t − A m), V)
//! C_t = A C Aᵀ + Q,     K = C Aᵀ C_t⁻¹,     V = (I − K A) C (I − K A)ᵀ + K Q Kᵀ
//! ```
//!
//! A mixture's reverse kernel draws the component from its posterior given `X_t`, then the point
//! from the component's. The last form of V (Joseph's) is positive definite in rounding too.
//!
//! # References
//! Bishop (2006), §2.3.3; Joseph's form: Bucy & Joseph (1968).
//! # Checked by
//! `tests/it/explicit_reverse.rs`

use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, LawError, Mixture, PointLaw};
use transport_core::linalg::{cholesky, gram, invert_lower, transpose};
use transport_core::process::CriticallyDamped;
use transport_core::{LinearSde, Noise, PushForward, Space};

/// A reverse kernel that does not exist.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReverseError {
    /// A channel must go forwards on the process's clock.
    #[error("a channel runs forwards on the process's clock, not from {from} to {to}")]
    Order {
        /// Its start.
        from: f64,
        /// Its end.
        to: f64,
    },
    /// A law and a channel of different dimensions.
    #[error("a channel on {channel} coordinates does not carry a law on {law}")]
    Dimension {
        /// The channel's.
        channel: usize,
        /// The law's.
        law: usize,
    },
    /// A covariance that is degenerate.
    #[error(transparent)]
    Law(#[from] LawError),
}

/// The kernel `X_t | X_s ~ N(A X_s, Q)` of a linear process between two times.
///
/// # Example
/// ```
/// use transport_core::{law::Gaussian, process::Vp};
/// use transport_sde::dynamics::Channel;
/// // VP leaves N(0, 1) where it is.
/// let channel = Channel::linear(&Vp::default(), 0.1, 0.6, 1).unwrap();
/// let law = channel.carry(&Gaussian::standard(1)).unwrap();
/// assert!((law.covariance()[0] - 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    d: usize,
    matrix: Vec<f64>,
    noise: Gaussian,
}

impl Channel {
    /// The kernel of a scalar linear process, `A = α_t/α_s I`, `Q = (σ_t² − A² σ_s²) I`.
    ///
    /// # Errors
    /// [`ReverseError::Order`] unless `from < to`.
    pub fn linear(
        process: &impl LinearSde,
        from: f64,
        to: f64,
        d: usize,
    ) -> Result<Self, ReverseError> {
        let ((alpha_s, sigma_s), (alpha_t, sigma_t)) =
            (process.marginal(from), process.marginal(to));
        let a = alpha_t / alpha_s;
        let q = sigma_t * sigma_t - a * a * sigma_s * sigma_s;
        Self::blocks([[a]], [[q]], (from, to), d)
    }

    /// The kernel of critically damped Langevin on `(x, v)`, `x ∈ ℝᵈ`.
    ///
    /// # Errors
    /// [`ReverseError::Order`] unless `from < to`.
    pub fn phase(
        process: &CriticallyDamped,
        from: f64,
        to: f64,
        d: usize,
    ) -> Result<Self, ReverseError> {
        let kernel = process.transition(from, to);
        Self::blocks(kernel.mean, kernel.covariance, (from, to), d)
    }

    /// `A = a ⊗ I`, `Q = q ⊗ I`.
    fn blocks<const B: usize>(
        a: [[f64; B]; B],
        q: [[f64; B]; B],
        (from, to): (f64, f64),
        d: usize,
    ) -> Result<Self, ReverseError> {
        if from.partial_cmp(&to) != Some(std::cmp::Ordering::Less) {
            return Err(ReverseError::Order { from, to });
        }
        let m = B * d;
        let spread = |block: [[f64; B]; B]| -> Vec<f64> {
            let entry = |i: usize, j: usize| if i % d == j % d { block[i / d][j / d] } else { 0.0 };
            (0..m * m).map(|k| entry(k / m, k % m)).collect()
        };
        let noise = Gaussian::new(vec![0.0; m], spread(q))?;
        Ok(Self { d: m, matrix: spread(a), noise })
    }

    /// The law of `X_t` when `X_s` follows a Gaussian.
    ///
    /// # Errors
    /// [`ReverseError`] when the dimensions differ or the result is degenerate.
    pub fn carry(&self, law: &Gaussian) -> Result<Gaussian, ReverseError> {
        self.check(law)?;
        let (d, a) = (self.d, &self.matrix);
        let spread = product(&product(a, law.covariance(), d), &transpose(a, d), d);
        let covariance = sum(&spread, self.noise.covariance());
        Ok(Gaussian::new(image(a, law.mean(), d), covariance)?)
    }

    fn check(&self, law: &Gaussian) -> Result<(), ReverseError> {
        let (channel, law) = (self.d, PointLaw::dim(law));
        if channel == law { Ok(()) } else { Err(ReverseError::Dimension { channel, law }) }
    }
}

impl PushForward for Channel {
    fn push(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let space = Space::of(&x);
        let shift = vec![0.0; self.d];
        let z = noise.purpose("channel").normal(self.d, &space);
        affine(x, &self.matrix, &shift) + affine(z, self.noise.cholesky(), &shift)
    }
}

/// The kernel `X_s | X_t` when `X_s` is Gaussian: `N(K x + c, V)`, `c = (I − K A) m`.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianReverse {
    gain: Vec<f64>,
    law: Gaussian,
}

impl GaussianReverse {
    /// The reverse of a channel that `law` entered.
    ///
    /// # Errors
    /// [`ReverseError`] when the dimensions differ or a covariance is degenerate.
    pub fn new(channel: &Channel, law: &Gaussian) -> Result<Self, ReverseError> {
        let (d, a) = (channel.d, &channel.matrix);
        let after = channel.carry(law)?;
        let factor = cholesky(after.covariance(), d).map_err(LawError::from)?;
        let precision = gram(&invert_lower(&factor, d), d);
        let gain = product(&product(law.covariance(), &transpose(a, d), d), &precision, d);
        let kept: Vec<f64> = product(&gain, a, d)
            .iter()
            .enumerate()
            .map(|(k, v)| f64::from(u8::from(k / d == k % d)) - v)
            .collect();
        let covariance = sum(
            &product(&product(&kept, law.covariance(), d), &transpose(&kept, d), d),
            &product(&product(&gain, channel.noise.covariance(), d), &transpose(&gain, d), d),
        );
        Ok(Self { gain, law: Gaussian::new(image(&kept, law.mean(), d), covariance)? })
    }

    /// `K x + c + L z`.
    fn draw(&self, x: Tensor<2>, z: Tensor<2>) -> Tensor<2> {
        let still = vec![0.0; self.law.mean().len()];
        affine(x, &self.gain, self.law.mean()) + affine(z, self.law.cholesky(), &still)
    }
}

impl PushForward for GaussianReverse {
    fn push(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let z = noise.purpose("reverse").normal(x.dims()[1], &Space::of(&x));
        self.draw(x, z)
    }
}

/// The kernel `X_s | X_t` when `X_s` is a mixture of Gaussians.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureReverse {
    after: Mixture,
    components: Vec<GaussianReverse>,
}

impl MixtureReverse {
    /// The reverse of a channel that `law` entered.
    ///
    /// # Errors
    /// [`ReverseError`] when the dimensions differ or a covariance is degenerate.
    pub fn new(channel: &Channel, law: &Mixture) -> Result<Self, ReverseError> {
        let carried: Result<_, _> = law.components().iter().map(|g| channel.carry(g)).collect();
        let after = Mixture::new(law.weights().to_vec(), carried?)?;
        let reverse = |g| GaussianReverse::new(channel, g);
        let components: Result<_, _> = law.components().iter().map(reverse).collect();
        Ok(Self { after, components: components? })
    }

    /// One-hot rows, `[n, K]`: the component that each row's uniform draw falls on.
    fn choose(&self, x: &Tensor<2>, noise: &Noise) -> Tensor<2> {
        let (n, k) = (x.dims()[0], self.components.len());
        let shares = to_host(self.after.responsibilities(x));
        let uniforms = noise.purpose("component").uniform_values(1);
        let mut chosen = vec![0.0; n * k];
        for (row, mut rest) in uniforms.into_iter().enumerate() {
            let fallen = shares[row * k..(row + 1) * k].iter().position(|share| {
                rest -= share;
                rest < 0.0
            });
            chosen[row * k + fallen.unwrap_or(k - 1)] = 1.0;
        }
        Space::of(x).tensor(chosen, [n, k])
    }
}

impl PushForward for MixtureReverse {
    fn push(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let chosen = self.choose(&x, noise);
        let z = noise.purpose("reverse").normal(x.dims()[1], &Space::of(&x));
        let mut out = x.zeros_like();
        for (k, component) in self.components.iter().enumerate() {
            let mask = chosen.clone().narrow(1, k, 1);
            out = out + mask * component.draw(x.clone(), z.clone());
        }
        out
    }
}

/// `x Mᵀ + c`, row by row.
fn affine(x: Tensor<2>, matrix: &[f64], shift: &[f64]) -> Tensor<2> {
    let (d, space) = (shift.len(), Space::of(&x));
    x.matmul(space.tensor(transpose(matrix, d), [d, d])) + space.tensor(shift.to_vec(), [1, d])
}

fn product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| (0..d).map(|k| a[i * d + k] * b[k * d + j]).sum();
    (0..d * d).map(|k| entry(k / d, k % d)).collect()
}

fn image(a: &[f64], x: &[f64], d: usize) -> Vec<f64> {
    a.chunks_exact(d).map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
