//! The algebra of `(ΔW, H)` over neighbouring intervals: joining, taking apart, and drawing what
//! lies inside.
//!
//! Over `[s, r]` and `[r, u]` of lengths `a` and `b`, with `h = a + b`:
//!
//! ```text
//! W = W₁ + W₂,      h H = a H₁ + b H₂ + ½ (b W₁ − a W₂)
//! ```
//!
//! `(W₁/√a, H₁√(12/a), W₂/√b, H₂√(12/b))` is a standard normal vector on `ℝ⁴`, and the two equations
//! fix its component in a plane. They leave two orthogonal directions free, one of them without
//! `W`; with `κ = (a³ + b³)/12` and independent standard normal `Z`, `N`:
//!
//! ```text
//! W₁ = a/h W + 6ab/h² H + √(12abκ)/h² Z
//! H₁ = a²/h² H − a²/12h √(3ab/κ) Z + b/12 √(ab/κ) N
//! ```
//!
//! At the midpoint, `W₁ = ½W + 3/2 H + √(h/16) Z` and `H₁ = ¼H − ½√(h/16) Z + ½√(h/12) N`.
//!
//! A value is a slice `[W, H]` of `2d` numbers, and the draws a slice `[Z, N]`.
//!
//! # References
//! Foster (2020), "Numerical approximations for stochastic differential equations", thms 6.1.4 and
//! 6.1.6; Jelinčič, Foster & Kidger (2024), "Single-seed generation of Brownian paths and integrals
//! for adaptive and high order SDE solvers".

use burn::tensor::Tensor;
use std::ops::{Add, Mul, Sub};
use transport_core::{Space, noise::Draw};

/// What a path is computed in: `f64`, or `f32` where it ends up in that anyway.
pub(super) trait Real:
    Draw + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// A coefficient, rounded.
    fn of(value: f64) -> Self;
    /// A tensor of values.
    fn tensor(values: Vec<Self>, shape: [usize; 2], space: &Space) -> Tensor<2>;
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn tensor(values: Vec<Self>, shape: [usize; 2], space: &Space) -> Tensor<2> {
        space.tensor(values, shape)
    }
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as Self
    }

    fn tensor(values: Vec<Self>, shape: [usize; 2], space: &Space) -> Tensor<2> {
        space.tensor_f32(values, shape)
    }
}

/// The value over the first `a` of an interval of length `a + b`, given its value and draws.
pub(super) fn bridge<T: Real>(a: f64, b: f64, whole: &[T], draws: &[T], first: &mut [T]) {
    let (h, d) = (a + b, whole.len() / 2);
    let kappa = (a * a * a + b * b * b) / 12.0;
    let w_of = [a / h, 6.0 * a * b / (h * h), (12.0 * a * b * kappa).sqrt() / (h * h)].map(T::of);
    let root = (a * b / kappa).sqrt() / 12.0;
    let h_of = [a * a / (h * h), -a * a / h * 3f64.sqrt() * root, b * root].map(T::of);
    let ((w, area), (z, n)) = (halves(whole, d), halves(draws, d));
    let (first_w, first_area) = halves_mut(first, d);
    for j in 0..d {
        first_w[j] = w_of[0] * w[j] + w_of[1] * area[j] + w_of[2] * z[j];
        first_area[j] = h_of[0] * area[j] + h_of[1] * z[j] + h_of[2] * n[j];
    }
}

/// Turns the value over `a + b` into the value over its last `b`, given the first `a`'s.
pub(super) fn drop_first<T: Real>(a: f64, b: f64, first: &[T], whole: &mut [T]) {
    let d = whole.len() / 2;
    let ((w1, h1), (w, area)) = (halves(first, d), halves_mut(whole, d));
    let [all, before, half, bend] = [(a + b) / b, a / b, 0.5, 0.5 * a / b].map(T::of);
    for j in 0..d {
        let rest = w[j] - w1[j];
        area[j] = all * area[j] - before * h1[j] - half * w1[j] + bend * rest;
        w[j] = rest;
    }
}

