//! The Fokker–Planck equation by implicit finite volumes.

use super::elimination::Factors;
use super::{Face, FokkerPlanckError, Generator, Mesh};
use crate::dynamics::Sde;
use crate::grid::Grid;
use transport_core::Space;

/// How a step in time is taken. Both solve with `I − h L`, an M-matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `(I − h L(t+h)) q⁺ = q`: order 1, positive for any step.
    BackwardEuler,
    /// The implicit midpoint rule, Crank–Nicolson with the generator at half a step: order 2.
    ///
    /// ```text
    /// (I − ½h L(t+½h)) y = q,     q⁺ = 2y − q
    /// ```
    ///
    /// `2y − q` may be negative, mostly in tails that fall within a step. Two half steps of backward
    /// Euler with the same matrix, `d = A⁻² q`, are not, and differ from it by a flux:
    ///
    /// ```text
    /// 2y − q = d + ½h L (y − d)
    /// ```
    ///
    /// Where needed, the flux out of a cell is cut to what the cell has (flux-corrected transport,
    /// Zalesak 1979), which keeps mass and sign and leaves the other cells at order 2;
    /// [`Evolution::limited`] counts these steps. The first step is `d` itself, which damps what is
    /// rough in the initial density (Rannacher 1984).
    Midpoint,
}

/// What a solution took.
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    /// The density at the last time, one value per cell.
    pub density: Vec<f64>,
    /// Steps taken.
    pub steps: usize,
    /// Matrices factored: one if the coefficients and the step do not change.
    pub factored: usize,
    /// Steps of [`Scheme::Midpoint`] in which fluxes were cut to keep the density positive.
    pub limited: usize,
}

/// The law of an SDE on a mesh with reflecting walls: ground truth that uses no score and no
/// particle.
///
/// ```text
/// ∂ₜq = −∇·(a q) + ½ Σᵢ ∂ᵢ²(Σᵢᵢ q)
/// ```
///
/// Mass is kept to rounding, the density stays positive, a Gibbs state stays as it is; second order
/// in the width, first or second in the step ([`Scheme`]). Costs `N b²` flops for a matrix and `N b`
/// for a step, with `N` cells and `b` the last axis's.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Tensor;
/// use transport_core::{Interval, Space, Times, device, law::Gaussian};
/// use transport_sde::fokker_planck::{Axis, FokkerPlanck, Mesh, Scheme};
/// use transport_sde::{Diffusion, Grid, Sde};
/// struct Decay; // dX = −X dt + √2 dW
/// impl Sde for Decay {
///     fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> { x.neg() }
///     fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion { Diffusion::Scalar(2f64.sqrt()) }
/// }
/// let space = Space::f64(&device::select(None).unwrap());
/// let mesh = Mesh::new(vec![Axis::new(-8.0, 8.0, 400)]).unwrap();
/// let start = mesh.density(&Gaussian::isotropic(vec![1.0], 0.5), &space);
/// let solver = FokkerPlanck { sde: &Decay, mesh: mesh.clone(), space, scheme: Scheme::Midpoint };
/// let grid = Grid::uniform(Interval { start: 0.0, end: 1.0 }, 100).unwrap();
/// let end = solver.solve(&start, &grid, |_, _, _| {}).unwrap().density;
/// let mean = mesh.expect(&end, &mesh.centres());
/// assert!((mean - (-1f64).exp()).abs() < 1e-3);
/// # }
/// ```
/// # Checked by
/// `tests/it/fokker_planck.rs`
#[derive(Clone)]
pub struct FokkerPlanck<'a> {
    /// The process; its `Σ` must be diagonal.
    pub sde: &'a dyn Sde,
    /// Where the density lives.
    pub mesh: Mesh,
    /// Where the coefficients are evaluated: f64.
    pub space: Space,
    /// How steps are taken.
    pub scheme: Scheme,
}

