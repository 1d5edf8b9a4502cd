//! A field that is not finite at one end of its clock, for one row: every way of following it says
//! when and which.

use crate::space;
use burn::tensor::Tensor;
use transport_core::schedule::{Rectified, Schedule};
use transport_core::{Denoiser, Field, Interval, Jvp, Noise, ScoredField, Space, Times};
use transport_sde::dynamics::Epsilon;
use transport_sde::likelihood::{EstimatedDensity, Hutchinson, Probe, Variational};
use transport_sde::method::diffusion::{Ddim, Dpmpp2M};
use transport_sde::{DiffusionFlow, Family, Grid, OdeFlow, SdeFlow, SolveError, Solver, Tolerance};

/// Rest, but NaN for a state beyond 5 at a time that is bad.
#[derive(Clone, Copy)]
struct Poisoned(fn(f64) -> bool);

impl Poisoned {
    fn poison(self, value: Tensor<2>, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let bad = t.column(&Space::of(x), |t| if (self.0)(t) { 1.0 } else { 0.0 });
        let beyond = x.clone().greater_elem(5.0).float().cast(x.dtype()) * bad;
        value.mask_fill(beyond.greater_elem(0.5), f64::NAN)
    }
}

impl Field for Poisoned {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.poison(x.zeros_like(), &x, t)
    }
}

impl Jvp for Poisoned {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (self.eval(x, t), u.zeros_like())
    }
}

impl ScoredField for Poisoned {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (self.eval(x.clone(), t), self.poison(x.zeros_like(), &x, t))
    }
}

impl Denoiser for Poisoned {
    fn schedule(&self) -> &dyn Schedule {
        &Rectified
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.poison(x.clone(), &x, t)
    }
}

fn states() -> Tensor<2> {
    space().tensor(vec![0.1, -0.2, 0.3, 0.4, 9.0, 0.0, -1.0, 1.0], [4, 2])
}

/// Every path: where it was noticed.
fn followed(bad: fn(f64) -> bool) -> Vec<(&'static str, SolveError)> {
    let (field, noise) = (Poisoned(bad), Noise::new(1, 4));
    let grid = Grid::uniform(Interval { start: 0.001, end: 0.999 }, 50).unwrap();
    let fixed = |solver| OdeFlow { field, grid: grid.clone(), solver };
    let chosen = Solver::Dopri5.controlled(Tolerance::new(1e-6, 1e-6).unwrap()).unwrap();
    let chosen = OdeFlow { field, grid: grid.clone(), solver: chosen };
    let trace = Hutchinson::new(Probe::Gaussian, 2).unwrap();
    let reference = transport_core::law::Gaussian::standard(2);
    let estimated = EstimatedDensity { reference, flow: fixed(Solver::Rk4), trace };
    let sde = Family { field, schedule: Rectified, epsilon: Epsilon::Sigma(1e-6) };
    let sde = SdeFlow { sde, grid: grid.clone(), solver: Solver::EulerMaruyama };
    let ddim = DiffusionFlow::new(field, grid.clone(), Ddim::default()).unwrap();
    let multistep = DiffusionFlow::new(field, grid.clone(), Dpmpp2M::default()).unwrap();
    let mut found = Vec::new();
    let mut push = |what, error: Option<SolveError>| {
        found.push((what, error.unwrap_or_else(|| panic!("{what} noticed nothing"))));
    };
    push("sampling, Heun", fixed(Solver::Heun).solve(states()).err());
    push("sampling, Adams–Bashforth", fixed(Solver::AdamsBashforth).solve(states()).err());
    push("sampling, adaptive", chosen.solve(states()).err());
    push("encoding", fixed(Solver::Heun).try_pull(states()).err());
    push("encoding, adaptive", chosen.try_pull(states()).err());
    push("estimated density", estimated.try_estimate(states(), &noise).err());
    push("stochastic sampling", sde.solve(states(), &noise).err());
    push("DDIM", ddim.solve(states(), &noise).err());
    push("DPM-Solver++(2M)", multistep.solve(states(), &noise).err());
    push("a path", fixed(Solver::Heun).solve_trace(states(), &[0.001, 0.5, 0.999]).err());
    found
}

#[test]
fn a_score_that_is_not_finite_at_an_end_of_the_clock_is_named_by_time_and_row() {
    for (end, bad) in
        [(0.0, (|t| t < 0.05) as fn(f64) -> bool), (1.0, (|t| t > 0.95) as fn(f64) -> bool)]
    {
        for (what, error) in followed(bad) {
            match error {
                SolveError::NotFinite { t, row, .. } => {
                    assert_eq!(row, 2, "{what}: {error}");
                    assert!((t - end).abs() < 0.08, "{what} at the end {end}: {error}");
                }
                // An adaptive method shortens its steps before what is not finite until it is stuck.
                SolveError::StepTooSmall { t, row, .. } => {
                    assert!(what.contains("adaptive") && row == 2, "{what}: {error}");
                    assert!((t - end).abs() < 0.08, "{what} at the end {end}: {error}");
                }
                other => panic!("{what}: {other}"),
            }
        }
    }
    // The bound visits every level, in its strata.
    let levels = Variational::whole(16).unwrap();
    let found = levels.bound(&Poisoned(|t| t > 0.9), &states(), &Noise::new(1, 4));
    let Err(SolveError::NotFinite { t, row: 2, .. }) = found else { panic!("{found:?}") };
    assert!(t > 0.9, "{t}");
}
