//! A training session: begins or resumes a run in a folder, and leaves it whole whatever happens.

use crate::config::{Config, ConfigError};
use crate::problem::{Problem, ProblemError};
use crate::reaverage;
use crate::registry;
use crate::run::{Card, Run, RunError};
use crate::store::{Archive, Folder, RunState, StoreError};
use crate::trainer::{StepReport, Training};
use crate::validation::{Validation, Watch};
use crate::weights::WeightsError;
use serde_json::{Map, Value, json};
use transport_core::Space;
use transport_core::device::DeviceError;

/// What to do with a folder that holds a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refuse.
    Fresh,
    /// Continue it.
    Resume,
    /// Replace it.
    Overwrite,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is trained and saved.
    Finished,
    /// It was trained before; nothing was changed.
    AlreadyFinished,
    /// It was told to stop, and a checkpoint was saved after this step.
    Interrupted {
        /// Steps taken.
        step: u64,
    },
}

/// Watches a session. Nothing in this crate prints: an observer does.
pub trait Observer: Send {
    /// The data is ready and training starts (or goes on) after `done` of `total` steps.
    fn begin(&mut self, problem: &Problem, done: u64, total: u64) {
        let _ = (problem, done, total);
    }

    /// A step was taken.
    fn step(&mut self, report: &StepReport) {
        let _ = report;
    }

    /// The validation rows were looked at; `best` is the lowest loss so far, this one included.
    fn validated(&mut self, seen: &Validation, best: Option<&Validation>) {
        let _ = (seen, best);
    }

    /// Training ends before its last step: the validation loss has stopped falling.
    fn stopped_early(&mut self, step: u64) {
        let _ = step;
    }

    /// Asked after each step: whether to save and stop.
    fn stop(&self) -> bool {
        false
    }
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// What can go wrong in a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The finished model.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A resumed run was asked for something else than it began with.
    #[error(
        "the run in {folder} was begun with another {section}: resume it without changing that, or begin a new one"
    )]
    Changed {
        /// The folder.
        folder: String,
        /// The part of the configuration, or the data.
        section: &'static str,
    },
    /// The loss is not a number any more.
    #[error(
        "the loss is {loss} at step {step}: training has diverged (a lower --lr usually helps); what was saved before is kept"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A checkpoint of another model.
    #[error("the checkpoint does not fit the model: {0}")]
    Checkpoint(#[from] WeightsError),
}

/// Trains `config` in `folder`.
///
/// # Errors
/// [`TrainError`]; what was saved before stays.
pub fn train(
    config: &Config,
    folder: &Folder,
    mode: Mode,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    config.check()?;
    let resumed = mode == Mode::Resume && folder.state() != RunState::Empty;
    if resumed {
        same(&Config::parse(&folder.read_config()?)?, config, folder)?;
        if folder.state() == RunState::Finished {
            return Ok(Outcome::AlreadyFinished);
        }
    }
    // Everything that can fail on the user's side fails before the folder is touched.
    let space = Space::f32(&transport_core::device::select(config.run.device.as_deref())?);
    let problem = Problem::prepare(&config.data, config.train.seed)?;
    let mut training = registry::model(&config.model.name)?.begin(config, &problem, &space)?;
    let mut memory = Memory::default();
    let _lock = folder.lock()?;
    if resumed {
        if let Some(archive) = folder.read_checkpoint()? {
            memory = restore(&mut *training, &archive, &problem, folder)?;
        }
        folder.rewind_metrics(training.steps_done())?;
    } else {
        if mode == Mode::Overwrite {
            folder.replace()?;
        }
        folder.begin()?;
        folder.write_config(&config.to_toml()?)?;
    }
    observer.begin(&problem, training.steps_done(), training.steps_total());
    // On a worker of the pool: a step's shards then start without waking this thread.
    let outcome =
        rayon::scope(|_| advance(config, folder, &problem, &mut *training, &mut memory, observer));
    let outcome = outcome.and_then(|outcome| {
        ended(outcome, config, folder, &problem, &*training, &memory).map(|()| outcome)
    });
    if outcome.is_err() && !folder.has_checkpoint() {
        folder.restore()?;
    }
    outcome
}

/// Leaves the model of a training that has finished.
fn ended(
    outcome: Outcome,
    config: &Config,
    folder: &Folder,
    problem: &Problem,
    training: &dyn Training,
    memory: &Memory,
) -> Result<(), TrainError> {
    if outcome == Outcome::Finished {
        let card = Card {
            config: config.clone(),
            schema: problem.schema.clone(),
            source: problem.source.clone(),
            rows: problem.rows.len(),
            steps: training.steps_done(),
            best: memory.watch.best(),
            data: Some(problem.fingerprint),
        };
        let weights = memory.watch.kept(training);
        if !weights.is_finite() {
            // The last step can break the weights before any loss shows it.
            return Err(TrainError::Diverged { step: card.steps, loss: f64::NAN });
        }
        if let Some(averages) = training.averages() {
            folder.write_averages(&reaverage::archive(averages))?;
        }
        folder.finish(&Run::archive(&card, weights, &problem.rows.contexts)?)?;
    }
    Ok(())
}

