//! Group normalisation.

use super::Dual;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::Space;
use transport_kernels::group_norm::{Norm, group_norm};

/// Groups of planes brought to mean 0 and variance 1, row by row, then each plane to a scale and a
/// shift of its own:
///
/// ```text
/// z = (x − μ_g)/√(σ²_g + ε),     y = γ ⊙ z + β,     with features   y = (1 + s) ⊙ (γ ⊙ z + β) + b
/// ```
///
/// The features `(s, b)`, one pair for each row and plane, are how a time or a class enters
/// (feature-wise linear modulation).
///
/// # References
/// Wu & He (2018), "Group normalization"; Perez et al. (2018), FiLM; Dhariwal & Nichol (2021), §3,
/// "adaptive group normalization".
/// # Checked by
/// `tests/it/unet.rs`
#[derive(Module, Debug)]
pub struct GroupNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    epsilon: f64,
}

/// What follows a [`GroupNorm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Identity,
    /// `silu`.
    Silu,
}

impl GroupNorm {
    /// `γ = 1`, `β = 0`.
    ///
    /// # Panics
    /// When the groups do not divide the planes.
    #[must_use]
    pub fn new(planes: usize, groups: usize, epsilon: f64, space: &Space) -> Self {
        assert!(groups > 0 && planes.is_multiple_of(groups), "{planes} planes in {groups} groups");
        let filled = |value| Param::from_tensor(space.tensor(vec![value; planes], [planes]));
        Self { weight: filled(1.0), bias: filled(0.0), groups, epsilon }
    }

    /// The normalised planes, with the features `[scale, shift]` where there are some.
    ///
    /// # Shapes
    /// `x`: `[n, c, h, w]`; `features`: two `[n, c]` or `[1, c]`; returns `[n, c, h, w]`.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, features: Option<[Tensor<2>; 2]>, then: Then) -> Dual<4> {
        let (gamma, beta) = (self.weight.val().unsqueeze(), self.bias.val().unsqueeze());
        let (scale, shift) = match features {
            None => (gamma, beta),
            Some([scale, shift]) => {
                let scale = scale.add_scalar(1.0);
                (gamma * scale.clone(), beta * scale + shift)
            }
        };
        let n = x.value.dims()[0];
        let silu = then == Then::Silu;
        if x.along.is_none() {
            let norm = Norm { groups: self.groups, epsilon: self.epsilon, silu };
            let [scale, shift] = [scale, shift].map(|x| {
                let [_, c] = x.dims();
                x.expand([n, c])
            });
            return group_norm(x.value, scale, shift, norm).into();
        }
        let y = self.normalised(x).times(planes(scale)).plus(planes(shift));
        if silu { y.silu() } else { y }
    }

    fn normalised(&self, x: Dual<4>) -> Dual<4> {
        let (shape, groups) = (x.value.dims(), self.groups);
        let of_group = shape[1..].iter().product::<usize>().div_euclid(groups);
        let grouped = x.linear(|x| x.reshape([shape[0], groups, of_group]));
        grouped.normalised(self.epsilon).linear(|x| x.reshape(shape))
    }
}

/// `[n, c]` as planes of one pixel.
pub(super) fn planes(x: Tensor<2>) -> Tensor<4> {
    let [n, c] = x.dims();
    x.reshape([n, c, 1, 1])
}
