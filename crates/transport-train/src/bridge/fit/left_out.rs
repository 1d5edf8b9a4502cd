//! A snapshot left out, predicted from the others, and measured beside what needs no model.

use super::error::JoinError;
use super::settings::FitConfig;
use super::{fit, suits, together};
use crate::trainer::StepReport;
use serde::Serialize;
use transport_core::{Noise, Space};
use transport_data::{Scaler, Table};
use transport_ot::{OtError, cost::Euclidean, exact, weights::uniform};

/// `W₁` from the rows of a snapshot that was left out, in columns standardised over all snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The time that was left out.
    pub time: f64,
    /// Of the rows of the time before, carried there by the process that was learned without it.
    pub predicted: f64,
    /// Of the points part of the way along the optimal plan between the two neighbours.
    pub straight: f64,
    /// Of the same along pairs at random.
    pub independent: f64,
    /// Of the neighbour before.
    pub before: f64,
    /// Of the neighbour after.
    pub after: f64,
    /// Of one half of its own rows from the other: what a perfect prediction of half as many rows
    /// would leave.
    pub floor: f64,
}

/// Rows of each side in a distance, at most.
pub const MEASURED: usize = 1000;

/// The exact `W₁` between the rows of two tables in a scaler's units, at most [`MEASURED`] of each,
/// drawn the same for the same number of rows.
///
/// # Errors
/// [`JoinError`] where the columns are not the scaler's.
pub fn w1(x: &Table, y: &Table, scaler: &Scaler) -> Result<f64, JoinError> {
    Ok(Cloud::of(x, scaler)?.w1(&Cloud::of(y, scaler)?)?)
}

/// Learns a process through all snapshots but number `left` and predicts that one. `watch` as in
/// [`fit`].
///
/// # Errors
/// [`JoinError`] when that snapshot is the first or the last one, and as [`fit`].
///
/// # References
/// Tong et al. (2020), "TrajectoryNet", for the experiment.
pub fn leave_out(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
    left: usize,
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<LeftOut, JoinError> {
    let time = snapshots.get(left).map_or(f64::NAN, |(t, _)| *t);
    if left == 0 || left + 1 >= snapshots.len() {
        let expected = "a snapshot between two others";
        return Err(JoinError::LeftOut { time, expected });
    }
    // The bridge through all of them comes next: what would refuse it refuses before the work.
    suits(config, snapshots.len())?;
    let kept: Vec<(f64, Table)> =
        (0..snapshots.len()).filter(|k| *k != left).map(|k| snapshots[k].clone()).collect();
    let bridge = fit(config, &kept, space, watch)?;
    let (before, table) = &snapshots[left - 1];
    let moved = bridge.carry(table, *before, &[time], config.seed)?;

    let (tables, scaler) = together(snapshots, bridge.card().names.as_slice())?;
    let cloud = |k: usize| Cloud::of(&tables[k], &scaler);
    let (x, truth, y) = (cloud(left - 1)?, cloud(left)?, cloud(left + 1)?);
    let share = (time - before) / (snapshots[left + 1].0 - before);
    let (one, other) = truth.halves();
    Ok(LeftOut {
        time,
        predicted: Cloud::of(&moved[0], &scaler)?.w1(&truth)?,
        straight: x.towards(&y, share, true)?.w1(&truth)?,
        independent: x.towards(&y, share, false)?.w1(&truth)?,
        before: x.w1(&truth)?,
        after: y.w1(&truth)?,
        floor: one.w1(&other)?,
    })
}

/// Points with masses, row-major.
struct Cloud {
    points: Vec<f64>,
    masses: Vec<f64>,
    d: usize,
}

impl Cloud {
    fn even(points: Vec<f64>, d: usize) -> Self {
        let masses = uniform(points.len().div_euclid(d));
        Self { points, masses, d }
    }

    /// At most [`MEASURED`] rows of a table at random: a file may be sorted.
    fn of(table: &Table, scaler: &Scaler) -> Result<Self, JoinError> {
        let order = Noise::new(0, 1).purpose("some").permutation(table.rows());
        let some = table.select_rows(&order[..order.len().min(MEASURED)]);
        Ok(Self::even(scaler.transform(&some)?, scaler.output_dim()))
    }

    fn rows(&self) -> usize {
        self.masses.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.points[i * self.d..(i + 1) * self.d]
    }

    fn halves(&self) -> (Self, Self) {
        let (one, other) = self.points.split_at(self.rows() / 2 * self.d);
        (Self::even(one.to_vec(), self.d), Self::even(other.to_vec(), self.d))
    }

    fn w1(&self, other: &Self) -> Result<f64, OtError> {
        let cost = Euclidean::distance(&self.points, &other.points, self.d)?;
        Ok(exact(&cost, &self.masses, &other.masses)?.value)
    }

    /// The points a share of the way to `other`, along the optimal plan for the squared distance or
    /// along pairs at random.
    fn towards(&self, other: &Self, share: f64, optimal: bool) -> Result<Self, OtError> {
        let pairs: Vec<(usize, usize, f64)> = if optimal {
            let cost = Euclidean::squared(&self.points, &other.points, self.d)?;
            let plan = exact(&cost, &self.masses, &other.masses)?;
            plan.entries.iter().map(|e| (e.source, e.target, e.mass)).collect()
        } else {
            let noise = Noise::new(0, self.rows()).purpose("pairs");
            let drawn = |i: usize| (i, noise.stream(i).below(other.rows()), self.masses[i]);
            (0..self.rows()).map(drawn).collect()
        };
        let point = |(i, j, _): &(usize, usize, f64)| {
            let pair = self.row(*i).iter().zip(other.row(*j));
            pair.map(|(a, b)| a + share * (b - a)).collect::<Vec<_>>()
        };
        let points = pairs.iter().flat_map(point).collect();
        Ok(Self { points, masses: pairs.iter().map(|p| p.2).collect(), d: self.d })
    }
}
