//! Group normalisation with a scale and a shift for each plane of each image, and SiLU after it.
//!
//! ```text
//! z = (x − μ_g) r_g,  r_g = 1/√(σ²_g + ε),     v = s ⊙ z + b,     y = v or silu(v)
//!
//! v̄ = ȳ or ȳ ⊙ silu′(v),     b̄ = Σ_pixels v̄,     s̄ = Σ_pixels v̄ ⊙ z
//! x̄ = r_g (s ⊙ v̄ − Σ_planes s b̄/N − z Σ_planes s s̄/N)          N values of a group
//! ```
//!
//! Two passes over a group each way, while it is in the cache; nothing but `x` is kept between them.

use crate::Activation;
use crate::composed;
use burn::tensor::Tensor;

/// What is done to planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Groups of planes that are normalised together.
    pub groups: usize,
    /// `ε`.
    pub epsilon: f64,
    /// Whether `silu` follows.
    pub silu: bool,
}

/// `s ⊙ norm(x) + b`, and `silu` of it where the norm says so.
///
/// # Shapes
/// `x`: `[n, c, h, w]`; `scale`, `shift`: `[n, c]`; returns as `x`.
///
/// # Panics
/// When the shapes do not fit, or the groups do not divide the planes.
///
/// # Checked by
/// `tests/it/group_norm.rs`
#[must_use]
pub fn group_norm(x: Tensor<4>, scale: Tensor<2>, shift: Tensor<2>, norm: Norm) -> Tensor<4> {
    let [n, c, ..] = x.dims();
    assert_eq!(scale.dims(), [n, c], "a scale for each plane");
    assert_eq!(shift.dims(), [n, c], "a shift for each plane");
    let Norm { groups, .. } = norm;
    assert!(groups > 0 && c.is_multiple_of(groups), "{c} planes in {groups} groups");
    #[cfg(feature = "flex")]
    if crate::ops::takes_kernels(&x) {
        return crate::extension::group_norm::group_norm(x, scale, shift, norm);
    }
    composed_group_norm(x, scale, shift, norm)
}

/// [`group_norm`] in Burn's own operations.
#[must_use]
pub fn composed_group_norm(
    x: Tensor<4>,
    scale: Tensor<2>,
    shift: Tensor<2>,
    norm: Norm,
) -> Tensor<4> {
    let shape = x.dims();
    let [n, c, h, w] = shape;
    let of_group = (c * h * w).div_euclid(norm.groups);
    let x = x.reshape([n, norm.groups, of_group]);
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().powi_scalar(2).mean_dim(2);
    let z = centred * variance.add_scalar(norm.epsilon).sqrt().recip();
    let planes = |x: Tensor<2>| x.reshape([n, c, 1, 1]);
    let v = z.reshape(shape) * planes(scale) + planes(shift);
    if norm.silu { composed::activate(Activation::Silu, v) } else { v }
}

#[cfg(feature = "flex")]
pub(crate) use slices::{Sizes, backward, forward};

/// The same on slices.
#[cfg(feature = "flex")]
mod slices {
    use crate::fresh::filled;
    use crate::math::{fma, logistic};
    use crate::simd::{LANES, Loop, dispatch, worth_threads};
    use rayon::prelude::*;
    use std::mem::MaybeUninit;

