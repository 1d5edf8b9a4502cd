//! A table of steps: the schedule of a model that was trained at integer timesteps.

use super::{Coefs, Schedule};
use crate::time::Interval;
use std::f64::consts::FRAC_PI_2;

/// DDPM's chain `x_k = √ᾱ_k x₁ + √(1 − ᾱ_k) x₀`, `k = 0 … T − 1`, as a schedule.
///
/// ```text
/// ᾱ_k = Π_{i ≤ k} (1 − β_i),     t_k = 1 − (k + 1)/T
/// α(t)² = exp(linear interpolation of ln ᾱ between the t_k),   σ² = 1 − α²
/// ```
///
/// `t = 1` is the clean state, `ᾱ = 1`, one step below `k = 0`. Between two timesteps β is
/// constant, which makes the interpolation a variance-preserving process.
///
/// # Example
/// ```
/// use transport_core::schedule::{Discrete, Schedule, Timesteps};
/// let schedule = Discrete::linear(1000, 1e-4, 0.02).unwrap();
/// let c = schedule.at(schedule.time(0.0));
/// assert!((c.sigma * c.sigma - 1e-4).abs() < 1e-16);
/// assert_eq!(schedule.timesteps(Timesteps::Leading { offset: 1 }, 4).unwrap(), [751.0, 501.0, 251.0, 1.0]);
/// ```
///
/// # References
/// Ho, Jain & Abbeel (2020); Nichol & Dhariwal (2021) for the cosine table; Lu et al. (2022),
/// "DPM-Solver", app. D.2, for the interpolation.
/// # Checked by
/// `tests/it/discrete.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Discrete {
    /// `½ ln ᾱ` at positions 0 (clean), 1 (`k = 0`), …, T.
    log_alpha: Vec<f64>,
}

/// Which of the `T` timesteps a sampler visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timesteps {
    /// `k_i = ⌊T/n⌋ i + offset`: starts below the last timestep, ends at `offset`.
    Leading {
        /// Added to each.
        offset: usize,
    },
    /// `n` values from `T − 1` to 0, both included, rounded to even.
    Linspace,
    /// `k_i = round(T − i T/n) − 1`: starts at the last timestep, ends above 0.
    Trailing,
}

/// Values that do not make a table, or timesteps that are not in one.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscreteError {
    /// A table without steps.
    #[error("a table of betas needs at least one")]
    Empty,
    /// A beta outside (0, 1); the last may be 1.
    #[error("beta {index} is {value}: betas lie between 0 and 1")]
    Beta {
        /// Which.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A number of timesteps that the table does not have.
    #[error("{count} timesteps out of {steps} (offset {offset})")]
    Count {
        /// How many were asked for.
        count: usize,
        /// How many there are.
        steps: usize,
        /// The offset asked for.
        offset: usize,
    },
}

impl Discrete {
    /// The table of `β_0 … β_{T−1}`.
    ///
    /// # Errors
    /// [`DiscreteError`] when there are none or one is outside (0, 1).
    pub fn new(betas: &[f64]) -> Result<Self, DiscreteError> {
        let last = betas.len().checked_sub(1).ok_or(DiscreteError::Empty)?;
        let mut log_alpha = vec![0.0];
        for (index, value) in betas.iter().copied().enumerate() {
            let inside = value > 0.0 && (value < 1.0 || (value == 1.0 && index == last));
            if !inside {
                return Err(DiscreteError::Beta { index, value });
            }
            log_alpha.push(log_alpha[index] + 0.5 * (-value).ln_1p());
        }
        Ok(Self { log_alpha })
    }

    /// `β` from `first` to `last` in equal steps (Ho et al. 2020: 10⁻⁴ to 0.02, `T = 1000`).
    ///
    /// # Errors
    /// As [`Discrete::new`].
    pub fn linear(steps: usize, first: f64, last: f64) -> Result<Self, DiscreteError> {
        Self::new(&linspace(first, last, steps))
    }

    /// `√β` in equal steps (Rombach et al. 2022).
    ///
    /// # Errors
    /// As [`Discrete::new`].
    pub fn scaled_linear(steps: usize, first: f64, last: f64) -> Result<Self, DiscreteError> {
        let roots = linspace(first.sqrt(), last.sqrt(), steps);
        Self::new(&roots.iter().map(|root| root * root).collect::<Vec<_>>())
    }

