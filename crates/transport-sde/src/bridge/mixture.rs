//! Schrödinger bridges whose end potential is a mixture of Gaussians.

use super::gaussian::BridgeError;
use crate::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, Sde};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use transport_core::law::{LawError, by_time};
use transport_core::noise::Stream;
use transport_core::{Space, Times};

/// The bridge with reference variance `ε` whose plan is, given the start,
///
/// ```text
/// π(y | x) = Σₖ wₖ(x) N(y; rₖ + Sₖ x, ε Sₖ),    log wₖ(x) = log αₖ + (xᵀ Sₖ x + 2 rₖᵀ x)/(2ε) + const
/// ```
///
/// with diagonal `Sₖ`. It is the Schrödinger bridge from any law of `x` to the law of `y` that
/// follows, so that the right answer is known by construction; `α, r, S` are what LightSB learns.
/// The drift at time `t`, with `D = 1 − t + t Sₖ` coordinate by coordinate:
///
/// ```text
/// f(x, t) = Σₖ wₖ(x, t) D⁻¹ ((Sₖ − I) x + rₖ)
/// log wₖ(x, t) = log αₖ + Σᵢ { [(s − 1) x² + 2 x r − t r²]/(2 ε D) − ½ log D } + const
/// ```
///
/// # References
/// Korotin, Gushchin & Burnaev (2024), "Light Schrödinger bridge"; the benchmark pairs are those of
/// Gushchin et al. (2023), "Building the bridge of Schrödinger".
/// # Checked by
/// `tests/it/mixture_bridge.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureBridge {
    epsilon: f64,
    dim: usize,
    log_weights: Vec<f64>,
    shifts: Vec<f64>,
    scales: Vec<f64>,
}

impl MixtureBridge {
    /// The bridge of potentials `αₖ` (any positive weights), `rₖ` and the diagonals of `Sₖ`.
    ///
    /// # Shapes
    /// `weights`: `[K]`; `shifts`, `scales`: `[K, dim]` row-major.
    ///
    /// # Errors
    /// [`BridgeError`] when `ε`, a weight or a scale is not a finite number above 0, or sizes
    /// disagree.
    pub fn new(
        epsilon: f64,
        weights: &[f64],
        shifts: Vec<f64>,
        scales: Vec<f64>,
    ) -> Result<Self, BridgeError> {
        let positive = |v: &f64| *v > 0.0 && v.is_finite();
        if !positive(&epsilon) {
            return Err(BridgeError::Variance { value: epsilon });
        }
        if let Some(index) = weights.iter().position(|w| !positive(w)) {
            return Err(LawError::Weight { index, value: weights[index] }.into());
        }
        let count = weights.len().max(1);
        let dim = shifts.len().div_euclid(count);
        let expected = dim.max(1) * weights.len();
        for (what, values) in [("the shifts", &shifts), ("the scales", &scales)] {
            if values.len() != expected || expected == 0 {
                let (expected, found) = (expected.max(1), values.len());
                return Err(LawError::Size { what, expected, found }.into());
            }
        }
        if let Some(value) = scales.iter().find(|s| !positive(s)) {
            return Err(BridgeError::Variance { value: *value });
        }
        let log_weights = weights.iter().map(|w| w.ln()).collect();
        Ok(Self { epsilon, dim, log_weights, shifts, scales })
    }

