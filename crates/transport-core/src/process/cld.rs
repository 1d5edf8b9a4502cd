//! Critically damped Langevin diffusion: a noising process with a velocity, in closed form.

use crate::law::{Gaussian, LawError, Mixture, PointLaw};

/// Noise enters the velocity only and reaches the position through it; state `(x, v) ∈ ℝ²ᵈ`.
///
/// ```text
/// dX = β(s) M⁻¹ V ds
/// dV = −β(s) X ds − β(s) Γ M⁻¹ V ds + √(2Γβ(s)) dW,     Γ = 2√M
/// ```
///
/// Γ² = 4M is the critical damping: the drift matrix has one double eigenvalue −κ, κ = 1/√M, so
/// its exponential is a first-order polynomial. With `B = ∫β` between the two times, `y = 2κB`:
///
/// ```text
/// E = e^{−y/2} [ 1 + y/2    κ y/2   ]        P = 1 − e^{−y} (1 + y + y²/2)
///              [ −y/(2κ)    1 − y/2 ]
/// Q_xx = P,   Q_xv = e^{−y} y²/(2κ),   Q_vv = M (P + 2y e^{−y})
/// (X, V)_t | (X, V)_s ~ N((E ⊗ I)(x, v), Q ⊗ I)
/// ```
///
/// The data give X₀; V₀ ~ N(0, γM I) is drawn beside them, and the stationary law is
/// N(0, I) × N(0, M I). `γ > 0` keeps the joint law at s = 0 from being degenerate.
///
/// # Example
/// ```
/// use transport_core::process::CriticallyDamped;
/// let kernel = CriticallyDamped::default().transition(0.0, 1.0);
/// // Nearly stationary at the horizon: unit position, velocity variance M = ¼.
/// assert!((kernel.covariance[0][0] - 1.0).abs() < 1e-4);
/// assert!((kernel.covariance[1][1] - 0.25).abs() < 1e-4);
/// ```
///
/// # References
/// Dockhorn, Vahdat & Kreis (2022), "Score-based generative modeling with critically-damped
/// Langevin diffusion", eqs. (5)–(7) and app. B.
/// # Checked by
/// `transport-sde: tests/it/critically_damped.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticallyDamped {
    /// β at the data; β(s) is linear.
    pub beta_min: f64,
    /// β at the reference.
    pub beta_max: f64,
    /// The mass M.
    pub mass: f64,
    /// The initial velocity's variance, as a fraction γ of M.
    pub gamma: f64,
}

/// The paper's values: β = 4 throughout, M = ¼, γ = 0.04.
impl Default for CriticallyDamped {
    fn default() -> Self {
        Self { beta_min: 4.0, beta_max: 4.0, mass: 0.25, gamma: 0.04 }
    }
}

/// A Gaussian kernel on phase space that treats all coordinates alike: `N((mean ⊗ I) z, covariance ⊗ I)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseKernel {
    /// What multiplies `(x, v)`.
    pub mean: [[f64; 2]; 2],
    /// The covariance of each coordinate's `(x, v)`.
    pub covariance: [[f64; 2]; 2],
}

impl CriticallyDamped {
    /// `β(s)`.
    #[must_use]
    pub fn beta(&self, s: f64) -> f64 {
        self.beta_min + s * (self.beta_max - self.beta_min)
    }

    /// `∫₀ˢ β`.
    #[must_use]
    pub fn beta_integral(&self, s: f64) -> f64 {
        self.beta_min * s + 0.5 * s * s * (self.beta_max - self.beta_min)
    }

    /// The friction `Γ = 2√M` of critical damping.
    #[must_use]
    pub fn friction(&self) -> f64 {
        2.0 * self.mass.sqrt()
    }

    /// The kernel of `(X, V)` at `to` given `(x, v)` at `from ≤ to`.
    #[must_use]
    pub fn transition(&self, from: f64, to: f64) -> PhaseKernel {
        let kappa = 1.0 / self.mass.sqrt();
        let y = 2.0 * kappa * (self.beta_integral(to) - self.beta_integral(from));
        let (half, decay) = ((-0.5 * y).exp(), (-y).exp());
        let mean = [
            [half * (1.0 + 0.5 * y), half * 0.5 * kappa * y],
            [-half * 0.5 * y / kappa, half * (1.0 - 0.5 * y)],
        ];
        let (p, cross) = (gamma_tail(y), decay * y * y * 0.5 / kappa);
        let covariance = [[p, cross], [cross, self.mass * (p + 2.0 * y * decay)]];
        PhaseKernel { mean, covariance }
    }

