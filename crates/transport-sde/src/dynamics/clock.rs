//! A process's clock read from the transport clock.

use transport_core::{LinearSde, Times};

/// `s = S (1 − t)`, for dynamics that are not [`transport_core::schedule::Noising`]'s.
///
/// A path `X_s` of the process, read on the transport clock, is `X̃_t = X_{S(1−t)}`: its time
/// derivatives carry a factor `−S`, its variances a factor `S`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The horizon `S`: the process's time at the reference, t = 0.
    pub horizon: f64,
}

impl Clock {
    /// The clock of a process with horizon 1.
    pub const UNIT: Self = Self { horizon: 1.0 };

    /// The clock of a linear process.
    #[must_use]
    pub fn of(process: &impl LinearSde) -> Self {
        Self { horizon: process.horizon() }
    }

    /// The process's time at `t`.
    #[must_use]
    pub fn process_time(&self, t: f64) -> f64 {
        self.horizon * (1.0 - t)
    }

    /// The transport's time at `s`.
    #[must_use]
    pub fn transport_time(&self, s: f64) -> f64 {
        1.0 - s / self.horizon
    }

    /// Hands the process's times of a batch to `f`.
    pub fn at<R>(&self, t: Times<'_>, f: impl FnOnce(Times<'_>) -> R) -> R {
        match t {
            Times::Same(t) => f(Times::Same(self.process_time(t))),
            Times::Each(times) => {
                let times: Vec<f64> = times.iter().map(|t| self.process_time(*t)).collect();
                f(Times::Each(&times))
            }
        }
    }
}