    /// `ᾱ = cos²(π/2 · (s + δ)/(1 + δ))`, `δ = 0.008`, each β capped at 0.999.
    ///
    /// # Errors
    /// [`DiscreteError::Empty`].
    pub fn cosine(steps: usize) -> Result<Self, DiscreteError> {
        let alpha_bar = |k: usize| {
            let s = k as f64 / steps as f64;
            (FRAC_PI_2 * (s + 0.008) / 1.008).cos().powi(2)
        };
        let beta = |k: usize| (1.0 - alpha_bar(k + 1) / alpha_bar(k)).min(0.999);
        Self::new(&(0..steps).map(beta).collect::<Vec<_>>())
    }

    /// The table shifted and scaled so that `ᾱ_{T−1} = 0` while `ᾱ_0` stays (Lin et al. 2024,
    /// "Common diffusion noise schedules and sample steps are flawed", alg. 1).
    #[must_use]
    pub fn with_zero_terminal_snr(&self) -> Self {
        let alpha: Vec<f64> = self.log_alpha.iter().map(|a| a.exp()).collect();
        let (first, last) = (alpha[1], alpha[self.steps()]);
        let moved = |a: &f64| ((a - last) * first / (first - last)).max(0.0).ln();
        let log_alpha = std::iter::once(0.0).chain(alpha[1..].iter().map(moved)).collect();
        Self { log_alpha }
    }

    /// `T`.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.log_alpha.len() - 1
    }

    /// `ᾱ_k`.
    ///
    /// # Panics
    /// When `k ≥ T`.
    #[must_use]
    pub fn alpha_bar(&self, k: usize) -> f64 {
        (2.0 * self.log_alpha[k + 1]).exp()
    }

    /// The transport time of timestep `k`, `−1` being the clean state.
    #[must_use]
    pub fn time(&self, k: f64) -> f64 {
        1.0 - (k + 1.0) / self.steps() as f64
    }

    /// The timestep at `t`: what such a model takes as its time.
    #[must_use]
    pub fn timestep(&self, t: f64) -> f64 {
        self.position(t) - 1.0
    }

    /// `n` timesteps, from noise to data.
    ///
    /// # Errors
    /// [`DiscreteError::Count`] when `n` is 0 or they do not fit into the table.
    pub fn timesteps(&self, which: Timesteps, n: usize) -> Result<Vec<f64>, DiscreteError> {
        let steps = self.steps();
        let offset = if let Timesteps::Leading { offset } = which { offset } else { 0 };
        let (total, count) = (steps as f64, n as f64);
        let at = |i: usize| match which {
            Timesteps::Leading { .. } => {
                (total / count).floor() * (n - 1 - i) as f64 + offset as f64
            }
            Timesteps::Linspace if n == 1 => total - 1.0,
            Timesteps::Linspace => {
                ((n - 1 - i) as f64 * (total - 1.0) / (count - 1.0)).round_ties_even()
            }
            Timesteps::Trailing => (total - i as f64 * total / count).round_ties_even() - 1.0,
        };
        if n == 0 || n > steps || at(0) > total - 1.0 {
            return Err(DiscreteError::Count { count: n, steps, offset });
        }
        Ok((0..n).map(at).collect())
    }

    /// `T (1 − t)`, moved onto the whole number that it rounds to when that is what was meant.
    fn position(&self, t: f64) -> f64 {
        let position = self.steps() as f64 * (1.0 - t);
        if (position - position.round()).abs() < 1e-9 { position.round() } else { position }
    }
}

impl Schedule for Discrete {
    fn at(&self, t: f64) -> Coefs {
        let position = self.position(t).clamp(0.0, self.steps() as f64);
        let cell = (position.ceil() as usize).max(1);
        let (above, below) = (self.log_alpha[cell - 1], self.log_alpha[cell]);
        let part = position - (cell - 1) as f64;
        // ln ᾱ may be −∞ at the last timestep, where 0 · ∞ must not appear.
        let log_alpha = match part {
            0.0 => above,
            1.0 => below,
            part => above + part * (below - above),
        };
        let (alpha, sigma) = (log_alpha.exp(), (2.0 * log_alpha).exp_m1().abs().sqrt());
        let rate = (above - below) * self.steps() as f64;
        Coefs { alpha, sigma, d_alpha: alpha * rate, d_sigma: -alpha * alpha * rate / sigma }
    }

    fn domain(&self) -> Interval {
        let open = self.log_alpha[self.steps()].is_infinite();
        Interval {
            start: if open { self.time(self.steps() as f64 - 2.0) } else { 0.0 },
            end: self.time(0.0),
        }
    }

    fn sampling(&self) -> Interval {
        Interval::UNIT
    }
}

fn linspace(first: f64, last: f64, n: usize) -> Vec<f64> {
    let gaps = n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| first + (last - first) * i as f64 / gaps).collect()
}