    /// The shape of one group: its planes, and the pixels of a plane; and what is done to it.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Sizes {
        pub(crate) planes: usize,
        pub(crate) pixels: usize,
        pub(crate) epsilon: f32,
        pub(crate) silu: bool,
    }

    impl Sizes {
        fn values(&self) -> usize {
            self.planes * self.pixels
        }
    }

    /// `Σ f(x)`, in an order that the length alone fixes.
    #[inline(always)]
    fn total(x: &[f32], f: impl Fn(f32) -> f32) -> f64 {
        let mut sums = [0.0f32; LANES];
        let (xs, rest) = x.as_chunks::<LANES>();
        for x in xs {
            for l in 0..LANES {
                sums[l] += f(x[l]);
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += f(*x);
        }
        sums.iter().map(|s| f64::from(*s)).sum()
    }

    /// `μ` and `1/√(σ² + ε)`.
    #[inline(always)]
    fn moments(x: &[f32], s: Sizes) -> (f32, f32) {
        let n = x.len() as f64;
        let sum: f64 = x.chunks(s.pixels).map(|plane| total(plane, |v| v)).sum();
        let mean = (sum / n) as f32;
        let square = |plane: &[f32]| {
            total(plane, |v| {
                let gap = v - mean;
                gap * gap
            })
        };
        let squares: f64 = x.chunks(s.pixels).map(square).sum();
        (mean, (1.0 / (squares / n + f64::from(s.epsilon)).sqrt()) as f32)
    }

    struct Forward<'a> {
        x: &'a [f32],
        scale: &'a [f32],
        shift: &'a [f32],
        s: Sizes,
        y: &'a mut [MaybeUninit<f32>],
    }

    impl Loop for Forward<'_> {
        type Output = ();

        #[inline(always)]
        fn run<const FMA: bool>(self) {
            let Self { x, scale, shift, s, y } = self;
            let (mean, inverse) = moments(x, s);
            let planes = x.chunks(s.pixels).zip(y.chunks_mut(s.pixels));
            for ((x, y), (scale, shift)) in planes.zip(scale.iter().zip(shift)) {
                let a = scale * inverse;
                let b = fma::<FMA>(-mean, a, *shift);
                if s.silu {
                    for (x, y) in x.iter().zip(y) {
                        let v = fma::<FMA>(a, *x, b);
                        y.write(v * logistic::<FMA>(v).0);
                    }
                } else {
                    x.iter().zip(y).for_each(|(x, y)| _ = y.write(fma::<FMA>(a, *x, b)));
                }
            }
        }
    }

    struct Backward<'a> {
        x: &'a [f32],
        scale: &'a [f32],
        shift: &'a [f32],
        g: &'a [f32],
        s: Sizes,
        dx: &'a mut [f32],
        d_scale: &'a mut [f32],
        d_shift: &'a mut [f32],
    }

    /// `v̄` over `out`, and its sums `Σ v̄` and `Σ v̄ (x − μ)`.
    #[inline(always)]
    fn pulled<const FMA: bool>(
        (x, g): (&[f32], &[f32]),
        (a, b, mean): (f32, f32, f32),
        silu: bool,
        out: &mut [f32],
    ) -> (f64, f64) {
        let one = |x: f32, g: f32| {
            if !silu {
                return g;
            }
            let v = fma::<FMA>(a, x, b);
            let (up, down, _) = logistic::<FMA>(v);
            g * fma::<FMA>(v * up, down, up)
        };
        let (mut sums, mut products) = ([0.0f32; LANES], [0.0f32; LANES]);
        let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
        let (outs, out_rest) = out.as_chunks_mut::<LANES>();
        let (gs, outs) = (&gs[..xs.len()], &mut outs[..xs.len()]);
        for i in 0..xs.len() {
            for l in 0..LANES {
                let v = one(xs[i][l], gs[i][l]);
                outs[i][l] = v;
                sums[l] += v;
                products[l] = fma::<FMA>(v, xs[i][l] - mean, products[l]);
            }
        }
        for l in 0..x_rest.len() {
            let v = one(x_rest[l], g_rest[l]);
            out_rest[l] = v;
            sums[l] += v;
            products[l] = fma::<FMA>(v, x_rest[l] - mean, products[l]);
        }
        let whole = |lanes: [f32; LANES]| lanes.iter().map(|v| f64::from(*v)).sum();
        (whole(sums), whole(products))
    }

    impl Loop for Backward<'_> {
        type Output = ();

        #[inline(always)]
        fn run<const FMA: bool>(self) {
            let Self { x, scale, shift, g, s, dx, d_scale, d_shift } = self;
            let (mean, inverse) = moments(x, s);
            let (mut level, mut tilt) = (0.0f64, 0.0f64);
            for p in 0..s.planes {
                let plane = p * s.pixels..(p + 1) * s.pixels;
                let a = scale[p] * inverse;
                let b = fma::<FMA>(-mean, a, shift[p]);
                let seen = (&x[plane.clone()], &g[plane.clone()]);
                let (sum, product) = pulled::<FMA>(seen, (a, b, mean), s.silu, &mut dx[plane]);
                let product = product * f64::from(inverse);
                (d_shift[p], d_scale[p]) = (sum as f32, product as f32);
                level += f64::from(scale[p]) * sum;
                tilt += f64::from(scale[p]) * product;
            }
            let n = s.values() as f64;
            let level = (f64::from(inverse) * level / n) as f32;
            let tilt = (f64::from(inverse * inverse) * tilt / n) as f32;
            let planes = dx.chunks_mut(s.pixels).zip(x.chunks(s.pixels));
            for ((dx, x), scale) in planes.zip(scale) {
                let a = scale * inverse;
                for (dx, x) in dx.iter_mut().zip(x) {
                    *dx = fma::<FMA>(a, *dx, fma::<FMA>(-tilt, x - mean, -level));
                }
            }
        }
    }

    /// `y` of every group of every image.
    pub(crate) fn forward(x: &[f32], scale: &[f32], shift: &[f32], s: Sizes) -> Vec<f32> {
        let size = s.values().max(1);
        let group = |k: usize, x: &[f32], y: &mut [MaybeUninit<f32>]| {
            let planes = k * s.planes..(k + 1) * s.planes;
            let (scale, shift) = (&scale[planes.clone()], &shift[planes]);
            dispatch(Forward { x, scale, shift, s, y });
        };
        // SAFETY: chunks of the length of `x`, each written in full.
        unsafe {
            filled(x.len(), |y| {
                if worth_threads(x.len()) {
                    let pairs = x.par_chunks(size).zip(y.par_chunks_mut(size)).enumerate();
                    pairs.for_each(|(k, (x, y))| group(k, x, y));
                } else {
                    let pairs = x.chunks(size).zip(y.chunks_mut(size)).enumerate();
                    pairs.for_each(|(k, (x, y))| group(k, x, y));
                }
            })
        }
    }

    /// `x̄`, `s̄` and `b̄`.
    pub(crate) fn backward(
        x: &[f32],
        scale: &[f32],
        shift: &[f32],
        g: &[f32],
        s: Sizes,
    ) -> [Vec<f32>; 3] {
        let size = s.values().max(1);
        let mut dx = vec![0.0; x.len()];
        let (mut d_scale, mut d_shift) = (vec![0.0; scale.len()], vec![0.0; shift.len()]);
        let group = |k: usize, dx: &mut [f32], [d_scale, d_shift]: [&mut [f32]; 2]| {
            let planes = k * s.planes..(k + 1) * s.planes;
            let (scale, shift) = (&scale[planes.clone()], &shift[planes]);
            let values = k * size..(k + 1) * size;
            let (x, g) = (&x[values.clone()], &g[values]);
            dispatch(Backward { x, scale, shift, g, s, dx, d_scale, d_shift });
        };
        if worth_threads(x.len()) {
            let features = d_scale.par_chunks_mut(s.planes).zip(d_shift.par_chunks_mut(s.planes));
            let groups = dx.par_chunks_mut(size).zip(features).enumerate();
            groups.for_each(|(k, (dx, (scale, shift)))| group(k, dx, [scale, shift]));
        } else {
            let features = d_scale.chunks_mut(s.planes).zip(d_shift.chunks_mut(s.planes));
            let groups = dx.chunks_mut(size).zip(features).enumerate();
            groups.for_each(|(k, (dx, (scale, shift)))| group(k, dx, [scale, shift]));
        }
        [dx, d_scale, d_shift]
    }
}
