//! Convolutions of planes as matrix products, and their transposes.
//!
//! ```text
//! y[o, i, j] = b[o] + Σ_{c, p, q} K[o, c, p, q] x[c, s i + p − border, s j + q − border]
//! columns(x)[(c, p, q), (i, j)] = x[c, s i + p − border, s j + q − border]     zeros outside
//!
//! y = K columns(x) + b        x̄ = columnsᵀ(Kᵀ ȳ)        K̄ = Σ_images ȳ columns(x)ᵀ
//! ```
//!
//! An image's columns are laid out a few rows of `y` at a time, few enough for the cache, and never
//! kept: the backward pass lays them out again.

use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

/// A square kernel's side, how far it moves, and the zeros around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its side.
    pub side: usize,
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub border: usize,
}

impl Kernel {
    /// An odd side that keeps the size of the image.
    #[must_use]
    pub fn same(side: usize) -> Self {
        Self { side, stride: 1, border: side >> 1 }
    }

    /// One pixel at a time.
    #[must_use]
    pub fn pointwise() -> Self {
        Self::same(1)
    }

    /// `⌊(pixels + 2 border − side)/stride⌋ + 1` places along an axis.
    ///
    /// # Panics
    /// When the kernel is larger than the image and its border.
    #[must_use]
    pub fn places(self, pixels: usize) -> usize {
        let Self { side, stride, border } = self;
        assert!(side <= pixels + 2 * border, "a kernel of side {side} on {pixels} pixels");
        (pixels + 2 * border - side).div_euclid(stride) + 1
    }
}

/// `K ∗ x + b`.
///
/// # Shapes
/// `x`: `[n, c, h, w]`, `weight`: `[o, c, k, k]`, `bias`: `[o]`; returns `[n, o, h', w']`.
///
/// # Panics
/// When the shapes do not fit, or the kernel is larger than the image and its border.
///
/// # Checked by
/// `tests/it/convolutions.rs`
#[must_use]
pub fn convolve(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, kernel: Kernel) -> Tensor<4> {
    let ([_, c, h, w], [o, inputs, rows, columns]) = (x.dims(), weight.dims());
    assert_eq!(c, inputs, "{c} planes meet a kernel for {inputs}");
    assert_eq!([rows, columns], [kernel.side; 2], "the sides of the kernel");
    assert_eq!(bias.dims(), [o], "a bias for {o} planes");
    let _ = [h, w].map(|pixels| kernel.places(pixels));
    #[cfg(feature = "flex")]
    if crate::ops::takes_kernels(&x) {
        return crate::extension::convolution::convolve(x, weight, bias, kernel);
    }
    composed_convolve(x, weight, bias, kernel)
}

/// `Kᵀ ∗ u`: the transpose of [`convolve`] without its bias, onto images of `height × width`.
///
/// # Shapes
/// `u`: `[n, o, h', w']`, `weight`: `[o, c, k, k]`; returns `[n, c, height, width]`.
///
/// # Panics
/// When `u` is not what a convolution makes of images of that size.
///
/// # Checked by
/// `tests/it/convolutions.rs`
#[must_use]
pub fn transpose(u: Tensor<4>, weight: Tensor<4>, size: [usize; 2], kernel: Kernel) -> Tensor<4> {
    let ([_, planes, h, w], [o, _, rows, columns]) = (u.dims(), weight.dims());
    assert_eq!(planes, o, "{planes} planes meet the transpose of a kernel for {o}");
    assert_eq!([rows, columns], [kernel.side; 2], "the sides of the kernel");
    assert_eq!([h, w], size.map(|pixels| kernel.places(pixels)), "places of images of {size:?}");
    #[cfg(feature = "flex")]
    if crate::ops::takes_kernels(&u) {
        return crate::extension::convolution::transpose(u, weight, size, kernel);
    }
    composed_transpose(u, weight, size, kernel)
}

/// [`convolve`] in Burn's own operations.
#[must_use]
pub fn composed_convolve(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    kernel: Kernel,
) -> Tensor<4> {
    let Kernel { stride, border, .. } = kernel;
    conv2d(x, weight, Some(bias), ConvOptions::new([stride; 2], [border; 2], [1; 2], 1))
}

