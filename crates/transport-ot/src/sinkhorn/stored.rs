//! Sinkhorn's iteration by a stored kernel, for problems whose kernel is small.
//!
//! ```text
//! −ε log Σⱼ bⱼ e^{(gⱼ − cᵢⱼ)/ε} = pᵢ − ε log Σⱼ Kᵢⱼ bⱼ e^{(gⱼ − qⱼ)/ε},   Kᵢⱼ = e^{(pᵢ + qⱼ − cᵢⱼ)/ε}
//! ```
//!
//! exactly, for any `p` and `q`. Near them no term that counts underflows, so that an iteration is
//! two products with `K` instead of `2 n m` exponentials, and both are made in one pass over its
//! rows; where a potential has moved too far up from the kernel's, or a sum leaves the numbers, it
//! says so and is made anew.
//!
//! # References
//! Schmitzer (2019), "Stabilized sparse scaling algorithms for entropy regularized transport
//! problems", §3 (absorption into the kernel).

use super::vectors::{add, add_by, dot, dot_by};
use crate::cost::{ALONE, Cost, Side, exponentials, highest};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Entries of a kernel that is stored: 32 MiB.
const LARGEST: usize = 1 << 22;
/// The exponent by which a potential may have risen from the kernel's.
const FAR: f64 = 200.0;
/// Sums outside are not trusted. Entries of the kernel below e⁻⁷⁰⁸ are 0: with a rise of 200 they
/// would have been below e⁻⁵⁰⁸, and the smallest of these sums is above e⁻⁴⁶¹.
const TRUSTED: std::ops::Range<f64> = 1e-200..1e200;
/// Rows of one task of a pass.
const BLOCK: usize = 128;

/// A kernel about two potentials.
pub(super) struct Stored {
    p: Vec<f64>,
    q: Vec<f64>,
    epsilon: f64,
    kernel: Vec<f64>,
}

/// A side as an iteration sees it: its weights, and the λ of its potential.
#[derive(Clone, Copy)]
pub(super) struct Marginal<'a> {
    pub(super) weights: &'a [f64],
    pub(super) damp: f64,
}