/// The only training loop.
fn advance(
    config: &Config,
    folder: &Folder,
    problem: &Problem,
    training: &mut dyn Training,
    memory: &mut Memory,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let patience = config.train.patience;
    while training.steps_done() < training.steps_total() && !memory.watch.tired(patience) {
        let report = training.step();
        let diverged = || TrainError::Diverged { step: report.step, loss: report.loss };
        if !report.loss.is_finite() || !report.gradient_norm.is_finite() {
            return Err(diverged());
        }
        memory.window.add(report.loss);
        let seen = memory.watch.look(training, problem, &config.train)?;
        let early = memory.watch.tired(patience);
        let last = report.step == training.steps_total() || early;
        let logged = report.step.is_multiple_of(config.run.log_every) || last;
        if logged || seen.is_some() {
            folder.append_metrics(&memory.line(logged, training, &report, seen))?;
        }
        observer.step(&report);
        if let Some(seen) = seen {
            observer.validated(&seen, memory.watch.best().as_ref());
        }
        let stop = observer.stop() && !last;
        if stop || (report.step.is_multiple_of(config.run.checkpoint_every) && !last) {
            let archive = checkpoint(training, problem, memory);
            // A step can break the weights before any loss shows it: the last whole ones stay.
            if !archive.weights.is_finite() {
                return Err(diverged());
            }
            folder.write_checkpoint(&archive)?;
        }
        if stop {
            return Ok(Outcome::Interrupted { step: report.step });
        }
    }
    if training.steps_done() < training.steps_total() {
        observer.stopped_early(training.steps_done());
    }
    Ok(Outcome::Finished)
}

/// What a session remembers beside the training itself.
#[derive(Clone, Debug, Default, PartialEq)]
struct Memory {
    window: Window,
    watch: Watch,
}

impl Memory {
    /// A line of `metrics.jsonl`: the loss when it is reported, the validation loss when it is new.
    fn line(
        &mut self,
        logged: bool,
        training: &dyn Training,
        report: &StepReport,
        seen: Option<Validation>,
    ) -> Value {
        let mut line = json!({ "step": report.step });
        if logged {
            line["loss"] = std::mem::take(&mut self.window).mean().into();
            line["gradient_norm"] = report.gradient_norm.into();
            line["lr"] = report.lr.into();
            training.extras().into_iter().for_each(|(name, value)| line[name] = value.into());
        }
        if let Some(seen) = seen {
            line["validation_loss"] = seen.loss.into();
        }
        line
    }
}

/// The mean loss since it was last reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Window {
    sum: f64,
    count: u64,
}

impl Window {
    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.count += 1;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

fn checkpoint(training: &dyn Training, problem: &Problem, memory: &Memory) -> Archive {
    let (mut card, mut weights) = (Map::new(), training.state());
    card.insert("step".into(), training.steps_done().into());
    card.insert("data".into(), problem.fingerprint.into());
    card.insert("loss_sum".into(), memory.window.sum.into());
    card.insert("loss_count".into(), memory.window.count.into());
    memory.watch.save(&mut card, &mut weights);
    Archive { card, weights }
}

fn restore(
    training: &mut dyn Training,
    archive: &Archive,
    problem: &Problem,
    folder: &Folder,
) -> Result<Memory, TrainError> {
    let number = |key: &str| archive.card.get(key).and_then(Value::as_u64).unwrap_or(0);
    if number("data") != u64::from(problem.fingerprint) {
        let folder = folder.path().display().to_string();
        return Err(TrainError::Changed { folder, section: "content of the data file" });
    }
    training.restore(&archive.weights, number("step"))?;
    let sum = archive.card.get("loss_sum").and_then(Value::as_f64).unwrap_or(0.0);
    let window = Window { sum, count: number("loss_count") };
    Ok(Memory { window, watch: Watch::load(&archive.card, &archive.weights) })
}

/// A resumed run is the run that was begun, but for what does not change its result.
fn same(begun: &Config, asked: &Config, folder: &Folder) -> Result<(), TrainError> {
    let sections = [
        ("[data]", begun.data == asked.data),
        ("[model]", begun.model == asked.model),
        ("[train]", begun.train == asked.train),
        ("[optim]", begun.optim == asked.optim),
        ("[sample]", begun.sample == asked.sample),
    ];
    match sections.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((section, _)) => {
            let folder = folder.path().display().to_string();
            Err(TrainError::Changed { folder, section })
        }
    }
}
