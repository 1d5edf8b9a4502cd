//! Which connections of a dense layer exist.

use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::Space;

/// `M`: 1 where a connection exists, 0 where not, `[inputs, outputs]`; on the host for the
/// kernels, on the device for others.
#[derive(Clone, Debug)]
pub struct Mask {
    values: Arc<[f32]>,
    tensor: Tensor<2>,
}

impl Mask {
    /// The mask of `shape` whose connection from `i` to `o` exists where `holds(i, o)`.
    ///
    /// # Example
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// let space = transport_core::Space::f32(&transport_core::device::select(None).unwrap());
    /// let mask = transport_kernels::Mask::new([2, 3], |i, o| o > i, &space);
    /// assert_eq!(mask.values()[..], [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    /// # }
    /// ```
    #[must_use]
    pub fn new(shape: [usize; 2], holds: impl Fn(usize, usize) -> bool, space: &Space) -> Self {
        let [rows, columns] = shape;
        let place = |e: usize| f64::from(u8::from(holds(e.div_euclid(columns), e % columns)));
        let values: Vec<f64> = (0..rows * columns).map(place).collect();
        let host = values.iter().map(|v| *v as f32).collect();
        Self { values: host, tensor: space.tensor(values, shape) }
    }

    /// Row-major.
    #[must_use]
    pub fn values(&self) -> &Arc<[f32]> {
        &self.values
    }

    /// On the device that it was made for.
    #[must_use]
    pub fn tensor(&self) -> &Tensor<2> {
        &self.tensor
    }
}
