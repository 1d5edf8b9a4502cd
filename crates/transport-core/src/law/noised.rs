//! The exact dynamics of a law that can be noised in closed form.

use super::{Density, Score};
use crate::field::Field;
use crate::prediction::Prediction;
use crate::schedule::{Coefs, Schedule};
use crate::time::Times;
use burn::tensor::{Int, Tensor};

/// A law whose noised version `α x₁ + σ x₀`, `x₀ ~ N(0, I)`, is known.
pub trait Noisable: Send + Sync {
    /// The noised law.
    type Noised: Density + Score;

    /// The law of `α x₁ + σ x₀`.
    fn noised(&self, c: &Coefs) -> Self::Noised;
}

/// The exact probability flow of a law under a schedule: the oracle that a learned velocity
/// field is compared with.
///
/// ```text
/// v(x, t) = E[α′ x₁ + σ′ x₀ | x_t = x],    s(x, t) = ∇ log q_t(x)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OracleFlow<L, S> {
    /// The data law.
    pub law: L,
    /// The schedule.
    pub schedule: S,
}

impl<L: Noisable, S: Schedule> OracleFlow<L, S> {
    /// `q_t`, the law at time `t`.
    pub fn at(&self, t: f64) -> L::Noised {
        self.law.noised(&self.schedule.at(t))
    }

    /// The score of `q_t`, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    pub fn score(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        by_time(x, t, |x, t| self.at(t).score(x))
    }
}

impl<L: Noisable, S: Schedule> Field for OracleFlow<L, S> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let score = self.score(x.clone(), t);
        Prediction::Score.convert(Prediction::Velocity, score, x, t, &self.schedule)
    }
}

/// Evaluates `f` once for each distinct time, on the rows at that time, and puts them back.
fn by_time(x: Tensor<2>, t: Times<'_>, f: impl Fn(Tensor<2>, f64) -> Tensor<2>) -> Tensor<2> {
    let times = match t {
        Times::Same(t) => return f(x, t),
        Times::Each(times) => times,
    };
    t.check(x.dims()[0]);
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
    let device = x.device();
    let index = |rows: &[usize]| {
        let rows: Vec<i32> = rows.iter().map(|i| *i as i32).collect();
        Tensor::<1, Int>::from_data(rows.as_slice(), &device)
    };
    let pieces = order
        .chunk_by(|a, b| times[*a] == times[*b])
        .map(|rows| f(x.clone().select(0, index(rows)), times[rows[0]]))
        .collect();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, row)| back[*row] = place);
    Tensor::cat(pieces, 0).select(0, index(&back))
}
