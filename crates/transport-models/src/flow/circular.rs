//! Monotone rational-quadratic splines on the circle.
//!
//! ```text
//! f(φ) = S(φ) + θ₀  mod 2π,     S: [−π, π] → [−π, π] a rational-quadratic spline,
//! S(±π) = ±π,   S′(−π) = S′(π)
//! ```
//!
//! The slopes at the two ends are one parameter, so that `f` is smooth where the circle closes; the
//! rotation θ₀ frees the point that `S` keeps. Angles are taken to `[−π, π)`.
//!
//! # References
//! Rezende, Papamakarios, Racanière, Albergo, Kanwar, Shanahan & Cranmer (2020), "Normalizing flows
//! on tori and spheres", §2.1.

use burn::tensor::activation::{softmax, softplus};
use burn::tensor::{Int, Tensor};
use std::f64::consts::{PI, TAU};

/// The smallest share of the circle that a bin can have.
const LEAST_BIN: f64 = 1e-3;
/// The smallest slope at a knot.
const LEAST_SLOPE: f64 = 1e-3;

/// Parameters for each coordinate: widths, heights and slopes of `K` bins, and the rotation.
pub(super) fn parameters(bins: usize) -> usize {
    3 * bins + 1
}

/// `φ` modulo 2π, in `[−π, π)`.
pub(super) fn wrap(angle: Tensor<2>) -> Tensor<2> {
    let turns = angle.clone().detach().add_scalar(PI).div_scalar(TAU).floor();
    angle - turns.mul_scalar(TAU)
}

/// `(cos φ₁, sin φ₁, …, cos φ_m, sin φ_m)`: what a network can read of angles without a seam.
///
/// # Shapes
/// `angle`: `[n, m]`; returns `[n, 2m]`.
pub(super) fn features(angle: Tensor<2>) -> Tensor<2> {
    let [n, m] = angle.dims();
    let pair = vec![angle.clone().cos().reshape([n, m, 1]), angle.sin().reshape([n, m, 1])];
    Tensor::cat(pair, 2).reshape([n, 2 * m])
}

/// The knots of every coordinate, `[n, m, K]` each.
struct Knots {
    lefts: Tensor<3>,
    widths: Tensor<3>,
    bottoms: Tensor<3>,
    heights: Tensor<3>,
    slopes: Tensor<3>,
    slopes_right: Tensor<3>,
}

/// The bin of each point, `[n, m]` each.
struct Bin {
    left: Tensor<2>,
    width: Tensor<2>,
    bottom: Tensor<2>,
    height: Tensor<2>,
    slope: Tensor<2>,
    slope_right: Tensor<2>,
}

impl Knots {
    /// From unconstrained parameters; zero is the identity.
    fn new(theta: &Tensor<3>, bins: usize) -> Self {
        let part = |from: usize| theta.clone().narrow(2, from, bins);
        let (lefts, widths) = edges(part(0), bins);
        let (bottoms, heights) = edges(part(bins), bins);
        // softplus(shift) = 1 − LEAST_SLOPE.
        let shift = ((1.0 - LEAST_SLOPE).exp() - 1.0).ln();
        let slopes = softplus(part(2 * bins).add_scalar(shift), 1.0).add_scalar(LEAST_SLOPE);
        // The last bin ends where the first begins.
        let first = slopes.clone().narrow(2, 0, 1);
        let later = slopes.clone().narrow(2, 1, bins - 1);
        let slopes_right = if bins == 1 { first } else { Tensor::cat(vec![later, first], 2) };
        Self { lefts, widths, bottoms, heights, slopes, slopes_right }
    }

    fn at(&self, x: &Tensor<2>, starts: &Tensor<3>) -> Bin {
        let index = bin_of(x, starts);
        let [n, m, _] = index.dims();
        let pick = |values: &Tensor<3>| -> Tensor<2> {
            let bins = values.dims()[2];
            values.clone().expand([n, m, bins]).gather(2, index.clone()).squeeze_dim(2)
        };
        Bin {
            left: pick(&self.lefts),
            width: pick(&self.widths),
            bottom: pick(&self.bottoms),
            height: pick(&self.heights),
            slope: pick(&self.slopes),
            slope_right: pick(&self.slopes_right),
        }
    }
}

/// The starts and the sizes of the bins, which fill the circle.
fn edges(theta: Tensor<3>, bins: usize) -> (Tensor<3>, Tensor<3>) {
    let share = softmax(theta, 2).mul_scalar(1.0 - LEAST_BIN * bins as f64).add_scalar(LEAST_BIN);
    let sizes = share.mul_scalar(TAU);
    (sizes.clone().cumsum(2).sub_scalar(PI) - sizes.clone(), sizes)
}

