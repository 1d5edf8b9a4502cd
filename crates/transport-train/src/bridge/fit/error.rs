//! What cannot be fitted, opened or carried.

use crate::bridge::SnapshotError;
use crate::store::StoreError;
use crate::weights::WeightsError;
use transport_data::DataError;
use transport_ot::OtError;
use transport_sde::SolveError;
use transport_sde::bridge::BridgeError;

/// What cannot be fitted, opened or carried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A setting out of range.
    #[error("{what} is {value}: {expected}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A table too small.
    #[error("the table at time {time} has {rows} row: at least 2 are needed")]
    Rows {
        /// Its time.
        time: f64,
        /// Its rows.
        rows: usize,
    },
    /// Tables whose columns differ.
    #[error("the table at time {time} has no column `{column}`, which the first one has")]
    Columns {
        /// Its time.
        time: f64,
        /// The column.
        column: String,
    },
    /// A row that leaves a column which was constant in training.
    #[error("row {row} leaves column `{column}`, which was constant in training")]
    Constant {
        /// The row, counted from 1.
        row: usize,
        /// The column.
        column: String,
    },
    /// A method that knows two ends only.
    #[error("`{method}` joins two snapshots, not {found}: take {others}")]
    Many {
        /// The method.
        method: &'static str,
        /// How many were given.
        found: usize,
        /// The methods that join more.
        others: String,
    },
    /// A setting that is not one of the method's.
    #[error("`{method}` has no {what}: {reason}")]
    Foreign {
        /// The method.
        method: &'static str,
        /// The setting.
        what: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A time that cannot be left out.
    #[error("time {time} cannot be left out: {expected}")]
    LeftOut {
        /// The time.
        time: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A time outside the snapshots'.
    #[error("time {time} lies outside of the snapshots' [{start}, {end}]")]
    Time {
        /// The time.
        time: f64,
        /// The first snapshot's.
        start: f64,
        /// The last one's.
        end: f64,
    },
    /// A method without a way back.
    #[error("`{method}` carries rows forwards only, not from {from} to {to}")]
    Backwards {
        /// The method.
        method: &'static str,
        /// Where from.
        from: f64,
        /// Where to.
        to: f64,
    },
    /// Training that has diverged.
    #[error("the loss is {loss} at step {step}: a lower --lr usually helps")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A distance or a plan.
    #[error(transparent)]
    Distance(#[from] OtError),
    /// The snapshots.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The tables.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The potentials.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// The integration.
    #[error(transparent)]
    Solve(#[from] SolveError),
}
