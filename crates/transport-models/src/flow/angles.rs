//! From a model's states to angles.

use super::circular::wrap;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use std::f64::consts::PI;
use transport_core::Space;
use transport_core::device::to_host;

/// `x = (φ − m)/s` on the way to the data, `φ = x s + m mod 2π` on the way back: what the angles of
/// a flow on the torus are in the units of the states it is trained on.
///
/// The constants are kept with the weights; nothing trains them.
#[derive(Module, Debug)]
pub struct Angles {
    scale: Param<Tensor<2>>,
    shift: Param<Tensor<2>>,
}

impl Angles {
    /// States that are angles.
    #[must_use]
    pub fn new(dim: usize, space: &Space) -> Self {
        Self::scaled(&vec![1.0; dim], &vec![0.0; dim], space)
    }

    /// States of which `s` and `m` make angles.
    ///
    /// # Panics
    /// When there are not as many scales as shifts.
    #[must_use]
    pub fn scaled(scale: &[f64], shift: &[f64], space: &Space) -> Self {
        assert_eq!(scale.len(), shift.len(), "a scale and a shift for each coordinate");
        let row = |v: &[f64]| Param::from_tensor(space.tensor(v.to_vec(), [1, v.len()]));
        Self { scale: row(scale), shift: row(shift) }
    }

    fn constants(&self) -> (Tensor<2>, Tensor<2>) {
        (self.scale.val().detach(), self.shift.val().detach())
    }

    /// The interval of states that are angles in `[−π, π]`, for each coordinate.
    pub(super) fn support(&self) -> Vec<(f64, f64)> {
        let (scale, shift) = self.constants();
        let ends = |(s, m): (f64, f64)| ((-PI - m) / s, (PI - m) / s);
        to_host(scale).into_iter().zip(to_host(shift)).map(ends).collect()
    }

    fn log_det(scale: Tensor<2>, n: usize) -> Tensor<1> {
        scale.abs().log().sum_dim(1).expand([n, 1]).squeeze_dim(1)
    }

    pub(super) fn push(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let (n, (scale, shift)) = (z.dims()[0], self.constants());
        ((wrap(z) - shift) / scale.clone(), Self::log_det(scale, n).neg())
    }

    pub(super) fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let (n, (scale, shift)) = (x.dims()[0], self.constants());
        (wrap(x * scale.clone() + shift), Self::log_det(scale, n))
    }
}