    /// The kernel of `(X, V)` at `s` given `x₀`, with `V₀ ~ N(0, γM)` integrated out: the first
    /// column of `mean` multiplies `x₀`.
    ///
    /// ```text
    /// covariance = Q + γM e eᵀ,    e the second column of E
    /// ```
    #[must_use]
    pub fn marginal(&self, s: f64) -> PhaseKernel {
        let mut kernel = self.transition(0.0, s);
        let column = [kernel.mean[0][1], kernel.mean[1][1]];
        for (i, row) in kernel.covariance.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += self.gamma * self.mass * column[i] * column[j];
            }
        }
        kernel
    }

    /// The stationary law `N(0, I) × N(0, M I)` of `(x, v)`, `x ∈ ℝᵈ`.
    #[must_use]
    pub fn reference(&self, d: usize) -> Gaussian {
        let variance = |k: usize| if k < d { 1.0 } else { self.mass };
        let covariance = (0..4 * d * d)
            .map(|k| if k / (2 * d) == k % (2 * d) { variance(k % (2 * d)) } else { 0.0 })
            .collect();
        or_undefined(Gaussian::new(vec![0.0; 2 * d], covariance), 2 * d)
    }
}

/// `1 − e^{−y} (1 + y + y²/2)`, the regularised lower incomplete gamma function P(3, y), without
/// the cancellation at small `y`.
fn gamma_tail(y: f64) -> f64 {
    if y > 1.0 {
        return 1.0 - (-y).exp() * (1.0 + y + 0.5 * y * y);
    }
    let mut term = y * y * y / 6.0;
    let mut sum = 0.0;
    for k in 4..24 {
        sum += term;
        term *= y / f64::from(k);
    }
    (-y).exp() * sum
}

/// A law on positions whose law on phase space under [`CriticallyDamped`] is known.
///
/// At `s = 0` with `γ = 0` that law is degenerate, and what is returned has densities and scores
/// that are NaN.
pub trait PhaseSpace: Sized {
    /// The law of `(X, V)` at `s` when `X₀` follows this law and `V₀ ~ N(0, γM I)`.
    #[must_use]
    fn in_phase(&self, process: &CriticallyDamped, s: f64) -> Self;
}

impl PhaseSpace for Gaussian {
    /// With `e` the first column of E: mean `e ⊗ m`, covariance `e eᵀ ⊗ Σ + C ⊗ I`.
    fn in_phase(&self, process: &CriticallyDamped, s: f64) -> Self {
        let d = PointLaw::dim(self);
        let kernel = process.marginal(s);
        let e = [kernel.mean[0][0], kernel.mean[1][0]];
        let mean = (0..2 * d).map(|i| e[i / d] * self.mean()[i % d]).collect();
        let covariance = (0..4 * d * d).map(|k| {
            let (i, j) = (k / (2 * d), k % (2 * d));
            let noise = if i % d == j % d { kernel.covariance[i / d][j / d] } else { 0.0 };
            e[i / d] * e[j / d] * self.covariance()[(i % d) * d + j % d] + noise
        });
        or_undefined(Self::new(mean, covariance.collect()), 2 * d)
    }
}

impl PhaseSpace for Mixture {
    fn in_phase(&self, process: &CriticallyDamped, s: f64) -> Self {
        let components = self.components().iter().map(|g| g.in_phase(process, s)).collect();
        // The weights are a mixture's own, and the components share a dimension.
        Self::new(self.weights().to_vec(), components).unwrap_or_else(|_| self.clone())
    }
}

/// A law that is NaN throughout where the covariance is degenerate.
fn or_undefined(law: Result<Gaussian, LawError>, d: usize) -> Gaussian {
    law.unwrap_or_else(|_| Gaussian::isotropic(vec![0.0; d], f64::NAN))
}
