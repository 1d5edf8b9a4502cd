//! A k-nearest-neighbour classifier, as a judge of samples.

use rayon::prelude::*;
use transport_data::Table;

/// Neighbours that vote.
const K: usize = 10;

/// The labelled points that vote.
#[derive(Clone, Debug)]
pub struct Neighbours<'a> {
    points: &'a Table,
    labels: &'a [f64],
    classes: Vec<f64>,
}

/// The winning class of each row and its share of the votes.
#[derive(Clone, Debug, PartialEq)]
pub struct Votes {
    winners: Vec<(usize, f64)>,
    classes: usize,
}

impl<'a> Neighbours<'a> {
    /// A classifier by the ten nearest of `points`, in their own units.
    ///
    /// # Panics
    /// When the labels are not one for each point.
    #[must_use]
    pub fn new(points: &'a Table, labels: &'a [f64]) -> Self {
        assert_eq!(points.rows(), labels.len(), "a label for each point");
        let mut classes = labels.to_vec();
        classes.sort_by(f64::total_cmp);
        classes.dedup();
        Self { points, labels, classes }
    }

    /// The vote on each row of a table with the same columns.
    #[must_use]
    pub fn votes(&self, table: &Table) -> Votes {
        let winners = (0..table.rows()).into_par_iter().map(|i| self.vote(table.row(i))).collect();
        Votes { winners, classes: self.classes.len() }
    }

    fn vote(&self, x: &[f64]) -> (usize, f64) {
        let distance = |i: usize| -> f64 {
            self.points.row(i).iter().zip(x).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let mut near: Vec<(f64, usize)> =
            (0..self.points.rows()).map(|i| (distance(i), i)).collect();
        let k = K.min(near.len());
        // Ties go to the earlier point, so that the vote is one function of its arguments.
        near.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut counts = vec![0usize; self.classes.len()];
        for (_, i) in &near[..k] {
            let class = self.classes.iter().position(|c| *c == self.labels[*i]);
            class.into_iter().for_each(|c| counts[c] += 1);
        }
        let winner = (0..counts.len()).rev().max_by_key(|c| counts[*c]).unwrap_or(0);
        (winner, counts[winner] as f64 / k as f64)
    }
}

impl Votes {
    /// The fraction of rows whose winner has at least `level` of the votes.
    #[must_use]
    pub fn sure(&self, level: f64) -> f64 {
        let sure = self.winners.iter().filter(|(_, share)| *share >= level).count();
        sure as f64 / self.winners.len() as f64
    }

    /// The winner's share of the votes on each row.
    #[must_use]
    pub fn certainties(&self) -> Vec<f64> {
        self.winners.iter().map(|(_, share)| *share).collect()
    }

    /// The number of each row's winning class.
    #[must_use]
    pub fn winners(&self) -> Vec<usize> {
        self.winners.iter().map(|(class, _)| *class).collect()
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The share of rows that each class wins.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.classes];
        self.winners.iter().for_each(|(class, _)| counts[*class] += 1.0);
        counts.iter_mut().for_each(|c| *c /= self.winners.len() as f64);
        counts
    }

    /// The smallest of [`Votes::shares`].
    #[must_use]
    pub fn smallest_share(&self) -> f64 {
        self.shares().into_iter().fold(1.0, f64::min)
    }
}
