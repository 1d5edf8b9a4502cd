//! The maps that integration makes.

use crate::driver::{SolveError, Stepper, drive};
use crate::dynamics::Sde;
use crate::grid::Grid;
use crate::likelihood::Augmented;
use crate::method::Solver;
use burn::tensor::Tensor;
use transport_core::{Field, Invertible, Jvp, Noise, Path, PushForward, Trajectory};

/// The flow of a velocity field over an increasing grid: `T = Φ_{start→end}`.
///
/// A deterministic [`PushForward`] with a [`Path`]; [`Invertible`] where the field has a
/// derivative. The trait methods let numbers that are not finite through; [`OdeFlow::solve`]
/// reports them.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Interval, Noise, PushForward, Space, device, field::AffineField};
/// use transport_sde::{Grid, OdeFlow, Solver};
/// let field = AffineField { matrix: vec![1.0], offset: vec![0.0], rate: vec![0.0] };
/// let grid = Grid::uniform(Interval::UNIT, 200).unwrap();
/// let flow = OdeFlow { field, grid, solver: Solver::Heun };
/// let z = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0], [1, 1]);
/// let x = flow.push(z, &Noise::new(0, 1)).into_scalar::<f64>();
/// assert!((x - 1f64.exp()).abs() < 1e-4);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OdeFlow<F> {
    /// The velocity.
    pub field: F,
    /// The steps, increasing.
    pub grid: Grid,
    /// An ODE method.
    pub solver: Solver,
}

impl<F: Field> OdeFlow<F> {
    fn stepper(&self) -> Box<dyn Stepper + '_> {
        // The kind is a programmer's choice, made where the flow is built.
        #[allow(clippy::expect_used)]
        self.solver.on_field(&self.field).expect("an ODE method integrates an OdeFlow")
    }

    /// `T(z)`, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve(&self, z: Tensor<2>) -> Result<Tensor<2>, SolveError> {
        drive(&mut *self.stepper(), z, &self.grid, |_, _, _| {})
    }

    /// The states at `knots`, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve_trace(&self, z: Tensor<2>, knots: &[f64]) -> Result<Trajectory, SolveError> {
        record(&mut *self.stepper(), z, &self.grid, knots)
    }
}

impl<F: Field> PushForward for OdeFlow<F> {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        run(&mut *self.stepper(), z, &self.grid)
    }
}

impl<F: Field> Path for OdeFlow<F> {
    fn trace(&self, z: Tensor<2>, knots: &[f64], _noise: &Noise) -> Trajectory {
        let blank = |_| blank_trajectory(&z, knots);
        self.solve_trace(z.clone(), knots).unwrap_or_else(blank)
    }
}

impl<F: Jvp> Invertible for OdeFlow<F> {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let augmented = Augmented { field: &self.field };
        #[allow(clippy::expect_used)]
        let mut stepper =
            self.solver.on_field(&augmented).expect("an ODE method integrates an OdeFlow");
        let [n, d] = x.dims();
        let start = Tensor::cat(vec![x.clone(), x.narrow(1, 0, 1).zeros_like()], 1);
        let end = run(&mut *stepper, start, &self.grid.reversed());
        (end.clone().narrow(1, 0, d), end.narrow(1, d, 1).reshape([n]))
    }
}

/// The kernel of an SDE over an increasing grid: one draw of `X_end` given `X_start = z`.
#[derive(Clone, Debug)]
pub struct SdeFlow<S> {
    /// The dynamics.
    pub sde: S,
    /// The steps, increasing.
    pub grid: Grid,
    /// An SDE method whose needs the SDE meets ([`Solver::on_sde`]).
    pub solver: Solver,
}

impl<S: Sde> SdeFlow<S> {
    fn stepper(&self, noise: &Noise) -> Box<dyn Stepper + '_> {
        // The kind is a programmer's choice, made where the flow is built.
        #[allow(clippy::expect_used)]
        self.solver.on_sde(&self.sde, noise).expect("an SDE method that fits integrates an SdeFlow")
    }

    /// A draw of the kernel, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve(&self, z: Tensor<2>, noise: &Noise) -> Result<Tensor<2>, SolveError> {
        drive(&mut *self.stepper(noise), z, &self.grid, |_, _, _| {})
    }

    /// The states at `knots` of one path of the kernel, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve_trace(
        &self,
        z: Tensor<2>,
        knots: &[f64],
        noise: &Noise,
    ) -> Result<Trajectory, SolveError> {
        record(&mut *self.stepper(noise), z, &self.grid, knots)
    }
}

impl<S: Sde> PushForward for SdeFlow<S> {
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        run(&mut *self.stepper(noise), z, &self.grid)
    }
}

impl<S: Sde> Path for SdeFlow<S> {
    fn trace(&self, z: Tensor<2>, knots: &[f64], noise: &Noise) -> Trajectory {
        let blank = |_| blank_trajectory(&z, knots);
        self.solve_trace(z.clone(), knots, noise).unwrap_or_else(blank)
    }
}

/// [`drive`] where the signature has no room for an error: NaN stands for the states that a
/// failed integration never reached.
fn run(stepper: &mut dyn Stepper, x: Tensor<2>, grid: &Grid) -> Tensor<2> {
    let failed = x.full_like(f64::NAN);
    drive(stepper, x, grid, |_, _, _| {}).unwrap_or(failed)
}

fn blank_trajectory(z: &Tensor<2>, knots: &[f64]) -> Trajectory {
    let states = knots.iter().map(|_| z.full_like(f64::NAN)).collect();
    Trajectory { times: knots.to_vec(), states }
}

fn record(
    stepper: &mut dyn Stepper,
    z: Tensor<2>,
    grid: &Grid,
    knots: &[f64],
) -> Result<Trajectory, SolveError> {
    let times = grid.times();
    let (start, end) = (times[0], times[times.len() - 1]);
    let grid = grid.with_knots(knots);
    let mut seen: Vec<(f64, Tensor<2>)> = Vec::new();
    let wanted = |t: f64| knots.iter().any(|knot| knot.clamp(start, end) == t);
    drive(stepper, z, &grid, |_, t, x| {
        if wanted(t) {
            seen.push((t, x.clone()));
        }
    })?;
    let states = knots
        .iter()
        .filter_map(|knot| {
            let at = knot.clamp(start, end);
            seen.iter().find(|(t, _)| *t == at).map(|(_, x)| x.clone())
        })
        .collect();
    Ok(Trajectory { times: knots.to_vec(), states })
}
