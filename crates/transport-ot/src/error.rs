//! What a transport problem can be refused for, and what a search that stopped early says.

/// A problem that cannot be solved as it was put, or a solution that was not reached.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OtError {
    /// A side has no points, or too few for what was asked.
    #[error("the {side} has {points} points where at least {needed} are needed")]
    TooFewPoints {
        /// `source` or `target`.
        side: &'static str,
        /// How many there are.
        points: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Lengths that belong together differ.
    #[error("{what}: {expected} values belong here, {found} were given")]
    Size {
        /// What was given.
        what: &'static str,
        /// How many values it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A coordinate, a cost or a parameter that is not a finite number.
    #[error("{what} {index} is {value}: a finite number belongs here")]
    NotFinite {
        /// What was given.
        what: &'static str,
        /// Where it stands, counted from 0.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// A weight below zero or not finite.
    #[error("weight {index} of the {side} is {value}: weights are finite and not negative")]
    Weight {
        /// `source` or `target`.
        side: &'static str,
        /// Which weight, counted from 0.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// All weights of a side are zero.
    #[error("the weights of the {side} are all zero: there is nothing to transport")]
    NoMass {
        /// `source` or `target`.
        side: &'static str,
    },
    /// Finite weights whose sum is not.
    #[error(
        "the weights of the {side} sum to more than a number holds: divide them by a common one"
    )]
    Overflow {
        /// `source`, `target` or `measures`.
        side: &'static str,
    },
    /// A balanced problem whose masses differ.
    #[error(
        "the source weighs {source_mass} and the target {target_mass}: a balanced problem needs \
         equal masses; normalise them, or solve the unbalanced or partial problem"
    )]
    Unbalanced {
        /// The sum of the source's weights.
        source_mass: f64,
        /// The sum of the target's weights.
        target_mass: f64,
    },
    /// A parameter outside its range.
    #[error("{name} is {value}: {allowed}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A covariance that is not symmetric positive semidefinite, or is singular where it may not be.
    #[error("not a covariance that serves here: eigenvalue {eigenvalue} (NaN: not symmetric)")]
    Covariance {
        /// The eigenvalue that is too small; NaN where the matrix is not symmetric.
        eigenvalue: f64,
    },
    /// The iteration stopped before it converged.
    #[error(
        "not converged: after {iterations} iterations the error is {error:e}, above {tolerance:e}"
    )]
    NotConverged {
        /// Iterations made.
        iterations: usize,
        /// The error reached.
        error: f64,
        /// The error asked for.
        tolerance: f64,
    },
}
