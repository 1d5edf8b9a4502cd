//! A fitted process: its file, and rows carried along it.

use super::error::JoinError;
use super::settings::{FitConfig, Method};
use super::training::Blank;
use super::{check, columns};
use crate::store::{Archive, StoreError};
use crate::weights::Weights;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::path::Path;
use transport_core::device::to_host;
use transport_core::{Coefs, Field, Interval, Noise, Schedule, Space};
use transport_data::{Scaler, Table};
use transport_models::bridge::{Drifts, FlowAndScore, Interpolated, LightBridge, Piecewise};
use transport_models::net::TimeMlp;
use transport_sde::bridge::MixtureBridge;
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Grid, OdeFlow, Sde, SdeFlow, SolveError, Solver};

/// Steps between two times.
const STEPS: usize = 100;

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BridgeCard {
    /// The settings.
    pub config: FitConfig,
    /// The snapshots' times, rising.
    pub times: Vec<f64>,
    /// The columns.
    pub names: Vec<String>,
    /// From data units to the model's.
    pub scaler: Scaler,
}

impl BridgeCard {
    /// The snapshots' times on the clock `[0, 1]`.
    fn clock(&self) -> Vec<f64> {
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        self.times.iter().map(|t| (t - first) / (last - first)).collect()
    }
}

/// A fitted process between snapshots.
#[derive(Debug)]
pub struct Bridge {
    card: BridgeCard,
    process: Process,
    space: Space,
    /// `c` of an interpolant's noise.
    noise: f64,
}

/// What was learned.
pub(super) enum Process {
    Flow(TimeMlp),
    Both(Box<FlowAndScore>),
    Interpolated(Box<Interpolated>),
    Two(Box<Drifts<Piecewise, Piecewise>>),
    Light(Box<(LightBridge, MixtureBridge)>),
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Flow(_) => "Flow",
            Self::Both(_) => "Both",
            Self::Interpolated(_) => "Interpolated",
            Self::Two(_) => "Two",
            Self::Light(_) => "Light",
        })
    }
}

impl Bridge {
    pub(super) fn new(card: BridgeCard, process: Process, space: &Space) -> Self {
        Self { card, process, space: space.clone(), noise: 0.0 }
    }

    /// With noise `√(2ε)`, `ε = c γ`, on the way forwards of an interpolant, whose law at every time
    /// does not depend on it; 0 is the flow.
    ///
    /// # Errors
    /// [`JoinError`] when `c` is negative or not finite, or the method is not `interpolant`.
    pub fn with_noise(self, c: f64) -> Result<Self, JoinError> {
        if !(c >= 0.0 && c.is_finite()) {
            let (what, expected) = ("--noise", "finite and at least 0");
            return Err(JoinError::Setting { what, value: c, expected });
        }
        if !matches!(self.process, Process::Interpolated(_)) {
            let (method, what) = (self.card.config.method.name(), "--noise");
            let reason = "only an interpolant has a process for every amount of it";
            return Err(JoinError::Foreign { method, what, reason });
        }
        Ok(Self { noise: c, ..self })
    }

    /// What it is.
    #[must_use]
    pub fn card(&self) -> &BridgeCard {
        &self.card
    }

