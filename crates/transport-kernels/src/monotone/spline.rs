//! Rational-quadratic splines, sixteen at a time.
//!
//! In units of the box, `t = (x + B)/2B`, with `X, Y` the left and the lower end of a bin, `w, h`
//! its sizes, `s = h/w`, `ξ = (t − X)/w`, `q = ξ(1 − ξ)` and `δ₀, δ₁` the slopes at its ends:
//!
//! ```text
//! D = s + (δ₀ + δ₁ − 2s) q     N = s ξ² + δ₀ q     M = δ₁ ξ² + 2 s q + δ₀ (1 − ξ)²
//! F = Y + h N/D                F′ = s² M/D²        ℓ = 2 log s + log M − 2 log D
//! ```
//!
//! and the partial derivatives, ξ, s, h and the slopes taken as independent:
//!
//! ```text
//! F_ξ = w F′        F_s = h (ξ² D − N (1 − 2q))/D²     F_δ₀ = h q (D − N)/D²     F_δ₁ = −h q N/D²
//! ℓ_ξ = M_ξ/M − 2 D_ξ/D   ℓ_s = 2/s + 2q/M − 2(1 − 2q)/D   ℓ_δ₀ = (1 − ξ)²/M − 2q/D   ℓ_δ₁ = ξ²/M − 2q/D
//! ```

use super::{BOUND, Cotangent, Lanes, Map, RANGE, Way, bounded, bounded_slope};
use crate::math::{exp, fma, ln};
use crate::simd::LANES;

const B: f32 = BOUND as f32;
const BOX: f32 = 2.0 * B;
/// Shares are bounded by half the range on either side, slopes by the whole.
const SHARE: f32 = (2.0 / RANGE) as f32;
const SLOPE: f32 = (1.0 / RANGE) as f32;

/// The shares and the slopes of the points at hand.
pub(super) struct Spline {
    widths: Vec<Lanes>,
    heights: Vec<Lanes>,
    slopes: Vec<Lanes>,
}

/// The bin that a point is in, and where in it.
#[derive(Clone, Copy)]
struct Bin {
    index: Lanes,
    left: Lanes,
    width: Lanes,
    bottom: Lanes,
    height: Lanes,
    start: Lanes,
    end: Lanes,
    xi: Lanes,
}

#[inline(always)]
fn pick(here: bool, new: f32, old: f32) -> f32 {
    if here { new } else { old }
}

/// `softmax(c(θ))`: the exponents are bounded, so that none overflows.
#[inline(always)]
fn shares<const FMA: bool>(theta: &[Lanes], out: &mut [Lanes]) {
    let mut total = [0.0; LANES];
    for (theta, out) in theta.iter().zip(out.iter_mut()) {
        for l in 0..LANES {
            out[l] = exp::<FMA>(bounded::<FMA>(theta[l], SHARE));
            total[l] += out[l];
        }
    }
    for out in out.iter_mut() {
        for l in 0..LANES {
            out[l] /= total[l];
        }
    }
}

/// The derivative by θ of shares whose derivatives are `low` before the bin, `at` in it, 0 beyond.
#[inline(always)]
fn shares_gradient<const FMA: bool>(
    theta: &[Lanes],
    shares: &[Lanes],
    bin: &Bin,
    [before, low, share, at]: [&Lanes; 4],
    out: &mut [Lanes],
) {
    let mut mean = [0.0; LANES];
    for l in 0..LANES {
        mean[l] = fma::<FMA>(low[l], before[l], at[l] * share[l]);
    }
    for (j, ((theta, shares), out)) in theta.iter().zip(shares).zip(out).enumerate() {
        let j = j as f32;
        for l in 0..LANES {
            let inner = if j == bin.index[l] { at[l] } else { 0.0 };
            let step = if j < bin.index[l] { low[l] } else { inner };
            out[l] = shares[l] * (step - mean[l]) * bounded_slope::<FMA>(theta[l], SHARE);
        }
    }
}

impl Spline {
    pub(super) fn new(bins: usize) -> Self {
        let lanes = |n: usize| vec![[1.0; LANES]; n];
        Self { widths: lanes(bins), heights: lanes(bins), slopes: lanes(bins + 1) }
    }

    #[inline(always)]
    fn prepare<const FMA: bool>(&mut self, theta: &[Lanes]) {
        let bins = self.widths.len();
        shares::<FMA>(&theta[..bins], &mut self.widths);
        shares::<FMA>(&theta[bins..2 * bins], &mut self.heights);
        for (theta, slope) in theta[2 * bins..].iter().zip(&mut self.slopes[1..bins]) {
            for l in 0..LANES {
                slope[l] = exp::<FMA>(bounded::<FMA>(theta[l], SLOPE));
            }
        }
    }

