//! Rows that are images, inside a network.

use burn::tensor::Tensor;

/// The shape of an image inside a network: a row holds it pixel after pixel, channel last (HWC);
/// convolutions want `[n, channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Values per pixel.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl Pixels {
    /// Values in an image.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows to planes.
    ///
    /// # Shapes
    /// `x`: `[n, height · width · channels]`; returns `[n, channels, height, width]`.
    #[must_use]
    pub fn planes(&self, x: Tensor<2>) -> Tensor<4> {
        let n = x.dims()[0];
        if self.channels == 1 {
            return x.reshape([n, 1, self.height, self.width]);
        }
        x.reshape([n, self.height, self.width, self.channels]).permute([0, 3, 1, 2])
    }

    /// Planes to rows: the inverse of [`Pixels::planes`].
    ///
    /// # Shapes
    /// `x`: `[n, channels, height, width]`; returns `[n, height · width · channels]`.
    #[must_use]
    pub fn rows(&self, x: Tensor<4>) -> Tensor<2> {
        let n = x.dims()[0];
        x.permute([0, 2, 3, 1]).reshape([n, self.len()])
    }
}
