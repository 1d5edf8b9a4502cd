//! Monotone rational-quadratic splines.
//!
//! Between the knots `(x_k, y_k)` with slopes `δ_k`, with `w_k, h_k` the width and the height of a
//! bin, `s_k = h_k/w_k` and `ξ = (x − x_k)/w_k`,
//!
//! ```text
//! f(x) = y_k + h_k [ s_k ξ² + δ_k ξ(1−ξ) ] / [ s_k + (δ_{k+1} + δ_k − 2 s_k) ξ(1−ξ) ]
//! f′(x) = s_k² [ δ_{k+1} ξ² + 2 s_k ξ(1−ξ) + δ_k (1−ξ)² ] / [ s_k + (δ_{k+1} + δ_k − 2 s_k) ξ(1−ξ) ]²
//! ```
//!
//! on `[−B, B]`, with slope 1 at both ends, and the identity outside. Of the `3K − 1` parameters
//! the first `K` give the widths, the next the heights, the rest the inner slopes:
//!
//! ```text
//! w = 2B softmax(c_{r/2}(θ)),   h = 2B softmax(c_{r/2}(θ)),   δ = exp c_r(θ)
//! ```
//!
//! # References
//! Gregory & Delbourgo (1982); Durkan, Bekasov, Murray & Papamakarios (2019), "Neural spline
//! flows".

use super::monotone::bounded;
use crate::monotone::{BOUND, RANGE};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};

/// The bin of each point: `[n, m]` each.
struct Bin {
    left: Tensor<2>,
    width: Tensor<2>,
    bottom: Tensor<2>,
    height: Tensor<2>,
    slope_left: Tensor<2>,
    slope_right: Tensor<2>,
}

/// The knots of every coordinate: `[n, m, K]` each, slopes at both ends of a bin.
struct Knots {
    lefts: Tensor<3>,
    widths: Tensor<3>,
    bottoms: Tensor<3>,
    heights: Tensor<3>,
    slopes_left: Tensor<3>,
    slopes_right: Tensor<3>,
}

impl Knots {
    /// From unconstrained parameters `[n, m, 3K − 1]`; zero is the identity.
    fn new(theta: &Tensor<3>, bins: usize) -> Self {
        let part = |from: usize, count: usize| theta.clone().narrow(2, from, count);
        let (lefts, widths) = edges(part(0, bins));
        let (bottoms, heights) = edges(part(bins, bins));
        let ends = widths.clone().narrow(2, 0, 1).ones_like();
        let (slopes_left, slopes_right) = if bins == 1 {
            (ends.clone(), ends)
        } else {
            let inner = bounded(part(2 * bins, bins - 1), RANGE).exp();
            let left = Tensor::cat(vec![ends.clone(), inner.clone()], 2);
            (left, Tensor::cat(vec![inner, ends], 2))
        };
        Self { lefts, widths, bottoms, heights, slopes_left, slopes_right }
    }

    /// The bin whose interval `[edges_k, edges_{k+1})` holds `x`.
    fn at(self, x: &Tensor<2>, edges: &Tensor<3>) -> Bin {
        let chosen = one_hot(x, edges);
        let pick = |values: Tensor<3>| (values * chosen.clone()).sum_dim(2).squeeze_dim(2);
        Bin {
            left: pick(self.lefts),
            width: pick(self.widths),
            bottom: pick(self.bottoms),
            height: pick(self.heights),
            slope_left: pick(self.slopes_left),
            slope_right: pick(self.slopes_right),
        }
    }
}

/// The left edges and the sizes of the bins, which fill `[−B, B]`.
fn edges(theta: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let sizes = softmax(bounded(theta, RANGE / 2.0), 2).mul_scalar(2.0 * BOUND);
    let lefts = sizes.clone().cumsum(2).sub_scalar(BOUND) - sizes.clone();
    (lefts, sizes)
}

/// 1 for the last edge that is not above `x`, 0 elsewhere: `[n, m, K]`, a constant.
fn one_hot(x: &Tensor<2>, edges: &Tensor<3>) -> Tensor<3> {
    let above = edges.clone().detach().lower_equal(x.clone().detach().unsqueeze_dim(2));
    let reached = above.float().cast(x.dtype());
    let [n, m, k] = reached.dims();
    // The first edge counts always, so that rounding at −B cannot leave a point without a bin.
    let first = reached.clone().narrow(2, 0, 1).ones_like();
    if k == 1 {
        return first;
    }
    let later = reached.narrow(2, 1, k - 1);
    let next =
        Tensor::cat(vec![later.clone(), Tensor::zeros([n, m, 1], (&x.device(), x.dtype()))], 2);
    Tensor::cat(vec![first, later], 2) - next
}

