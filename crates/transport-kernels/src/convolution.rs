//! Convolutions of planes, their transposes and their gradients.
//!
//! ```text
//! y[o, i, j] = b[o] + Σ_{c, p, q} K[o, c, p, q] x[c, s i + p − border, s j + q − border]
//! x̄[c, i, j] = Σ_{o, p, q} K[o, c, p, q] ȳ[o, (i + border − p)/s, (j + border − q)/s]
//! K̄[o, c, p, q] = Σ_{images, i, j} ȳ[o, i, j] x[c, s i + p − border, s j + q − border]
//! ```
//!
//! Zeros outside of the planes, and terms where the division leaves a rest do not exist. Nothing of
//! the size of the kernel times the image is laid out: see `direct`, `winograd` and `pointwise`.

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
mod direct;
#[cfg(feature = "flex")]
mod panels;
#[cfg(feature = "flex")]
mod planes;
#[cfg(feature = "flex")]
mod pointwise;
#[cfg(feature = "flex")]
mod sizes;
#[cfg(feature = "flex")]
mod sums;
#[cfg(feature = "flex")]
mod winograd;
#[cfg(feature = "flex")]
mod work;

#[cfg(feature = "flex")]
pub(crate) use sizes::Sizes;
#[cfg(feature = "flex")]
pub(crate) use work::plane_sums;

/// The same on slices, in the form that suits the sizes.
#[cfg(feature = "flex")]
impl Sizes {
    /// `K ∗ x + b` of `n` images.
    pub(crate) fn convolved(self, x: &[f32], weight: &[f32], bias: &[f32], n: usize) -> Vec<f32> {
        match self.form() {
            Form::Pointwise => pointwise::convolved(x, weight, bias, n, self),
            Form::Winograd => winograd::convolved(x, weight, bias, n, self),
            Form::Direct => direct::convolved(x, weight, bias, n, self),
        }
    }

    /// `Kᵀ ∗ u` of `n` images.
    pub(crate) fn transposed(self, u: &[f32], weight: &[f32], n: usize) -> Vec<f32> {
        match self.form() {
            Form::Pointwise => pointwise::transposed(u, weight, n, self),
            Form::Winograd => winograd::transposed(u, weight, n, self),
            Form::Direct => direct::transposed(u, weight, n, self),
        }
    }

    /// `Σ g columns(x)ᵀ` over `n` images.
    pub(crate) fn weight_gradient(self, x: &[f32], g: &[f32], n: usize) -> Vec<f32> {
        match self.form() {
            Form::Pointwise => pointwise::weight_gradient(x, g, n, self),
            Form::Winograd => winograd::weight_gradient(x, g, n, self),
            Form::Direct => direct::weight_gradient(x, g, n, self),
        }
    }

    fn form(self) -> Form {
        if self.kernel == Kernel::pointwise() {
            Form::Pointwise
        } else if winograd::fits(self) {
            Form::Winograd
        } else {
            Form::Direct
        }
    }
}

#[cfg(feature = "flex")]
enum Form {
    Pointwise,
    Winograd,
    Direct,
}