impl std::fmt::Debug for FokkerPlanck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("FokkerPlanck");
        out.field("mesh", &self.mesh).field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl FokkerPlanck<'_> {
    /// The density at the last time of an increasing grid; `observe(k, t, q)` sees each, the
    /// initial one as `k = 0`.
    ///
    /// # Errors
    /// [`FokkerPlanckError`] when the density does not fit the mesh or is not one, the grid
    /// decreases, `Σ` is not diagonal or a coefficient is not finite.
    pub fn solve(
        &self,
        density: &[f64],
        grid: &Grid,
        mut observe: impl FnMut(usize, f64, &[f64]),
    ) -> Result<Evolution, FokkerPlanckError> {
        let times = grid.times();
        self.check(density, times)?;
        let mut state = Evolution { density: density.to_vec(), steps: 0, factored: 0, limited: 0 };
        let mut matrix = None;
        observe(0, times[0], density);
        for (k, ends) in times.windows(2).enumerate() {
            self.step(&mut state, &mut matrix, ends[0], ends[1] - ends[0])?;
            observe(k + 1, ends[1], &state.density);
        }
        Ok(state)
    }

    fn check(&self, density: &[f64], times: &[f64]) -> Result<(), FokkerPlanckError> {
        let (expected, found) = (self.mesh.len(), density.len());
        if expected != found {
            return Err(FokkerPlanckError::Size { what: "the density", expected, found });
        }
        if let Some(cell) = density.iter().position(|q| !(*q >= 0.0 && q.is_finite())) {
            return Err(FokkerPlanckError::Density { cell, value: density[cell] });
        }
        let (from, to) = (times[0], times[times.len() - 1]);
        if to < from { Err(FokkerPlanckError::Backwards { from, to }) } else { Ok(()) }
    }

    fn step(
        &self,
        state: &mut Evolution,
        matrix: &mut Option<Matrix>,
        t: f64,
        h: f64,
    ) -> Result<(), FokkerPlanckError> {
        let (at, part) = match self.scheme {
            Scheme::BackwardEuler => (t + h, h),
            Scheme::Midpoint => (t + 0.5 * h, 0.5 * h),
        };
        let generator = Generator::new(self.sde, &self.mesh, at, &self.space)?;
        if !matrix.as_ref().is_some_and(|m| m.serves(&generator, part)) {
            let factors = Factors::new(&generator, part);
            *matrix = Some(Matrix { generator, step: part, factors });
            state.factored += 1;
        }
        if let Some(matrix) = matrix {
            self.advance(state, matrix);
        }
        state.steps += 1;
        Ok(())
    }

    fn advance(&self, state: &mut Evolution, matrix: &Matrix) {
        let mut y = state.density.clone();
        matrix.factors.solve(&mut y);
        if self.scheme == Scheme::Midpoint {
            y = midpoint(state, matrix, y);
        }
        state.density = y;
    }
}

/// The end of a midpoint step from its middle `y`.
fn midpoint(state: &mut Evolution, matrix: &Matrix, y: Vec<f64>) -> Vec<f64> {
    let reflected: Vec<f64> = y.iter().zip(&state.density).map(|(y, q)| 2.0 * y - q).collect();
    if state.steps > 0 && reflected.iter().all(|q| *q >= 0.0) {
        return reflected;
    }
    let mut damped = y.clone();
    matrix.factors.solve(&mut damped);
    if state.steps > 0 {
        state.limited += 1;
        let gap: Vec<f64> = y.iter().zip(&damped).map(|(y, d)| y - d).collect();
        limit(&mut damped, &matrix.generator, &gap, matrix.step);
    }
    damped
}

/// `q + h L gap`, each cell giving away less than it has.
fn limit(density: &mut [f64], generator: &Generator, gap: &[f64], h: f64) {
    let flows: Vec<f64> = generator
        .faces()
        .iter()
        .map(|face| h * (face.forward * gap[face.low] - face.backward * gap[face.high]))
        .collect();
    let faces = || generator.faces().iter().zip(&flows);
    let donor = |face: &Face, flow: f64| if flow > 0.0 { face.low } else { face.high };
    let mut given = vec![0.0; density.len()];
    faces().for_each(|(face, flow)| given[donor(face, *flow)] += flow.abs());
    let share: Vec<f64> = given
        .iter()
        .zip(density.iter())
        .map(|(given, q)| if given > q { (1.0 - 1e-9) * q / given } else { 1.0 })
        .collect();
    for (face, flow) in faces() {
        let flow = flow * share[donor(face, *flow)];
        density[face.low] -= flow;
        density[face.high] += flow;
    }
}

/// A factored `I − h L`, kept for as long as `L` and `h` stay.
struct Matrix {
    generator: Generator,
    step: f64,
    factors: Factors,
}

impl Matrix {
    /// Steps that differ by the rounding of their ends share a matrix.
    fn serves(&self, generator: &Generator, step: f64) -> bool {
        (step - self.step).abs() <= 1e-12 * self.step && *generator == self.generator
    }
}
