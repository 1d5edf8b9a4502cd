//! From tables to a process that carries rows: what `transport bridge` runs.

use super::{
    FlowAndScoreMatching, Imf, ImfConfig, LightLoss, SnapshotError, Snapshots, Source,
    VelocityMatching,
};
use crate::batch::Rows;
use crate::optim::OptimConfig;
use crate::store::{Archive, StoreError};
use crate::trainer::{LoopConfig, StepReport, Trainer, Training};
use crate::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Noise, Space};
use transport_data::{DataError, Scaler, Table};
use transport_kernels::Activation;
use transport_models::bridge::{Drifts, FlowAndScore, LightBridge};
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_ot::Coupling;
use transport_sde::bridge::{BridgeError, MixtureBridge};
use transport_sde::{Grid, OdeFlow, Sde, SdeFlow, SolveError, Solver};

/// How tables are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Flow matching on independent pairs.
    ICfm,
    /// Flow matching on optimal pairs of each batch.
    OtCfm,
    /// Score and flow matching on optimal pairs joined by Brownian bridges: near the Schrödinger
    /// bridge where `sigma` is small.
    Sf2m,
    /// Iterated Markovian fitting of the Schrödinger bridge.
    Dsbm,
    /// A light Schrödinger bridge: mixture potentials, no network.
    LightSb,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::ICfm, Self::OtCfm, Self::Sf2m, Self::Dsbm, Self::LightSb];

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ICfm => "i-cfm",
            Self::OtCfm => "ot-cfm",
            Self::Sf2m => "sf2m",
            Self::Dsbm => "dsbm",
            Self::LightSb => "light-sb",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether it takes more than two snapshots.
    #[must_use]
    pub fn through_many(&self) -> bool {
        matches!(self, Self::ICfm | Self::OtCfm | Self::Sf2m)
    }

    /// Whether it carries rows back in time too.
    #[must_use]
    pub fn reversible(&self) -> bool {
        !matches!(self, Self::LightSb)
    }
}

/// The settings of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitConfig {
    /// The method.
    pub method: Method,
    /// Optimiser steps.
    pub steps: u64,
    /// Rows of a step.
    pub batch_size: usize,
    /// The peak learning rate.
    pub lr: f64,
    /// The reference's standard deviation over the whole clock, in standardised units.
    pub sigma: f64,
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// Components of the light bridge.
    pub components: usize,
    /// What every draw derives from.
    pub seed: u64,
}

impl FitConfig {
    /// The defaults of a method.
    #[must_use]
    pub fn new(method: Method) -> Self {
        let (steps, lr) = if method == Method::LightSb { (3000, 1e-2) } else { (5000, 2e-3) };
        let sigma = if method == Method::LightSb { 0.3 } else { 0.5 };
        let (width, depth, components) = (128, 3, 20);
        Self { method, steps, batch_size: 256, lr, sigma, width, depth, components, seed: 0 }
    }

    /// The steps that are taken: those of [`Method::Dsbm`] are a multiple of its ten fits.
    #[must_use]
    pub fn total(&self) -> u64 {
        match self.method {
            Method::Dsbm => self.steps.div_ceil(FITS) * FITS,
            _ => self.steps,
        }
    }
}

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
    #[error("`{method}` joins two snapshots, not {found}: take i-cfm, ot-cfm or sf2m")]
    Many {
        /// The method.
        method: &'static str,
        /// How many were given.
        found: usize,
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

/// A fitted process between snapshots.
#[derive(Debug)]
pub struct Bridge {
    card: BridgeCard,
    process: Process,
    space: Space,
}

enum Process {
    Flow(TimeMlp),
    Both(Box<FlowAndScore>),
    Two(Box<Drifts<TimeMlp, TimeMlp>>),
    Light(Box<(LightBridge, MixtureBridge)>),
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Flow(_) => "Flow",
            Self::Both(_) => "Both",
            Self::Two(_) => "Two",
            Self::Light(_) => "Light",
        })
    }
}

