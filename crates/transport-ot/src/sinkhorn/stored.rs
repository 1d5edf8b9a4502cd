//! The soft minimum by a stored kernel, for problems whose kernel is small.
//!
//! ```text
//! −ε log Σⱼ e^{(hⱼ − cᵢⱼ)/ε} = pᵢ − ε log Σⱼ Kᵢⱼ e^{(hⱼ − qⱼ)/ε},   Kᵢⱼ = e^{(pᵢ + qⱼ − cᵢⱼ)/ε}
//! ```
//!
//! exactly, for any `p` and `q`. Near a solution `(p, q)` no term that counts underflows, so that an
//! iteration is a product with `K` instead of `n m` exponentials; where `h` has moved too far from
//! `q`, or a sum leaves the numbers, it says so and is made anew.
//!
//! # References
//! Schmitzer (2019), "Stabilized sparse scaling algorithms for entropy regularized transport
//! problems", §3 (absorption into the kernel).

use crate::cost::{ALONE, Cost, Side, exponentials};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Entries of a kernel that is stored: 32 MiB.
const LARGEST: usize = 1 << 22;
/// The exponent by which a potential may have moved from the kernel's.
const FAR: f64 = 30.0;
/// Sums outside are not trusted.
const TRUSTED: std::ops::Range<f64> = 1e-200..1e200;
/// Outputs of one task.
const BLOCK: usize = 256;

/// A kernel about two potentials.
pub(super) struct Stored {
    p: Vec<f64>,
    q: Vec<f64>,
    epsilon: f64,
    kernel: Vec<f64>,
}

impl Stored {
    /// The kernel about `p` and `q`, if it is small and finite.
    pub(super) fn new(cost: &dyn Cost, p: Vec<f64>, q: &[f64], epsilon: f64) -> Option<Self> {
        let (n, m) = (p.len(), q.len());
        if n * m > LARGEST {
            return None;
        }
        let mut kernel = vec![0.0; n * m];
        let fill = |(i, row): (usize, &mut [f64])| {
            cost.row(Side::Source, i, row);
            exponentials(p[i], q, epsilon, row);
            row.iter().all(|k| *k < f64::INFINITY)
        };
        let finite = if n * m <= ALONE {
            kernel.chunks_mut(m).enumerate().map(fill).fold(true, |x, y| x & y)
        } else {
            let rows = kernel.par_chunks_mut(m).enumerate().with_min_len(grain(m));
            rows.map(fill).reduce(|| true, |x, y| x & y)
        };
        finite.then(|| Self { p, q: q.to_vec(), epsilon, kernel })
    }

    /// The soft minimum of `h` for the points of `side`; `None` where the kernel does not serve.
    pub(super) fn soft_min(&self, side: Side, h: &[f64], weights: &[f64]) -> Option<Vec<f64>> {
        let (own, other) = match side {
            Side::Source => (&self.p, &self.q),
            Side::Target => (&self.q, &self.p),
        };
        let moved = h.iter().zip(other).map(|(h, q)| (h - q) / self.epsilon);
        let scale = |(moved, w): (f64, &f64)| {
            if *w == 0.0 { Some(0.0) } else { (moved.abs() <= FAR).then(|| w * moved.exp()) }
        };
        let scales: Vec<f64> = moved.zip(weights).map(scale).collect::<Option<_>>()?;
        let mut sums = vec![0.0; own.len()];
        match side {
            Side::Source => self.times(&scales, &mut sums),
            Side::Target => self.transposed_times(&scales, &mut sums),
        }
        let answer =
            |(own, sum): (&f64, &f64)| TRUSTED.contains(sum).then(|| own - self.epsilon * sum.ln());
        own.iter().zip(&sums).map(answer).collect()
    }

    /// `K s`.
    fn times(&self, s: &[f64], out: &mut [f64]) {
        let m = self.q.len();
        let dot = |(out, row): (&mut f64, &[f64])| *out = Arch::new().dispatch(Dot(row, s));
        if self.kernel.len() <= ALONE {
            return out.iter_mut().zip(self.kernel.chunks(m)).for_each(dot);
        }
        let rows = out.par_iter_mut().zip(self.kernel.par_chunks(m)).with_min_len(grain(m));
        rows.for_each(dot);
    }

