//! The bar of a loop whose length is known: on a terminal a bar, elsewhere a line now and then.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often plain lines are written.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Counts steps towards a total.
pub(crate) struct Counter {
    bar: Option<ProgressBar>,
    started: Instant,
    spoken: Instant,
    total: usize,
}

impl Counter {
    pub(crate) fn new(total: usize) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(8);
            let bar = ProgressBar::with_draw_target(Some(total as u64), target);
            let template = "{bar:32} {pos}/{len}  {msg}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, started: now, spoken: now, total }
    }

    /// Step `step` is done, counted from 1; `say` is asked when something is shown.
    pub(crate) fn at(&mut self, step: usize, say: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                if step.is_multiple_of(32) || step == self.total {
                    bar.set_message(say());
                }
                if step == self.total {
                    bar.finish_and_clear();
                }
            }
            None if self.spoken.elapsed() >= PLAIN_EVERY => {
                self.spoken = Instant::now();
                let rate = step as f64 / self.started.elapsed().as_secs_f64();
                let left = self.total.saturating_sub(step) as f64 / rate;
                output::note(&format!("step {step}/{}  {}  {left:.0} s left", self.total, say()));
            }
            None => {}
        }
    }
}