    /// Writes the model to one file.
    ///
    /// # Errors
    /// [`StoreError`] when the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), JoinError> {
        let mut weights = Weights::default();
        match &self.process {
            Process::Flow(net) => weights.put("velocity", Weights::of(net)),
            Process::Both(net) => weights.put("both", Weights::of(&**net)),
            Process::Interpolated(net) => weights.put("both", Weights::of(&**net)),
            Process::Two(drifts) => {
                weights.put("forward", Weights::of(drifts.forward.net()));
                weights.put("backward", Weights::of(drifts.backward.net()));
            }
            Process::Light(light) => weights.put("light", Weights::of(&light.0)),
        }
        let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
        let card = serde_json::to_value(&self.card).map_err(|e| malformed(e.to_string()))?;
        let card = card.as_object().cloned().unwrap_or_default();
        Ok(crate::store::write(path, &Archive { card, weights })?)
    }

    /// Opens what [`Bridge::save`] wrote.
    ///
    /// # Errors
    /// [`JoinError`] when the file is damaged or not a bridge.
    pub fn open(path: &Path, space: &Space) -> Result<Self, JoinError> {
        let Archive { card, weights } = crate::store::read(path)?;
        let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
        let card: BridgeCard = serde_json::from_value(serde_json::Value::Object(card))
            .map_err(|e| malformed(format!("its card is not a bridge's: {e}")))?;
        check(&card.config)?;
        let rising = card.times.windows(2).all(|w| w[0] < w[1]);
        if card.times.len() < 2 || !rising || card.names.len() != card.scaler.input_dim() {
            return Err(malformed("its card has too few times or columns".to_owned()).into());
        }
        let process = Self::filled(&card, &weights, space)?;
        Ok(Self::new(card, process, space))
    }

    fn filled(card: &BridgeCard, weights: &Weights, space: &Space) -> Result<Process, JoinError> {
        let blank = Blank::of(card, space);
        Ok(match card.config.method {
            Method::ICfm | Method::OtCfm => {
                Process::Flow(weights.part("velocity").fill(blank.flow())?)
            }
            Method::Interpolant => {
                Process::Interpolated(Box::new(weights.part("both").fill(blank.interpolated())?))
            }
            Method::Sf2m => Process::Both(Box::new(weights.part("both").fill(blank.both())?)),
            Method::Dsbm | Method::DsbmIpf | Method::Dsb => {
                let clock = card.clock();
                let net = |name: &str, back: bool| -> Result<Piecewise, JoinError> {
                    let net = weights.part(name).fill(blank.piece(&clock))?;
                    Ok(Piecewise::new(net, &clock, back))
                };
                let (forward, backward) = (net("forward", false)?, net("backward", true)?);
                Process::Two(Box::new(Drifts { forward, backward, sigma: card.config.sigma }))
            }
            Method::LightSb | Method::LightSbM => {
                let start = vec![0.0; card.scaler.output_dim()];
                let model = weights.part("light").fill(blank.light(&start))?;
                let bridge = model.bridge()?;
                Process::Light(Box::new((model, bridge)))
            }
        })
    }

    /// The states at `times`, in data units, of rows that start at `from`; each must lie on one
    /// side of it, in order. Row `i` of a seed goes the same way whatever the number of rows.
    ///
    /// Flows are integrated (Heun, 100 steps between two times), and so are interpolants without
    /// noise; bridges are simulated (Euler–Maruyama), forwards and, where the method knows how,
    /// backwards.
    ///
    /// # Errors
    /// [`JoinError`] when a column is missing, a time lies outside, or a state is not finite.
    pub fn carry(
        &self,
        rows: &Table,
        from: f64,
        times: &[f64],
        seed: u64,
    ) -> Result<Vec<Table>, JoinError> {
        let table = columns(rows, &self.card.names, from)?;
        let (n, scaler) = (table.rows(), &self.card.scaler);
        let leaves = |row: usize| scaler.off_support(table.row(row)).map(|j| (row, j));
        if let Some((row, j)) = (0..n).find_map(leaves) {
            let column = self.card.names[j].clone();
            return Err(JoinError::Constant { row: row + 1, column });
        }
        let mut x = scaler.transform(&table)?;
        let noise = Noise::new(seed, n).purpose("carry");
        let mut now = self.clock(from)?;
        let mut states = Vec::with_capacity(times.len());
        for (k, time) in times.iter().enumerate() {
            let next = self.clock(*time)?;
            if (next - now).abs() > SAME {
                x = self.leg(x, n, now, next, &noise.at_step(k as u64))?;
                now = next;
            }
            let values = self.card.scaler.inverse(&x);
            states.push(Table::new(self.card.names.clone(), values)?);
        }
        Ok(states)
    }

    /// A time on the clock `[0, 1]`.
    fn clock(&self, time: f64) -> Result<f64, JoinError> {
        let times = &self.card.times;
        let (start, end) = (times[0], times[times.len() - 1]);
        if !(start..=end).contains(&time) {
            return Err(JoinError::Time { time, start, end });
        }
        Ok((time - start) / (end - start))
    }

    fn leg(
        &self,
        x: Vec<f64>,
        n: usize,
        from: f64,
        to: f64,
        noise: &Noise,
    ) -> Result<Vec<f64>, JoinError> {
        let start = self.space.tensor(x, [n, self.card.scaler.output_dim()]);
        let back = to < from;
        Ok(to_host(match &self.process {
            Process::Flow(net) => along(net, start, from, to)?,
            Process::Interpolated(net) if back || self.noise == 0.0 => {
                along(&**net, start, from, to)?
            }
            Process::Interpolated(net) => {
                let schedule = Blurs { clock: self.card.clock(), sigma: self.card.config.sigma };
                let (field, epsilon) = ((**net).clone(), Epsilon::Sigma(self.noise));
                simulate(Family { field, schedule, epsilon }, start, from, to, noise)?
            }
            Process::Both(net) if back => along(&**net, start, from, to)?,
            Process::Both(net) => simulate((**net).clone(), start, from, to, noise)?,
            Process::Two(drifts) if back => {
                simulate(drifts.reversed(), start, 1.0 - from, 1.0 - to, noise)?
            }
            Process::Two(drifts) => simulate((**drifts).clone(), start, from, to, noise)?,
            Process::Light(_) if back => {
                let method = self.card.config.method.name();
                return Err(JoinError::Backwards { method, from, to });
            }
            Process::Light(light) => simulate(light.1.clone(), start, from, to, noise)?,
        }))
    }
}

