//! The norm of a linear operator, by power iteration.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// The largest singular value of a linear operator `A`, from the direction that it stretches most.
///
/// ```text
/// v ← AᵀA v / ‖AᵀA v‖,      σ = ‖A v‖ ≤ ‖A‖,      ∂σ/∂A = u vᵀ,  u = A v / σ
/// ```
///
/// One iteration for each step of the critic is enough, since weights move slowly. `A` is the whole
/// operator: for a convolution the map from image to image, with its stride and its border, and
/// not the reshaped kernel, whose norm bounds another number. `v` is a constant of every loss; it
/// stands among the parameters, so that it is saved and restored with them.
///
/// # References
/// Miyato, Kataoka, Koyama & Yoshida (2018), "Spectral normalization for generative adversarial
/// networks"; the operator of a convolution: Farnia, Zhang & Tse (2019); Gouk et al. (2021).
/// # Checked by
/// `tests/it/gan_nets.rs`
#[derive(Module, Debug)]
pub struct Spectral {
    direction: Param<Tensor<1>>,
}

/// A linear operator on rows.
pub trait Operator {
    /// `A v` for each row.
    ///
    /// # Shapes
    /// `v`: `[n, inputs]`; returns `[n, outputs]`.
    fn apply(&self, v: Tensor<2>) -> Tensor<2>;

    /// `Aᵀ u` for each row.
    ///
    /// # Shapes
    /// `u`: `[n, outputs]`; returns `[n, inputs]`.
    fn adjoint(&self, u: Tensor<2>) -> Tensor<2>;
}

/// Iterations on the initial weights.
const FIRST: usize = 20;

impl Spectral {
    /// The norm of `operator` on `inputs` columns, from a random direction.
    #[must_use]
    pub fn new(operator: &impl Operator, inputs: usize, noise: &Noise, space: &Space) -> Self {
        let random = noise.purpose("direction").resized(1).normal(inputs, space);
        let spectral = Self { direction: Param::from_tensor(random.reshape([inputs])) };
        (0..FIRST).fold(spectral, |spectral, _| spectral.iterated(operator))
    }

    /// One iteration further.
    #[must_use]
    pub fn iterated(self, operator: &impl Operator) -> Self {
        let direction = self.direction.map(|v| {
            let [count] = v.dims();
            let next = operator.adjoint(operator.apply(v.reshape([1, count])));
            let length = next
                .clone()
                .powi_scalar(2)
                .sum_dim(1)
                .sqrt()
                .clamp_min(f64::from(f32::MIN_POSITIVE));
            (next / length).reshape([count])
        });
        Self { direction }
    }

    /// `σ`, through which gradients reach the operator.
    ///
    /// # Shapes
    /// Returns `[1, 1]`.
    #[must_use]
    pub fn norm(&self, operator: &impl Operator) -> Tensor<2> {
        let v = self.direction.val().detach();
        let [count] = v.dims();
        operator.apply(v.reshape([1, count])).powi_scalar(2).sum_dim(1).sqrt()
    }
}
