//! Optimal transport on the line, where sorting is optimal.

use crate::error::OtError;
use crate::weights::balanced;

/// `W₂²` between two samples on the line, each sorted ascending.
///
/// ```text
/// W₂² = ∫₀¹ (F⁻¹(u) − G⁻¹(u))² du
/// ```
///
/// exact for samples of different sizes: the quantile functions are steps, and the integral runs
/// over the pieces on which both are constant.
///
/// # Panics
/// When a sample is empty.
///
/// # Example
/// ```
/// // {0, 0, 2} against {1}: (1 + 1 + 1) / 3.
/// assert!((transport_ot::line::w2_squared(&[0.0, 0.0, 2.0], &[1.0]) - 1.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn w2_squared(x: &[f64], y: &[f64]) -> f64 {
    let (n, m) = (x.len(), y.len());
    assert!(n > 0 && m > 0, "a sample is empty");
    let (mut i, mut j, mut done, mut total) = (0, 0, 0.0, 0.0);
    while i < n && j < m {
        // The next step of either quantile function, compared exactly: (i+1)/n against (j+1)/m.
        let (left, right) = ((i + 1) * m, (j + 1) * n);
        let next = left.min(right) as f64 / (n * m) as f64;
        total += (x[i] - y[j]).powi(2) * (next - done);
        done = next;
        i += usize::from(left <= right);
        j += usize::from(right <= left);
    }
    total
}

/// `W_p^p` between two weighted samples on the line, in any order.
///
/// ```text
/// W_p^p = ∫₀¹ |F⁻¹(u) − G⁻¹(u)|^p du,    p ≥ 1
/// ```
///
/// Weights are normalised: the value is that of two laws.
///
/// # Errors
/// Weights of the wrong number, negative, all zero or of unequal mass; points that are not finite;
/// `p < 1`, where sorting is not optimal.
///
/// # Example
/// ```
/// use transport_ot::line::wasserstein;
/// let w1 = wasserstein(&[1.0, 0.0], &[0.5, 0.5], &[3.0], &[1.0], 1.0).unwrap();
/// assert_eq!(w1, 2.5);
/// ```
pub fn wasserstein(x: &[f64], a: &[f64], y: &[f64], b: &[f64], p: f64) -> Result<f64, OtError> {
    if !(p.is_finite() && p >= 1.0) {
        return Err(OtError::Parameter { name: "the power", value: p, allowed: "at least 1" });
    }
    for (what, points) in [("source value", x), ("target value", y)] {
        if let Some(index) = points.iter().position(|v| !v.is_finite()) {
            return Err(OtError::NotFinite { what, index, value: points[index] });
        }
    }
    let mass = balanced(a, b, [x.len(), y.len()])?;
    let mut total = 0.0;
    let (i, j) = (order(x), order(y));
    walk(&i, a, &j, b, |i, j, moved| total += moved * (x[i] - y[j]).abs().powf(p));
    Ok(total / mass)
}

/// The order that sorts a sample.
pub(crate) fn order(x: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    order
}

/// The monotone coupling of two sorted samples, piece by piece: `each(i, j, mass)`.
pub(crate) fn walk(
    first: &[usize],
    a: &[f64],
    second: &[usize],
    b: &[f64],
    mut each: impl FnMut(usize, usize, f64),
) {
    let (mut i, mut j) = (0, 0);
    let (mut left, mut room) = (a[first[0]], b[second[0]]);
    loop {
        let moved = left.min(room);
        each(first[i], second[j], moved);
        (left, room) = (left - moved, room - moved);
        // What rounding left over at the end goes nowhere.
        if left <= 0.0 && i + 1 < first.len() {
            i += 1;
            left = a[first[i]];
        } else if room <= 0.0 && j + 1 < second.len() {
            j += 1;
            room = b[second[j]];
        } else {
            return;
        }
    }
}
