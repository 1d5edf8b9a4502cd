//! The 3 × 3 neighbourhood of each pixel, and its transpose: a convolution as a matrix product.
//!
//! ```text
//! gather(x)[i, j, (p, q)] = x[i + p, j + q]                 p, q ∈ {−1, 0, 1}, zeros outside
//! scatter(y)[i, j] = Σ_{p,q} y[i − p, j − q, (p, q)]
//! ```
//!
//! `K ∗ x = gather(x) K` with 9c rows in K is cheap where the input has few channels, and
//! `scatter(h V)`, a transposed convolution, where the output has few: both ends of a coupling's
//! network. Between them a pixel's features meet as rows of one matrix.

use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

/// Pixels of a neighbourhood.
pub const PATCH: usize = 9;

/// Each pixel's neighbourhood.
///
/// # Shapes
/// `x`: `[n, h, w, c]`; returns `[n, h, w, 9c]`.
#[must_use]
pub fn gather(x: Tensor<4>) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let wide = framed(x);
    let part = |k: usize| wide.clone().narrow(1, k / 3, h).narrow(2, k % 3, w);
    Tensor::cat((0..PATCH).map(part).collect(), 3)
}

/// The transpose of [`gather`]: each pixel's nine parts go to its neighbours, and add.
///
/// # Shapes
/// `y`: `[n, h, w, 9c]`; returns `[n, h, w, c]`.
#[must_use]
pub fn scatter(y: Tensor<4>) -> Tensor<4> {
    let [_, h, w, nine] = y.dims();
    let c = nine / PATCH;
    let part = |k: usize| {
        let own = framed(y.clone().narrow(3, k * c, c));
        own.narrow(1, 2 - k / 3, h).narrow(2, 2 - k % 3, w)
    };
    (1..PATCH).fold(part(0), |sum, k| sum + part(k))
}

/// A frame of zeros around the image.
fn framed(x: Tensor<4>) -> Tensor<4> {
    x.pad([(0, 0), (1, 1), (1, 1), (0, 0)], PadMode::Constant(0.0))
}