/// Where `|x| < B`.
fn inside(x: &Tensor<2>) -> Tensor<2, Bool> {
    x.clone().detach().abs().lower_scalar(BOUND)
}

/// `log f′` at ξ.
fn log_slope(bin: &Bin, xi: &Tensor<2>) -> Tensor<2> {
    let s = bin.height.clone() / bin.width.clone();
    let rest = xi.clone().neg().add_scalar(1.0);
    let both = xi.clone() * rest.clone();
    let top = bin.slope_right.clone() * xi.clone().powi_scalar(2)
        + s.clone().mul_scalar(2.0) * both.clone()
        + bin.slope_left.clone() * rest.powi_scalar(2);
    (s.clone().log() - denominator(bin, &s, both).log()).mul_scalar(2.0) + top.log()
}

/// `s + (δ_{k+1} + δ_k − 2 s) ξ(1−ξ)`.
fn denominator(bin: &Bin, s: &Tensor<2>, both: Tensor<2>) -> Tensor<2> {
    s.clone() + excess(bin, s) * both
}

fn excess(bin: &Bin, s: &Tensor<2>) -> Tensor<2> {
    bin.slope_right.clone() + bin.slope_left.clone() - s.clone().mul_scalar(2.0)
}

/// `f(x)` and `log f′(x)`.
pub(super) fn along(x: Tensor<2>, theta: &Tensor<3>, bins: usize) -> (Tensor<2>, Tensor<2>) {
    let within = inside(&x);
    let clamped = x.clone().clamp(-BOUND, BOUND);
    let knots = Knots::new(theta, bins);
    let edges = knots.lefts.clone();
    let bin = knots.at(&clamped, &edges);
    let xi = ((clamped - bin.left.clone()) / bin.width.clone()).clamp(0.0, 1.0);
    let s = bin.height.clone() / bin.width.clone();
    let both = xi.clone() * xi.clone().neg().add_scalar(1.0);
    let top = s.clone() * xi.clone().powi_scalar(2) + bin.slope_left.clone() * both.clone();
    let value = bin.bottom.clone() + bin.height.clone() * top / denominator(&bin, &s, both);
    outside(within, x, value, log_slope(&bin, &xi))
}

/// `f⁻¹(y)` and `log (f⁻¹)′(y)`: the root of `a ξ² + b ξ + c = 0` in `[0, 1]`,
///
/// ```text
/// a = h (s − δ_k) + r e,   b = h δ_k − r e,   c = −s r,    r = y − y_k,  e = δ_{k+1} + δ_k − 2 s
/// ξ = 2c / (−b − √(b² − 4 a c)),  or (√(b² − 4 a c) − b)/(2a) for b < 0
/// ```
///
/// the forms that do not cancel. Rounding can carry the discriminant, which is not negative,
/// below zero: it is clamped there.
pub(super) fn back(y: Tensor<2>, theta: &Tensor<3>, bins: usize) -> (Tensor<2>, Tensor<2>) {
    let within = inside(&y);
    let clamped = y.clone().clamp(-BOUND, BOUND);
    let knots = Knots::new(theta, bins);
    let edges = knots.bottoms.clone();
    let bin = knots.at(&clamped, &edges);
    let s = bin.height.clone() / bin.width.clone();
    let rise = clamped - bin.bottom.clone();
    let bend = rise.clone() * excess(&bin, &s);
    let a = bin.height.clone() * (s.clone() - bin.slope_left.clone()) + bend.clone();
    let b = bin.height.clone() * bin.slope_left.clone() - bend;
    let c = (s * rise).neg();
    let square = b.clone().powi_scalar(2) - (a.clone() * c.clone()).mul_scalar(4.0);
    // Above 0, where the root has no derivative.
    let root = square.clamp_min(1e-30).sqrt();
    let falls = b.clone().lower_scalar(0.0);
    let top = c.mul_scalar(-2.0).mask_where(falls.clone(), root.clone() - b.clone());
    let xi = top / (b + root).mask_where(falls, a.mul_scalar(2.0));
    let xi = xi.clamp(0.0, 1.0);
    let value = xi.clone() * bin.width.clone() + bin.left.clone();
    outside(within, y, value, log_slope(&bin, &xi).neg())
}

/// The spline within the box, the identity outside.
fn outside(
    within: Tensor<2, Bool>,
    x: Tensor<2>,
    value: Tensor<2>,
    log_slope: Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    let flat = log_slope.zeros_like();
    // Rounding must not carry an inner point past the end of the box.
    let value = value.clamp(-BOUND, BOUND);
    (x.mask_where(within.clone(), value), flat.mask_where(within, log_slope))
}
