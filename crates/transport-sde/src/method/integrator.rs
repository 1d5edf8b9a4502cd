//! What integrates a field: a method on the steps of a grid, or one that chooses its own.

use super::Solver;
use super::ode::{self, Adaptive, AdaptiveMethod, Tolerance};
use crate::driver::Stepper;
use crate::grid::Grid;
use std::fmt::Debug;
use transport_core::Field;

/// A choice of method, and of who chooses the steps.
pub trait Integrator: Clone + Debug + Send + Sync {
    /// The method bound to a field, for paths along a grid; it may be driven on a finer one.
    ///
    /// # Panics
    /// When it is no method for fields.
    fn bind<'a>(&self, field: &'a dyn Field, grid: &Grid) -> Box<dyn Stepper + 'a>;

    /// The times of a grid that it stops at.
    fn stops(&self, grid: &Grid) -> Grid {
        grid.clone()
    }
}

/// A step of the grid is a step of the method.
impl Integrator for Solver {
    fn bind<'a>(&self, field: &'a dyn Field, grid: &Grid) -> Box<dyn Stepper + 'a> {
        // The kind is a programmer's choice, made where the flow is built.
        #[allow(clippy::expect_used)]
        self.along(field, grid).expect("an ODE method integrates an OdeFlow")
    }
}

/// A method that chooses its steps, for each row, by an error tolerance: only the ends of a grid
/// are read. Made by [`Solver::controlled`].
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Interval, Space, device, field::AffineField};
/// use transport_sde::{Grid, OdeFlow, Solver, Tolerance};
/// let solver = Solver::Dopri5.controlled(Tolerance::new(1e-8, 1e-8).unwrap()).unwrap();
/// let field = AffineField { matrix: vec![1.0], offset: vec![0.0], rate: vec![0.0] };
/// let flow = OdeFlow { field, grid: Grid::uniform(Interval::UNIT, 1).unwrap(), solver };
/// let z = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0], [1, 1]);
/// let x = flow.solve(z).unwrap().into_scalar::<f64>();
/// assert!((x - 1f64.exp()).abs() < 1e-7);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Controlled {
    adaptivity: Adaptivity,
    tolerance: Tolerance,
    together: bool,
}

impl Controlled {
    /// One step for all rows, by the root mean square of the error over the batch, as most
    /// libraries do it: cheaper, since all rows are at one time, while a row's result depends on
    /// the batch that it is in. Nothing for `rodas4`, which solves a system as large as a row.
    ///
    /// # Example
    /// ```
    /// use transport_sde::{Solver, Tolerance};
    /// let tolerance = Tolerance::new(1e-5, 1e-5).unwrap();
    /// let together = |solver: Solver| solver.controlled(tolerance).unwrap().together();
    /// assert!(together(Solver::Tsit5).is_some() && together(Solver::Rodas4).is_none());
    /// ```
    /// # Checked by
    /// `tests/it/ode_together.rs`
    #[must_use]
    pub fn together(self) -> Option<Self> {
        self.adaptivity.explicit.then_some(Self { together: true, ..self })
    }
}

impl Integrator for Controlled {
    fn bind<'a>(&self, field: &'a dyn Field, grid: &Grid) -> Box<dyn Stepper + 'a> {
        (self.adaptivity.bind)(field, self.tolerance, grid.last(), self.together)
    }

    fn stops(&self, grid: &Grid) -> Grid {
        grid.ends()
    }
}

/// A method that has no error estimate to choose its steps by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` does not estimate its error, so it cannot choose its steps; `{instead}` can")]
pub struct NotAdaptive {
    /// The method.
    pub name: &'static str,
    /// One that can.
    pub instead: &'static str,
}

/// How a method chooses its own steps.
#[derive(Clone, Copy, Debug)]
pub struct Adaptivity {
    /// The orders of the embedded methods.
    pub embedded: &'static [usize],
    /// The order of the continuous extension.
    pub dense: usize,
    explicit: bool,
    bind: Bind,
}

/// From a field, the tolerance, the last time, and whether rows step together.
type Bind = for<'a> fn(&'a dyn Field, Tolerance, f64, bool) -> Box<dyn Stepper + 'a>;

impl Adaptivity {
    fn of<M: AdaptiveMethod + Default + 'static>() -> Self {
        Self {
            embedded: M::EMBEDDED,
            dense: M::DENSE_ORDER,
            explicit: true,
            bind: |field, tolerance, end, together| {
                let stepper = Adaptive::new(M::default(), field, tolerance).until(end);
                Box::new(if together { stepper.together() } else { stepper })
            },
        }
    }
}

impl Solver {
    /// How it chooses its own steps, where it estimates its error.
    #[must_use]
    pub fn adaptivity(self) -> Option<Adaptivity> {
        Some(match self {
            Self::Heun => Adaptivity::of::<ode::Heun>(),
            Self::Bs32 => Adaptivity::of::<ode::Bs32>(),
            Self::Dopri5 => Adaptivity::of::<ode::Dopri5>(),
            Self::Tsit5 => Adaptivity::of::<ode::Tsit5>(),
            Self::Dop853 => Adaptivity::of::<ode::Dop853>(),
            Self::Rodas4 => Adaptivity { explicit: false, ..Adaptivity::of::<ode::Rodas4>() },
            _ => return None,
        })
    }

    /// The method with steps of its own choice.
    ///
    /// # Errors
    /// [`NotAdaptive`] when it does not estimate its error.
    pub fn controlled(self, tolerance: Tolerance) -> Result<Controlled, NotAdaptive> {
        let refused = NotAdaptive { name: self.name(), instead: Self::Dopri5.name() };
        let adaptivity = self.adaptivity().ok_or(refused)?;
        Ok(Controlled { adaptivity, tolerance, together: false })
    }
}
