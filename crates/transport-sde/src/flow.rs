//! The maps that integration makes.

use crate::driver::{SolveError, Statistics, Stepper, drive};
use crate::dynamics::Sde;
use crate::grid::Grid;
use crate::likelihood::Augmented;
use crate::method::diffusion::{DiffusionMethod, DiffusionStepper, SettingError};
use crate::method::{Integrator, Solver};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Field, Invertible, Jvp, Noise, Path, PushForward, Trajectory};

/// The flow of a velocity field over an increasing grid: `T = Φ_{start→end}`.
///
/// The steps are the grid's ([`Solver`]), or chosen by the error of each row
/// ([`Controlled`](crate::Controlled)), between the grid's ends. States between steps come from
/// the method's continuous extension: looking at a path does not change it.
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
pub struct OdeFlow<F, I = Solver> {
    /// The velocity.
    pub field: F,
    /// The steps, increasing.
    pub grid: Grid,
    /// An ODE method.
    pub solver: I,
}

impl<F: Field, I: Integrator> OdeFlow<F, I> {
    fn stepper(&self) -> Box<dyn Stepper + '_> {
        self.solver.bind(&self.field, &self.grid)
    }

    /// `T(z)`, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve(&self, z: Tensor<2>) -> Result<Tensor<2>, SolveError> {
        self.solve_counted(z).map(|(x, _)| x)
    }

    /// `T(z)` and the work it took, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve_counted(&self, z: Tensor<2>) -> Result<(Tensor<2>, Statistics), SolveError> {
        let mut stepper = self.stepper();
        let x = drive(&mut *stepper, z, &self.solver.stops(&self.grid), |_, _, _| {})?;
        Ok((x, stepper.statistics()))
    }

    /// The states at `knots`, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve_trace(&self, z: Tensor<2>, knots: &[f64]) -> Result<Trajectory, SolveError> {
        record(&mut *self.stepper(), z, &self.solver.stops(&self.grid), knots)
    }
}

impl<F: Field, I: Integrator> PushForward for OdeFlow<F, I> {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        run(&mut *self.stepper(), z, &self.solver.stops(&self.grid))
    }
}

impl<F: Field, I: Integrator> Path for OdeFlow<F, I> {
    fn trace(&self, z: Tensor<2>, knots: &[f64], _noise: &Noise) -> Trajectory {
        let blank = |_| blank_trajectory(&z, knots);
        self.solve_trace(z.clone(), knots).unwrap_or_else(blank)
    }
}

impl<F: Jvp, I: Integrator> OdeFlow<F, I> {
    /// [`Invertible::pull`], or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state or its log-determinant is not finite.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]` and `[n]`.
    pub fn try_pull(&self, x: Tensor<2>) -> Result<(Tensor<2>, Tensor<1>), SolveError> {
        let augmented = Augmented { field: &self.field };
        let grid = self.solver.stops(&self.grid.reversed());
        let mut stepper = self.solver.bind(&augmented, &grid);
        let [n, d] = x.dims();
        let start = Tensor::cat(vec![x.clone(), x.narrow(1, 0, 1).zeros_like()], 1);
        let end = drive(&mut *stepper, start, &grid, |_, _, _| {})?;
        Ok((end.clone().narrow(1, 0, d), end.narrow(1, d, 1).reshape([n])))
    }
}

impl<F: Jvp, I: Integrator> Invertible for OdeFlow<F, I> {
    /// NaN in each row where the integration fails; [`OdeFlow::try_pull`] says why.
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let n = x.dims()[0];
        let failed = x.full_like(f64::NAN);
        let column = failed.clone().narrow(1, 0, 1).reshape([n]);
        self.try_pull(x).unwrap_or((failed, column))
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

/// A diffusion sampler over an increasing grid, as a map (where it is deterministic) or a kernel.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::law::{Gaussian, Law, OracleFlow};
/// use transport_core::{Noise, Schedule, Space, device, process::Vp, schedule::Noising};
/// use transport_sde::{DiffusionFlow, Grid, method::diffusion::Dpmpp2M};
/// let law = Gaussian::isotropic(vec![3.0], 0.5);
/// let denoiser = OracleFlow { law, schedule: Noising::new(Vp::default()) };
/// let grid = Grid::sampling(&denoiser.schedule, 20).unwrap();
/// let flow = DiffusionFlow::new(denoiser, grid, Dpmpp2M::default()).unwrap();
/// let z = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0], [1, 1]);
/// // One standard deviation above the mean goes there.
/// let x = flow.solve(z, &Noise::new(0, 1)).unwrap().into_scalar::<f64>();
/// assert!((x - 3.5).abs() < 0.05);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DiffusionFlow<D, M> {
    denoiser: D,
    grid: Grid,
    method: M,
}

impl<D: Denoiser, M: DiffusionMethod> DiffusionFlow<D, M> {
    /// The sampler `method` for `denoiser` over `grid`.
    ///
    /// # Errors
    /// [`SettingError`] when the method's settings are out of range.
    pub fn new(denoiser: D, grid: Grid, method: M) -> Result<Self, SettingError> {
        method.check()?;
        Ok(Self { denoiser, grid, method })
    }

    fn stepper(&self, grid: &Grid, noise: &Noise) -> Box<dyn Stepper + '_> {
        // Checked where the flow is built.
        #[allow(clippy::expect_used)]
        Box::new(
            DiffusionStepper::new(self.method.clone(), &self.denoiser, grid, noise)
                .expect("the settings were checked"),
        )
    }

    /// The end state from `z`, or where it failed.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve(&self, z: Tensor<2>, noise: &Noise) -> Result<Tensor<2>, SolveError> {
        drive(&mut *self.stepper(&self.grid, noise), z, &self.grid, |_, _, _| {})
    }

    /// The states at `knots`, or where it failed. Knots that the grid lacks become steps of their
    /// own.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub fn solve_trace(
        &self,
        z: Tensor<2>,
        knots: &[f64],
        noise: &Noise,
    ) -> Result<Trajectory, SolveError> {
        let grid = self.grid.with_knots(knots);
        record(&mut *self.stepper(&grid, noise), z, &self.grid, knots)
    }
}

impl<D: Denoiser, M: DiffusionMethod> PushForward for DiffusionFlow<D, M> {
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        run(&mut *self.stepper(&self.grid, noise), z, &self.grid)
    }
}

impl<D: Denoiser, M: DiffusionMethod> Path for DiffusionFlow<D, M> {
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

/// [`drive`] that returns the states at `knots`, each moved into the grid's interval.
///
/// # Errors
/// [`SolveError`] when a step fails.
///
/// # Shapes
/// `z`: `[n, d]`.
pub fn record(
    stepper: &mut dyn Stepper,
    z: Tensor<2>,
    grid: &Grid,
    knots: &[f64],
) -> Result<Trajectory, SolveError> {
    let times = grid.times();
    let (first, last) = (times[0], times[times.len() - 1]);
    let (start, end) = (first.min(last), first.max(last));
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