    /// `Kᵀ s`.
    fn transposed_times(&self, s: &[f64], out: &mut [f64]) {
        let m = self.q.len();
        let block = |(b, out): (usize, &mut [f64])| {
            let columns = b * BLOCK..b * BLOCK + out.len();
            let rows = self.kernel.chunks_exact(m).map(|row| &row[columns.clone()]);
            rows.zip(s).for_each(|(row, s)| Arch::new().dispatch(Add(out, row, *s)));
        };
        if self.kernel.len() <= ALONE {
            return out.chunks_mut(BLOCK).enumerate().for_each(block);
        }
        out.par_chunks_mut(BLOCK).enumerate().for_each(block);
    }
}

/// Rows of `m` values that are worth a task.
fn grain(m: usize) -> usize {
    (BLOCK * BLOCK).div_ceil(m)
}

/// `Σⱼ xⱼ yⱼ`.
struct Dot<'a>(&'a [f64], &'a [f64]);

impl WithSimd for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let ((x, x_rest), (y, y_rest)) = (S::as_simd_f64s(self.0), S::as_simd_f64s(self.1));
        let mut sums = [simd.splat_f64s(0.0); 4];
        let ((x, x_few), (y, y_few)) = (x.as_chunks::<4>(), y.as_chunks::<4>());
        for (x, y) in x.iter().zip(y) {
            for l in 0..4 {
                sums[l] = simd.mul_add_f64s(x[l], y[l], sums[l]);
            }
        }
        for (x, y) in x_few.iter().zip(y_few) {
            sums[0] = simd.mul_add_f64s(*x, *y, sums[0]);
        }
        let pair = |a, b| simd.add_f64s(a, b);
        let sum = simd.reduce_sum_f64s(pair(pair(sums[0], sums[1]), pair(sums[2], sums[3])));
        x_rest.iter().zip(y_rest).fold(sum, |sum, (x, y)| sum + x * y)
    }
}

/// `out ← out + s row`.
struct Add<'a>(&'a mut [f64], &'a [f64], f64);

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (out, out_rest) = S::as_mut_simd_f64s(self.0);
        let (row, row_rest) = S::as_simd_f64s(self.1);
        let s = simd.splat_f64s(self.2);
        for (out, k) in out.iter_mut().zip(row) {
            *out = simd.mul_add_f64s(s, *k, *out);
        }
        out_rest.iter_mut().zip(row_rest).for_each(|(out, k)| *out += self.2 * k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Euclidean;
    use transport_core::Noise;

    /// The kernel's soft minima are the cost's, also away from its potentials and with points of
    /// no weight; too far away it says so.
    #[test]
    fn the_kernel_is_the_soft_minimum() {
        let (n, m, epsilon) = (37, 301, 0.05);
        let draw = |seed, n, d| Noise::new(seed, n).normal_values(d);
        let cost = Euclidean::squared(&draw(1, n, 2), &draw(2, m, 2), 2).unwrap();
        let plain = |side, h: &[f64]| {
            let mut out = vec![0.0; cost.size(side)];
            cost.soft_min(side, h, epsilon, &mut out);
            out
        };
        let q = draw(3, m, 1);
        let p = plain(Side::Source, &q);
        let stored = Stored::new(&cost, p.clone(), &q, epsilon).unwrap();
        let check = |side, potential: &[f64], weights: &[f64]| {
            let pairs = potential.iter().zip(weights);
            let h: Vec<f64> = pairs.map(|(p, w)| p + epsilon * w.ln()).collect();
            let found = stored.soft_min(side, potential, weights).unwrap();
            let gaps = found.iter().zip(plain(side, &h)).map(|(x, y)| (x - y).abs());
            assert!(gaps.fold(0.0, f64::max) < 1e-12);
        };
        let nudged = |x: &[f64], seed| -> Vec<f64> {
            x.iter().zip(draw(seed, x.len(), 1)).map(|(x, z)| x + 2.0 * epsilon * z).collect()
        };
        let mut weights = vec![0.01; m];
        weights[7] = 0.0;
        check(Side::Source, &nudged(&q, 5), &weights);
        check(Side::Target, &nudged(&p, 6), &vec![0.02; n]);
        let far: Vec<f64> = q.iter().map(|q| q + 2.0 * FAR * epsilon).collect();
        assert!(stored.soft_min(Side::Source, &far, &weights).is_none());
    }
}