/// [`transpose`] in Burn's own operations.
///
/// A stride leaves the last rows and columns of some images unread; the transpose puts them back as
/// its output padding.
#[must_use]
pub fn composed_transpose(
    u: Tensor<4>,
    weight: Tensor<4>,
    size: [usize; 2],
    kernel: Kernel,
) -> Tensor<4> {
    let Kernel { side, stride, border } = kernel;
    let unread =
        size.map(|pixels| pixels + 2 * border - side - (kernel.places(pixels) - 1) * stride);
    let options = ConvTransposeOptions::new([stride; 2], [border; 2], unread, [1; 2], 1);
    conv_transpose2d(u, weight, None, options)
}

#[cfg(feature = "flex")]
pub(crate) use slices::{Sizes, convolved, transposed, weight_gradient};

/// The same on slices.
#[cfg(feature = "flex")]
mod slices {
    use super::Kernel;
    use crate::gemm::{Matrix, add_product, add_product_wide, write_product};
    use crate::simd::worth_threads;
    use rayon::prelude::*;
    use std::ops::Range;

    /// Elements of the columns that are laid out at a time: 256 KiB.
    const BLOCK: usize = 1 << 16;

    /// Parts of a batch whose gradients are summed apart. A constant: the sum's order, and so its
    /// bits, do not depend on the threads.
    const PARTS: usize = 8;

