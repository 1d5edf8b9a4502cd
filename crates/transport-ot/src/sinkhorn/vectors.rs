//! Sums over vectors of f64, with the instructions that this CPU has.
//!
//! ```text
//! ⟨x, y⟩ = Σⱼ xⱼ yⱼ,    y ← y + s x
//! ```

use pulp::{Arch, Simd, WithSimd};

/// `⟨x, y⟩`.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    Arch::new().dispatch(Dot(x, y))
}

/// `y ← y + s x`.
pub(super) fn add(y: &mut [f64], s: f64, x: &[f64]) {
    Arch::new().dispatch(Add(y, s, x));
}

struct Dot<'a>(&'a [f64], &'a [f64]);

impl WithSimd for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        dot_by(simd, self.0, self.1)
    }
}

struct Add<'a>(&'a mut [f64], f64, &'a [f64]);

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        add_by(simd, self.0, self.1, self.2);
    }
}

/// [`dot`] where the instructions are known.
#[inline(always)]
pub(super) fn dot_by<S: Simd>(simd: S, x: &[f64], y: &[f64]) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (S::as_simd_f64s(x), S::as_simd_f64s(y));
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

/// [`add`] where the instructions are known.
#[inline(always)]
pub(super) fn add_by<S: Simd>(simd: S, y: &mut [f64], s: f64, x: &[f64]) {
    let (y, y_rest) = S::as_mut_simd_f64s(y);
    let (x, x_rest) = S::as_simd_f64s(x);
    let factor = simd.splat_f64s(s);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_f64s(factor, *x, *y);
    }
    y_rest.iter_mut().zip(x_rest).for_each(|(y, x)| *y += s * x);
}
