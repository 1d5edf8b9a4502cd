//! The theory of the adversarial game, in numbers: the best critic, trained critics, and the
//! divergence that they see.
//!
//! p is two modes on the line, q one wide Gaussian; both densities are known, so that
//! D* = p/(p + q) and L(D*, G) = −ln 4 + 2 JS are integrals. Critics of growing width and depth are
//! trained on samples alone. Each sees at most that much, on held-out points and exactly, and a
//! larger class sees more. The figure shows their outputs, D = 1/(1 + e⁻ᵗ).
//!
//! cargo run --release --example gan_theory
use std::path::Path;
use transport::core::device::{select, to_host};
use transport::core::law::{Gaussian, Law, Mixture};
use transport::core::{Noise, Space};
use transport::models::gan::{
    Band, Bend, Critic, CriticConfig, Divergence, Game, InputGradient, Normalisation, Seen,
};
use transport::sde::fokker_planck::{Axis, Mesh};
use transport::train::adversarial::{CriticPlayer, Loss, Penalty, Round};
use transport::train::optim::{Betas, OptimConfig};
use transport::viz::{Series, curves};

const STEPS: u64 = 3000;
const BATCH: usize = 512;
const HELD_OUT: usize = 100_000;

fn critic(width: usize, depth: usize, space: &Space) -> Result<Critic, Box<dyn std::error::Error>> {
    let config = CriticConfig {
        width,
        depth,
        stages: 0,
        channels: 1,
        pack: 1,
        fourier: Band { count: 0, turns: 1.0, octaves: 0.0 },
        bend: Bend::Silu,
        normalisation: Normalisation::None,
        bound: 1.0,
    };
    Ok(Critic::new(&config, &Seen::rows(1), &Noise::new(0, 1), space)?)
}

/// `ln D(x) + ln(1 − D(y))`, one for each pair of outputs.
fn values(real: &[f64], fake: &[f64]) -> Vec<f64> {
    let softplus = |t: f64| t.max(0.0) + (-t.abs()).exp().ln_1p();
    real.iter().zip(fake).map(|(r, s)| -softplus(-r) - softplus(*s)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = select(None)?;
    let (space, double) = (Space::f32(&device), Space::f64(&device));
    let modes = vec![Gaussian::isotropic(vec![-1.2], 0.3), Gaussian::isotropic(vec![1.0], 0.5)];
    let (p, q) = (Mixture::new(vec![0.4, 0.6], modes)?, Gaussian::isotropic(vec![0.0], 1.2));
    let mesh = Mesh::new(vec![Axis::new(-8.0, 8.0, 4000)])?;
    let game = Game::new(&p, &q, &mesh, &double);
    let best = game.optimum();
    let theory = -4f64.ln() + 2.0 * game.jensen_shannon();
    println!("−ln 4 + 2 JS = {theory:.6}");
    println!(
        "L(D*, G)     = {:.6}   (differs by {:.0e})",
        game.value(&best),
        game.value(&best) - theory
    );
    for f in Divergence::ALL {
        let v: Vec<f64> = best.iter().map(|r| f.optimum(*r)).collect();
        let (exact, bound) = (game.divergence(f), game.bound(f, &v, &double));
        println!("{:<17} D_f = {exact:.6}, at the best critic {bound:.6}", format!("{f:?}"));
    }

    let held_out = |purpose: &str| Noise::new(99, HELD_OUT).purpose(purpose);
    let (real, fake) = (p.sample(&held_out("p"), &space), q.sample(&held_out("q"), &space));
    let centres = mesh.centres();
    let window: Vec<usize> = (0..mesh.len()).filter(|k| centres[*k].abs() < 3.0).collect();
    let curve = |name: &str, logits: &[f64]| -> (String, Vec<(f64, f64)>) {
        let at = |k: &usize| (centres[*k], logits[*k]);
        (name.to_owned(), window.iter().step_by(10).map(at).collect())
    };
    let mut lines = vec![curve("best: ln p − ln q", &best)];
    println!("\nclass       exact value   held out (s.e.)        of −ln 4 + 2 JS seen");
    for (width, depth) in [(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (16, 2), (32, 3)] {
        let optim = OptimConfig { lr: 1e-2, weight_decay: 0.0, ..OptimConfig::default() };
        let (loss, betas) = (Loss::Minimax, Betas::default());
        let critic = critic(width, depth, &space)?;
        let mut player = CriticPlayer::new(critic, loss, Penalty::None, optim, betas)?;
        for step in 0..STEPS {
            let noise = Noise::new(1, BATCH).at_step(step);
            let data = p.sample(&noise.purpose("p"), &space);
            let round = Round { data, context: None, noise, share: 1.0, pack: 1, blur: 0.0 };
            let samples = |round: &Round| q.sample(&round.noise.purpose("q"), &space);
            let _ = player.step(&[round], samples, optim.rate(step, STEPS), 1.0);
        }
        let given = player.critic().given(None);
        let logits = to_host(given.value(space.tensor(centres.clone(), [mesh.len(), 1])));
        let seen = values(&to_host(given.value(real.clone())), &to_host(given.value(fake.clone())));
        let n = seen.len() as f64;
        let mean = seen.iter().sum::<f64>() / n;
        let error = (seen.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n / n).sqrt();
        let exact = game.value(&logits);
        let share = (exact + 4f64.ln()) / (theory + 4f64.ln());
        println!(
            "{:<10} {exact:>12.5} {mean:>12.5} ({error:.5}) {:>14.1}%",
            format!("{width} x {depth}"),
            100.0 * share,
        );
        if [1, 4, 32].contains(&width) {
            lines.push(curve(&format!("trained, {width} x {depth}"), &logits));
        }
    }
    let series: Vec<Series<'_>> =
        lines.iter().map(|(name, points)| Series { name, points }).collect();
    let path = Path::new("gan_theory.png");
    curves(path, &series, "x", "logit of D(x)")?;
    println!("\nwrote {}", path.display());
    Ok(())
}
