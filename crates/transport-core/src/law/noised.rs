//! The exact dynamics of a law that can be noised in closed form.

use super::{Density, Score};
use crate::field::{Field, ScoredField};
use crate::schedule::{Coefs, Schedule};
use crate::time::Times;
use burn::tensor::{Int, Tensor};

/// A law whose noised version `α x₁ + σ x₀`, `x₀ ~ N(0, I)`, is known.
pub trait Noisable: Send + Sync {
    /// The noised law.
    type Noised: Density + Score;

    /// The law of `α x₁ + σ x₀`.
    fn noised(&self, c: &Coefs) -> Self::Noised;

    /// The posterior mean `E[x₁ | α x₁ + σ x₀ = x]` and the score of the noised law. Both are
    /// finite at α = 0, where the score alone no longer tells the data from its mean.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    fn posterior(&self, x: Tensor<2>, c: &Coefs) -> (Tensor<2>, Tensor<2>);
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
        self.velocity_and_score(x, t).0
    }
}

impl<L: Noisable, S: Schedule> ScoredField for OracleFlow<L, S> {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let d = x.dims()[1];
        // Side by side, so that rows at several times are evaluated once.
        let both = by_time(x, t, |x, t| {
            let c = self.schedule.at(t);
            let (data, score) = self.law.posterior(x, &c);
            // E[x₀ | x] = −σ s.
            let velocity =
                data.mul_scalar(c.d_alpha) - score.clone().mul_scalar(c.sigma * c.d_sigma);
            Tensor::cat(vec![velocity, score], 1)
        });
        (both.clone().narrow(1, 0, d), both.narrow(1, d, d))
    }
}

/// Evaluates `f` once for each distinct time, on the rows at that time, and puts them back.
///
/// # Shapes
/// `x`: `[n, d]`; `f` takes `[m, d]` to `[m, e]`; returns `[n, e]`.
///
/// # Panics
/// When there is one time per row and the numbers differ.
pub fn by_time(x: Tensor<2>, t: Times<'_>, f: impl Fn(Tensor<2>, f64) -> Tensor<2>) -> Tensor<2> {
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
