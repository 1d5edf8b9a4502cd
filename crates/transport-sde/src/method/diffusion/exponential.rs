//! Exponential Adams weights: the linear part exactly, the rest by the interpolating polynomial.
//!
//! With `u = λ − λ(t) ∈ [0, h]` and `D(u) ≈ Σᵢ Lᵢ(u) Dᵢ` through the nodes `uᵢ`,
//!
//! ```text
//! x' = (σ'/σ) e^{−τ²h} x + α' Σᵢ wᵢ Dᵢ + σ' √(1 − e^{−2τ²h}) z
//! wᵢ = ∫₀ʰ κ e^{−κ(h − u)} Lᵢ(u) du,     κ = 1 + τ²
//! ```
//!
//! solves the SDE of the family with noise level τ (τ = 0 the probability flow, τ = 1 Anderson's
//! reversal) up to the interpolation. `Σᵢ wᵢ = 1 − e^{−κh}`, so a step is the exponential Euler
//! step and `Σᵢ wᵢ (Dᵢ − D₀)`.
//!
//! # References
//! Lu et al. (2022), "DPM-Solver++", prop. 4.1; Xue et al. (2023), "SA-Solver", prop. 4.2;
//! Hochbruck & Ostermann (2010), "Exponential integrators", §2.5.

use super::Ends;
use burn::tensor::Tensor;
use std::collections::VecDeque;

/// `Iⱼ = ∫₀ʰ e^{−(h − u)} uʲ du` for `j < count`.
///
/// ```text
/// I₀ = 1 − e^{−h},    Iⱼ = hʲ − j Iⱼ₋₁,    Iⱼ = h^{j+1} Σₘ (−h)ᵐ j!/(m + j + 1)!
/// ```
///
/// The recursion cancels for small `h`, where the series is used.
pub(super) fn rising_moments(h: f64, count: usize) -> Vec<f64> {
    let mut moments = vec![-(-h).exp_m1()];
    for j in 1..count {
        let power = h.powi(j as i32);
        let series = || {
            let mut term = power * h / (j + 1) as f64;
            let mut sum = term;
            for m in 1..30 {
                term *= -h / (m + j + 1) as f64;
                sum += term;
            }
            sum
        };
        moments.push(if h < 1.0 { series() } else { power - j as f64 * moments[j - 1] });
    }
    moments
}

/// `Gⱼ = ∫₀ʰ e^{−u} uʲ du` for `j < count`.
///
/// ```text
/// G₀ = 1 − e^{−h},    Gⱼ = j Gⱼ₋₁ − hʲ e^{−h},    Gⱼ = h^{j+1} Σₘ (−h)ᵐ/(m! (m + j + 1))
/// ```
pub(super) fn falling_moments(h: f64, count: usize) -> Vec<f64> {
    let mut moments = vec![-(-h).exp_m1()];
    for j in 1..count {
        let series = || {
            let mut term = h.powi(j as i32 + 1);
            let mut sum = term / (j + 1) as f64;
            for m in 1..30 {
                term *= -h / m as f64;
                sum += term / (m + j + 1) as f64;
            }
            sum
        };
        let tail = h.powi(j as i32) * (-h).exp();
        moments.push(if h < 1.0 { series() } else { j as f64 * moments[j - 1] - tail });
    }
    moments
}

/// `∫ Lᵢ` for each node, from the moments of the measure: `Σⱼ Lᵢⱼ mⱼ`.
pub(super) fn weights(nodes: &[f64], moments: &[f64]) -> Vec<f64> {
    let weight = |i: usize| {
        let mut polynomial = vec![1.0];
        for (j, node) in nodes.iter().enumerate() {
            if j != i {
                let gap = nodes[i] - node;
                let mut next = vec![0.0; polynomial.len() + 1];
                for (k, c) in polynomial.iter().enumerate() {
                    next[k + 1] += c / gap;
                    next[k] -= c * node / gap;
                }
                polynomial = next;
            }
        }
        polynomial.iter().zip(moments).map(|(c, m)| c * m).sum()
    };
    (0..nodes.len()).map(weight).collect()
}

/// The weights `wᵢ` of the displayed step for noise level `τ²`.
pub(super) fn adams(nodes: &[f64], h: f64, tau_squared: f64) -> Vec<f64> {
    let kappa = 1.0 + tau_squared;
    let moments = rising_moments(kappa * h, nodes.len());
    let scaled: Vec<f64> =
        moments.iter().enumerate().map(|(j, m)| m / kappa.powi(j as i32)).collect();
    weights(nodes, &scaled)
}

