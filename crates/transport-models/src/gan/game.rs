//! The adversarial game between two known densities, by quadrature.

use super::divergence::{Divergence, softplus_of, weighed};
use super::input_gradient::InputGradient;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Density, Score, Space};
use transport_sde::fokker_planck::Mesh;

/// The best critic of two known densities.
///
/// ```text
/// D*(x) = p(x)/(p(x) + q(x)) = σ(t*(x)),     t* = ln p − ln q,     ∇t* = ∇ln p − ∇ln q
/// ```
///
/// # References
/// Goodfellow et al. (2014), proposition 1.
/// # Checked by
/// `tests/it/gan_theory.rs`, `tests/it/input_gradient.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimal<P, Q> {
    /// The law of the data, `p`.
    pub data: P,
    /// The law of the samples, `q`.
    pub model: Q,
}

impl<P: Density + Score, Q: Density + Score> InputGradient for Optimal<P, Q> {
    fn value(&self, x: Tensor<2>) -> Tensor<2> {
        (self.data.log_prob(x.clone()) - self.model.log_prob(x)).unsqueeze_dim(1)
    }

    fn value_and_gradient(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (self.value(x.clone()), self.data.score(x.clone()) - self.model.score(x))
    }
}

/// Two densities on a mesh, and every number of their game as an integral over it.
#[derive(Clone, Debug, PartialEq)]
pub struct Game {
    log_p: Vec<f64>,
    log_q: Vec<f64>,
    volume: f64,
}

impl Game {
    /// The densities of the data and of the samples at the centres of a mesh.
    ///
    /// # Panics
    /// When the mesh has another dimension than the densities.
    #[must_use]
    pub fn new(data: &dyn Density, model: &dyn Density, mesh: &Mesh, space: &Space) -> Self {
        let centres = || space.tensor(mesh.centres(), [mesh.len(), mesh.dim()]);
        let log_p = to_host(data.log_prob(centres()));
        let log_q = to_host(model.log_prob(centres()));
        Self { log_p, log_q, volume: mesh.volume() }
    }

    fn integral(&self, of: impl Fn(usize) -> f64) -> f64 {
        (0..self.log_p.len()).map(of).sum::<f64>() * self.volume
    }

    /// The masses of both densities on the mesh: near 1 when it covers them.
    #[must_use]
    pub fn masses(&self) -> (f64, f64) {
        (self.integral(|k| self.log_p[k].exp()), self.integral(|k| self.log_q[k].exp()))
    }

    /// `t* = ln p/q` at each centre.
    #[must_use]
    pub fn optimum(&self) -> Vec<f64> {
        self.log_p.iter().zip(&self.log_q).map(|(p, q)| p - q).collect()
    }

    /// `L(D, G) = ∫ p ln D + q ln(1 − D)` of the critic `D = σ(t)`, `t` at each centre.
    #[must_use]
    pub fn value(&self, t: &[f64]) -> f64 {
        self.integral(|k| {
            let loss = |log: f64, t: f64| weighed(log.exp(), softplus_of(t));
            -loss(self.log_p[k], -t[k]) - loss(self.log_q[k], t[k])
        })
    }

    /// `JS(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m)`, `m = ½ (p + q)`.
    #[must_use]
    pub fn jensen_shannon(&self) -> f64 {
        0.5 * self.divergence(Divergence::JensenShannon)
    }

    /// `D_f(p ‖ q) = ∫ q f(p/q)`.
    #[must_use]
    pub fn divergence(&self, f: Divergence) -> f64 {
        self.integral(|k| f.integrand(self.log_p[k], self.log_q[k]))
    }

    /// `E_P[g(v)] − E_Q[f*(g(v))]` of the critic's outputs `v` at each centre.
    #[must_use]
    pub fn bound(&self, f: Divergence, v: &[f64], space: &Space) -> f64 {
        let v = space.tensor(v.to_vec(), [v.len(), 1]);
        let (g, conjugate) = (to_host(f.activation(v.clone())), to_host(f.conjugate(v)));
        self.integral(|k| {
            weighed(self.log_p[k].exp(), g[k]) - weighed(self.log_q[k].exp(), conjugate[k])
        })
    }
}
