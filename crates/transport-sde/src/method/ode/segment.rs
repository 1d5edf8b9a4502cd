//! The continuous extension of the steps that have passed the time asked for.

use super::rows::pick;
use super::tableau::Span;
use burn::tensor::Tensor;
use transport_core::Space;

/// Which row a segment belongs to, and what it spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) row: usize,
    pub(crate) t: f64,
    pub(crate) h: f64,
    /// `t + h`, as the row's clock has it.
    pub(crate) end: f64,
}

/// A step of some rows as a polynomial in θ = (time − t)/h.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) marks: Vec<Mark>,
    /// The states where the steps start.
    pub(crate) start: Tensor<2>,
    /// `F₀, F₁, …` as in [`Dense`](super::tableau::Dense).
    pub(crate) terms: Vec<Tensor<2>>,
}

impl Segment {
    /// Without the rows that end at `time` or before it; `None` when no row is left.
    pub(crate) fn beyond(self, time: f64) -> Option<Self> {
        let live: Vec<usize> =
            (0..self.marks.len()).filter(|i| self.marks[*i].is_beyond(time)).collect();
        (!live.is_empty()).then(|| Self {
            marks: live.iter().map(|i| self.marks[*i]).collect(),
            start: pick(&self.start, &live),
            terms: self.terms.iter().map(|term| pick(term, &live)).collect(),
        })
    }

    /// The rows, and their states at `time`.
    pub(crate) fn at(&self, time: f64) -> (Vec<usize>, Tensor<2>) {
        let theta: Vec<f64> = self.marks.iter().map(|m| (time - m.t) / m.h).collect();
        let states = interpolate(&self.start, &self.terms, &theta);
        (self.marks.iter().map(|m| m.row).collect(), states)
    }
}

impl Mark {
    fn is_beyond(&self, time: f64) -> bool {
        (self.end - time) * self.h.signum() > 0.0
    }
}

/// `F₀, F₁, F₂` of Hermite's cubic, from the rise over a step and the slopes at its ends.
pub(crate) fn hermite(
    rise: Tensor<2>,
    (start, end): (Tensor<2>, Tensor<2>),
    span: &Span<'_>,
) -> Vec<Tensor<2>> {
    let bend = span.scale(start.clone()) - rise.clone();
    let twist = rise.clone().mul_scalar(2.0) - span.scale(start + end);
    vec![rise, bend, twist]
}

/// `x + θ(F₀ + (1−θ)(F₁ + θ(F₂ + (1−θ)(F₃ + …))))`, with a θ for each row.
///
/// # Shapes
/// `start` and each of `terms`: `[n, d]`.
pub fn interpolate(start: &Tensor<2>, terms: &[Tensor<2>], theta: &[f64]) -> Tensor<2> {
    let space = Space::of(start);
    let rest: Vec<f64> = theta.iter().map(|t| 1.0 - t).collect();
    let factors = [space.column(theta), space.column(&rest)];
    let nested =
        terms.iter().enumerate().rev().fold(None, |inner: Option<Tensor<2>>, (j, term)| {
            let sum = inner.map_or_else(|| term.clone(), |inner| term.clone() + inner);
            Some(sum * factors[j % 2].clone())
        });
    nested.map_or_else(|| start.clone(), |nested| start.clone() + nested)
}
