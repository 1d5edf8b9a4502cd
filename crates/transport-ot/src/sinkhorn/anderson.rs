//! Anderson acceleration of a fixed-point iteration `x ← G(x)`.
//!
//! ```text
//! rₖ = G(xₖ) − xₖ,   γ = argmin ‖rₖ − ΔR γ‖_w,   xₖ₊₁ = G(xₖ) − ΔG γ
//! ```
//!
//! over the last few differences `ΔR` of residuals and `ΔG` of images; where G is linear it is
//! GMRES, so a rate θ of the plain iteration becomes about `1 − √(1 − θ)`.
//!
//! # References
//! Anderson (1965); Walker & Ni (2011), "Anderson acceleration for fixed-point iterations".

use super::vectors::{add, dot};
use std::collections::VecDeque;

/// An accelerated step that raises the error by this factor is taken back.
const GROWTH: f64 = 1.5;
/// A direction whose new part is smaller than this, relatively, is left out.
const DEPENDENT: f64 = 1e-7;

/// The history of an iteration.
#[derive(Debug)]
pub(crate) struct Anderson {
    memory: usize,
    /// √w.
    roots: Vec<f64>,
    /// Differences of images and of residuals times √w, newest first.
    past: VecDeque<(Vec<f64>, Vec<f64>)>,
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// The error and the plain image of the iterate before.
    accepted: Option<(f64, Vec<f64>)>,
}

impl Anderson {
    /// Nothing remembered; `memory = 0` is the plain iteration.
    pub(crate) fn new(memory: usize, weights: &[f64]) -> Self {
        let roots = weights.iter().map(|w| w.sqrt()).collect();
        Self { memory, roots, past: VecDeque::new(), last: None, accepted: None }
    }

    /// The next iterate after `x` with image `gx` and this error. An accelerated step that made the
    /// error much larger, or no number, is taken back: the plain one before it stands in its place,
    /// and the history begins anew.
    pub(crate) fn guarded(&mut self, error: f64, x: &[f64], gx: Vec<f64>) -> Vec<f64> {
        let warm = self.memory > 0 && self.last.is_some();
        let worse = |before: f64| error.is_nan() || error > GROWTH * before;
        if let Some((_, plain)) = self.accepted.take_if(|(before, _)| warm && worse(*before)) {
            self.past.clear();
            self.last = None;
            return plain;
        }
        let next = self.next(x, &gx);
        self.accepted = Some((error, gx));
        next
    }

    /// The next iterate after `x` with image `gx`.
    fn next(&mut self, x: &[f64], gx: &[f64]) -> Vec<f64> {
        if self.memory == 0 {
            return gx.to_vec();
        }
        let gaps = gx.iter().zip(x).zip(&self.roots);
        let residual: Vec<f64> = gaps.map(|((gx, x), root)| root * (gx - x)).collect();
        if let Some((image, before)) = self.last.take() {
            self.past.push_front((difference(gx, &image), difference(&residual, &before)));
            self.past.truncate(self.memory);
        }
        let mut next = gx.to_vec();
        for (gamma, (dg, _)) in self.coefficients(&residual).into_iter().zip(&self.past) {
            add(&mut next, -gamma, dg);
        }
        self.last = Some((gx.to_vec(), residual));
        next
    }

    /// The least-squares coefficients, by modified Gram–Schmidt; 0 for what was left out.
    fn coefficients(&self, residual: &[f64]) -> Vec<f64> {
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut kept: Vec<(usize, Vec<f64>)> = Vec::new();
        for (k, (_, dr)) in self.past.iter().enumerate() {
            let (mut v, mut column) = (dr.clone(), Vec::new());
            for q in &basis {
                let c = dot(q, &v);
                add(&mut v, -c, q);
                column.push(c);
            }
            let (norm, whole) = (dot(&v, &v).sqrt(), dot(dr, dr).sqrt());
            if norm > DEPENDENT * whole {
                v.iter_mut().for_each(|v| *v /= norm);
                column.push(norm);
                basis.push(v);
                kept.push((k, column));
            }
        }
        let mut right: Vec<f64> = basis.iter().map(|q| dot(q, residual)).collect();
        let mut gamma = vec![0.0; self.past.len()];
        for (at, (k, column)) in kept.iter().enumerate().rev() {
            let value = right[at] / column[at];
            right.iter_mut().zip(&column[..at]).for_each(|(r, c)| *r -= value * c);
            gamma[*k] = value;
        }
        gamma
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a linear map in three dimensions, as GMRES: solved after a memory of three.
    #[test]
    fn it_solves_a_linear_map() {
        let map = |x: &[f64]| vec![0.9 * x[0] + 0.1, 0.5 * x[1] - 0.2 * x[0], 0.99 * x[2] + 1.0];
        let weights = [1.0; 3];
        let mut history = Anderson::new(3, &weights);
        let mut x = vec![0.0; 3];
        for _ in 0..6 {
            let image = map(&x);
            x = history.next(&x, &image);
        }
        for (x, exact) in x.iter().zip([1.0, -0.4, 100.0]) {
            assert!((x - exact).abs() < 1e-8 * exact.abs(), "{x} against {exact}");
        }
    }
}
