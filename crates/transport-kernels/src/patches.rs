//! The 3 × 3 neighbourhood of each pixel, and its transpose: a convolution as a matrix product.
//!
//! ```text
//! gather(x)[i, j, (p, q)] = x[i + p, j + q]                 p, q ∈ {−1, 0, 1}, zeros outside
//! scatter(y)[i, j] = Σ_{p,q} y[i − p, j − q, (p, q)]
//! ```
//!
//! Images are `[n, h, w, c]`, so that a neighbourhood is three runs of 3c values. `K ∗ x =
//! gather(x) K`, 9c rows in K, is cheap where the input has few channels, and `scatter(h V)`, a
//! transposed convolution, where the output has few. Each is the other's gradient.

use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

/// Pixels of a neighbourhood.
pub const PATCH: usize = 9;

/// Each pixel's neighbourhood.
///
/// # Shapes
/// `x`: `[n, h, w, c]`; returns `[n, h, w, 9c]`.
///
/// # Checked by
/// `tests/it/patches.rs`
#[must_use]
pub fn gather(x: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if crate::ops::takes_kernels(&x) {
        return crate::extension::patches::gather(x);
    }
    composed_gather(x)
}

/// The transpose of [`gather`]: each pixel's nine parts go to its neighbours, and add.
///
/// # Shapes
/// `y`: `[n, h, w, 9c]`; returns `[n, h, w, c]`.
///
/// # Panics
/// When the values of a pixel are no multiple of nine.
///
/// # Checked by
/// `tests/it/patches.rs`
#[must_use]
pub fn scatter(y: Tensor<4>) -> Tensor<4> {
    let nine = y.dims()[3];
    assert!(nine.is_multiple_of(PATCH), "{nine} values of a pixel in nine parts");
    #[cfg(feature = "flex")]
    if crate::ops::takes_kernels(&y) {
        return crate::extension::patches::scatter(y);
    }
    composed_scatter(y)
}

/// [`gather`] in Burn's own operations.
#[must_use]
pub fn composed_gather(x: Tensor<4>) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let wide = framed(x);
    let part = |k: usize| wide.clone().narrow(1, k / 3, h).narrow(2, k % 3, w);
    Tensor::cat((0..PATCH).map(part).collect(), 3)
}

/// [`scatter`] in Burn's own operations.
#[must_use]
pub fn composed_scatter(y: Tensor<4>) -> Tensor<4> {
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

/// The part of row `p` of a neighbourhood that lies within the image: where it stands among the
/// pixel's 9c values, and in the image.
#[cfg(feature = "flex")]
fn run(
    [h, w, c]: [usize; 3],
    [i, j, p]: [usize; 3],
) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let row = (i + p).checked_sub(1).filter(|row| *row < h)?;
    let (first, last) = (usize::from(j == 0), if j + 1 == w { 2 } else { 3 });
    let (left, count) = (j + first - 1, (last - first) * c);
    let part = (3 * p + first) * c;
    let place = (row * w + left) * c;
    Some((part..part + count, place..place + count))
}

/// [`gather`] on slices.
#[cfg(feature = "flex")]
pub(crate) fn gathered(x: &[f32], [h, w, c]: [usize; 3]) -> Vec<f32> {
    let mut y = vec![0.0; x.len() * PATCH];
    let size = h * w * c;
    for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size * PATCH)) {
        for (k, y) in y.chunks_exact_mut(PATCH * c).enumerate() {
            for p in 0..3 {
                if let Some((part, place)) = run([h, w, c], [k / w, k % w, p]) {
                    y[part].copy_from_slice(&x[place]);
                }
            }
        }
    }
    y
}

/// [`scatter`] on slices.
#[cfg(feature = "flex")]
pub(crate) fn scattered(y: &[f32], [h, w, c]: [usize; 3]) -> Vec<f32> {
    let mut x = vec![0.0; y.len() / PATCH];
    let size = h * w * c;
    for (x, y) in x.chunks_exact_mut(size).zip(y.chunks_exact(size * PATCH)) {
        for (k, y) in y.chunks_exact(PATCH * c).enumerate() {
            for p in 0..3 {
                if let Some((part, place)) = run([h, w, c], [k / w, k % w, p]) {
                    x[place].iter_mut().zip(&y[part]).for_each(|(x, y)| *x += y);
                }
            }
        }
    }
    x
}