/// Fits a process through tables at rising times. `watch` sees each step and says whether to stop
/// there, with what has been learned so far.
///
/// Columns are those of the first table, taken by name from the others; they are standardised
/// together.
///
/// # Errors
/// [`JoinError`] when a setting, a table or a time does not fit, or training diverges.
pub fn fit(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<Bridge, JoinError> {
    check(config)?;
    let (card, laws) = prepare(config, snapshots)?;
    if config.batch_size < laws.len() - 1 {
        let (what, value) = ("--batch-size", config.batch_size as f64);
        let expected = "at least one row for each interval between snapshots";
        return Err(JoinError::Setting { what, value, expected });
    }
    if laws.len() > 2 && !config.method.through_many() {
        let (method, found) = (config.method.name(), laws.len());
        return Err(JoinError::Many { method, found });
    }
    let process = train(config, &card, laws, space, watch)?;
    Ok(Bridge { card, process, space: space.clone() })
}

fn check(config: &FitConfig) -> Result<(), JoinError> {
    let whole = "a whole number of at least 1";
    let ranges = [
        ("--steps", config.steps as f64, config.steps > 0, whole),
        ("--batch-size", config.batch_size as f64, config.batch_size > 1, "at least 2"),
        ("width", config.width as f64, (1..=1 << 16).contains(&config.width), "1 to 65536"),
        ("depth", config.depth as f64, (1..=1024).contains(&config.depth), "1 to 1024"),
        ("--components", config.components as f64, config.components > 0, whole),
        ("--lr", config.lr, config.lr > 0.0 && config.lr.is_finite(), "finite and above 0"),
        (
            "--sigma",
            config.sigma,
            config.sigma > 0.0 && config.sigma.is_finite(),
            "finite and above 0",
        ),
    ];
    match ranges.into_iter().find(|(_, _, holds, _)| !holds) {
        Some((what, value, _, expected)) => Err(JoinError::Setting { what, value, expected }),
        None => Ok(()),
    }
}

/// The tables in common columns and units.
fn prepare(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
) -> Result<(BridgeCard, Vec<Source>), JoinError> {
    let times: Vec<f64> = snapshots.iter().map(|(t, _)| *t).collect();
    let Some((_, first)) = snapshots.first().filter(|_| snapshots.len() > 1) else {
        return Err(SnapshotError::Few { found: snapshots.len() }.into());
    };
    let names = first.names().to_vec();
    let mut tables = Vec::with_capacity(snapshots.len());
    for (time, table) in snapshots {
        if table.rows() < 2 {
            return Err(JoinError::Rows { time: *time, rows: table.rows() });
        }
        tables.push(columns(table, &names, *time)?);
    }
    let values = tables.iter().flat_map(|t| t.values()).copied().collect();
    let scaler = Scaler::standardize(&Table::new(names.clone(), values)?)?;
    let mut laws = Vec::with_capacity(tables.len());
    for table in &tables {
        let rows = Rows::plain(scaler.transform(table)?, scaler.output_dim());
        laws.push(Source::Rows(Arc::new(rows)));
    }
    Ok((BridgeCard { config: *config, times, names, scaler }, laws))
}

fn columns(table: &Table, names: &[String], time: f64) -> Result<Table, JoinError> {
    let find = |name: &String| {
        let missing = |_| JoinError::Columns { time, column: name.clone() };
        table.index_of(name).map_err(missing)
    };
    Ok(table.select_columns(&names.iter().map(find).collect::<Result<Vec<_>, _>>()?))
}

/// Steps until done or told to stop.
fn run<T: Training>(
    mut training: T,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<T, JoinError> {
    while training.steps_done() < training.steps_total() {
        let report = training.step();
        if !report.loss.is_finite() {
            return Err(JoinError::Diverged { step: report.step, loss: report.loss });
        }
        if watch(&report) {
            break;
        }
    }
    Ok(training)
}

/// Fits of both directions of a bridge.
const FITS: u64 = 10;
/// Pairs that a coupling is remembered by, at most.
const PAIRS: usize = 10_000;
/// Steps of every simulation.
const STEPS: usize = 100;

fn blank(config: &FitConfig, dim: usize, space: &Space) -> TimeMlp {
    let net = TimeMlpConfig { width: config.width, depth: config.depth };
    let init = Noise::new(config.seed, 1).purpose("init");
    TimeMlp::new(&net, dim, 0, Activation::Silu, &init, space)
}

fn blank_both(config: &FitConfig, dim: usize, space: &Space) -> FlowAndScore {
    let net = TimeMlpConfig { width: config.width, depth: config.depth };
    let init = Noise::new(config.seed, 1).purpose("init");
    FlowAndScore::new(&net, dim, Activation::Silu, config.sigma, &init, space)
}

fn train(
    config: &FitConfig,
    card: &BridgeCard,
    laws: Vec<Source>,
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<Process, JoinError> {
    let FitConfig { method, sigma, steps, batch_size, seed, lr, .. } = *config;
    let dim = card.scaler.output_dim();
    let loops = LoopConfig { steps, batch_size, shards: 1, seed, ..LoopConfig::default() };
    let optim = OptimConfig { lr, ..OptimConfig::default() };
    let Some(Source::Rows(last)) = laws.last().cloned() else {
        return Err(SnapshotError::Few { found: 0 }.into());
    };
    let coupling = if method == Method::ICfm { Coupling::Independent } else { Coupling::Exact };
    let blur = if method == Method::Sf2m { sigma } else { 0.0 };
    Ok(match method {
        Method::ICfm | Method::OtCfm => {
            let paths = VelocityMatching(Snapshots::new(&card.times, laws, coupling, blur)?);
            let net = blank(config, dim, space);
            let trainer = Trainer::new(net, paths, last, loops, optim, space);
            Process::Flow(run(trainer, watch)?.averaged()?)
        }
        Method::Sf2m => {
            let paths = FlowAndScoreMatching(Snapshots::new(&card.times, laws, coupling, blur)?);
            let net = blank_both(config, dim, space);
            let trainer = Trainer::new(net, paths, last, loops, optim, space);
            Process::Both(Box::new(run(trainer, watch)?.averaged()?))
        }
        Method::Dsbm => {
            let rows = |s: &Source| if let Source::Rows(r) = s { r.len() } else { PAIRS };
            let most = laws.iter().map(rows).max().unwrap_or(PAIRS);
            let settings = ImfConfig {
                sigma,
                fits: FITS,
                steps: config.total() / FITS,
                pairs: most.min(PAIRS),
                simulation: STEPS,
                net: TimeMlpConfig { width: config.width, depth: config.depth },
                activation: Activation::Silu,
            };
            let (source, target) = (laws[0].clone(), laws[1].clone());
            let imf = Imf::new(settings, source, target, loops, optim, space);
            Process::Two(Box::new(run(imf, watch)?.drifts()))
        }
        Method::LightSb => {
            let target: Vec<f64> = last.states.iter().map(|v| f64::from(*v)).collect();
            let noise = Noise::new(seed, 1);
            let (count, epsilon) = (config.components, sigma * sigma);
            let model = LightBridge::new(count, epsilon, 0.5, &target, dim, &noise, space);
            let optim = OptimConfig { weight_decay: 0.0, ..optim };
            let loss = LightLoss { source: laws[0].clone() };
            let trained = run(Trainer::new(model, loss, last, loops, optim, space), watch)?;
            let model = trained.averaged()?;
            let bridge = model.bridge()?;
            Process::Light(Box::new((model, bridge)))
        }
    })
}

impl Bridge {
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
            Process::Two(drifts) => {
                weights.put("forward", Weights::of(&drifts.forward));
                weights.put("backward", Weights::of(&drifts.backward));
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
        let (config, dim) = (&card.config, card.scaler.output_dim());
        check(config)?;
        if card.times.len() < 2 || card.names.len() != card.scaler.input_dim() {
            return Err(malformed("its card has too few times or columns".to_owned()).into());
        }
        let net = |name: &str| weights.part(name).fill(blank(config, dim, space));
        let process = match config.method {
            Method::ICfm | Method::OtCfm => Process::Flow(net("velocity")?),
            Method::Sf2m => {
                Process::Both(Box::new(weights.part("both").fill(blank_both(config, dim, space))?))
            }
            Method::Dsbm => Process::Two(Box::new(Drifts {
                forward: net("forward")?,
                backward: net("backward")?,
                sigma: config.sigma,
            })),
            Method::LightSb => {
                let (epsilon, start) = (config.sigma * config.sigma, vec![0.0; dim]);
                let noise = Noise::new(0, 1);
                let blank =
                    LightBridge::new(config.components, epsilon, 1.0, &start, dim, &noise, space);
                let model = weights.part("light").fill(blank)?;
                let bridge = model.bridge()?;
                Process::Light(Box::new((model, bridge)))
            }
        };
        Ok(Self { card, process, space: space.clone() })
    }

    /// The states at `times`, in data units, of rows that start at `from`; each must lie on one
    /// side of it, in order. Row `i` of a seed goes the same way whatever the number of rows.
    ///
    /// Flows are integrated (Heun, 100 steps between two times); bridges are simulated
    /// (Euler–Maruyama), forwards and, where the method knows how, backwards.
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
            if next != now {
                x = self.leg(x, n, now, next, &noise.at_step(k as u64))?;
            }
            now = next;
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

type State = burn::tensor::Tensor<2>;

/// Equal steps from one time to another that is later.
fn steps(from: f64, to: f64) -> Grid {
    // The caller's times are apart.
    #[allow(clippy::expect_used)]
    Grid::uniform(Interval { start: from, end: to }, STEPS).expect("two different times")
}

fn along(field: &dyn Field, x: State, from: f64, to: f64) -> Result<State, SolveError> {
    let grid = steps(from.min(to), from.max(to));
    let grid = if to < from { grid.reversed() } else { grid };
    OdeFlow { field, grid, solver: Solver::Heun }.solve(x)
}

fn simulate<S: Sde>(
    sde: S,
    x: State,
    from: f64,
    to: f64,
    noise: &Noise,
) -> Result<State, SolveError> {
    let flow = SdeFlow { sde, grid: steps(from, to), solver: Solver::EulerMaruyama };
    flow.solve(x, &noise.purpose("path"))
}
