//! Critically damped Langevin diffusion as an SDE.
//!
//! ```text
//! a(x, v) = β (M⁻¹ v, −x − Γ M⁻¹ v),    b = diag(0, √(2Γβ)),    ∇·Σ = 0
//! ```
//!
//! `Σ` acts on the velocity only, so that reversal and probability flow need `∇_v log q` alone.
//!
//! # References
//! Dockhorn, Vahdat & Kreis (2022), §3.
//! # Checked by
//! `tests/it/critically_damped.rs`, `tests/it/reversal.rs`

use super::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, DivSigma, LinearInState, Sde};
use burn::tensor::Tensor;
use transport_core::process::CriticallyDamped;
use transport_core::{Space, Times};

impl Sde for CriticallyDamped {
    /// # Panics
    /// When the number of columns is odd: the state is `(x, v)`.
    fn drift(&self, z: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        let d = half(&z);
        let (x, v) = (z.clone().narrow(1, 0, d), z.narrow(1, d, d));
        let pull = v.clone().mul_scalar(self.friction() / self.mass);
        let along = Tensor::cat(vec![v.div_scalar(self.mass), x.neg() - pull], 1);
        s.scale(along, |s| self.beta(s))
    }

    fn diffusion(&self, z: &Tensor<2>, s: Times<'_>) -> Diffusion {
        let (d, space) = (half(z), Space::of(z));
        let mask = (0..2 * d).map(|i| if i < d { 0.0 } else { 1.0 }).collect();
        let noise = s.column(&space, |s| (2.0 * self.friction() * self.beta(s)).sqrt());
        Diffusion::Diagonal(noise * space.tensor(mask, [1, 2 * d]))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for CriticallyDamped {}
impl DiagonalNoise for CriticallyDamped {}

impl DivSigma for CriticallyDamped {
    fn div_sigma(&self, z: &Tensor<2>, _s: Times<'_>) -> Tensor<2> {
        z.zeros_like()
    }
}

impl LinearInState for CriticallyDamped {}

fn half(z: &Tensor<2>) -> usize {
    let width = z.dims()[1];
    assert!(width.is_multiple_of(2), "a phase-space state has as many velocities as positions");
    width / 2
}
