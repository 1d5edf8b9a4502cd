//! Time-dependent vector fields and their directional derivatives.

use crate::device::Space;
use crate::prediction::Prediction;
use crate::schedule::Schedule;
use crate::time::Times;
use burn::tensor::Tensor;

/// A vector field `v(x, t)` on `ℝᵈ`.
pub trait Field: Send + Sync {
    /// `v(x, t)`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// A field whose derivative along a direction is written as ordinary tensor operations, so that
/// one reverse pass can differentiate it once more.
pub trait Jvp: Field {
    /// `v(x, t)` and `∂ₓv(x, t) u`.
    ///
    /// # Shapes
    /// `x`, `u`: `[n, d]`; returns two `[n, d]`.
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>);

    /// `v(x, t)` and the exact divergence `∇·v(x, t)`, by `d` directional derivatives.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]` and `[n]`.
    fn divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        let ([n, d], space) = (x.dims(), Space::of(&x));
        let mut value = None;
        let mut trace = Tensor::<1>::zeros([n], (&space.device, space.dtype));
        for i in 0..d {
            let mut direction = vec![0.0; d];
            direction[i] = 1.0;
            let u = space.tensor(direction, [1, d]).expand([n, d]);
            let (v, dv) = self.jvp(x.clone(), t, u);
            trace = trace + dv.narrow(1, i, 1).squeeze_dim(1);
            value.get_or_insert(v);
        }
        (value.unwrap_or(x), trace)
    }
}

/// A field that also knows the score of the law it carries, at the price of one evaluation.
pub trait ScoredField: Field {
    /// The velocity and the score `∇ log q_t(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>);

    /// The velocity and `−σ(t) s(x, t) = E[x₀ | x_t = x]`. A field that knows the latter by
    /// itself gives it where σ = 0 too, and the score is infinite.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        let (velocity, score) = self.velocity_and_score(x, t);
        (velocity, t.scale(score, |t| -sigma(t)))
    }
}

impl<F: ScoredField + ?Sized> ScoredField for &F {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (**self).velocity_and_score(x, t)
    }

    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        (**self).velocity_and_noise(x, t, sigma)
    }
}

impl<F: Field + ?Sized> Field for &F {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        (**self).eval(x, t)
    }
}

impl<F: Jvp + ?Sized> Jvp for &F {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (**self).jvp(x, t, u)
    }
}

/// The posterior means of `x_t = α x₁ + σ x₀`, which are all that a diffusion sampler asks of a
/// model.
///
/// ```text
/// x = α E[x₁ | x] + σ E[x₀ | x]
/// ```
pub trait Denoiser: Send + Sync {
    /// The schedule that `α` and `σ` are read from.
    fn schedule(&self) -> &dyn Schedule;

    /// The denoised state `E[x₁ | x_t = x]`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2>;

    /// `E[x₁ | x_t = x]` and `E[x₀ | x_t = x]`, at the price of one evaluation.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let data = self.data(x.clone(), t);
        (data.clone(), implied_noise(self.schedule(), x, data, t))
    }
}

/// The noise that a denoised state implies, `(x − α E[x₁ | x])/σ`; at `σ = 0`, where `x` no longer
/// tells anything about it, its mean, 0.
///
/// # Shapes
/// `x`, `data`: `[n, d]`; returns `[n, d]`.
#[must_use]
pub fn implied_noise(
    schedule: &dyn Schedule,
    x: Tensor<2>,
    data: Tensor<2>,
    t: Times<'_>,
) -> Tensor<2> {
    let rest = x - t.scale(data, |t| schedule.at(t).alpha);
    t.scale(rest, |t| match schedule.at(t).sigma {
        0.0 => 0.0,
        sigma => 1.0 / sigma,
    })
}

impl<D: Denoiser + ?Sized> Denoiser for &D {
    fn schedule(&self) -> &dyn Schedule {
        (**self).schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        (**self).data(x, t)
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (**self).posterior(x, t)
    }
}

/// A field that predicts something of `x_t = α x₁ + σ x₀`, read as a [`Denoiser`] by
/// [`Prediction::to`].
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::field::{AffineField, Predicted};
/// use transport_core::{Denoiser, Prediction, Space, Times, device, schedule::Rectified};
/// // A velocity of 0 everywhere: the data is where the state already is.
/// let field = AffineField { matrix: vec![0.0], offset: vec![0.0], rate: vec![0.0] };
/// let model = Predicted { field, prediction: Prediction::Velocity, schedule: Rectified };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![2.0], [1, 1]);
/// assert_eq!(model.data(x, Times::Same(0.5)).into_scalar::<f64>(), 2.0);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicted<F, S> {
    /// What is predicted, as a function of the state and the time.
    pub field: F,
    /// What it means.
    pub prediction: Prediction,
    /// The schedule.
    pub schedule: S,
}

impl<F: Field, S: Schedule> Denoiser for Predicted<F, S> {
    fn schedule(&self) -> &dyn Schedule {
        &self.schedule
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let given = self.field.eval(x.clone(), t);
        self.prediction.convert(Prediction::Data, given, x, t, &self.schedule)
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let given = self.field.eval(x.clone(), t);
        let to = |target, given, x| self.prediction.convert(target, given, x, t, &self.schedule);
        (to(Prediction::Data, given.clone(), x.clone()), to(Prediction::Noise, given, x))
    }
}

/// The affine field `v(x, t) = x Aᵀ + b + c t`, whose flow, divergence and derivatives are known.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineField {
    /// `A`, `[d, d]` row-major.
    pub matrix: Vec<f64>,
    /// `b`, length `d`.
    pub offset: Vec<f64>,
    /// `c`, length `d`.
    pub rate: Vec<f64>,
}

impl AffineField {
    fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let (d, space) = (self.offset.len(), Space::of(&x));
        x.matmul(space.tensor::<2>(self.matrix.clone(), [d, d]).transpose())
    }

    fn row(&self, values: &[f64], space: &Space) -> Tensor<2> {
        space.tensor(values.to_vec(), [1, values.len()])
    }
}

impl Field for AffineField {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let space = Space::of(&x);
        let drift = t.column(&space, |t| t) * self.row(&self.rate, &space);
        self.linear(x) + self.row(&self.offset, &space) + drift
    }
}

impl Jvp for AffineField {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (self.eval(x, t), self.linear(u))
    }
}
