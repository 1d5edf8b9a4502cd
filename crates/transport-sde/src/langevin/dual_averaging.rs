//! Dual averaging: a step that meets an acceptance rate.

/// Nesterov's dual averaging of `log ε`, driven by the gap to the acceptance rate aimed at.
///
/// ```text
/// H̄ₜ = (1 − 1/(t+t₀)) H̄ₜ₋₁ + (δ − aₜ)/(t+t₀)
/// log εₜ = μ − √t/γ H̄ₜ,    log ε̄ₜ = t^{−κ} log εₜ + (1 − t^{−κ}) log ε̄ₜ₋₁
/// γ = 0.05,  t₀ = 10,  κ = 0.75,  μ = log 10ε₀
/// ```
///
/// # References
/// Hoffman & Gelman (2014), "The No-U-Turn sampler", §3.2.
/// # Checked by
/// `tests/it/langevin.rs::warm_up_reaches_the_acceptance_it_aims_at`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualAveraging {
    goal: f64,
    mu: f64,
    t: f64,
    gap: f64,
    log_step: f64,
    log_average: f64,
}

impl DualAveraging {
    const GAMMA: f64 = 0.05;
    const T0: f64 = 10.0;
    const KAPPA: f64 = 0.75;

    /// Starts from a step, towards an acceptance rate.
    #[must_use]
    pub fn new(step: f64, goal: f64) -> Self {
        let log_step = step.ln();
        Self { goal, mu: log_step + 10f64.ln(), t: 0.0, gap: 0.0, log_step, log_average: log_step }
    }

    /// Learns the acceptance rate of one step.
    pub fn learn(&mut self, acceptance: f64) {
        self.t += 1.0;
        let weight = 1.0 / (self.t + Self::T0);
        self.gap = (1.0 - weight) * self.gap + weight * (self.goal - acceptance);
        self.log_step = self.mu - self.t.sqrt() / Self::GAMMA * self.gap;
        let recent = self.t.powf(-Self::KAPPA);
        self.log_average = recent * self.log_step + (1.0 - recent) * self.log_average;
    }

    /// The step to try next.
    #[must_use]
    pub fn step(&self) -> f64 {
        self.log_step.exp()
    }

    /// The step to keep.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.log_average.exp()
    }
}