    /// The last bin that does not start above `t`, by its left or its lower end.
    #[inline(always)]
    fn find(&self, way: Way, t: &Lanes) -> Bin {
        let zero = [0.0; LANES];
        let mut bin = Bin {
            index: zero,
            left: zero,
            width: self.widths[0],
            bottom: zero,
            height: self.heights[0],
            start: self.slopes[0],
            end: self.slopes[1],
            xi: zero,
        };
        let (mut left, mut bottom) = (self.widths[0], self.heights[0]);
        for j in 1..self.widths.len() {
            let (width, height) = (&self.widths[j], &self.heights[j]);
            let (start, end) = (&self.slopes[j], &self.slopes[j + 1]);
            for l in 0..LANES {
                let here = t[l] >= if way == Way::Along { left[l] } else { bottom[l] };
                bin.index[l] = pick(here, j as f32, bin.index[l]);
                bin.left[l] = pick(here, left[l], bin.left[l]);
                bin.width[l] = pick(here, width[l], bin.width[l]);
                bin.bottom[l] = pick(here, bottom[l], bin.bottom[l]);
                bin.height[l] = pick(here, height[l], bin.height[l]);
                bin.start[l] = pick(here, start[l], bin.start[l]);
                bin.end[l] = pick(here, end[l], bin.end[l]);
                left[l] += width[l];
                bottom[l] += height[l];
            }
        }
        bin
    }

    /// The bin of each point, with ξ: a quotient, or the root that does not cancel,
    ///
    /// ```text
    /// a ξ² + b ξ − s r = 0:  ξ = 2 s r / (b + √(b² + 4 a s r)),  or (√(b² + 4 a s r) − b)/(2a) for b < 0
    /// a = h (s − δ₀) + r e,   b = h δ₀ − r e,   r = t − Y,   e = δ₀ + δ₁ − 2 s
    /// ```
    #[inline(always)]
    fn at<const FMA: bool>(&mut self, way: Way, x: &Lanes, theta: &[Lanes]) -> Bin {
        self.prepare::<FMA>(theta);
        let mut t = *x;
        for t in &mut t {
            *t = (t.clamp(-B, B) + B) / BOX;
        }
        let mut bin = self.find(way, &t);
        for (l, t) in t.into_iter().enumerate() {
            let (w, h, start) = (bin.width[l], bin.height[l], bin.start[l]);
            let xi = match way {
                Way::Along => (t - bin.left[l]) / w,
                Way::Back => {
                    let (s, r) = (h / w, t - bin.bottom[l]);
                    let bend = r * (start + bin.end[l] - 2.0 * s);
                    let (a, b) = (h * (s - start) + bend, h * start - bend);
                    let (c, square) = (s * r, b * b);
                    let discriminant = fma::<FMA>(4.0 * a, c, square);
                    let root = (if discriminant < 0.0 { 0.0 } else { discriminant }).sqrt();
                    let sums = if b < 0.0 { (root - b, 2.0 * a) } else { (2.0 * c, b + root) };
                    sums.0 / sums.1
                }
            };
            let xi = if xi < 0.0 { 0.0 } else { xi };
            bin.xi[l] = if xi > 1.0 { 1.0 } else { xi };
        }
        bin
    }
}

impl Map for Spline {
    #[inline(always)]
    fn apply<const FMA: bool>(&mut self, way: Way, x: &Lanes, theta: &[Lanes]) -> (Lanes, Lanes) {
        let bin = self.at::<FMA>(way, x, theta);
        let (mut value, mut log_slope) = (*x, [0.0; LANES]);
        for l in 0..LANES {
            let (xi, h, start, end) = (bin.xi[l], bin.height[l], bin.start[l], bin.end[l]);
            let (s, rest) = (h / bin.width[l], 1.0 - xi);
            let q = xi * rest;
            let d = fma::<FMA>(start + end - 2.0 * s, q, s);
            let ratio = s / d;
            let m = fma::<FMA>(end * xi, xi, fma::<FMA>(2.0 * s, q, start * rest * rest));
            let log = ln::<FMA>(ratio * ratio * m);
            let (inner, log) = match way {
                Way::Along => {
                    let n = fma::<FMA>(s * xi, xi, start * q);
                    (fma::<FMA>(BOX, bin.bottom[l] + h * n / d, -B), log)
                }
                Way::Back => (fma::<FMA>(BOX, fma::<FMA>(xi, bin.width[l], bin.left[l]), -B), -log),
            };
            let inside = x[l].abs() < B;
            // Rounding must not carry an inner point past the end of the box.
            value[l] = if inside { inner.clamp(-B, B) } else { x[l] };
            log_slope[l] = if inside { log } else { 0.0 };
        }
        (value, log_slope)
    }

