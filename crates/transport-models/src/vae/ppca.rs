//! Probabilistic principal component analysis: the autoencoder in closed form.

use transport_core::law::{Gaussian, LawError};
use transport_core::linalg::{mean_and_covariance, symmetric_eigen};

/// The linear Gaussian model of `d` coordinates with `q < d` codes, at its maximum likelihood.
///
/// ```text
/// x | z ~ N(W z + m, σ² I),  z ~ N(0, I)      so that  x ~ N(m, W Wᵀ + σ² I)
/// σ² = (λ_{q+1} + … + λ_d)/(d − q),   W = U_q (Λ_q − σ² I)^½
/// z | x ~ N(M⁻¹ Wᵀ (x − m), σ² M⁻¹),   M = Wᵀ W + σ² I, here diagonal
/// mean log-likelihood = −½ ( d log 2π + Σ_{j ≤ q} log λⱼ + (d − q) log σ² + d )
/// ```
///
/// with `λ₁ ≥ λ₂ ≥ …` and `U` of the data's covariance. As the posterior has a diagonal
/// covariance, the best evidence bound of a linear autoencoder is this log-likelihood.
///
/// # References
/// Tipping & Bishop (1999), "Probabilistic principal component analysis", §3; Lucas, Tucker,
/// Grosse & Norouzi (2019), "Don't blame the ELBO!".
/// # Checked by
/// `tests/it/vae.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Ppca {
    /// `m`.
    pub mean: Vec<f64>,
    /// `W`, `[d, q]` row-major.
    pub loading: Vec<f64>,
    /// `σ²`.
    pub variance: f64,
    /// The mean log-likelihood of the points it was fitted to, in nats.
    pub log_likelihood: f64,
}

impl Ppca {
    /// The maximum-likelihood model of row-major points `[n, d]`.
    ///
    /// # Panics
    /// When `q` is 0 or at least `d`, or there are no points.
    #[must_use]
    pub fn fit(points: &[f64], d: usize, q: usize) -> Self {
        assert!(q > 0 && q < d, "{q} codes for {d} coordinates");
        let (mean, covariance) = mean_and_covariance(points, d);
        let (values, vectors) = symmetric_eigen(&covariance, d);
        let variance = values[q..].iter().sum::<f64>() / (d - q) as f64;
        let length: Vec<f64> = values[..q].iter().map(|v| (v - variance).max(0.0).sqrt()).collect();
        let entry = |k: usize| vectors[k.div_euclid(q) * d + k % q] * length[k % q];
        let logs = values[..q].iter().map(|v| v.ln()).sum::<f64>() + (d - q) as f64 * variance.ln();
        let constant = d as f64 * (1.0 + std::f64::consts::TAU.ln());
        Self {
            mean,
            loading: (0..d * q).map(entry).collect(),
            variance,
            log_likelihood: -0.5 * (constant + logs),
        }
    }

    /// The law of the data, `N(m, W Wᵀ + σ² I)`.
    ///
    /// # Errors
    /// [`LawError::Covariance`] when the points spanned `q` directions only.
    pub fn law(&self) -> Result<Gaussian, LawError> {
        let d = self.mean.len();
        let q = self.loading.len() / d;
        let row = |i: usize| &self.loading[i * q..(i + 1) * q];
        let entry = |k: usize| {
            let (i, j) = (k / d, k % d);
            let dot: f64 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
            dot + if i == j { self.variance } else { 0.0 }
        };
        Gaussian::new(self.mean.clone(), (0..d * d).map(entry).collect())
    }
}
