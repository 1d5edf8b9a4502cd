//! Reversal with exact scores: what starting from the prior costs each process, and critically
//! damped Langevin run backwards as an SDE and as an ODE.
//!
//! cargo run --release --example reversal
use transport::core::device::{select, to_host};
use transport::core::law::{Gaussian, Law, Mixture};
use transport::core::process::{Cosine, CriticallyDamped, Edm, SubVp, Ve, Vp};
use transport::core::{Interval, LinearSde, Noise, Space};
use transport::sde::dynamics::{
    Clock, ExactScore, Forward, Marginals, ProbabilityFlow, Reversed, prior_mismatch,
};
use transport::sde::{Grid, OdeFlow, SdeFlow, Solver};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f64(&select(None)?);
    let components =
        vec![Gaussian::isotropic(vec![-1.2], 0.4), Gaussian::isotropic(vec![1.0], 0.5)];
    let law = Mixture::new(vec![0.3, 0.7], components)?;

    println!("KL(q_S ‖ prior), nats");
    linear("VP", Vp::default(), 1.0, &law, &space);
    linear("sub-VP", SubVp::default(), 1.0, &law, &space);
    linear("VE, σ to 50", Ve::default(), 1.0, &law, &space);
    linear("cosine, to 0.999", Cosine::default(), 0.999, &law, &space);
    linear("EDM, σ to 80", Edm::default(), 1.0, &law, &space);
    let process = CriticallyDamped::default();
    report("critically damped", &process.law_at(&law, 1.0), &process.reference(1), &space);

    let (n, noise) = (4000, Noise::new(0, 4000));
    let score = ExactScore { law: law.clone(), process };
    let start = process.law_at(&law, 1.0).sample(&noise.purpose("start"), &space);
    let grid = Grid::uniform(Interval::UNIT, 1000)?;
    let sde = Reversed { sde: process, score: score.clone(), clock: Clock::UNIT };
    let sde = SdeFlow { sde, grid: grid.clone(), solver: Solver::EulerMaruyama };
    let field = ProbabilityFlow { sde: process, score }.on_transport_clock(Clock::UNIT);
    let ode = OdeFlow { field, grid, solver: Solver::Heun };
    println!("positions of {n} samples (exactly: mean 0.340, share below zero 0.316)");
    let ends = [("reverse SDE", sde.solve(start.clone(), &noise)?), ("flow", ode.solve(start)?)];
    for (name, end) in ends {
        let x = to_host(end.narrow(1, 0, 1));
        let mean = x.iter().sum::<f64>() / n as f64;
        let below = x.iter().filter(|x| **x < 0.0).count() as f64 / n as f64;
        println!("  {name:<12} mean {mean:.3}, share below zero {below:.3}");
    }
    Ok(())
}

/// A linear process, whose prior is N(0, σ² I) with σ its own at the end.
fn linear(name: &str, process: impl LinearSde, end: f64, law: &Mixture, space: &Space) {
    let end = end * process.horizon();
    let prior = Gaussian::isotropic(vec![0.0], process.marginal(end).1);
    report(name, &Forward(process).law_at(law, end), &prior, space);
}

fn report(name: &str, terminal: &Mixture, prior: &Gaussian, space: &Space) {
    let found = prior_mismatch(terminal, prior, &Noise::new(1, 100_000), space);
    println!("  {name:<20} {:.2e} ± {:.0e}", found.nats, found.standard_error);
}
