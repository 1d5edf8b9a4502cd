//! A critic's gradient in its input.

use burn::tensor::Tensor;

/// A function `D` of a point, whose gradient `∇ₓD` is made of ordinary operations.
///
/// Reverse-mode differentiation works once. A loss that contains `∇ₓD` (WGAN-GP, R1, R2) needs its
/// derivative in the parameters too, so the first differentiation is written out: the gradient
/// runs backwards through the layers as a forward computation, and one reverse pass differentiates
/// that.
///
/// # Checked by
/// `tests/it/input_gradient.rs`, by the suite [`gradient_is_the_derivative`]
pub trait InputGradient: Send + Sync {
    /// `D(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, 1]`.
    fn value(&self, x: Tensor<2>) -> Tensor<2>;

    /// `D(x)` and `∇ₓD(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, 1]` and `[n, d]`.
    fn value_and_gradient(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>);
}

/// An [`InputGradient`] that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{property}: {got} where {expected} is right (at row {row}, column {column})")]
pub struct Mismatch {
    /// What fails.
    pub property: &'static str,
    /// What was computed.
    pub got: f64,
    /// What should have been.
    pub expected: f64,
    /// The point.
    pub row: usize,
    /// Its coordinate.
    pub column: usize,
}

/// Each coordinate of the gradient equals a central difference of the value, and the value beside
/// the gradient is the function's.
///
/// # Errors
/// The first element that differs by more than `tolerance`, relatively.
pub fn gradient_is_the_derivative(
    critic: &impl InputGradient,
    x: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Mismatch> {
    use transport_core::device::{Space, to_host};
    const H: f64 = 1e-5;
    let [_, d] = x.dims();
    let (value, gradient) = critic.value_and_gradient(x.clone());
    let check = |property, got: Vec<f64>, expected: Vec<f64>, tolerance: f64, column| {
        // NaN holds nowhere.
        let holds =
            |got: f64, expected: f64| (got - expected).abs() <= tolerance * (1.0 + expected.abs());
        match got.iter().zip(&expected).position(|(got, expected)| !holds(*got, *expected)) {
            None => Ok(()),
            Some(row) => {
                let (got, expected) = (got[row], expected[row]);
                Err(Mismatch { property, got, expected, row, column })
            }
        }
    };
    let own = "the value beside a gradient is the function's";
    check(own, to_host(value), to_host(critic.value(x.clone())), 1e-12, 0)?;
    for column in 0..d {
        let mut step = vec![0.0; d];
        step[column] = H;
        let step = Space::of(x).tensor(step, [1, d]);
        let up = critic.value(x.clone() + step.clone());
        let down = critic.value(x.clone() - step);
        let difference = to_host((up - down).div_scalar(2.0 * H));
        let got = to_host(gradient.clone().narrow(1, column, 1));
        check("the gradient is the derivative", got, difference, tolerance, column)?;
    }
    Ok(())
}