/// Turns the value over `a`, `(w, area)`, into the value over `a + b`, given the last `b`'s.
pub(super) fn join<T: Real>(a: f64, b: f64, (w, area): (&mut [T], &mut [T]), last: &[T]) {
    let d = w.len();
    let ((w2, h2), area) = (halves(last, d), &mut area[..d]);
    let [before, after, ahead, back] =
        [a / (a + b), b / (a + b), 0.5 * b / (a + b), 0.5 * a / (a + b)].map(T::of);
    for j in 0..d {
        area[j] = before * area[j] + after * h2[j] + ahead * w[j] - back * w2[j];
        w[j] = w[j] + w2[j];
    }
}

/// `[W, H]`, each of a length that the compiler sees.
fn halves<T>(value: &[T], d: usize) -> (&[T], &[T]) {
    let (w, area) = value.split_at(d);
    (w, &area[..d])
}

fn halves_mut<T>(value: &mut [T], d: usize) -> (&mut [T], &mut [T]) {
    let (w, area) = value.split_at_mut(d);
    (w, &mut area[..d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    /// `(W₁, H₁, W₂, H₂)` of the two parts as a linear map of `(W, H, Z, N)` has the covariance
    /// of two independent pieces, for an uneven cut.
    #[test]
    fn parts_are_independent_with_the_right_variances() {
        for (a, b) in [(0.5, 0.5), (0.3, 0.9), (2.0, 0.01)] {
            let h: f64 = a + b;
            let scales = [h.sqrt(), (h / 12.0).sqrt(), 1.0, 1.0];
            // Columns of the map from four independent standard normal draws.
            let columns: Vec<[f64; 4]> = (0..4)
                .map(|k| {
                    let unit = |i: usize| if i == k { scales[i] } else { 0.0 };
                    let (mut whole, mut first) = ([unit(0), unit(1)], [0.0; 2]);
                    bridge(a, b, &whole, &[unit(2), unit(3)], &mut first);
                    drop_first(a, b, &first, &mut whole);
                    [first[0], first[1], whole[0], whole[1]]
                })
                .collect();
            let variances = [a, a / 12.0, b, b / 12.0];
            for i in 0..4 {
                for j in 0..4 {
                    let got: f64 = columns.iter().map(|c| c[i] * c[j]).sum();
                    let exact = if i == j { variances[i] } else { 0.0 };
                    assert!((got - exact).abs() < 1e-12, "[{i}, {j}] of ({a}, {b}): {got}");
                }
            }
        }
    }

    #[test]
    fn joining_undoes_taking_apart() {
        let (a, b) = (0.7, 0.2);
        let (whole, draws) = (Noise::new(1, 1).normal_values(6), Noise::new(2, 1).normal_values(6));
        let (mut first, mut last) = (vec![0.0; 6], whole.clone());
        bridge(a, b, &whole, &draws, &mut first);
        drop_first(a, b, &first, &mut last);
        join(a, b, first.split_at_mut(3), &last);
        assert!(first.iter().zip(&whole).all(|(x, y)| (x - y).abs() < 1e-13));
    }

    /// `H` is the area: joined over many small steps of a path whose integral is known, it is
    /// `1/h ∫ (W − line)`. A convention off by a factor fails here.
    #[test]
    fn areas_are_areas() {
        // W_s = s², over [0, 1]: ΔW = 1, H = ⅓ − ½ = −1/6.
        let n = 1000;
        let mut sum = [0.0f64, 0.0];
        for k in 0..n {
            let (s, h) = (f64::from(k) / f64::from(n), 1.0 / f64::from(n));
            let piece = [(s + h).powi(2) - s * s, -h * h / 6.0];
            join(s, h, sum.split_at_mut(1), &piece);
        }
        assert!((sum[0] - 1.0).abs() < 1e-12 && (sum[1] + 1.0 / 6.0).abs() < 1e-12, "{sum:?}");
    }
}
