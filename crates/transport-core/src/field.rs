//! Time-dependent vector fields and their directional derivatives.

use crate::device::Space;
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
}

impl<F: ScoredField + ?Sized> ScoredField for &F {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (**self).velocity_and_score(x, t)
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
