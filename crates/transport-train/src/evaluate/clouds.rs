//! Point clouds in scaled units, and each metric of one against the held-out rows.

use super::c2st::{FOLDS, c2st};
use super::knn::{Neighbours, Votes};
use super::measure::Measure;
use transport_core::Noise;
use transport_core::device::DeviceError;
use transport_data::Table;
use transport_ot::discrepancy::{
    Energy, Estimate, Frechet, LANES, Manifold, Mean, Mmd, Redraw, Sliced, Statistic, Weights,
    bootstrap, neighbour_ratios,
};

/// Replicates of a bootstrap.
const REPLICATES: usize = 200;
/// Directions of the sliced distance.
const DIRECTIONS: usize = 256;
/// What a neighbour classifier calls sure.
const SURE: f64 = 0.8;
/// The ratio of distances below which a sample is called memorised.
const MEMORISED: f64 = 1.0 / 3.0;
/// Coordinates with which the Fréchet distance of the rows is still cheap.
const MOST_FRECHET: usize = 128;
/// Hidden units of the two-sample classifier at most.
const MOST_UNITS: usize = 200;
/// Neighbours of precision and recall (Kynkäänniemi et al. 2019).
const MANIFOLD: usize = 3;
/// Neighbours of density and coverage (Naeem et al. 2020).
const COVERAGE: usize = 5;

/// What samples are compared with.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    /// Held-out rows, scaled, `[m, d]`.
    pub(super) held_out: Vec<f64>,
    /// Training rows, scaled.
    pub(super) training: Vec<f64>,
    /// Coordinates that vary.
    pub(super) d: usize,
    /// The median distance of held-out rows.
    pub(super) bandwidth: f64,
    /// The judge of classes, where there are some.
    pub(super) judge: Option<Neighbours<'a>>,
    /// What draws derive from.
    pub(super) noise: Noise,
}

/// Rows that stand in the place of samples.
#[derive(Debug)]
pub(super) struct Cloud<'a> {
    /// In data units.
    pub(super) table: &'a Table,
    /// Scaled, `[n, d]`.
    pub(super) states: Vec<f64>,
    /// The classes that the neighbours vote for, where there are some.
    pub(super) votes: Option<Votes>,
}

impl<'a> Cloud<'a> {
    /// Rows of a table and the same scaled.
    pub(super) fn new(table: &'a Table, states: Vec<f64>, ground: &Ground) -> Self {
        Self { table, states, votes: ground.judge.as_ref().map(|judge| judge.votes(table)) }
    }
}

/// Whether the floor of a metric is of held-out rows: what is measured against training rows, which
/// would find themselves.
pub(super) fn floor_is_held_out(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::NeighbourRatio | Measure::Memorised | Measure::KnnSure | Measure::ClassShare
    )
}

