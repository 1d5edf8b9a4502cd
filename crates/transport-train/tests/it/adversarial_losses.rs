//! The adversarial losses: against the formulas, and their optima against the divergences.

use burn::module::Module;
use std::f64::consts::LN_2;
use transport_core::Noise;
use transport_core::device::{Space, select};
use transport_models::gan::{Divergence, Reference};
use transport_train::adversarial::{Loss, credit};
use transport_train::optim::FlatGradients;
use transport_train::weights::{Array, Weights};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

/// The mean of `f` over pairs.
fn mean(real: &[f64], fake: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    real.iter().zip(fake).map(|(r, s)| f(*r, *s)).sum::<f64>() / real.len() as f64
}

/// A loss of one pair of outputs.
type Formula = fn(f64, f64) -> f64;

#[test]
fn losses_are_their_formulas() {
    let (real, fake) = ([0.3, -1.2, 2.0], [-0.7, 0.4, 1.5]);
    let cases: [(Loss, Formula, Formula); 9] = [
        (Loss::Minimax, |r, s| softplus(-r) + softplus(s), |_, s| -softplus(s)),
        (Loss::NonSaturating, |r, s| softplus(-r) + softplus(s), |_, s| softplus(-s)),
        (
            Loss::LeastSquares,
            |r, s| 0.5 * (r - 1.0).powi(2) + 0.5 * s * s,
            |_, s| 0.5 * (s - 1.0).powi(2),
        ),
        (Loss::Hinge, |r, s| (1.0 - r).max(0.0) + (1.0 + s).max(0.0), |_, s| -s),
        (Loss::Wasserstein, |r, s| s - r, |_, s| -s),
        (Loss::Relativistic, |r, s| softplus(s - r), |r, s| softplus(r - s)),
        (Loss::F(Divergence::Kl), |r, s| (s - 1.0).exp() - r, |_, s| -(s - 1.0).exp()),
        (Loss::F(Divergence::ReverseKl), |r, s| s - 1.0 + (-r).exp(), |_, s| 1.0 - s),
        (
            Loss::F(Divergence::Hellinger),
            |r, s| s.exp_m1() - (1.0 - (-r).exp()),
            |_, s| -s.exp_m1(),
        ),
    ];
    let tensor = |v: &[f64; 3]| space().tensor(v.to_vec(), [3, 1]);
    for (loss, critic, generator) in cases {
        let got = loss.critic(tensor(&real), tensor(&fake)).into_scalar::<f64>();
        assert!((got - mean(&real, &fake, critic)).abs() < 1e-12, "{loss:?}");
        let got = loss.generator(tensor(&real), tensor(&fake)).into_scalar::<f64>();
        assert!((got - mean(&real, &fake, generator)).abs() < 1e-12, "{loss:?}");
    }
}

