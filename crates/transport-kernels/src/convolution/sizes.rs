//! The shapes on both sides of a convolution.

use super::Kernel;

/// The shapes `[n, c, h, w]` and `[n, o, h', w']` of the images on both sides of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) channels: usize,
    pub(crate) size: [usize; 2],
    pub(crate) outputs: usize,
    pub(crate) kernel: Kernel,
}

impl Sizes {
    /// Places of the kernel along both axes.
    pub(crate) fn places(&self) -> [usize; 2] {
        self.size.map(|pixels| self.kernel.places(pixels))
    }

    /// Values of an input image.
    pub(crate) fn before(&self) -> usize {
        self.channels * self.size[0] * self.size[1]
    }

    /// Places of the kernel on an image.
    pub(crate) fn area(&self) -> usize {
        let [rows, columns] = self.places();
        rows * columns
    }

    /// Values of an output image.
    pub(crate) fn after(&self) -> usize {
        self.outputs * self.area()
    }

    /// Elements of the kernel between two planes.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.side * self.kernel.side
    }

    /// Products of an image.
    pub(crate) fn work(&self) -> usize {
        self.after() * self.channels * self.taps()
    }
}
