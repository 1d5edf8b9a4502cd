//! The equation and the velocity from particles alone.

use super::energy::trapezoid;
use super::{Estimate, Mesh};
use crate::dynamics::{Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::{Space, Times, Trajectory, device::to_host};

/// The test function `φ(x) = cos(k·x + c)`. All of them together determine a law.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// `k`, length `d`.
    pub k: Vec<f64>,
    /// `c`.
    pub phase: f64,
}

impl Wave {
    fn angle(&self, x: Tensor<2>) -> Tensor<2> {
        let row = Space::of(&x).tensor(self.k.clone(), [1, self.k.len()]);
        (x * row).sum_dim(1).add_scalar(self.phase)
    }

    /// `φ(x)`, `[n]`.
    #[must_use]
    pub fn eval(&self, x: Tensor<2>) -> Tensor<1> {
        self.angle(x).cos().squeeze_dim(1)
    }

    /// `(Lφ)(x) = a·∇φ + ½ Σ:∇²φ = −(a·k) sin − ½ ‖bᵀk‖² cos`, `[n]`.
    #[must_use]
    pub fn generator(&self, sde: &dyn Sde, x: &Tensor<2>, t: f64) -> Tensor<1> {
        let angle = self.angle(x.clone());
        let k = Space::of(x).tensor::<2>(self.k.clone(), [1, self.k.len()]).expand(x.dims());
        let along = (sde.drift(x.clone(), Times::Same(t)) * k.clone()).sum_dim(1);
        let spread = match sde.diffusion(x, Times::Same(t)) {
            Diffusion::Matrix(b) => b.transpose().matmul(k.unsqueeze_dim(2)).squeeze_dim(2),
            other => other.apply(k),
        };
        let bend = spread.powi_scalar(2).sum_dim(1).mul_scalar(0.5);
        let total = along * angle.clone().sin() + bend * angle.cos();
        total.neg().squeeze_dim(1)
    }
}

/// The Fokker–Planck equation tested against a wave, from particles alone,
///
/// ```text
/// E[ φ(X_T) − φ(X_0) − ∫ (Lφ)(X_t, t) dt ] = 0
/// ```
///
/// by the trapezoidal rule over the knots, with the standard error over paths. A velocity field is
/// tested by the SDE with that drift and no noise.
///
/// # References
/// Øksendal (2003), §7.4 (Dynkin's formula).
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
///
/// # Panics
/// When the trajectory is empty.
#[must_use]
pub fn weak_residual(sde: &dyn Sde, path: &Trajectory, wave: &Wave) -> Estimate {
    let last = path.states.len() - 1;
    let rise = wave.eval(path.states[last].clone()) - wave.eval(path.states[0].clone());
    let drift = trapezoid(&path.times, |k| wave.generator(sde, &path.states[k], path.times[k]));
    let values: Vec<f64> = to_host(rise).into_iter().zip(drift).map(|(a, b)| a - b).collect();
    Estimate::of(&values)
}

/// The velocity of the current in one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellVelocity {
    /// The cell of the mesh.
    pub cell: usize,
    /// How many particles were in it.
    pub count: usize,
    /// The velocity's components, with standard errors.
    pub velocity: Vec<Estimate>,
    /// The density there.
    pub density: f64,
}

impl CellVelocity {
    /// The current `j = q v` in the cell.
    #[must_use]
    pub fn current(&self) -> Vec<f64> {
        self.velocity.iter().map(|v| v.mean * self.density).collect()
    }
}

/// Nelson's current velocity from particles, at knot `k` of their paths: the mean of the forward
/// and the backward derivative, which is `j/q` for the paths of a flow and of an SDE alike.
///
/// ```text
/// v(x, t_k) = E[ (X_{k+1} − X_{k−1}) / (t_{k+1} − t_{k−1}) | X_k = x ]
/// ```
///
/// averaged over the cells of a mesh that hold at least two particles; biased by the cell's width
/// and, to second order, by equal knots' distance.
///
/// # References
/// Nelson (1967), "Dynamical theories of Brownian motion", §13.
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
///
/// # Panics
/// Unless `k` has a knot on either side.
#[must_use]
pub fn nelson_velocity(path: &Trajectory, k: usize, mesh: &Mesh) -> Vec<CellVelocity> {
    let d = mesh.dim();
    let span = path.times[k + 1] - path.times[k - 1];
    let slope = (path.states[k + 1].clone() - path.states[k - 1].clone()).div_scalar(span);
    let (x, slope) = (to_host(path.states[k].clone()), to_host(slope));
    let mut members = vec![Vec::new(); mesh.len()];
    for (point, slope) in x.chunks_exact(d).zip(slope.chunks_exact(d)) {
        if let Some(cell) = mesh.locate(point) {
            members[cell].push(slope);
        }
    }
    let n = x.len() as f64 / d as f64;
    let summary = |(cell, slopes): (usize, Vec<&[f64]>)| {
        let component = |i: usize| slopes.iter().map(|s| s[i]).collect::<Vec<f64>>();
        let velocity = (0..d).map(|i| Estimate::of(&component(i))).collect();
        let density = slopes.len() as f64 / (n * mesh.volume());
        CellVelocity { cell, count: slopes.len(), velocity, density }
    };
    members.into_iter().enumerate().filter(|(_, m)| m.len() >= 2).map(summary).collect()
}
