//! Chains: push-forwards one after another.

use super::{Invertible, Path, PushForward, Trajectory};
use crate::noise::Noise;
use burn::tensor::Tensor;
use std::sync::Arc;

/// Maps or kernels in discrete time: `q_{k+1} = (T_k)_# q_k`, k = 0 … K − 1.
///
/// Its own push-forward is the composition `T_{K−1} ∘ … ∘ T_0`. The law after k maps is the
/// [`super::Transport`] of [`Chain::prefix`], a density too where the maps have inverses:
///
/// ```text
/// log q_k(x) = log q_0(z_0) + Σ_{j<k} log |det ∂T_j⁻¹|,     z_k = x,  z_j = T_j⁻¹(z_{j+1})
/// ```
///
/// As a [`Path`], map k stands at t = k/K and the state keeps its value until the next map.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Density, Space, Transport, device, law::Gaussian, map::{Affine, Chain}};
/// let double = Affine::new(vec![2.0], vec![0.0]).unwrap();
/// let chain = Chain::new(vec![double; 3]);
/// let q2 = Transport { reference: Gaussian::standard(1), map: chain.prefix(2) };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0], [1, 1]);
/// let exact = Gaussian::isotropic(vec![0.0], 4.0).log_prob(x.clone());
/// assert!((q2.log_prob(x) - exact).abs().into_scalar::<f64>() < 1e-12);
/// # }
/// ```
/// # Checked by
/// `tests/it/chains.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Chain<T> {
    maps: Arc<[T]>,
    length: usize,
}

impl<T> Chain<T> {
    /// The chain of these maps, the first one first.
    #[must_use]
    pub fn new(maps: Vec<T>) -> Self {
        Self { length: maps.len(), maps: maps.into() }
    }

    /// The number of maps K.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no maps: the identity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The maps.
    #[must_use]
    pub fn maps(&self) -> &[T] {
        &self.maps[..self.length]
    }

    /// The first `k` maps: what makes q_k of q_0.
    ///
    /// # Panics
    /// When there are fewer than `k` maps.
    #[must_use]
    pub fn prefix(&self, k: usize) -> Self {
        assert!(k <= self.length, "{k} of {} maps", self.length);
        Self { maps: Arc::clone(&self.maps), length: k }
    }
}

impl<T: PushForward> Chain<T> {
    /// The states `z, T_0(z), T_1(T_0(z)), …`: one draw of the whole family (q_k).
    ///
    /// # Shapes
    /// `z`: `[n, d]`; returns K + 1 of them.
    #[must_use]
    pub fn states(&self, z: Tensor<2>, noise: &Noise) -> Vec<Tensor<2>> {
        let mut states = vec![z];
        for k in 0..self.length {
            states.push(self.apply(k, states[k].clone(), noise));
        }
        states
    }

    /// Each map has draws of its own, under its own purpose: a map may use steps itself.
    fn apply(&self, k: usize, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        self.maps[k].push(z, &noise.purpose(&format!("map {k}")))
    }
}

impl<T: PushForward> PushForward for Chain<T> {
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        (0..self.length).fold(z, |z, k| self.apply(k, z, noise))
    }
}

impl<T: Invertible> Invertible for Chain<T> {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let total = x.clone().narrow(1, 0, 1).squeeze_dim(1).zeros_like();
        self.maps().iter().rev().fold((x, total), |(x, total), map| {
            let (z, log_det) = map.pull(x);
            (z, total + log_det)
        })
    }
}

impl<T: PushForward> Path for Chain<T> {
    fn trace(&self, z: Tensor<2>, knots: &[f64], noise: &Noise) -> Trajectory {
        let states = self.states(z, noise);
        // A knot at k/K means k maps, whatever the rounding of the division.
        let passed = |t: &f64| (t * self.length as f64 + 1e-9).floor().max(0.0) as usize;
        let at = |t: &f64| states[passed(t).min(self.length)].clone();
        Trajectory { times: knots.to_vec(), states: knots.iter().map(at).collect() }
    }
}