/// `(σ'/σ) e^{−τ²h} x + α' (1 − e^{−κh}) D`: the exponential Euler step without its noise.
pub(super) fn euler(x: Tensor<2>, data: Tensor<2>, ends: Ends, tau_squared: f64) -> Tensor<2> {
    let h = ends.log_snr_gap();
    // 0 · ∞ where h is infinite.
    let damping = if tau_squared > 0.0 { (-tau_squared * h).exp() } else { 1.0 };
    let gain = -(-(1.0 + tau_squared) * h).exp_m1();
    x.mul_scalar(ends.to.sigma / ends.from.sigma * damping) + data.mul_scalar(ends.to.alpha * gain)
}

/// `σ' √(1 − e^{−2τ²h})`: the standard deviation of the step's noise.
pub(super) fn noise_scale(ends: Ends, tau_squared: f64) -> f64 {
    if tau_squared == 0.0 {
        return 0.0;
    }
    ends.to.sigma * (-(-2.0 * tau_squared * ends.log_snr_gap()).exp_m1()).sqrt()
}

/// `x + scale Σᵢ wᵢ (Dᵢ − D₀)`, the first of `values` being `D₀`.
pub(super) fn correct(
    x: Tensor<2>,
    scale: f64,
    weights: &[f64],
    values: &[&Tensor<2>],
) -> Tensor<2> {
    let pairs = weights.iter().zip(values).skip(1);
    pairs.fold(x, |x, (w, value)| x + ((*value).clone() - values[0].clone()).mul_scalar(scale * w))
}

/// The latest evaluations with their `λ`, newest first.
#[derive(Debug, Default)]
pub struct History(VecDeque<(f64, Tensor<2>)>);

impl History {
    /// Puts an evaluation in front, and forgets what is older than `keep`.
    pub(super) fn push(&mut self, log_snr: f64, value: Tensor<2>, keep: usize) {
        self.0.push_front((log_snr, value));
        self.0.truncate(keep);
    }

    /// The nodes `λᵢ − origin` and values of the latest `count`, those at infinite `λ` left out:
    /// there is no polynomial through them.
    pub(super) fn latest(&self, count: usize, origin: f64) -> (Vec<f64>, Vec<&Tensor<2>>) {
        let usable = self.0.iter().take(count).enumerate();
        usable
            .filter(|(i, (l, _))| *i == 0 || l.is_finite())
            .map(|(_, (l, value))| (l - origin, value))
            .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simpson's rule on 2000 panels.
    fn simpson(h: f64, f: impl Fn(f64) -> f64) -> f64 {
        let n = 2000;
        let w = h / f64::from(n);
        (0..n)
            .map(|k| {
                let a = w * f64::from(k);
                w / 6.0 * (f(a) + 4.0 * f(a + 0.5 * w) + f(a + w))
            })
            .sum()
    }

    #[test]
    fn moments_equal_quadrature_on_both_sides_of_the_switch() {
        for h in [1e-3, 0.3, 0.999, 1.001, 4.0] {
            let (rising, falling) = (rising_moments(h, 4), falling_moments(h, 4));
            for j in 0..4 {
                let up = simpson(h, |u| (u - h).exp() * u.powi(j));
                let down = simpson(h, |u| (-u).exp() * u.powi(j));
                let (up_got, down_got) = (rising[j as usize], falling[j as usize]);
                assert!((up_got - up).abs() < 1e-12 * up, "I{j}({h}): {up_got} against {up}");
                assert!((down_got - down).abs() < 1e-12 * down, "G{j}({h}): {down_got}, {down}");
            }
        }
    }

    /// The weights integrate every polynomial below their number exactly.
    #[test]
    fn weights_are_exact_on_polynomials() {
        let (h, tau_squared) = (0.7, 0.6);
        let nodes = [0.0, -0.4, -1.1, 0.7];
        let got = adams(&nodes, h, tau_squared);
        let kappa = 1.0 + tau_squared;
        for degree in 0..4 {
            let exact = simpson(h, |u| kappa * (-kappa * (h - u)).exp() * u.powi(degree));
            let sum: f64 = got.iter().zip(nodes).map(|(w, u)| w * u.powi(degree)).sum();
            assert!((sum - exact).abs() < 1e-12, "degree {degree}: {sum} against {exact}");
        }
    }
}
