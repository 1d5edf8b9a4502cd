//! Progress, and Ctrl-C.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use transport_train::Observer;
use transport_train::problem::Problem;
use transport_train::trainer::StepReport;
use transport_train::validation::Validation;

static STOP: AtomicBool = AtomicBool::new(false);
static LOOPING: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (or a request to terminate) ends the program with exit code 130: at once, or
/// where a loop is [`Catching`] it after what the loop saves; a second one at once there too.
pub(crate) fn end_on_interrupts() {
    // Where no handler can be set, Ctrl-C keeps its usual meaning and the checkpoints remain.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) || !LOOPING.load(Ordering::SeqCst) {
            std::process::exit(i32::from(crate::INTERRUPTED));
        }
    });
}

/// As [`end_on_interrupts`], with a loop that begins now.
pub(crate) fn catch_interrupts() -> Catching {
    end_on_interrupts();
    Catching::new()
}

/// While it lives a loop asks whether it was [`stopped`].
#[must_use]
pub(crate) struct Catching(());

impl Catching {
    fn new() -> Self {
        LOOPING.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        LOOPING.store(false, Ordering::SeqCst);
    }
}

/// Whether Ctrl-C was pressed.
pub(crate) fn stopped() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// A bar on a terminal, a plain line now and then elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    spoken: Instant,
    first: u64,
    total: u64,
    loss: f64,
    validation: Option<(Validation, Validation)>,
    catching: Option<Catching>,
}

/// How often plain lines are written.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// How much of the displayed loss is the newest one.
const SMOOTHING: f64 = 0.02;

impl Progress {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            bar: None,
            started: now,
            spoken: now,
            first: 0,
            total: 0,
            loss: f64::NAN,
            validation: None,
            catching: None,
        }
    }

    /// The newest validation loss, and the lowest with its step.
    fn validated_text(&self) -> String {
        let text = |(seen, best): (Validation, Validation)| {
            format!("  validation {:.4} (best {:.4} at {})", seen.loss, best.loss, best.step)
        };
        self.validation.map(text).unwrap_or_default()
    }

    fn rate(&self, step: u64) -> f64 {
        (step - self.first) as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Observer for Progress {
    fn begin(&mut self, problem: &Problem, done: u64, total: u64) {
        self.catching = Some(Catching::new());
        let schema = &problem.schema;
        output::note(&problem.source);
        output::note(&format!(
            "{} to train on, {}{} held out, {}",
            output::count(problem.train.rows(), "row"),
            match problem.validation.len() {
                0 => String::new(),
                rows => format!("{rows} for validation, "),
            },
            problem.test.rows(),
            output::count(schema.names.len(), "column"),
        ));
        if !problem.skipped.is_empty() {
            output::note(&format!(
                "left out, since they hold text: {}",
                problem.skipped.join(", ")
            ));
        }
        let constant = schema.scaler.constant_columns();
        if !constant.is_empty() {
            let named: Vec<&str> =
                constant.iter().take(8).map(|j| schema.names[*j].as_str()).collect();
            let more = if constant.len() > named.len() { ", …" } else { "" };
            output::note(&format!(
                "warning: {} constant in the training rows ({}{more}): kept out of the model and \
                 written to samples as they are",
                if constant.len() == 1 { "1 column is" } else { "some columns are" },
                named.join(", "),
            ));
        }
        if done > 0 {
            output::note(&format!("resuming after step {done} of {total}"));
        }
        (self.first, self.total) = (done, total);
        self.started = Instant::now();
        self.spoken = self.started;
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{bar:32} {pos}/{len}  loss {msg}  {per_sec}  {eta} left",
            );
            let bar =
                ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = style {
                bar.set_style(style.with_key(
                    "per_sec",
                    |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                        let _ = write!(w, "{:.0} steps/s", state.per_sec());
                    },
                ));
            }
            bar.set_position(done);
            bar.reset_eta();
            self.bar = Some(bar);
        }
    }

    fn step(&mut self, report: &StepReport) {
        self.loss = if self.loss.is_nan() {
            report.loss
        } else {
            self.loss + SMOOTHING * (report.loss - self.loss)
        };
        let last = report.step == self.total;
        if let Some(bar) = &self.bar {
            bar.set_position(report.step);
            if report.step.is_multiple_of(8) || last {
                bar.set_message(format!("{:.4}{}", self.loss, self.validated_text()));
            }
            if last {
                bar.finish();
            }
        } else if last || self.spoken.elapsed() >= PLAIN_EVERY {
            self.spoken = Instant::now();
            let rate = self.rate(report.step);
            let left = (self.total - report.step) as f64 / rate.max(1e-9);
            output::note(&format!(
                "step {}/{}  loss {:.4}{}  {rate:.0} steps/s  {left:.0} s left",
                report.step,
                self.total,
                self.loss,
                self.validated_text(),
            ));
        }
    }

    fn validated(&mut self, seen: &Validation, best: Option<&Validation>) {
        self.validation = Some((*seen, *best.unwrap_or(seen)));
    }

    fn stopped_early(&mut self, step: u64) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        let best = self.validation.map_or(step, |(_, best)| best.step);
        output::note(&format!(
            "stopped after step {step}: the validation loss was lowest after step {best}"
        ));
    }

    fn stop(&self) -> bool {
        stopped()
    }
}
