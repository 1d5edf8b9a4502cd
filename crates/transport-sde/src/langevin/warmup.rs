//! Warm-up: what is adapted when, before everything is frozen.

use super::{DualAveraging, Move, Preconditioner, State, Transition, Tuning, Welford};
use transport_core::Noise;
use transport_core::device::to_host;

/// What warm-up learns of the target's geometry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Nothing: the preconditioner stays as it is.
    #[default]
    Keep,
    /// A variance for each coordinate.
    Diagonal,
    /// The whole covariance.
    Dense,
}

/// The warm-up of Stan, pooled over the chains.
///
/// The step follows [`DualAveraging`] throughout. Between a first phase (75 steps) and a last one
/// (150; Stan's 50 leave the acceptance some points too high), the covariance of all chains is
/// gathered over windows of 25, 50, 100, … steps, the last one taking what is left; at the end of
/// each the preconditioner is replaced, and the step is searched and averaged anew. A warm-up too
/// short for that takes 15 %, 75 % and 10 %; one of fewer than 20 steps leaves the geometry alone.
///
/// Until the last phase the acceptance of the chains is pooled by its harmonic mean, which a single
/// stuck chain pulls down, so that no chain is left behind; in the last phase by the arithmetic
/// mean, which is the rate aimed at.
///
/// # References
/// Stan reference manual, "HMC algorithm parameters", automatic parameter tuning; Hoffman, Radul &
/// Sountsov (2021) for the harmonic mean.
pub(super) struct Warmup {
    averaging: Option<DualAveraging>,
    goal: Option<f64>,
    metric: Metric,
    moments: Welford,
    first: usize,
    ends: Vec<usize>,
    last_phase: bool,
}

impl Warmup {
    pub(super) fn new(steps: usize, metric: Metric, goal: Option<f64>, d: usize) -> Self {
        let (first, ends) = windows(steps);
        let (averaging, moments, last_phase) = (None, Welford::new(d), ends.is_empty());
        Self { averaging, goal, metric, moments, first, ends, last_phase }
    }

    /// How the chains' acceptance becomes one number.
    fn pool(&self) -> fn(&[f64]) -> f64 {
        if self.last_phase { average } else { harmonic_mean }
    }

    /// Finds a step of the right size and starts averaging from it.
    pub(super) fn start(
        &mut self,
        transition: &dyn Transition,
        state: &State,
        tuning: &mut Tuning,
        noise: &Noise,
    ) {
        let Some(goal) = self.goal else { return };
        tuning.step = reasonable_step(transition, state, tuning, noise, self.pool());
        self.averaging = Some(DualAveraging::new(tuning.step, goal));
    }

    /// Learns from step `k`; says whether the step is to be searched anew, because the geometry has
    /// changed or the last phase begins.
    pub(super) fn learn(
        &mut self,
        k: usize,
        moved: &Move,
        transition: &dyn Transition,
        tuning: &mut Tuning,
    ) -> bool {
        self.last_phase = self.ends.last().is_none_or(|end| k + 1 >= *end);
        let pool = self.pool();
        if let Some(averaging) = &mut self.averaging {
            averaging.learn(pool(&moved.acceptance));
            tuning.step = averaging.step();
        }
        let ending = self.ends.contains(&(k + 1));
        if self.metric == Metric::Keep {
            return ending && self.last_phase;
        }
        if k < self.first || self.ends.last().is_none_or(|end| k >= *end) {
            return false;
        }
        let x = transition.visible(&moved.state);
        let d = x.dims()[1];
        to_host(x).chunks_exact(d).for_each(|row| self.moments.add(row));
        ending && self.replace(tuning, d)
    }

    /// The preconditioner from the window that ends, and a fresh one for the next.
    fn replace(&mut self, tuning: &mut Tuning, d: usize) -> bool {
        let covariance = std::mem::replace(&mut self.moments, Welford::new(d)).regularised();
        let found = match self.metric {
            Metric::Diagonal => {
                let variances: Vec<f64> = (0..d).map(|i| covariance[i * d + i]).collect();
                Preconditioner::diagonal(&variances)
            }
            _ => Preconditioner::dense(&covariance, d),
        };
        // A window in which nothing usable was seen changes nothing.
        found.map(|p| tuning.preconditioner = p).is_ok()
    }

    /// The step to keep.
    pub(super) fn finish(&self, tuning: &mut Tuning) {
        if let Some(averaging) = &self.averaging {
            tuning.step = averaging.average();
        }
    }
}

/// The first step of the first window, and the steps that windows end before.
fn windows(steps: usize) -> (usize, Vec<usize>) {
    let percent = |p: usize| (p * steps).checked_div(100).unwrap_or(0);
    let (first, last, mut size) = match steps {
        0..20 => return (0, vec![]),
        20..300 => (percent(15), steps - percent(10), steps),
        _ => (75, steps - 150, 25),
    };
    let (mut ends, mut start) = (vec![], first);
    while start < last {
        // The next window would not fit behind this one: take all.
        let whole = start + size + 2 * size > last;
        let end = if whole { last } else { start + size };
        ends.push(end);
        (start, size) = (end, 2 * size);
    }
    (first, ends)
}

fn average(acceptance: &[f64]) -> f64 {
    acceptance.iter().sum::<f64>() / acceptance.len() as f64
}

fn harmonic_mean(acceptance: &[f64]) -> f64 {
    acceptance.len() as f64 / acceptance.iter().map(|a| 1.0 / a).sum::<f64>()
}

/// Doubles or halves the step until the pooled acceptance crosses one half.
///
/// # References
/// Hoffman & Gelman (2014), algorithm 4.
fn reasonable_step(
    transition: &dyn Transition,
    state: &State,
    tuning: &Tuning,
    noise: &Noise,
    pool: fn(&[f64]) -> f64,
) -> f64 {
    const TRIES: u64 = 100;
    let noise = noise.purpose("search");
    let mut trial = tuning.clone();
    let accepted = |i: u64, trial: &Tuning| {
        let moved = transition.step(0, state.clone(), trial, &noise.at_step(i));
        pool(&moved.acceptance) > 0.5
    };
    let grow = accepted(0, &trial);
    let factor = if grow { 2.0 } else { 0.5 };
    for i in 1..TRIES {
        trial.step *= factor;
        if accepted(i, &trial) != grow {
            break;
        }
    }
    trial.step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_and_fill_the_middle() {
        assert_eq!(windows(1000), (75, vec![100, 150, 250, 450, 850]));
        assert_eq!(windows(2000), (75, vec![100, 150, 250, 450, 850, 1850]));
        assert_eq!(windows(100), (15, vec![90]));
        assert_eq!(windows(300), (75, vec![100, 150]));
        assert_eq!(windows(19), (0, vec![]));
    }
}
