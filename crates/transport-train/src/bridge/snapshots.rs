//! Paths through several laws in time.

use super::conditional::{Conditional, Draw};
use super::matching::Paths;
use super::pairing::{chosen, unbalanced_pairs};
use super::source::Source;
use crate::objective::Batch;
use burn::tensor::Tensor;
use std::sync::{Arc, OnceLock};
use transport_core::{Interval, Noise, Space};
use transport_ot::{Coupling, OtError};

/// The conditional paths between neighbouring snapshots `q_{t₀}, q_{t₁}, …`, on the clock
/// `[t₀, t_K] → [0, 1]`.
///
/// ```text
/// t = s + (e − s) τ,    x_t = (1−τ) x_s + τ x_e + s_k(τ) z,    u_t = ∂_τ x / (e − s)
/// ```
///
/// With a reference of standard deviation `σ` per unit of the clock an interval of length `L` has
/// Brownian bridges of variance `σ² L τ (1−τ)`; `σ = 0` gives straight lines. The regularisation of
/// an entropic coupling is one per unit of the clock too, `ε L` in that interval: with `ε = 2σ²` the
/// law of paths is the Schrödinger bridge through the snapshots. Row `i` of a batch
/// belongs to interval `i mod K`; couplings are made inside an interval. Of the batch's data only the
/// number of rows is used.
///
/// # References
/// Tong et al. (2020), "TrajectoryNet"; Tong et al. (2024), "Simulation-free Schrödinger bridges via
/// score and flow matching", §5.
#[derive(Clone, Debug)]
pub struct Snapshots {
    times: Vec<f64>,
    laws: Vec<Source>,
    coupling: Coupling,
    sigma: f64,
    /// `ρ` where mass may grow or vanish.
    rho: Option<f64>,
    failed: Arc<OnceLock<OtError>>,
}

/// Snapshots that make no paths.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Fewer than two.
    #[error("{found} snapshot: a path needs at least 2 times")]
    Few {
        /// How many.
        found: usize,
    },
    /// Times that do not rise.
    #[error("the snapshot times {before} and {after} do not rise")]
    Order {
        /// A time.
        before: f64,
        /// The next one.
        after: f64,
    },
    /// Snapshots of different dimensions.
    #[error("the snapshot at time {time} has {found} columns where the first has {expected}")]
    Dimensions {
        /// Its time.
        time: f64,
        /// Columns of the first.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// Not one time for each snapshot.
    #[error("{times} times for {laws} snapshots")]
    Counts {
        /// Times.
        times: usize,
        /// Snapshots.
        laws: usize,
    },
    /// A reference that is not one.
    #[error("the reference's standard deviation is {value}: finite and at least 0")]
    Sigma {
        /// The value.
        value: f64,
    },
}

impl Snapshots {
    /// Paths through `laws` at `times`, with a coupling between neighbours and a reference of
    /// standard deviation `sigma` per unit of the clock that runs from the first time to the last.
    ///
    /// # Errors
    /// [`SnapshotError`] when there are fewer than two, the times do not rise, or sizes differ.
    pub fn new(
        times: &[f64],
        laws: Vec<Source>,
        coupling: Coupling,
        sigma: f64,
    ) -> Result<Self, SnapshotError> {
        if times.len() != laws.len() {
            return Err(SnapshotError::Counts { times: times.len(), laws: laws.len() });
        }
        if laws.len() < 2 {
            return Err(SnapshotError::Few { found: laws.len() });
        }
        let rise = |w: &[f64]| w[0] < w[1] && w.iter().all(|t| t.is_finite());
        if let Some(w) = times.windows(2).find(|w| !rise(w)) {
            return Err(SnapshotError::Order { before: w[0], after: w[1] });
        }
        let expected = laws[0].dim();
        if let Some(k) = laws.iter().position(|l| l.dim() != expected) {
            let (time, found) = (times[k], laws[k].dim());
            return Err(SnapshotError::Dimensions { time, expected, found });
        }
        if !(sigma >= 0.0 && sigma.is_finite()) {
            return Err(SnapshotError::Sigma { value: sigma });
        }
        let (first, last) = (times[0], times[times.len() - 1]);
        let times = times.iter().map(|t| (t - first) / (last - first)).collect();
        Ok(Self { times, laws, coupling, sigma, rho: None, failed: Arc::default() })
    }

    /// With pairs from unbalanced plans, see [`unbalanced_pairs`](super::unbalanced_pairs): mass may
    /// grow or vanish at the price `ρ`, in units of the squared distance. The regularisation is that
    /// of an entropic coupling.
    ///
    /// # Panics
    /// When the coupling is not [`Coupling::Sinkhorn`].
    #[must_use]
    pub fn unbalanced(self, rho: f64) -> Self {
        let entropic = matches!(self.coupling, Coupling::Sinkhorn { .. });
        assert!(entropic, "unbalanced pairs need a regularisation");
        Self { rho: Some(rho), ..self }
    }

