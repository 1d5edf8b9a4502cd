//! Optimal transport on the line, where sorting is optimal.

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
