//! Pareto-smoothed importance sampling.

/// Importance weights with their tail smoothed, and how heavy that tail is.
#[derive(Clone, Debug, PartialEq)]
pub struct Psis {
    /// The logarithms of the smoothed weights, normalised to sum to 1.
    pub log_weights: Vec<f64>,
    /// The shape `k̂` of the generalised Pareto law fitted to the largest weights: moments of the
    /// weights of order below `1/k̂` exist. Infinite when fewer than five weights are in the tail.
    pub khat: f64,
}

/// The number of largest weights that are smoothed: `⌈min(S/5, 3√S)⌉`.
fn tail_length(s: usize) -> usize {
    (0.2 * s as f64).min(3.0 * (s as f64).sqrt()).ceil() as usize
}

/// The largest `k̂` at which estimates from `s` draws can be trusted.
///
/// ```text
/// min(1 − 1/log₁₀ S, 0.7)
/// ```
///
/// # References
/// Vehtari, Simpson, Gelman, Yao & Gabry (2024), §3.2.4.
#[must_use]
pub fn khat_threshold(s: usize) -> f64 {
    (1.0 - 1.0 / (s as f64).log10()).min(0.7)
}

/// Smooths the largest weights by the quantiles of a generalised Pareto law fitted to them.
///
/// ```text
/// w̃_(S−M+z) = min( u + F⁻¹((z − ½)/M; σ̂, k̂), max w ),   z = 1 … M,   u the largest weight below
/// ```
///
/// # References
/// Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto smoothed importance sampling", §3.
/// # Checked by
/// `tests/it/variational.rs`, against ArviZ
#[must_use]
pub fn psis(log_weights: &[f64]) -> Psis {
    let top = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut x: Vec<f64> = log_weights.iter().map(|w| w - top).collect();
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let below = x.len().saturating_sub(tail_length(x.len()) + 1);
    // A weight that is 0 in double precision is no cut-off.
    let cut = order.get(below).map_or(0.0, |i| x[*i]).max(f64::MIN_POSITIVE.ln());
    let tail: Vec<usize> = order.into_iter().filter(|i| x[*i] > cut).collect();
    let mut khat = f64::INFINITY;
    if tail.len() > 4 {
        let excess: Vec<f64> = tail.iter().map(|i| x[*i].exp() - cut.exp()).collect();
        let law = GeneralisedPareto::fit(&excess);
        khat = law.shape;
        for (z, i) in tail.iter().enumerate().filter(|_| khat.is_finite()) {
            let p = (z as f64 + 0.5) / tail.len() as f64;
            x[*i] = (law.quantile(p) + cut.exp()).ln().min(0.0);
        }
    }
    let total = log_sum_exp(&x);
    Psis { log_weights: x.into_iter().map(|w| w - total).collect(), khat }
}

/// `log Σ exp(aᵢ)` without overflow; `−∞` of nothing.
pub(super) fn log_sum_exp(a: &[f64]) -> f64 {
    let top = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    a.iter().map(|v| (v - top).exp()).sum::<f64>().ln() + top
}

/// `P(X > x) = (1 + k x/σ)^{−1/k}`, `x > 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneralisedPareto {
    /// The shape `k`.
    pub shape: f64,
    /// The scale `σ`.
    pub scale: f64,
}

impl GeneralisedPareto {
    /// The fit to increasing values: a posterior mean over a grid of `b = −k/σ`, by the profile
    /// likelihood, and the shape drawn towards ½ as by ten more observations.
    ///
    /// ```text
    /// b_j = 1/x_(n) + (1 − √(m/(j − ½))) / (3 x_(n/4)),   m = 30 + √n
    /// k(b) = mean log(1 − b x),    ℓ(b) = n [ log(−b/k(b)) − k(b) − 1 ]
    /// b̂ = Σ b_j softmax(ℓ)_j,   k̂ = (n k(b̂) + 5)/(n + 10),   σ̂ = −k(b̂)/b̂
    /// ```
    ///
    /// # Panics
    /// With fewer than 5 values.
    ///
    /// # References
    /// Zhang & Stephens (2009), "A new and efficient estimation method for the generalized Pareto
    /// distribution"; Vehtari et al. (2024), appendix C, for the prior.
    #[must_use]
    pub fn fit(x: &[f64]) -> Self {
        assert!(x.len() > 4, "{} values are too few for a tail", x.len());
        let n = x.len() as f64;
        let m = 30 + n.sqrt() as usize;
        let quarter = x[(n / 4.0 + 0.5).floor() as usize - 1];
        let largest = x[x.len() - 1];
        let shape = |b: f64| x.iter().map(|v| (-b * v).ln_1p()).sum::<f64>() / n;
        let grid = |j: usize| {
            let spread = 1.0 - (m as f64 / (j as f64 - 0.5)).sqrt();
            1.0 / largest + spread / (3.0 * quarter)
        };
        let bs: Vec<f64> = (1..=m).map(grid).collect();
        let profile: Vec<f64> = bs
            .iter()
            .map(|b| (*b, shape(*b)))
            .map(|(b, k)| n * ((-b / k).ln() - k - 1.0))
            .collect();
        let total = log_sum_exp(&profile);
        let weights = profile.iter().map(|l| (l - total).exp());
        let b: f64 = bs.iter().zip(weights).map(|(b, w)| b * w).sum();
        let k = shape(b);
        Self { shape: (n * k + 5.0) / (n + 10.0), scale: -k / b }
    }

    /// `F⁻¹(p) = σ ((1 − p)^{−k} − 1)/k`.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        let Self { shape: k, scale } = *self;
        let log_rest = (-p).ln_1p();
        if k.abs() < f64::EPSILON {
            -scale * log_rest
        } else {
            scale * (-k * log_rest).exp_m1() / k
        }
    }
}
