//! The Fokker–Planck equation, solved and checked.
//!
//! ```text
//! ∂ₜq + ∇·j = 0,     j = a q − ½ ∇·(Σ q) = q v,     v = a − ½ ∇·Σ − ½ Σ ∇ log q
//! ```
//!
//! for the law `q_t` of `dX = a(X, t) dt + b(X, t) dW`, `Σ = b bᵀ`, in Itô's sense, on the SDE's own
//! clock. For the linear SDE, `j = −λ x q − ½ g² ∇q`: the x belongs there.
//!
//! | file | object |
//! |---|---|
//! | [`Mesh`] | a rectangular mesh of a line or a plane |
//! | [`Generator`] | the finite-volume operator with Scharfetter–Gummel fluxes: a Markov chain |
//! | [`FokkerPlanck`] | the implicit solver: ground truth that knows neither scores nor particles |
//! | [`MovingLaw`] | `q_t` with its log-density and score |
//! | [`CurrentVelocity`], [`current`] | `v` and `j` from a score, exact or learned |
//! | [`density_residual`], [`continuity_residual`], [`score_residual`] | what is left of the equation at a point |
//! | [`weak_residual`], [`nelson_velocity`] | the equation and the velocity from particles alone |
//! | [`energy_along`], [`path_energy`], [`straightness`] | what a path costs |
//! | [`entropy_rates`], [`entropy_production`] | how far from equilibrium it is |
//!
//! # References
//! Risken (1989), "The Fokker–Planck equation", ch. 4; Pavliotis (2014), ch. 4.

mod current;
mod difference;
mod elimination;
mod energy;
mod entropy;
mod estimate;
mod generator;
mod mesh;
mod moving;
mod particles;
mod residual;
mod solver;

pub use current::{CurrentVelocity, current, div_sigma};
pub use difference::{Differenced, derivative};
pub use energy::{energy_along, path_energy, straightness, straightness_along};
pub use entropy::{
    EntropyProduction, EntropyRates, entropy_production, entropy_rates, house_keeping,
};
pub use estimate::Estimate;
pub use generator::{Face, Generator};
pub use mesh::{Axis, Mesh};
pub use moving::{Carried, LearnedScore, MovingLaw, Noised, ScoreOf, Still};
pub use particles::{CellVelocity, Wave, nelson_velocity, weak_residual};
pub use residual::{continuity_residual, density_residual, score_residual};
pub use solver::{Evolution, FokkerPlanck, Scheme};

/// What the Fokker–Planck tools refuse.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FokkerPlanckError {
    /// Neither a line nor a plane.
    #[error("a mesh has 1 or 2 axes, not {found}")]
    Axes {
        /// How many were given.
        found: usize,
    },
    /// An axis that is empty, not finite, or has fewer than two cells.
    #[error(
        "axis {axis} has {cells} cells on [{start}, {end}]: at least 2 cells of positive width"
    )]
    Axis {
        /// Which axis.
        axis: usize,
        /// Its cells.
        cells: usize,
        /// Its lower end.
        start: f64,
        /// Its upper end.
        end: f64,
    },
    /// Values that do not fit the mesh.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// Which values.
        what: &'static str,
        /// How many the mesh has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A density that is negative or not finite.
    #[error("the density is {value} in cell {cell}: densities are finite and not negative")]
    Density {
        /// Where.
        cell: usize,
        /// What stands there.
        value: f64,
    },
    /// The grid of times decreases; a diffusion is not solved backwards.
    #[error("the times run from {from} to {to}: the Fokker–Planck equation runs forwards")]
    Backwards {
        /// The first time.
        from: f64,
        /// The last.
        to: f64,
    },
    /// `Σ` has an entry off its diagonal, which the five-point fluxes cannot carry.
    #[error("Σ is not diagonal at {at:?}, t = {t}: its entry off the diagonal is {value}")]
    NotDiagonal {
        /// Where.
        at: Vec<f64>,
        /// When.
        t: f64,
        /// The entry.
        value: f64,
    },
    /// A coefficient that is not finite.
    #[error("the {what} is {value} at {at:?}, t = {t}")]
    NotFinite {
        /// Drift or variance.
        what: &'static str,
        /// Where.
        at: Vec<f64>,
        /// When.
        t: f64,
        /// Its value.
        value: f64,
    },
    /// `Σ` is singular where its inverse is needed.
    #[error(
        "Σ is singular in row {row} at t = {t}: entropy production needs noise in every direction"
    )]
    Degenerate {
        /// The first such row.
        row: usize,
        /// When.
        t: f64,
    },
}