/// Times on the clock `[0, 1]` that are one up to rounding: no steps fit between them.
const SAME: f64 = 1e-12;

/// Equal steps from one time to another that is later.
fn steps(from: f64, to: f64) -> Grid {
    // The caller's times are apart.
    #[allow(clippy::expect_used)]
    Grid::uniform(Interval { start: from, end: to }, STEPS).expect("two different times")
}

fn along(field: &dyn Field, x: Tensor<2>, from: f64, to: f64) -> Result<Tensor<2>, SolveError> {
    let grid = steps(from.min(to), from.max(to));
    let grid = if to < from { grid.reversed() } else { grid };
    OdeFlow { field, grid, solver: Solver::Heun }.solve(x)
}

fn simulate<S: Sde>(
    sde: S,
    x: Tensor<2>,
    from: f64,
    to: f64,
    noise: &Noise,
) -> Result<Tensor<2>, SolveError> {
    let flow = SdeFlow { sde, grid: steps(from, to), solver: Solver::EulerMaruyama };
    flow.solve(x, &noise.purpose("path"))
}

/// The blur of the paths through snapshots, `γ(t) = σ √((t − s)(e − t)/(e − s))` on the interval
/// `[s, e]`.
#[derive(Clone, Debug)]
struct Blurs {
    clock: Vec<f64>,
    sigma: f64,
}

impl Schedule for Blurs {
    fn at(&self, t: f64) -> Coefs {
        let last = self.clock.len() - 2;
        let k = self.clock.iter().skip(1).filter(|knot| t >= **knot).count().min(last);
        let (start, end) = (self.clock[k], self.clock[k + 1]);
        let sigma = self.sigma * ((t - start) * (end - t) / (end - start)).max(0.0).sqrt();
        let d_sigma = self.sigma * self.sigma * (0.5 * (start + end) - t) / ((end - start) * sigma);
        Coefs { alpha: t, sigma, d_alpha: 1.0, d_sigma }
    }

    fn domain(&self) -> Interval {
        Interval { start: f64::EPSILON, end: 1.0 - f64::EPSILON }
    }
}
