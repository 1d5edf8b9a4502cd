//! Convolutions of one pixel: an image's planes are a matrix.
//!
//! ```text
//! Y = K X + b        X̄ = Kᵀ Ȳ        K̄ = Σ_images Ȳ Xᵀ        X: planes × pixels
//! ```

use super::sizes::Sizes;
use super::work::{in_parts, on_groups};
use crate::gemm::{Matrix, add_product, write_product};

/// `K X + b` of `n` images.
pub(crate) fn convolved(x: &[f32], weight: &[f32], bias: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let weight = Matrix::new(weight, [s.outputs, s.channels]);
    let mut y = vec![0.0; n * s.after()];
    on_groups(
        (&mut y, s.after()),
        (x, s.before()),
        n * s.work(),
        || (),
        |y, x, ()| {
            let planes = y.chunks_mut(s.area().max(1)).zip(bias);
            planes.for_each(|(plane, b)| plane.fill(*b));
            add_product(y, weight, Matrix::new(x, [s.channels, s.area()]));
        },
    );
    y
}

/// `Kᵀ U` of `n` images.
pub(crate) fn transposed(u: &[f32], weight: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let weight = Matrix::new(weight, [s.outputs, s.channels]).t();
    let mut x = vec![0.0; n * s.before()];
    on_groups(
        (&mut x, s.before()),
        (u, s.after()),
        n * s.work(),
        || (),
        |x, u, ()| {
            write_product(x, weight, Matrix::new(u, [s.outputs, s.area()]));
        },
    );
    x
}

/// `Σ G Xᵀ` over `n` images.
pub(crate) fn weight_gradient(x: &[f32], g: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    in_parts(n, n * s.work(), s.outputs * s.channels, |images, sum| {
        for k in images {
            let (x, g) = (&x[k * s.before()..][..s.before()], &g[k * s.after()..][..s.after()]);
            let x = Matrix::new(x, [s.channels, s.area()]);
            add_product(sum, Matrix::new(g, [s.outputs, s.area()]), x.t());
        }
    })
}