    /// The snapshots' times on the clock `[0, 1]`.
    #[must_use]
    pub fn clock(&self) -> &[f64] {
        &self.times
    }

    /// The rows of the largest of them; `None` where one is a law in closed form.
    pub(super) fn rows(&self) -> Option<usize> {
        let rows = |law: &Source| match law {
            Source::Rows(rows) => Some(rows.len()),
            Source::Law(_) => None,
        };
        self.laws.iter().map(rows).try_fold(0, |most, rows| rows.map(|n| most.max(n)))
    }

    /// The laws at those times.
    pub(super) fn laws(&self) -> &[Source] {
        &self.laws
    }

    /// The coupling of an interval of that length.
    fn within(&self, length: f64) -> Coupling {
        match self.coupling {
            Coupling::Sinkhorn { epsilon } => Coupling::Sinkhorn { epsilon: epsilon * length },
            other => other,
        }
    }

    /// The same, and what first cannot be coupled is told there.
    pub(super) fn telling(self, failed: &Arc<OnceLock<OtError>>) -> Self {
        Self { failed: Arc::clone(failed), ..self }
    }

    /// The starts and the ends, row by row. What cannot be coupled is NaN, so that training stops,
    /// and why is told.
    fn paired(
        &self,
        starts: Vec<f64>,
        ends: Vec<f64>,
        length: f64,
        noise: &Noise,
    ) -> (Vec<f64>, Vec<f64>) {
        let (d, coupling) = (self.laws[0].dim(), self.within(length));
        let pairs = match (self.rho, coupling) {
            (Some(rho), Coupling::Sinkhorn { epsilon }) => {
                let pairs = unbalanced_pairs(&starts, &ends, d, epsilon, rho, noise);
                pairs.map(|pairs| {
                    let (from, to): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
                    (chosen(&starts, &from, d), chosen(&ends, &to, d))
                })
            }
            _ => coupling
                .pairs(&starts, &ends, d, noise)
                .map(|rows| (starts.clone(), chosen(&ends, &rows, d))),
        };
        pairs.unwrap_or_else(|error| {
            // The first is enough.
            _ = self.failed.set(error);
            (starts, vec![f64::NAN; ends.len()])
        })
    }

    /// The part of a batch that lies in interval `k`.
    fn part(&self, batch: &Batch, k: usize, rows: &[usize]) -> Draw {
        let (d, length) = (self.laws[0].dim(), self.times[k + 1] - self.times[k]);
        let noise = batch.noise.resized(rows.len()).purpose(&format!("interval.{k}"));
        let starts = self.laws[k].draws(&noise.purpose("start"));
        let ends = self.laws[k + 1].draws(&noise.purpose("end"));
        let draws = noise.purpose("pairing");
        let (starts, ends) = self.paired(starts, ends, length, &draws);
        let space = Space::of(&batch.data);
        let tensor = |values: Vec<f64>| space.tensor(values, [rows.len(), d]);
        let path = match self.sigma {
            0.0 => Conditional::Straight { sigma: 0.0 },
            sigma => Conditional::Brownian { sigma: sigma * length.sqrt() },
        };
        let all = batch.times(Interval::UNIT);
        let times = rows.iter().map(|r| all[*r]).collect();
        let z = noise.purpose("blur").normal(d, &space);
        let draw = path.draw(tensor(starts), tensor(ends), z, times);
        let velocity = draw.velocity.div_scalar(length);
        let times = draw.times.iter().map(|t| self.times[k] + length * t).collect();
        let spread_rate = draw.spread_rate.iter().map(|s| s / length).collect();
        Draw { velocity, times, spread_rate, ..draw }
    }
}

impl Paths for Snapshots {
    fn draws(&self, batch: &Batch) -> Draw {
        let (n, intervals) = (batch.data.dims()[0], self.laws.len() - 1);
        let rows = |k: usize| (0..n).filter(|i| (batch.first + i) % intervals == k).collect();
        let parts: Vec<Draw> = (0..intervals)
            .map(|k| (k, rows(k)))
            .filter(|(_, rows): &(usize, Vec<usize>)| !rows.is_empty())
            .map(|(k, rows)| self.part(batch, k, &rows))
            .collect();
        let stack = |pick: fn(&Draw) -> &Tensor<2>| {
            Tensor::cat(parts.iter().map(|p| pick(p).clone()).collect(), 0)
        };
        let list = |pick: fn(&Draw) -> &Vec<f64>| parts.iter().flat_map(pick).copied().collect();
        Draw {
            point: stack(|p| &p.point),
            velocity: stack(|p| &p.velocity),
            noise: stack(|p| &p.noise),
            times: list(|p| &p.times),
            spread: list(|p| &p.spread),
            spread_rate: list(|p| &p.spread_rate),
            context: None,
        }
    }
}
