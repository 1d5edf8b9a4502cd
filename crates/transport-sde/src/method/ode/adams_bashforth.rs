//! Adams–Bashforth methods on any grid.

use super::runge_kutta::RungeKutta;
use super::tableau::{Span, Tableau, weighted};
use super::{Bs32, Dop853, Dopri5, Euler, Heun, OdeMethod, Rk4};
use burn::tensor::Tensor;
use std::collections::VecDeque;
use transport_core::{Field, Times};

/// The Adams–Bashforth method of order `K ∈ 1..=8`, one evaluation a step.
///
/// ```text
/// x(t+h) = x + h Σⱼ wⱼ v(x(tⱼ), tⱼ),    wⱼ = ∫₀¹ ℓⱼ(u) du,   uⱼ = (tⱼ − t)/h
/// ```
///
/// with ℓⱼ the Lagrange polynomials through the last `K` times, so the steps may differ. Times
/// closer to a later one than an eighth of the step are passed over: they add no information and
/// their weights grow like the ratio. Until `K` times are there, a Runge–Kutta method of order
/// `K` or more takes the steps.
///
/// # References
/// Hairer, Nørsett & Wanner (1993), §III.1 and III.5.
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Adams<const K: usize>;

/// The one of order 4.
pub type AdamsBashforth = Adams<4>;

/// The slopes of the path so far, latest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    points: VecDeque<(f64, Tensor<2>)>,
    end: Option<f64>,
}

/// How much closer than a step two times of the history may be.
const CLOSEST: f64 = 1.0 / 8.0;

impl History {
    /// Forgets a path that is not continued by a step from `t` by `h`.
    fn follow(&mut self, t: f64, h: f64) {
        let near = |end: f64| (end - t).abs() <= 1e-9 * h.abs().max(t.abs());
        let turned = self.points.front().is_some_and(|(last, _)| (t - last) * h <= 0.0);
        if !self.end.is_some_and(near) || turned {
            self.points.clear();
        }
        self.end = Some(t + h);
    }

    /// Adds a point, and drops those that no step will read.
    fn push(&mut self, t: f64, slope: Tensor<2>, keep: usize) {
        self.points.push_front((t, slope));
        self.points.truncate(keep);
    }

    /// The latest `count` points that are apart, as nodes `(tⱼ − t)/h` and slopes.
    fn spread(&self, count: usize, t: f64, h: f64) -> Option<(Vec<f64>, Vec<Tensor<2>>)> {
        let (mut nodes, mut slopes): (Vec<f64>, Vec<Tensor<2>>) = (Vec::new(), Vec::new());
        for (at, slope) in &self.points {
            let node = (at - t) / h;
            if nodes.last().is_none_or(|last: &f64| last - node >= CLOSEST) {
                nodes.push(node);
                slopes.push(slope.clone());
            }
            if nodes.len() == count {
                return Some((nodes, slopes));
            }
        }
        None
    }
}

/// `∫₀¹ ℓⱼ(u) du` for the Lagrange polynomials of the nodes.
fn weights(nodes: &[f64]) -> Vec<f64> {
    let integral = |j: usize| {
        let mut polynomial = vec![1.0];
        for (_, node) in nodes.iter().enumerate().filter(|(m, _)| *m != j) {
            let scale = 1.0 / (nodes[j] - node);
            let mut next = vec![0.0; polynomial.len() + 1];
            for (k, c) in polynomial.iter().enumerate() {
                next[k + 1] += c * scale;
                next[k] -= c * node * scale;
            }
            polynomial = next;
        }
        polynomial.iter().enumerate().map(|(k, c)| c / (k + 1) as f64).sum()
    };
    (0..nodes.len()).map(integral).collect()
}

impl<const K: usize> Adams<K> {
    /// The Runge–Kutta method of the first steps.
    const STARTER: Tableau = match K {
        1 => Euler::TABLEAU,
        2 => Heun::TABLEAU,
        3 => Bs32::TABLEAU,
        4 => Rk4::TABLEAU,
        5 => Dopri5::TABLEAU,
        6..=8 => Dop853::TABLEAU,
        _ => panic!("Adams–Bashforth methods of orders 1 to 8"),
    };
}

impl<const K: usize> OdeMethod for Adams<K> {
    const ORDER: usize = K;
    const STAGES: usize = 1;
    type Memory = History;

    fn step(
        &self,
        field: &dyn Field,
        x: Tensor<2>,
        t: f64,
        h: f64,
        history: &mut History,
    ) -> Tensor<2> {
        let slope = field.eval(x.clone(), Times::Same(t));
        history.follow(t, h);
        history.push(t, slope.clone(), 2 * K);
        match history.spread(K, t, h) {
            Some((nodes, slopes)) => x + weighted(&weights(&nodes), &slopes).mul_scalar(h),
            None => Self::STARTER.step(field, x, slope, &Span::Same { t, h }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hairer, Nørsett & Wanner (1993), eq. (III.1.5).
    #[test]
    fn equal_steps_have_the_classical_weights() {
        let expect = |nodes: &[f64], exact: &[f64]| {
            for (w, e) in weights(nodes).iter().zip(exact) {
                assert!((w - e).abs() < 1e-14, "{w} where {e} is exact");
            }
        };
        expect(&[0.0, -1.0], &[1.5, -0.5]);
        expect(&[0.0, -1.0, -2.0, -3.0], &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0]);
    }

    /// Weights on any nodes integrate polynomials of degree below their number.
    #[test]
    fn weights_integrate_polynomials() {
        let nodes = [0.0, -0.2, -1.3, -1.9, -4.0];
        let w = weights(&nodes);
        for degree in 0..5 {
            let sum: f64 = w.iter().zip(nodes).map(|(w, u)| w * u.powi(degree)).sum();
            assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-12, "degree {degree}: {sum}");
        }
    }
}
