//! Rows that hold the varying pixels of an image, and the image around them.

use super::Pixels;
use burn::tensor::{Int, Tensor, TensorData};
use transport_core::Space;

/// How the columns of a state stand in an image.
///
/// A pixel that has one value in all of the training data is no column of the state. Convolutions
/// want it back: it is painted with its constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    /// The image's shape.
    pub pixels: Pixels,
    /// The pixel of each column, counted channel last, ascending.
    pub columns: Vec<usize>,
    /// The value of each pixel that is no column; what stands at the others is not read.
    pub background: Vec<f64>,
    /// The least and the greatest value that a pixel may take, where they are known.
    pub bounds: Option<(f64, f64)>,
}

impl Canvas {
    /// An image whose pixels all vary.
    #[must_use]
    pub fn whole(pixels: Pixels, bounds: Option<(f64, f64)>) -> Self {
        let len = pixels.len();
        Self { pixels, columns: (0..len).collect(), background: vec![0.0; len], bounds }
    }

    /// Columns of a state.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.columns.len()
    }

    /// Where pixel `p`, counted channel last, stands when channels come first.
    fn place(&self, p: usize) -> usize {
        let Pixels { channels, height, width } = self.pixels;
        let (pixel, channel) = (p.div_euclid(channels), p % channels);
        channel * height * width + pixel
    }

    fn is_plain(&self) -> bool {
        self.pixels.channels == 1 && self.columns.len() == self.pixels.len()
    }

    /// The image of each row, planes first.
    ///
    /// # Shapes
    /// `x`: `[n, dim]`; returns `[n, channels · height · width]`.
    #[must_use]
    pub fn lift(&self, x: Tensor<2>) -> Tensor<2> {
        if self.is_plain() {
            return x;
        }
        let (len, dim) = (self.pixels.len(), self.dim());
        let mut source = vec![dim as i64; len];
        let mut paint = vec![0.0; len];
        (0..len).for_each(|p| paint[self.place(p)] = self.background[p]);
        for (column, p) in self.columns.iter().enumerate() {
            source[self.place(*p)] = column as i64;
            paint[self.place(*p)] = 0.0;
        }
        let empty = x.clone().narrow(1, 0, 1).detach().zeros_like();
        let padded = Tensor::cat(vec![x.clone(), empty], 1);
        padded.select(1, indices(source, &x)) + Space::of(&x).tensor(paint, [1, len])
    }

    /// The columns of each image: what undoes [`Canvas::lift`], and the adjoint of its linear part.
    ///
    /// # Shapes
    /// `image`: `[n, channels · height · width]`, planes first; returns `[n, dim]`.
    #[must_use]
    pub fn lower(&self, image: Tensor<2>) -> Tensor<2> {
        if self.is_plain() {
            return image;
        }
        let places = self.columns.iter().map(|p| self.place(*p) as i64).collect();
        image.clone().select(1, indices(places, &image))
    }
}

fn indices(values: Vec<i64>, like: &Tensor<2>) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &Space::of(like).device)
}
