//! All distances between the rows of two samples, and the sums over pairs made from them.

use super::resample::{LANES, Weights};
use rayon::prelude::*;

/// Points by coordinate, `[d, n]`: what a row is compared with, many points at a time.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    values: Vec<f64>,
    n: usize,
}

impl Columns {
    pub(super) fn new(points: &[f64], d: usize) -> Self {
        let n = points.len() / d;
        let values = (0..d).flat_map(|k| (0..n).map(move |i| points[i * d + k])).collect();
        Self { values, n }
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// `|x − yⱼ|²` for each point `j` of a range that begins at `first`.
    pub(super) fn squares(&self, x: &[f64], first: usize, out: &mut [f64]) {
        out.fill(0.0);
        for (x, line) in x.iter().zip(self.values.chunks_exact(self.n)) {
            let line = &line[first..first + out.len()];
            out.iter_mut().zip(line).for_each(|(sum, y)| *sum += (x - y) * (x - y));
        }
    }
}

/// A number for each pair of rows, `[n, m]`.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    values: Vec<f64>,
    m: usize,
}

impl Pairs {
    /// `f(|xᵢ − yⱼ|²)`; each row on any thread.
    pub(super) fn new(x: &[f64], y: &[f64], d: usize, f: impl Fn(f64) -> f64 + Sync) -> Self {
        let columns = Columns::new(y, d);
        let m = columns.len();
        let mut values = vec![0.0; x.len() / d * m];
        values.par_chunks_exact_mut(m).zip(x.par_chunks_exact(d)).for_each(|(out, x)| {
            columns.squares(x, 0, out);
            out.iter_mut().for_each(|v| *v = f(*v));
        });
        Self { values, m }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.m)
    }

    /// `Σᵢⱼ uᵢ kᵢⱼ vⱼ` of each replicate.
    fn form(&self, u: &[Weights], v: &[Weights]) -> [f64; LANES] {
        let mut total = [0.0; LANES];
        for (row, u) in self.rows().zip(u) {
            let mut inner = [0.0; LANES];
            for (value, v) in row.iter().zip(v) {
                for k in 0..LANES {
                    inner[k] += value * v[k];
                }
            }
            (0..LANES).for_each(|k| total[k] += u[k] * inner[k]);
        }
        total
    }

    /// The weighted mean over pairs of rows of two samples.
    pub(super) fn between(&self, u: &[Weights], v: &[Weights]) -> [f64; LANES] {
        let (form, total) = (self.form(u, v), [sums(u), sums(v)]);
        std::array::from_fn(|k| form[k] / (total[0][k] * total[1][k]))
    }

    /// The weighted mean over pairs of different rows of one sample; `own` is what a row has with
    /// itself.
    ///
    /// ```text
    /// Σ_{i≠j} wᵢ wⱼ kᵢⱼ / Σ_{i≠j} wᵢ wⱼ
    /// ```
    pub(super) fn within(&self, w: &[Weights], own: f64) -> [f64; LANES] {
        let (form, total, mut squares) = (self.form(w, w), sums(w), [0.0; LANES]);
        for w in w {
            (0..LANES).for_each(|k| squares[k] += w[k] * w[k]);
        }
        let pairs = |k: usize| total[k] * total[k] - squares[k];
        std::array::from_fn(|k| (form[k] - own * squares[k]) / pairs(k))
    }
}

fn sums(w: &[Weights]) -> [f64; LANES] {
    let mut total = [0.0; LANES];
    w.iter().for_each(|w| (0..LANES).for_each(|k| total[k] += w[k]));
    total
}

/// The smallest squared distances from `x` to the points, ascending, with the points' numbers;
/// `except` is left out.
pub(super) fn nearest<const K: usize>(
    x: &[f64],
    points: &Columns,
    except: Option<usize>,
    scratch: &mut Vec<f64>,
) -> [f64; K] {
    scratch.resize(points.len(), 0.0);
    points.squares(x, 0, scratch);
    let mut best = [f64::INFINITY; K];
    for (i, square) in scratch.iter().enumerate() {
        if *square < best[K - 1] && except != Some(i) {
            let place = best.partition_point(|b| b <= square);
            best[place..].rotate_right(1);
            best[place] = *square;
        }
    }
    best
}

/// For each row of `x`, the distances to its `K` nearest of `y`; with `own`, rows of `x` are those
/// of `y` and a row is not its own neighbour.
pub(super) fn neighbours<const K: usize>(
    x: &[f64],
    y: &[f64],
    d: usize,
    own: bool,
) -> Vec<[f64; K]> {
    let points = Columns::new(y, d);
    x.par_chunks_exact(d)
        .enumerate()
        .map_init(Vec::new, |scratch, (i, x)| {
            nearest::<K>(x, &points, own.then_some(i), scratch).map(f64::sqrt)
        })
        .collect()
}
