//! A climb towards the mode before sampling begins.

use super::Target;
use burn::tensor::{Bool, Tensor, TensorData};
use transport_core::Space;
use transport_core::device::to_host;

/// Moves each chain uphill by Adam, and returns the highest place that each has seen.
///
/// ```text
/// m ← 0.9 m + 0.1 s(x),    v ← 0.99 v + 0.01 s(x)²,    x ← x + r_k m̂ / √v̂,    r_k = r (1 − k/K)
/// ```
///
/// A step moves each coordinate by about `r_k` at most, however steep the target is. Chains that
/// start far out, where the score is huge, would otherwise be thrown across the space, or keep
/// warm-up from finding a step that suits them all. The chains stay spread along directions in
/// which the target is flat, so that the covariance of all of them shows those directions at once.
/// Chains do not depend on each other.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
///
/// # References
/// Kingma & Ba (2015).
/// # Checked by
/// `tests/it/langevin.rs::climbing_makes_a_hard_start_easy`
#[must_use]
pub fn climb(target: &dyn Target, x: Tensor<2>, steps: usize, rate: f64) -> Tensor<2> {
    const DECAY: (f64, f64) = (0.9, 0.99);
    let (mut x, mut best) = (x.clone(), Best::new(x));
    let (mut m, mut v) = (x.zeros_like(), x.zeros_like());
    for k in 0..steps {
        let (log_density, score) = target.log_density_and_score(x.clone());
        best.learn(&x, &to_host(log_density));
        let lost = score.clone().is_finite().bool_not();
        let score = score.mask_fill(lost, 0.0);
        m = m.mul_scalar(DECAY.0) + score.clone().mul_scalar(1.0 - DECAY.0);
        v = v.mul_scalar(DECAY.1) + score.powi_scalar(2).mul_scalar(1.0 - DECAY.1);
        let t = k as f64 + 1.0;
        let (first, second) = (1.0 - DECAY.0.powf(t), 1.0 - DECAY.1.powf(t));
        let slowing = rate * (1.0 - k as f64 / steps as f64);
        let size = v.clone().div_scalar(second).sqrt().add_scalar(1e-30);
        x = x + m.clone().mul_scalar(slowing / first) / size;
    }
    best.learn(&x, &to_host(target.log_density_and_score(x.clone()).0));
    best.x
}

/// The highest place that each chain has seen.
struct Best {
    x: Tensor<2>,
    log_density: Vec<f64>,
}

impl Best {
    fn new(x: Tensor<2>) -> Self {
        let log_density = vec![f64::NEG_INFINITY; x.dims()[0]];
        Self { x, log_density }
    }

    fn learn(&mut self, x: &Tensor<2>, log_density: &[f64]) {
        let [n, d] = x.dims();
        let pairs = self.log_density.iter().zip(log_density);
        let higher: Vec<bool> = pairs.map(|(old, new)| new.is_finite() && new > old).collect();
        let news = self.log_density.iter_mut().zip(log_density).zip(&higher);
        news.filter(|(_, h)| **h).for_each(|((old, new), _)| *old = *new);
        let mask = TensorData::new(higher, [n, 1]);
        let mask = Tensor::<2, Bool>::from_bool(mask, &Space::of(x).device).expand([n, d]);
        self.x = self.x.clone().mask_where(mask, x.clone());
    }
}