    #[inline(always)]
    fn gradient<const FMA: bool>(
        &mut self,
        way: Way,
        x: &Lanes,
        theta: &[Lanes],
        g: &Cotangent,
        out: &mut [Lanes],
    ) -> Lanes {
        let bin = self.at::<FMA>(way, x, theta);
        let zero = [0.0; LANES];
        let (mut dx, mut by_left, mut by_width) = (g.value, zero, zero);
        let (mut by_bottom, mut by_height, mut by_start, mut by_end) = (zero, zero, zero, zero);
        for l in 0..LANES {
            let (xi, w, h) = (bin.xi[l], bin.width[l], bin.height[l]);
            let (start, end) = (bin.start[l], bin.end[l]);
            let (s, rest) = (h / w, 1.0 - xi);
            let q = xi * rest;
            let bend = start + end - 2.0 * s;
            let d = fma::<FMA>(bend, q, s);
            let n = fma::<FMA>(s * xi, xi, start * q);
            let m = fma::<FMA>(end * xi, xi, fma::<FMA>(2.0 * s, q, start * rest * rest));
            let (over_d, over_m, over_w) = (1.0 / d, 1.0 / m, 1.0 / w);
            let ratio = s * over_d;
            let slope = ratio * ratio * m;
            let turn = 1.0 - 2.0 * xi;
            let m_xi = 2.0 * (end * xi + s * turn - start * rest);
            let log_xi = m_xi * over_m - 2.0 * bend * turn * over_d;
            let log_x = log_xi * over_w * (1.0 / BOX);

            let inside = x[l].abs() < B;
            let (value, log) = if inside { (g.value[l], g.log_slope[l]) } else { (0.0, 0.0) };
            let (moved, by_f, by_log) = match way {
                Way::Along => (fma::<FMA>(value, slope, log * log_x), value, log),
                Way::Back => {
                    let step = fma::<FMA>(-log, log_x, value) / slope;
                    (step, -step, -log)
                }
            };
            dx[l] = if inside { moved } else { g.value[l] };
            let by_f = BOX * by_f;
            let (flat, over_d2) = (1.0 - 2.0 * q, h * over_d * over_d);
            let f_s = (xi * xi * d - n * flat) * over_d2;
            let log_s = 2.0 * (1.0 / s + q * over_m - flat * over_d);
            let by_xi = fma::<FMA>(by_f * w, slope, by_log * log_xi);
            let by_s = fma::<FMA>(by_f, f_s, by_log * log_s);
            by_left[l] = -by_xi * over_w;
            by_width[l] = -fma::<FMA>(by_xi, xi, by_s * s) * over_w;
            by_bottom[l] = by_f;
            by_height[l] = fma::<FMA>(by_f * n, over_d, by_s * over_w);
            let both = 2.0 * q * over_d;
            by_start[l] = by_f * q * (d - n) * over_d2 + by_log * (rest * rest * over_m - both);
            by_end[l] = by_log * (xi * xi * over_m - both) - by_f * q * n * over_d2;
        }
        let bins = self.widths.len();
        let (widths, others) = out.split_at_mut(bins);
        let (heights, slopes) = others.split_at_mut(bins);
        let by_widths = [&bin.left, &by_left, &bin.width, &by_width];
        shares_gradient::<FMA>(&theta[..bins], &self.widths, &bin, by_widths, widths);
        let by_heights = [&bin.bottom, &by_bottom, &bin.height, &by_height];
        shares_gradient::<FMA>(&theta[bins..2 * bins], &self.heights, &bin, by_heights, heights);
        for (j, out) in slopes.iter_mut().enumerate() {
            let knot = (j + 1) as f32;
            let (theta, slope) = (&theta[2 * bins + j], &self.slopes[j + 1]);
            for l in 0..LANES {
                let start = if bin.index[l] == knot { by_start[l] } else { 0.0 };
                let step = if bin.index[l] + 1.0 == knot { by_end[l] } else { start };
                out[l] = step * slope[l] * bounded_slope::<FMA>(theta[l], SLOPE);
            }
        }
        dx
    }
}
