//! Permutations of the coordinates.

use super::coupling::index;
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
use transport_core::device::to_host;
use transport_core::{Noise, Space};

/// `x_i = z_{π(i)}`, `log|det| = 0`: a fixed permutation, drawn once.
///
/// It is kept with the weights, so that a saved flow opens with its own; nothing trains it.
///
/// # Checked by
/// `tests/it/layers.rs`
#[derive(Module, Debug)]
pub struct Permutation {
    order: Param<Tensor<1>>,
}

impl Permutation {
    /// A permutation of `dim` coordinates, each of them equally likely.
    #[must_use]
    pub fn random(dim: usize, noise: &Noise, space: &Space) -> Self {
        Self::new(&noise.purpose("permutation").permutation(dim), space)
    }

    /// The permutation `π` itself.
    #[must_use]
    pub fn new(order: &[usize], space: &Space) -> Self {
        let values: Vec<f64> = order.iter().map(|i| *i as f64).collect();
        Self { order: Param::from_tensor(space.tensor(values, [order.len()])) }
    }

    fn order(&self) -> Vec<usize> {
        to_host(self.order.val().detach()).into_iter().map(|i| i.round() as usize).collect()
    }

    fn by(x: Tensor<2>, order: Tensor<1, Int>) -> (Tensor<2>, Tensor<1>) {
        let zeros = x.clone().narrow(1, 0, 1).zeros_like().squeeze_dim(1);
        (x.select(1, order), zeros)
    }

    pub(super) fn push(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let order = index(&self.order(), &z);
        Self::by(z, order)
    }

    pub(super) fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let order = self.order();
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, i)| back[*i] = place);
        let back = index(&back, &x);
        Self::by(x, back)
    }
}
