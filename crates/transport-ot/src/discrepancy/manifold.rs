//! Precision, recall, density and coverage: samples and data as unions of balls around points.

use super::pairwise::{Columns, neighbours};
use rayon::prelude::*;

/// A sample as a manifold: a ball around each point, out to its `K`-th nearest neighbour in the
/// sample.
///
/// ```text
/// M(Y) = ∪ⱼ B(yⱼ, rⱼ),    rⱼ = distance from yⱼ to its K-th nearest other point of Y
/// ```
///
/// # Checked by
/// `tests/it/manifolds.rs`
#[derive(Clone, Debug)]
pub struct Manifold {
    centres: Columns,
    squared_radii: Vec<f64>,
    d: usize,
}

impl Manifold {
    /// The manifold of `points`, balls out to the `K`-th neighbour.
    ///
    /// # Shapes
    /// `points`: `[n, d]` row-major, n > K.
    ///
    /// # Panics
    /// When there are no more than `K` rows, or a partial one.
    #[must_use]
    pub fn new<const K: usize>(points: &[f64], d: usize) -> Self {
        super::check(points, points, d, K + 1);
        let radii = neighbours::<K>(points, points, d, true);
        let squared_radii = radii.into_iter().map(|r| r[K - 1] * r[K - 1]).collect();
        Self { centres: Columns::new(points, d), squared_radii, d }
    }

    /// In how many of the balls each point stands.
    fn balls(&self, points: &[f64]) -> Vec<usize> {
        points
            .par_chunks_exact(self.d)
            .map_init(Vec::new, |squares, point| {
                squares.resize(self.squared_radii.len(), 0.0);
                self.centres.squares(point, 0, squares);
                squares.iter().zip(&self.squared_radii).filter(|(s, r)| s <= r).count()
            })
            .collect()
    }

    /// Whether each point stands in some ball: 1 or 0.
    ///
    /// ```text
    /// precision = mean over samples of 1{x ∈ M(data)},   recall = mean over data of 1{y ∈ M(samples)}
    /// ```
    ///
    /// # References
    /// Kynkäänniemi et al. (2019), "Improved precision and recall metric for assessing generative
    /// models" (K = 3, both samples of one size).
    #[must_use]
    pub fn contains(&self, points: &[f64]) -> Vec<f64> {
        self.balls(points).into_iter().map(|count| f64::from(u8::from(count > 0))).collect()
    }

    /// How many balls hold each point, divided by `K`: its mean over samples is the density.
    ///
    /// # References
    /// Naeem et al. (2020), "Reliable fidelity and diversity metrics for generative models".
    #[must_use]
    pub fn density(&self, points: &[f64], k: usize) -> Vec<f64> {
        self.balls(points).into_iter().map(|count| count as f64 / k as f64).collect()
    }

    /// Whether each ball holds one of the points: 1 or 0. Its mean over the data is the coverage.
    ///
    /// # References
    /// Naeem et al. (2020).
    #[must_use]
    pub fn covered(&self, points: &[f64]) -> Vec<f64> {
        let parts: Vec<Vec<bool>> = points
            .par_chunks(self.d * 64)
            .map(|part| {
                let mut covered = vec![false; self.squared_radii.len()];
                let mut squares = vec![0.0; covered.len()];
                for point in part.chunks_exact(self.d) {
                    self.centres.squares(point, 0, &mut squares);
                    let balls = squares.iter().zip(&self.squared_radii);
                    covered.iter_mut().zip(balls).for_each(|(c, (s, r))| *c |= s <= r);
                }
                covered
            })
            .collect();
        let any = |j: usize| parts.iter().any(|part| part[j]);
        (0..self.squared_radii.len()).map(|j| f64::from(u8::from(any(j)))).collect()
    }
}