    /// The dimension.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The reference's variance `ε`.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    fn components(&self) -> impl Iterator<Item = (f64, &[f64], &[f64])> {
        let rows = self.shifts.chunks_exact(self.dim).zip(self.scales.chunks_exact(self.dim));
        self.log_weights.iter().zip(rows).map(|(a, (r, s))| (*a, r, s))
    }

    /// `wₖ(x)`, which sum to 1.
    ///
    /// # Panics
    /// When `x` has another dimension.
    #[must_use]
    pub fn weights_given(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.dim, "a point of {} coordinates", x.len());
        let logit = |(a, r, s): (f64, &[f64], &[f64])| {
            let terms = x.iter().zip(r.iter().zip(s));
            a + terms.map(|(x, (r, s))| s * x * x + 2.0 * r * x).sum::<f64>() / (2.0 * self.epsilon)
        };
        let logits: Vec<f64> = self.components().map(logit).collect();
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let raw: Vec<f64> = logits.iter().map(|l| (l - top).exp()).collect();
        let total: f64 = raw.iter().sum();
        raw.into_iter().map(|w| w / total).collect()
    }

    /// A draw of `π(· | x)` into `out`.
    ///
    /// # Panics
    /// When `x` has another dimension.
    pub fn draw_given(&self, x: &[f64], stream: &mut Stream, out: &mut [f64]) {
        let weights = self.weights_given(x);
        let mut rest = stream.uniform();
        let chosen = weights.iter().position(|w| {
            rest -= w;
            rest < 0.0
        });
        let k = chosen.unwrap_or(weights.len() - 1) * self.dim;
        let (r, s) = (&self.shifts[k..k + self.dim], &self.scales[k..k + self.dim]);
        stream.fill_normal(out);
        for (i, y) in out.iter_mut().enumerate() {
            *y = r[i] + s[i] * x[i] + (self.epsilon * s[i]).sqrt() * *y;
        }
    }

    /// The mean and covariance of `π(· | x)`, in closed form.
    ///
    /// # Shapes
    /// Returns `[d]` and `[d, d]` row-major.
    ///
    /// # Panics
    /// When `x` has another dimension.
    #[must_use]
    pub fn moments_given(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let d = self.dim;
        let weights = self.weights_given(x);
        let centre = |r: &[f64], s: &[f64], i: usize| r[i] + s[i] * x[i];
        let mut mean = vec![0.0; d];
        let mut second = vec![0.0; d * d];
        for (w, (_, r, s)) in weights.iter().zip(self.components()) {
            for i in 0..d {
                let m = centre(r, s, i);
                mean[i] += w * m;
                second[i * d + i] += w * self.epsilon * s[i];
                (0..d).for_each(|j| second[i * d + j] += w * m * centre(r, s, j));
            }
        }
        let covariance = (0..d * d).map(|k| second[k] - mean[k / d] * mean[k % d]).collect();
        (mean, covariance)
    }

    fn drift_at(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        let (space, d, k) = (Space::of(&x), self.dim, self.log_weights.len());
        let spread: Vec<f64> = self.scales.iter().map(|s| 1.0 - t + t * s).collect();
        let pairs = || self.shifts.iter().zip(self.scales.iter().zip(&spread));
        let matrix = |values: Vec<f64>| space.tensor(values, [k, d]);
        let half = 0.5 / self.epsilon;
        let quadratic = matrix(pairs().map(|(_, (s, w))| half * (s - 1.0) / w).collect());
        let linear = matrix(pairs().map(|(r, (_, w))| 2.0 * half * r / w).collect());
        let constants = (0..k).map(|c| {
            let own = pairs().skip(c * d).take(d);
            let at = |(r, (_, w)): (&f64, (&f64, &f64))| half * t * r * r / w + 0.5 * w.ln();
            self.log_weights[c] - own.map(at).sum::<f64>()
        });
        let constants = space.tensor(constants.collect(), [1, k]);
        let logits = x.clone().powi_scalar(2).matmul(quadratic.transpose())
            + x.clone().matmul(linear.transpose())
            + constants;
        let weights = softmax(logits, 1);
        let slope = matrix(pairs().map(|(_, (s, w))| (s - 1.0) / w).collect());
        let shift = matrix(pairs().map(|(r, (_, w))| r / w).collect());
        x * weights.clone().matmul(slope) + weights.matmul(shift)
    }
}

impl Sde for MixtureBridge {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        by_time(x, t, |x, t| self.drift_at(x, t))
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.epsilon.sqrt())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for MixtureBridge {}
impl DiagonalNoise for MixtureBridge {}

/// The conditional Bures–Wasserstein unexplained variance of a learned plan, in percent.
///
/// ```text
/// cBW₂²-UVP = 100 · E_x BW₂²(π̂(·|x), π(·|x)) / (½ tr cov(Y))
/// BW₂²(m, S; m′, S′) = |m − m′|² + tr(S + S′ − 2 (S^½ S′ S^½)^½)
/// ```
///
/// The moments of both plans are exact; the mean over `x` is over the given starts.
///
/// # Shapes
/// `starts`: `[n, d]` row-major; `variance` is `tr cov(Y)`.
///
/// # Panics
/// When the dimensions differ or there is no start.
///
/// # References
/// Gushchin et al. (2023), §5.
#[must_use]
pub fn conditional_uvp(
    learned: &MixtureBridge,
    truth: &MixtureBridge,
    starts: &[f64],
    variance: f64,
) -> f64 {
    use transport_core::linalg::{of_symmetric, product, symmetric_eigen};
    let d = truth.dim();
    assert!(learned.dim() == d && starts.len() >= d, "plans of one dimension and some starts");
    let distance = |x: &[f64]| -> f64 {
        let ((m, s), (n, q)) = (learned.moments_given(x), truth.moments_given(x));
        let gap: f64 = m.iter().zip(&n).map(|(a, b)| (a - b) * (a - b)).sum();
        let root = of_symmetric(&s, d, |v| v.max(0.0).sqrt());
        let inner = product(&product(&root, &q, d), &root, d);
        let cross: f64 = symmetric_eigen(&inner, d).0.iter().map(|v| v.max(0.0).sqrt()).sum();
        let trace: f64 = (0..d).map(|i| s[i * d + i] + q[i * d + i]).sum();
        gap + trace - 2.0 * cross
    };
    let rows = starts.chunks_exact(d);
    let count = rows.len() as f64;
    100.0 * rows.map(distance).sum::<f64>() / count / (0.5 * variance)
}
