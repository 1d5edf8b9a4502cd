//! Rows that keep their own time: a batch split and joined as they arrive.

use super::control::Clock;
use burn::tensor::{Int, Tensor};

/// Some rows of a batch, in any order.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Each row's time and step.
    pub(crate) clocks: Vec<Clock>,
    /// The states, `[m, d]`.
    pub(crate) x: Tensor<2>,
    /// `v(x, t)`, `[m, d]`.
    pub(crate) slope: Tensor<2>,
}

impl Rows {
    /// The rows at some places, increasing.
    pub(crate) fn pick(&self, places: &[usize]) -> Self {
        Self {
            clocks: places.iter().map(|i| self.clocks[*i]).collect(),
            x: pick(&self.x, places),
            slope: pick(&self.slope, places),
        }
    }

    /// Those still on the way to `target`, and those that are there.
    pub(crate) fn split(self, target: f64) -> (Option<Self>, Option<Self>) {
        let there = self.clocks.iter().filter(|clock| clock.reached(target)).count();
        if there == 0 {
            return (Some(self), None);
        }
        if there == self.clocks.len() {
            return (None, Some(self));
        }
        let (there, moving): (Vec<usize>, Vec<usize>) =
            (0..self.clocks.len()).partition(|i| self.clocks[*i].reached(target));
        (Some(self.pick(&moving)), Some(self.pick(&there)))
    }

    /// The union of disjoint sets of rows, at least one.
    pub(crate) fn join(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let clocks = parts.iter().flat_map(|part| part.clocks.clone()).collect();
        let (x, slope) = parts.into_iter().map(|part| (part.x, part.slope)).unzip();
        Self { clocks, x: Tensor::cat(x, 0), slope: Tensor::cat(slope, 0) }
    }
}

/// The rows of `x` at increasing places.
pub(crate) fn pick(x: &Tensor<2>, places: &[usize]) -> Tensor<2> {
    match places.len() == x.dims()[0] {
        true => x.clone(),
        false => reorder(x.clone(), places),
    }
}

/// The rows of `x` at any places.
pub(crate) fn reorder(x: Tensor<2>, places: &[usize]) -> Tensor<2> {
    let places: Vec<i32> = places.iter().map(|i| *i as i32).collect();
    let index = Tensor::<1, Int>::from_data(places.as_slice(), &x.device());
    x.select(0, index)
}

/// Pieces with the rows that they stand for, put in the order of the rows.
pub(crate) fn assemble(pieces: Vec<(Vec<usize>, Tensor<2>)>) -> Tensor<2> {
    let (rows, states): (Vec<Vec<usize>>, Vec<Tensor<2>>) = pieces.into_iter().unzip();
    let rows = rows.concat();
    let mut places = vec![0; rows.len()];
    rows.iter().enumerate().for_each(|(place, row)| places[*row] = place);
    reorder(Tensor::cat(states, 0), &places)
}