/// On two points with `p = (3/4, 1/4)` and `q = (1/4, 3/4)` every expectation is a mean of four
/// rows, and every divergence a sum of two terms.
#[test]
fn the_best_critics_loss_is_the_divergence() {
    let (p, q) = ([0.75, 0.25], [0.25, 0.75]);
    let sum = |f: &dyn Fn(f64, f64) -> f64| f(p[0], q[0]) + f(p[1], q[1]);
    let half = |p: f64, q: f64| p * (2.0 * p / (p + q)).ln();
    let jensen_shannon = 0.5 * sum(&|p, q| half(p, q) + half(q, p));
    let triangular = sum(&|p, q| (p - q).powi(2) / (p + q));
    let total_variation = 0.5 * sum(&|p, q| (p - q).abs());
    let r = 3f64.ln();
    let mut cases = vec![
        (Loss::Minimax, [r, -r], jensen_shannon),
        (Loss::NonSaturating, [r, -r], jensen_shannon),
        (Loss::LeastSquares, [0.75, 0.25], triangular),
        (Loss::Hinge, [1.0, -1.0], total_variation),
    ];
    for f in Divergence::ALL {
        let exact = sum(&|p, q| q * f.f(p / q));
        // The total variation's optimum is infinite: half a tanh of 20 is ½ to 1e-17.
        let v = [f.optimum(r), f.optimum(-r)].map(|v| v.clamp(-20.0, 20.0));
        cases.push((Loss::F(f), v, exact));
    }
    let rows = |v: [f64; 2], first: usize| {
        let values = (0..4).map(|k| if k < first { v[0] } else { v[1] }).collect();
        space().tensor::<2>(values, [4, 1])
    };
    for (loss, v, exact) in cases {
        let seen = |v: [f64; 2]| {
            let value = loss.critic(rows(v, 3), rows(v, 1)).into_scalar::<f64>();
            loss.divergence(value)
        };
        assert!((seen(v) - exact).abs() < 1e-12, "{loss:?}: {} against {exact}", seen(v));
        // Another critic sees less.
        assert!(seen([0.1 * v[0], 0.1 * v[1] + 0.05]) < exact - 1e-9, "{loss:?}");
    }
    // A critic that sees nothing: the log of two, and nothing for a difference.
    let blind = space().tensor::<2>(vec![0.0; 4], [4, 1]);
    let relativistic = Loss::Relativistic.critic(blind.clone(), blind).into_scalar::<f64>();
    assert!((relativistic - LN_2).abs() < 1e-12);
    assert!(Loss::Relativistic.divergence(relativistic).abs() < 1e-12);
}

#[test]
fn every_loss_has_one_name() {
    for (k, (name, loss)) in Loss::NAMES.iter().enumerate() {
        assert!(Loss::NAMES[..k].iter().all(|(n, l)| n != name && l != loss), "{name}");
    }
    let named = |f| Loss::NAMES.iter().any(|(_, loss)| *loss == Loss::F(f));
    assert!(Divergence::ALL.into_iter().all(named));
}

/// Pieces of unequal chances with a loss each, two in a row: the mean gradient over many batches of
/// four rows is that of the expected loss, `r w_j (l_j − Σ w l)`, for each of the two.
#[test]
fn the_credit_of_a_choice_is_the_gradient_of_the_expected_loss() {
    let space = Space::f32(&select(None).unwrap());
    let reference = Reference { normals: 0, coins: 0, pieces: 3, chance_rate: 0.5 };
    let array = Array { shape: vec![3], values: vec![0.8, -0.4, 0.1] };
    let weights = Weights([("logits".to_owned(), array)].into());
    let pieces = weights.fill(reference.start(&space).unwrap()).unwrap().train();
    let (w, losses) = (pieces.chances(), [-1.0, -2.0, 4.0]);
    let (mut sums, mut squares, batches) = ([0.0; 3], [0.0; 3], 4000);
    for step in 0..batches {
        let noise = Noise::new(5, 8).at_step(step);
        let chosen = pieces.log_chances(&noise).reshape([4, 2]);
        let logs = transport_core::device::to_host(chosen.clone());
        let loss = |log: &f64| losses[(0..3).find(|k| (w[*k].ln() - log).abs() < 1e-5).unwrap()];
        let rows = logs.chunks(2).map(|pair| pair.iter().map(loss).sum()).collect();
        let value = credit(space.tensor(rows, [4, 1]), chosen);
        let gradient = FlatGradients::take(&pieces, value.backward()).0.remove(0);
        for (k, g) in gradient.into_iter().enumerate() {
            sums[k] += f64::from(g) / batches as f64;
            squares[k] += f64::from(g).powi(2) / batches as f64;
        }
    }
    let mean: f64 = w.iter().zip(losses).map(|(w, l)| w * l).sum();
    for k in 0..3 {
        // Two choices in a row, logarithms of rate 0.5.
        let expected = 2.0 * 0.5 * w[k] * (losses[k] - mean);
        let error = (squares[k] - sums[k] * sums[k]).sqrt() / (batches as f64).sqrt();
        // Five standard errors: a false alarm in about 6e-7 of cases, and the seed is fixed.
        assert!((sums[k] - expected).abs() < 5.0 * error, "{k}: {} for {expected}", sums[k]);
        assert!(expected.abs() > 10.0 * error, "a gradient of 0 would pass");
    }
}