    /// The shapes `[n, c, h, w]` and `[n, o, h', w']` of the images on both sides of a convolution.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Sizes {
        pub(crate) channels: usize,
        pub(crate) size: [usize; 2],
        pub(crate) outputs: usize,
        pub(crate) kernel: Kernel,
    }

    impl Sizes {
        fn places(&self) -> [usize; 2] {
            self.size.map(|pixels| self.kernel.places(pixels))
        }

        /// Values of an input image.
        fn before(&self) -> usize {
            self.channels * self.size[0] * self.size[1]
        }

        /// Places of the kernel on an image.
        fn area(&self) -> usize {
            let [rows, columns] = self.places();
            rows * columns
        }

        /// Values of an output image.
        fn after(&self) -> usize {
            self.outputs * self.area()
        }

        /// Values under the kernel.
        fn under(&self) -> usize {
            self.channels * self.kernel.side * self.kernel.side
        }

        /// Whether an image is its own columns.
        fn pointwise(&self) -> bool {
            self.kernel == Kernel::pointwise()
        }

        /// Rows of places that are worked on at a time.
        fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
            let [rows, columns] = self.places();
            let step = match self.pointwise() {
                true => rows,
                false => BLOCK.div_euclid(self.under() * columns).clamp(1, rows.max(1)),
            };
            (0..rows).step_by(step).map(move |first| first..rows.min(first + step))
        }

        /// Of the places along a row, those at which column `q` of the kernel lies in the image, and
        /// the first one's pixel.
        fn inside(&self, q: usize) -> (Range<usize>, usize) {
            let (Kernel { stride, border, .. }, width) = (self.kernel, self.size[1]);
            let places = self.kernel.places(width);
            let start = border.saturating_sub(q).div_ceil(stride);
            let end = match (width + border).checked_sub(q + 1) {
                Some(last) => places.min(last.div_euclid(stride) + 1),
                None => 0,
            };
            (start..end.max(start), start * stride + q - border.min(start * stride + q))
        }

        /// The image's row under row `p` of the kernel at row `i` of the places.
        fn row(&self, i: usize, p: usize) -> Option<usize> {
            (i * self.kernel.stride + p)
                .checked_sub(self.kernel.border)
                .filter(|row| *row < self.size[0])
        }

        /// Calls `each` with a row of the columns' values and the image's row that belongs to it.
        fn visit(&self, rows: &Range<usize>, mut each: impl FnMut(Range<usize>, Run)) {
            let ([h, w], columns, side) = (self.size, self.places()[1], self.kernel.side);
            let mut place = 0;
            for c in 0..self.channels {
                for (p, q) in (0..side * side).map(|k| (k / side, k % side)) {
                    let (inside, pixel) = self.inside(q);
                    for i in rows.clone() {
                        let row = self.row(i, p).filter(|_| !inside.is_empty());
                        let first = row.map(|row| (c * h + row) * w + pixel);
                        each(place..place + columns, Run { inside: inside.clone(), first });
                        place += columns;
                    }
                }
            }
        }

        /// Whether places and pixels are the same, so that a shifted image is a run of memory.
        fn shifts(&self) -> bool {
            self.kernel.stride == 1 && 2 * self.kernel.border + 1 == self.kernel.side
        }

        /// Calls `each` with the columns' values of a block of rows under one element of the kernel,
        /// and how they lie on the image.
        fn visit_shifts(&self, rows: &Range<usize>, mut each: impl FnMut(Range<usize>, Shift)) {
            let ([h, w], Kernel { side, border, .. }) = (self.size, self.kernel);
            let length = rows.len() * w;
            for (k, c) in (0..self.channels).flat_map(|c| (0..side * side).map(move |k| (k, c))) {
                let (p, q) = (k / side, k % side);
                // Rows whose pixels exist, counted from the block's first.
                let first = border.saturating_sub(p + rows.start).min(rows.len());
                let last = (h + border).saturating_sub(p + rows.start).min(rows.len()).max(first);
                let (start, end) = (first * w, last * w);
                let pixel = (rows.start + first + p) as isize - border as isize;
                let from = pixel * w as isize + q as isize - border as isize;
                // Values beyond the plane's ends belong to edges, which are 0.
                let skip = ((-from).max(0) as usize).min(end - start);
                let over = (from + (end - start) as isize - (h * w) as isize).max(0) as usize;
                let inner = start + skip..(end - over.min(end - start - skip)).max(start + skip);
                let left = border.saturating_sub(q).min(w);
                let right = w - q.saturating_sub(border).min(w);
                let place = (c * side * side + k) * length;
                let pixel = c * h * w + (from.max(0) as usize).min(h * w);
                each(place..place + length, Shift { inner, pixel, inside: left..right });
            }
        }

        /// Zeros in the columns of a block that lie beside the image.
        fn clear_edges(&self, block: &mut [f32], inside: &Range<usize>) {
            if inside.len() == self.size[1] {
                return;
            }
            for row in block.chunks_mut(self.size[1]) {
                row[..inside.start].fill(0.0);
                row[inside.end.max(inside.start)..].fill(0.0);
            }
        }

        /// The columns of some rows of places, `[c k k, rows w']`.
        fn columns(&self, x: &[f32], rows: &Range<usize>, columns: &mut [f32]) {
            let stride = self.kernel.stride;
            if self.shifts() {
                return self.visit_shifts(rows, |place, Shift { inner, pixel, inside }| {
                    let block = &mut columns[place];
                    block[..inner.start].fill(0.0);
                    block[inner.end..].fill(0.0);
                    let count = inner.len();
                    block[inner].copy_from_slice(&x[pixel..pixel + count]);
                    self.clear_edges(block, &inside);
                });
            }
            self.visit(rows, |place, Run { inside, first }| {
                let row = &mut columns[place];
                let Some(first) = first else { return row.fill(0.0) };
                row[..inside.start].fill(0.0);
                row[inside.end..].fill(0.0);
                let (row, x) = (&mut row[inside], &x[first..]);
                match stride {
                    1 => row.copy_from_slice(&x[..row.len()]),
                    _ => row.iter_mut().zip(x.iter().step_by(stride)).for_each(|(r, x)| *r = *x),
                }
            });
        }

        /// Adds columns back to where they came from; what lies beside the image is lost.
        fn add_columns(&self, columns: &mut [f32], rows: &Range<usize>, x: &mut [f32]) {
            let stride = self.kernel.stride;
            if self.shifts() {
                return self.visit_shifts(rows, |place, Shift { inner, pixel, inside }| {
                    let block = &mut columns[place];
                    self.clear_edges(block, &inside);
                    let block = &block[inner];
                    let x = &mut x[pixel..pixel + block.len()];
                    x.iter_mut().zip(block).for_each(|(x, r)| *x += r);
                });
            }
            self.visit(rows, |place, Run { inside, first }| {
                let Some(first) = first else { return };
                let (row, x) = (&columns[place][inside], &mut x[first..]);
                match stride {
                    1 => x.iter_mut().zip(row).for_each(|(x, r)| *x += r),
                    _ => x.iter_mut().step_by(stride).zip(row).for_each(|(x, r)| *x += r),
                }
            });
        }

        /// Values of the columns of some rows of places.
        fn volume(&self, rows: &Range<usize>) -> usize {
            self.under() * rows.len() * self.places()[1]
        }

        /// The columns of a block: the image itself, or laid out in `buffer`.
        fn block<'a>(
            &self,
            x: &'a [f32],
            rows: &Range<usize>,
            buffer: &'a mut Vec<f32>,
        ) -> &'a [f32] {
            if self.pointwise() {
                return x;
            }
            buffer.resize(self.volume(rows), 0.0);
            self.columns(x, rows, buffer);
            buffer
        }
    }

    /// A block of the columns under one element of the kernel: the values that lie on the image or
    /// beside it, the pixel of the first, and the columns that lie on it.
    struct Shift {
        inner: Range<usize>,
        pixel: usize,
        inside: Range<usize>,
    }

    /// A row of the columns: the part that lies in the image, and the pixel it starts from.
    struct Run {
        inside: Range<usize>,
        first: Option<usize>,
    }

    /// Calls `image` with each pair of images, on several threads where it pays.
    fn each_image(
        (out, size): (&mut [f32], usize),
        (x, input): (&[f32], usize),
        image: impl Fn(&mut [f32], &[f32], &mut Vec<f32>) + Sync,
        work: usize,
    ) {
        if worth_threads(work) {
            let pairs = out.par_chunks_mut(size.max(1)).zip(x.par_chunks(input.max(1)));
            pairs.for_each_init(Vec::new, |buffer, (out, x)| image(out, x, buffer));
        } else {
            let mut buffer = Vec::new();
            let pairs = out.chunks_mut(size.max(1)).zip(x.chunks(input.max(1)));
            pairs.for_each(|(out, x)| image(out, x, &mut buffer));
        }
    }

    /// `K ∗ x + b` of `n` images.
    pub(crate) fn convolved(
        x: &[f32],
        weight: &[f32],
        bias: &[f32],
        n: usize,
        s: Sizes,
    ) -> Vec<f32> {
        let (area, width) = (s.area(), s.places()[1]);
        let weight = Matrix::new(weight, [s.outputs, s.under()]);
        let mut y = vec![0.0; n * s.after()];
        let image = |y: &mut [f32], x: &[f32], buffer: &mut Vec<f32>| {
            y.chunks_mut(area.max(1)).zip(bias).for_each(|(plane, b)| plane.fill(*b));
            for rows in s.blocks() {
                let columns = s.block(x, &rows, buffer);
                let columns = Matrix::new(columns, [s.under(), rows.len() * width]);
                add_product_wide(&mut y[rows.start * width..], area, weight, columns);
            }
        };
        each_image((&mut y, s.after()), (x, s.before()), image, n * s.after() * s.under());
        y
    }

    /// `Kᵀ ∗ u` of `n` images.
    pub(crate) fn transposed(u: &[f32], weight: &[f32], n: usize, s: Sizes) -> Vec<f32> {
        let (area, width) = (s.area(), s.places()[1]);
        let weight = Matrix::new(weight, [s.outputs, s.under()]).t();
        let mut x = vec![0.0; n * s.before()];
        let image = |x: &mut [f32], u: &[f32], buffer: &mut Vec<f32>| {
            for rows in s.blocks() {
                let (first, places) = (rows.start * width, rows.len() * width);
                let u = Matrix::wide(&u[first..], [s.outputs, places], area);
                if s.pointwise() {
                    write_product(x, weight, u);
                } else {
                    buffer.resize(s.volume(&rows), 0.0);
                    write_product(buffer, weight, u);
                    s.add_columns(buffer, &rows, x);
                }
            }
        };
        each_image((&mut x, s.before()), (u, s.after()), image, n * s.after() * s.under());
        x
    }

    /// `Σ g columns(x)ᵀ` over `n` images.
    pub(crate) fn weight_gradient(x: &[f32], g: &[f32], n: usize, s: Sizes) -> Vec<f32> {
        let (area, width) = (s.area(), s.places()[1]);
        let part = |k: usize| {
            let (mut sum, mut buffer) = (vec![0.0; s.outputs * s.under()], Vec::new());
            for image in k * n / PARTS..(k + 1) * n / PARTS {
                let (x, g) = (&x[image * s.before()..][..s.before()], &g[image * s.after()..]);
                for rows in s.blocks() {
                    let (first, places) = (rows.start * width, rows.len() * width);
                    let columns = s.block(x, &rows, &mut buffer);
                    let columns = Matrix::new(columns, [s.under(), places]).t();
                    let g = Matrix::wide(&g[first..s.after()], [s.outputs, places], area);
                    add_product(&mut sum, g, columns);
                }
            }
            sum
        };
        let parts: Vec<_> = match worth_threads(n * s.after() * s.under()) {
            true => (0..PARTS).into_par_iter().map(part).collect(),
            false => (0..PARTS).map(part).collect(),
        };
        let add = |mut sum: Vec<f32>, part: Vec<f32>| {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
            sum
        };
        parts.into_iter().reduce(add).unwrap_or_default()
    }
}
