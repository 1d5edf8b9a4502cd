//! Space to depth: each 2 × 2 square of pixels becomes one pixel with four times the channels.
//!
//! ```text
//! [n, h, w, c] → [n, h/2, w/2, 4c],    (a b; c d) ↦ (a, d, b, c)
//! ```
//!
//! The diagonal comes first, so that the two halves of the new channels are the two colours of a
//! checkerboard. A permutation of the values: its log-determinant is 0.
//!
//! # References
//! Dinh, Sohl-Dickstein & Bengio (2017), §3.6.

use crate::net::Pixels;
use burn::tensor::Tensor;

/// Where the four parts of the channels come from: row and column within the square.
const CORNERS: [(usize, usize); 4] = [(0, 0), (1, 1), (0, 1), (1, 0)];

/// The shape after a squeeze.
#[must_use]
pub fn shape(shape: Pixels) -> Pixels {
    let Pixels { channels, height, width } = shape;
    Pixels { channels: 4 * channels, height: height / 2, width: width / 2 }
}

/// Space to depth.
///
/// # Shapes
/// `x`: `[n, h, w, c]`, both sides even; returns `[n, h/2, w/2, 4c]`.
///
/// # Panics
/// When a side is odd.
#[must_use]
pub fn squeeze(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    assert!(h.is_multiple_of(2) && w.is_multiple_of(2), "{h} × {w} pixels in squares of two");
    let x = x.reshape([n, h / 2, 2, w / 2, 2, c]);
    let corner = |(i, j): (usize, usize)| {
        let part = x.clone().narrow(2, i, 1).narrow(4, j, 1);
        part.reshape([n, h / 2, w / 2, c])
    };
    Tensor::cat(CORNERS.map(corner).to_vec(), 3)
}

/// Depth to space: the inverse of [`squeeze`].
///
/// # Shapes
/// `x`: `[n, h, w, 4c]`; returns `[n, 2h, 2w, c]`.
///
/// # Panics
/// When the channels are no multiple of four.
#[must_use]
pub fn unsqueeze(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, four] = x.dims();
    assert!(four.is_multiple_of(4), "{four} channels in four parts");
    let c = four / 4;
    let corner = |place: (usize, usize)| {
        let k = CORNERS.iter().position(|p| *p == place).unwrap_or(0);
        x.clone().narrow(3, k * c, c)
    };
    // A row of pixels: left and right alternate.
    let row = |i: usize| {
        Tensor::cat(vec![corner((i, 0)), corner((i, 1))], 3).reshape([n, h, 1, w * 2 * c])
    };
    Tensor::cat(vec![row(0), row(1)], 2).reshape([n, 2 * h, 2 * w, c])
}
