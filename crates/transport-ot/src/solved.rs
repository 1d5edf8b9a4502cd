//! What an iterative solver returns: a solution that says in its type whether it converged.

use crate::error::OtError;

/// How far a solver came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Iterations made; the solver says what one is.
    pub iterations: usize,
    /// The error reached, in the solver's own measure: for plans, the violation of the marginals,
    /// `Σᵢ |Σⱼ Pᵢⱼ − aᵢ| + Σⱼ |Σᵢ Pᵢⱼ − bⱼ|`.
    pub error: f64,
    /// The error asked for.
    pub tolerance: f64,
}

impl Effort {
    /// Whether the error is what was asked for.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.error <= self.tolerance
    }

    /// The largest of several errors; NaN, which no tolerance admits, where one of them is.
    pub(crate) fn worst(errors: impl IntoIterator<Item = f64>) -> f64 {
        errors.into_iter().fold(0.0, |worst, e| if worst.is_nan() || worst > e { worst } else { e })
    }
}

/// A solution that says how far its solver came.
pub trait Solution {
    /// Iterations, error and tolerance.
    fn effort(&self) -> Effort;
}

/// A solution, converged or not: the value cannot be read without saying which is meant.
///
/// ```text
/// solver(…)?.converged()?      the solution, or OtError::NotConverged
/// solver(…)?.best_effort()     the solution, whichever it is
/// match solver(…)? { Solved::Converged(s) => …, Solved::Stopped(s) => … }
/// ```
///
/// Solvers that always end (assignment, closed forms) return their solution bare.
#[must_use = "a solution may have stopped before it converged"]
#[derive(Debug, Clone, PartialEq)]
pub enum Solved<T> {
    /// The error is at most the tolerance.
    Converged(T),
    /// The iteration limit came first.
    Stopped(T),
}

impl<T: Solution> Solved<T> {
    /// The variant that the solution's own error calls for.
    pub(crate) fn judge(solution: T) -> Self {
        if solution.effort().is_enough() {
            Self::Converged(solution)
        } else {
            Self::Stopped(solution)
        }
    }

    /// The solution, if it converged.
    ///
    /// # Errors
    /// [`OtError::NotConverged`] with the error reached.
    pub fn converged(self) -> Result<T, OtError> {
        match self {
            Self::Converged(solution) => Ok(solution),
            Self::Stopped(solution) => {
                let Effort { iterations, error, tolerance } = solution.effort();
                Err(OtError::NotConverged { iterations, error, tolerance })
            }
        }
    }

    /// The solution, converged or not: for callers who look at its error themselves.
    #[must_use]
    pub fn best_effort(self) -> T {
        match self {
            Self::Converged(solution) | Self::Stopped(solution) => solution,
        }
    }

    /// Whether it converged.
    #[must_use]
    pub fn is_converged(&self) -> bool {
        matches!(self, Self::Converged(_))
    }

    /// How far the solver came.
    #[must_use]
    pub fn effort(&self) -> Effort {
        match self {
            Self::Converged(solution) | Self::Stopped(solution) => solution.effort(),
        }
    }
}
