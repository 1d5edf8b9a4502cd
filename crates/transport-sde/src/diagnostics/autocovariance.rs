//! The autocovariance of a series.

use std::f64::consts::TAU;

/// `γ_k = (1/n) Σᵢ (xᵢ − x̄)(xᵢ₊ₖ − x̄)` for `k = 0 … n − 1`, by a zero-padded Fourier transform
/// (Wiener–Khinchin).
#[must_use]
pub fn autocovariance(series: &[f64]) -> Vec<f64> {
    let n = series.len();
    let mean = super::mean(series);
    let size = (2 * n).next_power_of_two();
    let mut wave: Vec<(f64, f64)> = series.iter().map(|x| (x - mean, 0.0)).collect();
    wave.resize(size, (0.0, 0.0));
    transform(&mut wave);
    wave.iter_mut().for_each(|z| *z = (z.0 * z.0 + z.1 * z.1, 0.0));
    // The power is real and even, so that the forward transform is the inverse one, times size.
    transform(&mut wave);
    wave[..n].iter().map(|z| z.0 / (size as f64 * n as f64)).collect()
}

/// The discrete Fourier transform in place; the length is a power of two (Cooley & Tukey, 1965).
fn transform(wave: &mut [(f64, f64)]) {
    let n = wave.len();
    let shift = n.leading_zeros() + 1;
    for i in 0..n {
        // Reversing the bits of 0 in a series of length 1 shifts by the whole word.
        let j = i.reverse_bits().checked_shr(shift).unwrap_or(0);
        if i < j {
            wave.swap(i, j);
        }
    }
    let turn: Vec<(f64, f64)> = (0..n >> 1)
        .map(|k| {
            let (sin, cos) = (-TAU * k as f64 / n as f64).sin_cos();
            (cos, sin)
        })
        .collect();
    let mut half = 1;
    while half < n {
        let stride = n.checked_div(2 * half).unwrap_or(1);
        for block in wave.chunks_exact_mut(2 * half) {
            let (even, odd) = block.split_at_mut(half);
            for (k, (a, b)) in even.iter_mut().zip(odd).enumerate() {
                let (c, s) = turn[k * stride];
                let (re, im) = (b.0 * c - b.1 * s, b.0 * s + b.1 * c);
                (*a, *b) = ((a.0 + re, a.1 + im), (a.0 - re, a.1 - im));
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_sum_of_products() {
        let series: Vec<f64> =
            (0..37).map(|i| f64::from(i * i % 11) - 0.1 * f64::from(i)).collect();
        let mean = crate::diagnostics::mean(&series);
        for (k, got) in autocovariance(&series).into_iter().enumerate() {
            let pairs = series.iter().zip(&series[k..]);
            let exact = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / 37.0;
            assert!((got - exact).abs() < 1e-12, "lag {k}: {got} against {exact}");
        }
    }
}