/// The last bin that starts not above `x`, `[n, m, 1]`.
fn bin_of(x: &Tensor<2>, starts: &Tensor<3>) -> Tensor<3, Int> {
    let reached = starts.clone().detach().lower_equal(x.clone().detach().unsqueeze_dim(2));
    reached.int().sum_dim(2).sub_scalar(1).clamp_min(0)
}

impl Bin {
    fn steepness(&self) -> Tensor<2> {
        self.height.clone() / self.width.clone()
    }

    /// `δ_{k+1} + δ_k − 2 s`.
    fn excess(&self) -> Tensor<2> {
        self.slope_right.clone() + self.slope.clone() - self.steepness().mul_scalar(2.0)
    }

    /// `s + (δ_{k+1} + δ_k − 2 s) ξ(1−ξ)`.
    fn denominator(&self, xi: &Tensor<2>) -> Tensor<2> {
        self.steepness() + self.excess() * both(xi)
    }

    fn log_slope(&self, xi: &Tensor<2>) -> Tensor<2> {
        let s = self.steepness();
        let top = self.slope_right.clone() * xi.clone().powi_scalar(2)
            + s.clone().mul_scalar(2.0) * both(xi)
            + self.slope.clone() * rest(xi).powi_scalar(2);
        (s.log() - self.denominator(xi).log()).mul_scalar(2.0) + top.log()
    }
}

fn rest(xi: &Tensor<2>) -> Tensor<2> {
    xi.clone().neg().add_scalar(1.0)
}

fn both(xi: &Tensor<2>) -> Tensor<2> {
    xi.clone() * rest(xi)
}

/// The rotation θ₀, `[n, m]`.
fn rotation(theta: &Tensor<3>, bins: usize) -> Tensor<2> {
    theta.clone().narrow(2, 3 * bins, 1).squeeze_dim(2)
}

/// `f(φ)` and `log f′(φ)`.
pub(super) fn push(angle: Tensor<2>, theta: Tensor<3>, bins: usize) -> (Tensor<2>, Tensor<2>) {
    let angle = wrap(angle);
    let knots = Knots::new(&theta, bins);
    let bin = knots.at(&angle, &knots.lefts);
    let xi = ((angle - bin.left.clone()) / bin.width.clone()).clamp(0.0, 1.0);
    let top = bin.steepness() * xi.clone().powi_scalar(2) + bin.slope.clone() * both(&xi);
    let value = bin.bottom.clone() + bin.height.clone() * top / bin.denominator(&xi);
    (wrap(value + rotation(&theta, bins)), bin.log_slope(&xi))
}

/// `f⁻¹(φ)` and `log (f⁻¹)′(φ)`: the root of `a ξ² + b ξ + c = 0` in `[0, 1]`, with
///
/// ```text
/// a = h (s − δ_k) + r e,   b = h δ_k − r e,   c = −s r,    r = φ − y_k,  e = δ_{k+1} + δ_k − 2 s
/// q = −½ (b ± √(b² − 4 a c)) with the sign of b,   ξ = c/q if b ≥ 0, q/a if not
/// ```
///
/// so that nothing cancels on either side: `b < 0` makes `a ≥ h s > 0`.
pub(super) fn pull(angle: Tensor<2>, theta: Tensor<3>, bins: usize) -> (Tensor<2>, Tensor<2>) {
    let angle = wrap(angle - rotation(&theta, bins));
    let knots = Knots::new(&theta, bins);
    let bin = knots.at(&angle, &knots.bottoms);
    let s = bin.steepness();
    let rise = angle - bin.bottom.clone();
    let bend = rise.clone() * bin.excess();
    let a = bin.height.clone() * (s.clone() - bin.slope.clone()) + bend.clone();
    let b = bin.height.clone() * bin.slope.clone() - bend;
    let c = (s * rise).neg();
    let xi = root(a, b, c).clamp(0.0, 1.0);
    let log_slope = bin.log_slope(&xi).neg();
    (wrap(xi * bin.width + bin.left), log_slope)
}

/// The root that [`pull`] describes. Rounding can carry the discriminant below zero: it is clamped.
fn root(a: Tensor<2>, b: Tensor<2>, c: Tensor<2>) -> Tensor<2> {
    let discriminant =
        (b.clone().powi_scalar(2) - (a.clone() * c.clone()).mul_scalar(4.0)).clamp_min(0.0);
    let falls = b.clone().detach().lower_scalar(0.0);
    let size = discriminant.sqrt();
    let signed = size.clone().mask_where(falls.clone(), size.neg());
    let q = (b + signed).mul_scalar(-0.5);
    c.mask_where(falls.clone(), q.clone()) / q.mask_where(falls, a)
}