impl Stored {
    /// The kernel about `q` and the source's potential that answers to it, if it is small and
    /// finite. A potential that λ draws down is not followed, so that no row is all 0.
    pub(super) fn new(
        cost: &dyn Cost,
        [source, target]: [Marginal<'_>; 2],
        q: &[f64],
        epsilon: f64,
    ) -> Option<Self> {
        let (n, m) = (source.weights.len(), q.len());
        if n * m > LARGEST {
            return None;
        }
        let present = |(q, b): (&f64, &f64)| if *b > 0.0 { *q } else { f64::NEG_INFINITY };
        let h: Vec<f64> = q.iter().zip(target.weights).map(present).collect();
        let (mut kernel, mut p) = (vec![0.0; n * m], vec![0.0; n]);
        let fill = |(i, (row, p)): (usize, (&mut [f64], &mut f64))| {
            cost.row(Side::Source, i, row);
            let nearest = -highest(&h, row);
            exponentials(nearest, q, epsilon, row);
            let softmin = nearest - epsilon * dot(row, target.weights).ln();
            *p = softmin.max(source.damp * softmin);
            let factor = ((*p - nearest) / epsilon).exp();
            row.iter_mut().for_each(|k| *k *= factor);
            row.iter().fold(true, |finite, k| finite & (*k < f64::INFINITY))
        };
        let finite = if n * m <= ALONE {
            kernel.chunks_mut(m).zip(&mut p).enumerate().map(fill).fold(true, |x, y| x & y)
        } else {
            let rows = kernel.par_chunks_mut(m).zip(&mut p).enumerate().with_min_len(BLOCK);
            rows.map(fill).reduce(|| true, |x, y| x & y)
        };
        finite.then(|| Self { p, q: q.to_vec(), epsilon, kernel })
    }

    /// The source's potential that answers to `g`, and the undamped target's that answers to it;
    /// `None` where the kernel does not serve.
    pub(super) fn sweep(
        &self,
        [source, target]: [Marginal<'_>; 2],
        g: &[f64],
    ) -> Option<[Vec<f64>; 2]> {
        let risen = g.iter().zip(&self.q).map(|(g, q)| (g - q) / self.epsilon);
        let scale = |(risen, w): (f64, &f64)| {
            if *w == 0.0 { Some(0.0) } else { (risen <= FAR).then(|| w * risen.exp()) }
        };
        let scales: Vec<f64> = risen.zip(target.weights).map(scale).collect::<Option<_>>()?;
        let (mut f, m) = (vec![0.0; self.p.len()], g.len());
        let pass = |(b, f): (usize, &mut [f64])| {
            let rows = &self.kernel[b * BLOCK * m..][..f.len() * m];
            let own = b * BLOCK..b * BLOCK + f.len();
            let (p, weights) = (&self.p[own.clone()], &source.weights[own]);
            let (damp, epsilon) = (source.damp, self.epsilon);
            Arch::new().dispatch(Pass { rows, scales: &scales, p, weights, damp, epsilon, f })
        };
        let sums = if self.kernel.len() <= ALONE {
            f.chunks_mut(BLOCK).enumerate().map(pass).collect::<Option<Vec<_>>>()?
        } else {
            f.par_chunks_mut(BLOCK).enumerate().map(pass).collect::<Option<Vec<_>>>()?
        };
        let total = sums.into_iter().reduce(|mut total, part| {
            add(&mut total, 1.0, &part);
            total
        })?;
        let answer =
            |(q, sum): (&f64, &f64)| TRUSTED.contains(sum).then(|| q - self.epsilon * sum.ln());
        let image = self.q.iter().zip(&total).map(answer).collect::<Option<_>>()?;
        Some([f, image])
    }
}

/// Some rows of the kernel: their sums give `f`, and with it their part of the columns' sums.
struct Pass<'a> {
    rows: &'a [f64],
    scales: &'a [f64],
    p: &'a [f64],
    weights: &'a [f64],
    damp: f64,
    epsilon: f64,
    f: &'a mut [f64],
}

impl WithSimd for Pass<'_> {
    type Output = Option<Vec<f64>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<Vec<f64>> {
        let mut sums = vec![0.0; self.scales.len()];
        let rows = self.rows.chunks_exact(self.scales.len());
        for ((row, f), (p, w)) in rows.zip(self.f).zip(self.p.iter().zip(self.weights)) {
            let sum = dot_by(simd, row, self.scales);
            if !TRUSTED.contains(&sum) {
                return None;
            }
            *f = self.damp * (p - self.epsilon * sum.ln());
            let risen = (*f - p) / self.epsilon;
            if risen > FAR {
                return None;
            }
            // Without damping e^risen is 1/sum.
            let scale = if self.damp == 1.0 { w / sum } else { w * risen.exp() };
            add_by(simd, &mut sums, scale, row);
        }
        Some(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Euclidean;
    use transport_core::Noise;

    /// The kernel's soft minima are the cost's, also away from its potentials, with points of no
    /// weight and with damping; too far up it says so.
    #[test]
    fn the_kernel_is_the_soft_minimum() {
        let (n, m, epsilon) = (37, 301, 0.05);
        let draw = |seed, n, d| Noise::new(seed, n).normal_values(d);
        let cost = Euclidean::squared(&draw(1, n, 2), &draw(2, m, 2), 2).unwrap();
        let plain = |side, potential: &[f64], weights: &[f64]| {
            let pairs = potential.iter().zip(weights);
            let h: Vec<f64> = pairs.map(|(p, w)| p + epsilon * w.ln()).collect();
            let mut out = vec![0.0; cost.size(side)];
            cost.soft_min(side, &h, epsilon, &mut out);
            out
        };
        let (a, mut b) = (vec![0.02; n], vec![0.01; m]);
        b[7] = 0.0;
        let q = draw(3, m, 1);
        let nudges = draw(5, m, 1).into_iter().map(|z| 10.0 * epsilon * z);
        let nudged: Vec<f64> = q.iter().zip(nudges).map(|(q, z)| q + z).collect();
        for damp in [1.0, 0.7, 0.01] {
            let sides = [(&a, damp), (&b, 1.0)].map(|(weights, damp)| Marginal { weights, damp });
            let stored = Stored::new(&cost, sides, &q, epsilon).unwrap();
            let [f, image] = stored.sweep(sides, &nudged).unwrap();
            let mut exact = plain(Side::Source, &nudged, &b);
            exact.iter_mut().for_each(|f| *f *= damp);
            let close = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-12);
            assert!(close(&f, &exact), "source, damped by {damp}");
            assert!(close(&image, &plain(Side::Target, &f, &a)), "target, damped by {damp}");
            let far: Vec<f64> = q.iter().map(|q| q + 2.0 * FAR * epsilon).collect();
            assert!(stored.sweep(sides, &far).is_none());
        }
    }
}
