//! Images with their planes last, in a frame of zeros, and back.
//!
//! ```text
//! frame[(i + top, j + left), c] = x[c, i, j]        zeros elsewhere
//! ```
//!
//! A pixel's planes fill whole vectors, so that a sum over planes is a product of small matrices at
//! every pixel, wherever the kernel stands.

use crate::simd::LANES;
use std::ops::Range;

/// Planes filled up to whole vectors.
#[inline]
pub(crate) fn filled_up(planes: usize) -> usize {
    planes.next_multiple_of(LANES)
}

/// Images of `planes × height × width` in frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) planes: usize,
    pub(crate) size: [usize; 2],
    /// Rows and columns of zeros before the image.
    pub(crate) before: [usize; 2],
    /// Rows and columns of the frame.
    pub(crate) sides: [usize; 2],
}

impl Frame {
    /// A frame without a border.
    pub(crate) fn bare(planes: usize, size: [usize; 2]) -> Self {
        Self { planes, size, before: [0; 2], sides: size }
    }

    /// Values of a pixel.
    #[inline]
    pub(crate) fn pixel(&self) -> usize {
        filled_up(self.planes)
    }

    /// Values of a row of pixels.
    #[inline]
    pub(crate) fn row(&self) -> usize {
        self.sides[1] * self.pixel()
    }

    /// Values of an image in its frame.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.sides[0] * self.row()
    }

    /// Values of an image.
    #[inline]
    pub(crate) fn image(&self) -> usize {
        self.planes * self.size[0] * self.size[1]
    }

    /// Lays an image into its frame, whose border is not touched.
    ///
    /// Plain code, four planes at a time: vectors would gather and scatter, which is slower.
    pub(crate) fn lay(&self, x: &[f32], frame: &mut [f32]) {
        let ([h, w], pixel) = (self.size, self.pixel());
        let plane = |c: usize, i: usize| &x[(c * h + i) * w..][..w];
        for (planes, i) in self.rows() {
            let row = &mut frame[self.place(i)..][..w * pixel];
            let (mut c, end) = (planes.start, planes.end);
            while c + 4 <= end {
                let (a, b) = (plane(c, i), plane(c + 1, i));
                let (d, e) = (plane(c + 2, i), plane(c + 3, i));
                for (j, pixel) in row.chunks_exact_mut(pixel).enumerate() {
                    pixel[c..c + 4].copy_from_slice(&[a[j], b[j], d[j], e[j]]);
                }
                c += 4;
            }
            for c in c..end {
                let pixels = row.chunks_exact_mut(pixel).zip(plane(c, i));
                pixels.for_each(|(pixel, value)| pixel[c] = *value);
            }
        }
    }

    /// Reads an image from its frame.
    pub(crate) fn read(&self, frame: &[f32], x: &mut [f32]) {
        let ([h, w], pixel) = (self.size, self.pixel());
        for (planes, i) in self.rows() {
            let row = &frame[self.place(i)..][..w * pixel];
            for c in planes {
                let plane = &mut x[(c * h + i) * w..][..w];
                for (value, pixel) in plane.iter_mut().zip(row.chunks_exact(pixel)) {
                    *value = pixel[c];
                }
            }
        }
    }

    /// Where row `i` of the image begins.
    #[inline]
    fn place(&self, i: usize) -> usize {
        (i + self.before[0]) * self.row() + self.before[1] * self.pixel()
    }

    /// The rows of some planes at a time, few enough that each is read on and on.
    fn rows(&self) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let (all, h) = (self.planes, self.size[0]);
        let planes = move |c: usize| c..all.min(c + LANES);
        (0..all).step_by(LANES).flat_map(move |c| (0..h).map(move |i| (planes(c), i)))
    }
}
