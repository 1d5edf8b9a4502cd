//! What a method may ask of a diffusion coefficient: its kind, and its derivative in the state.

use super::Sde;
use burn::tensor::Tensor;
use transport_core::{Space, Times};

/// An SDE whose `b(x, t)` can be differentiated in `x`.
///
/// ```text
/// (∂_u b) w = Σ_k Σ_j u_k ∂b_·j/∂x_k w_j
/// ```
pub trait DiffusionJacobian: Sde {
    /// `(∂_u b(x, t)) w`, the derivative along `u` of the matrix `b`, applied to `w`.
    ///
    /// # Shapes
    /// `x`, `u`, `w`: `[n, d]`; returns `[n, d]`.
    fn diffusion_jvp(&self, x: &Tensor<2>, t: Times<'_>, u: Tensor<2>, w: Tensor<2>) -> Tensor<2>;

    /// `c(x, t) = Σ_j (∂_{b e_j} b) e_j`, by `d` derivatives unless an implementor knows better.
    ///
    /// The Itô equation with drift `a` and the Stratonovich equation with drift `a − ½ c` have the
    /// same solution. `Σ_j b_j ∂b_j/∂x_j` when column `j` of `b` is a multiple of `e_j`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn ito_correction(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ([n, d], space) = (x.dims(), Space::of(x));
        (0..d).fold(x.zeros_like(), |sum, j| {
            let mut unit = vec![0.0; d];
            unit[j] = 1.0;
            let e = space.tensor(unit, [1, d]).expand([n, d]);
            let u = self.diffusion(x, t).apply(e.clone());
            sum + self.diffusion_jvp(x, t, u, e)
        })
    }
}

/// An SDE whose `b` depends on time only. Its derivative in `x` is zero.
pub trait AdditiveNoise: Sde {}

impl<S: AdditiveNoise + ?Sized> DiffusionJacobian for S {
    fn diffusion_jvp(
        &self,
        x: &Tensor<2>,
        _t: Times<'_>,
        _u: Tensor<2>,
        _w: Tensor<2>,
    ) -> Tensor<2> {
        x.zeros_like()
    }

    fn ito_correction(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

/// An SDE whose `b` is diagonal, entry `i` a function of `x_i` and `t` alone.
///
/// Its [`Sde::diffusion`] is never [`super::Diffusion::Matrix`].
pub trait DiagonalNoise: Sde {}

/// An SDE whose drift has a linear part with a known flow.
///
/// ```text
/// a(x, t) = −λ(t) x + f(x, t)
/// ```
pub trait SemiLinear: Sde {
    /// `∫ λ` over `[t, t + h]`.
    fn relaxation(&self, t: f64, h: f64) -> f64;

    /// `f(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn force(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// What an SDE offers beyond [`Sde`]: where a method is picked by its name, this is how the
/// registry finds out whether it fits. Each entry is the SDE itself, or nothing.
#[derive(Clone, Copy, Default)]
pub struct Capabilities<'a> {
    /// `b` can be differentiated.
    pub jacobian: Option<&'a dyn DiffusionJacobian>,
    /// `b` does not depend on `x`.
    pub additive: Option<&'a dyn AdditiveNoise>,
    /// `b` is diagonal, each entry a function of its own coordinate.
    pub diagonal: Option<&'a dyn DiagonalNoise>,
    /// The drift has a linear part.
    pub semi_linear: Option<&'a dyn SemiLinear>,
}

impl<'a> Capabilities<'a> {
    /// Those of additive noise with a diagonal `b`.
    #[must_use]
    pub fn additive<S: AdditiveNoise + DiagonalNoise>(sde: &'a S) -> Self {
        Self { jacobian: Some(sde), additive: Some(sde), diagonal: Some(sde), semi_linear: None }
    }
}

impl std::fmt::Debug for Capabilities<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capabilities")
            .field("jacobian", &self.jacobian.is_some())
            .field("additive", &self.additive.is_some())
            .field("diagonal", &self.diagonal.is_some())
            .field("semi_linear", &self.semi_linear.is_some())
            .finish()
    }
}