impl Ground<'_> {
    /// One metric of a cloud, but for the likelihood; `None` where it makes no sense.
    ///
    /// # Errors
    /// [`DeviceError`] when the two-sample classifier finds no device.
    pub(super) fn measure(
        &self,
        measure: Measure,
        cloud: &Cloud,
    ) -> Result<Option<Estimate>, DeviceError> {
        let (x, y, d) = (cloud.states.as_slice(), self.held_out.as_slice(), self.d);
        let estimate = |statistic: &dyn Statistic, redraw| {
            Some(bootstrap(statistic, redraw, REPLICATES, &self.noise))
        };
        let mean = |values: Vec<f64>| estimate(&Mean(values), Redraw::First);
        // Manifolds depend on how many points they have, classifiers on how many of each.
        let rows = (x.len() / d).min(y.len() / d);
        let (few_x, few_y) = (&x[..rows * d], &y[..rows * d]);
        Ok(match measure {
            Measure::LogLikelihood => None,
            Measure::Energy => estimate(&Energy::new(x, y, d), Redraw::Both),
            Measure::Mmd => estimate(&Mmd::new(x, y, d, self.bandwidth), Redraw::Both),
            Measure::SlicedW2 => {
                estimate(&Sliced::new(x, y, d, DIRECTIONS, &self.noise), Redraw::Both)
            }
            Measure::C2st if rows < FOLDS => None,
            Measure::C2st => mean(c2st(few_x, few_y, d, (10 * d).min(MOST_UNITS), &self.noise)?),
            Measure::Frechet if d > MOST_FRECHET => None,
            Measure::Frechet => estimate(&Frechet::new(x, y, d), Redraw::Both),
            _ if rows <= COVERAGE && is_manifold(measure) => None,
            Measure::Precision => mean(Manifold::new::<MANIFOLD>(few_y, d).contains(few_x)),
            Measure::Recall => mean(Manifold::new::<MANIFOLD>(few_x, d).contains(few_y)),
            Measure::Density => mean(Manifold::new::<COVERAGE>(few_y, d).density(few_x, COVERAGE)),
            Measure::Coverage => mean(Manifold::new::<COVERAGE>(few_y, d).covered(few_x)),
            Measure::NeighbourRatio => mean(neighbour_ratios(x, &self.training, d)),
            Measure::Memorised => {
                mean(indicators(neighbour_ratios(x, &self.training, d), |r| r < MEMORISED))
            }
            Measure::Std => estimate(&PooledStd::new(cloud.table), Redraw::First),
            Measure::KnnSure => {
                let sure = |votes: &Votes| indicators(votes.certainties(), |s| s >= SURE);
                cloud.votes.as_ref().map(sure).and_then(mean)
            }
            Measure::ClassShare => {
                let share =
                    |v: &Votes| SmallestShare { winners: v.winners(), classes: v.classes() };
                let votes = cloud.votes.as_ref().map(share);
                votes.and_then(|share| estimate(&share, Redraw::First))
            }
        })
    }

    /// The mean of values with its interval.
    pub(super) fn mean(&self, values: Vec<f64>) -> Estimate {
        bootstrap(&Mean(values), Redraw::First, REPLICATES, &self.noise)
    }
}

fn is_manifold(measure: Measure) -> bool {
    use Measure::{Coverage, Density, Precision, Recall};
    matches!(measure, Precision | Recall | Density | Coverage)
}

fn indicators(values: Vec<f64>, holds: impl Fn(f64) -> bool) -> Vec<f64> {
    values.into_iter().map(|v| f64::from(u8::from(holds(v)))).collect()
}

/// The standard deviation of all values about their common mean, from sums over each row.
struct PooledStd {
    /// `Σ v` and `Σ v²` of a row, about the table's mean.
    rows: Vec<[f64; 2]>,
    columns: f64,
}

impl PooledStd {
    fn new(table: &Table) -> Self {
        let mean = table.values().iter().sum::<f64>() / table.values().len() as f64;
        let sums = |i: usize| {
            table.row(i).iter().fold([0.0; 2], |[sum, square], v| {
                [sum + (v - mean), square + (v - mean) * (v - mean)]
            })
        };
        Self { rows: (0..table.rows()).map(sums).collect(), columns: table.cols() as f64 }
    }
}

impl Statistic for PooledStd {
    fn rows(&self) -> (usize, usize) {
        (self.rows.len(), 0)
    }

    fn at(&self, x: &[Weights], _y: &[Weights]) -> [f64; LANES] {
        std::array::from_fn(|k| {
            let total = |part: &dyn Fn(&[f64; 2]) -> f64| -> f64 {
                self.rows.iter().zip(x).map(|(row, w)| w[k] * part(row)).sum()
            };
            let n = total(&|_| self.columns);
            let mean = total(&|row| row[0]) / n;
            (total(&|row| row[1]) / n - mean * mean).max(0.0).sqrt()
        })
    }
}

/// The share of the rarest class.
struct SmallestShare {
    winners: Vec<usize>,
    classes: usize,
}

impl Statistic for SmallestShare {
    fn rows(&self) -> (usize, usize) {
        (self.winners.len(), 0)
    }

    fn at(&self, x: &[Weights], _y: &[Weights]) -> [f64; LANES] {
        std::array::from_fn(|k| {
            let mut counts = vec![0.0; self.classes];
            self.winners.iter().zip(x).for_each(|(class, w)| counts[*class] += w[k]);
            counts.iter().copied().fold(f64::INFINITY, f64::min) / counts.iter().sum::<f64>()
        })
    }
}
