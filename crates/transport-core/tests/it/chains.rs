//! Push-forwards in discrete time, and DDPM's chain.

use crate::space;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Law};
use transport_core::map::{Affine, Chain, Invertible, PushForward};
use transport_core::process::{ChainError, Ddpm, Vp};
use transport_core::testkit::{
    draws_are_normal, inverse_undoes_push, log_det_is_the_jacobian, path_ends_at_push,
};
use transport_core::{Noise, Path, Transport};

fn maps() -> Chain<Affine> {
    Chain::new(vec![
        Affine::new(vec![2.0, 0.0, 1.0, 0.5], vec![1.0, 0.0]).unwrap(),
        Affine::new(vec![0.3, 0.0, -1.0, 1.5], vec![0.0, -2.0]).unwrap(),
        Affine::new(vec![-1.0, 0.0, 0.4, 2.0], vec![0.5, 0.5]).unwrap(),
    ])
}

#[test]
fn chains_satisfy_the_map_suites() {
    let z = Noise::new(1, 12).normal(2, &space());
    inverse_undoes_push(&maps(), &z, 1e-12).unwrap();
    log_det_is_the_jacobian(&maps(), &z, 1e-7).unwrap();
    path_ends_at_push(&maps(), &z, 1e-12).unwrap();
}

/// q_{k+1} = (T_k)_# q_k: each intermediate law has the density that its map gives the one before.
#[test]
fn intermediate_laws_follow_each_other() {
    let (chain, x) = (maps(), Noise::new(2, 9).normal(2, &space()));
    let law = |k: usize| Transport { reference: Gaussian::standard(2), map: chain.prefix(k) };
    let gap = law(0).log_prob(x.clone()) - Gaussian::standard(2).log_prob(x.clone());
    assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12), "q_0 is the reference");
    for k in 0..chain.len() {
        let (z, log_det) = chain.maps()[k].pull(x.clone());
        let expected = law(k).log_prob(z) + log_det;
        let gap = to_host(law(k + 1).log_prob(x.clone()) - expected);
        assert!(gap.iter().all(|g| g.abs() < 1e-10), "k = {k}: {gap:?}");
    }
    // The states along the way are draws of the same laws, and the path visits them.
    let noise = Noise::new(3, 5);
    let z = noise.normal(2, &space());
    let states = chain.states(z.clone(), &noise);
    for (k, state) in states.iter().enumerate() {
        let at = chain.prefix(k).push(z.clone(), &noise);
        assert_eq!(to_host(at), to_host(state.clone()), "after {k} maps");
    }
    let path = chain.trace(z, &[0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0, 1.0], &noise);
    for (knot, k) in path.states.iter().zip([0, 1, 1, 2, 3]) {
        assert_eq!(to_host(knot.clone()), to_host(states[k].clone()));
    }
}

/// Each kernel of a chain has its own draws, and they do not depend on the chunk.
#[test]
fn chains_of_kernels_do_not_repeat_their_noise() {
    let chain = Ddpm::new(vec![0.5; 2]).unwrap().chain();
    let (noise, n) = (Noise::new(4, 6), 6);
    let zero = space().tensor(vec![0.0; n], [n, 1]);
    let states = chain.states(zero.clone(), &noise);
    let first = to_host(states[1].clone());
    let second = to_host(states[2].clone() - states[1].clone().mul_scalar(0.5f64.sqrt()));
    assert!(first.iter().zip(&second).all(|(a, b)| (a - b).abs() > 1e-6));
    let part = to_host(chain.push(zero.narrow(0, 2, 3), &noise.rows(2..5)));
    assert_eq!(part, to_host(states[2].clone())[2..5]);
}

fn ho() -> Ddpm {
    Ddpm::linear(1000, 1e-4, 0.02).unwrap()
}

/// Ho et al. (2020): β from 10⁻⁴ to 0.02 in 1000 steps; √ᾱ_1000 = 0.00635 is the product of
/// √(1 − β) itself.
#[test]
fn ddpm_has_the_papers_schedule() {
    let chain = ho();
    assert_eq!((chain.len(), chain.beta(1), chain.beta(1000)), (1000, 1e-4, 0.02));
    let product: f64 = (1..=1000).map(|k| 1.0 - chain.beta(k)).product();
    assert!((chain.alpha_bar(1000) / product - 1.0).abs() < 1e-12);
    assert!((chain.alpha_bar(1000).sqrt() - 0.00635).abs() < 5e-6);
    assert_eq!(chain.alpha_bar(0), 1.0);
    assert_eq!(Ddpm::new(vec![]), Err(ChainError::Empty));
    assert_eq!(Ddpm::new(vec![0.1, 1.0]), Err(ChainError::Beta { k: 2, value: 1.0 }));
    assert!(Ddpm::of_vp(&Vp::default(), 10).is_err(), "β(1)/10 is 2");
}

/// Single steps compose to q(x_k | x_0), and Bayes' rule holds:
/// q(x_{k−1}|x_k, x_0) q(x_k|x_0) = q(x_k|x_{k−1}) q(x_{k−1}|x_0) at any three points.
#[test]
fn ddpm_kernels_compose_and_its_posterior_is_bayes_rule() {
    let chain = ho();
    let mut composed = chain.kernel(0, 1);
    for k in 2..=1000 {
        composed = composed.then(&chain.kernel(k - 1, k));
        let exact = chain.kernel(0, k);
        assert!((composed.scale / exact.scale - 1.0).abs() < 1e-11, "k = {k}");
        assert!((composed.std / exact.std - 1.0).abs() < 1e-11, "k = {k}");
    }
    let log_normal = |x: f64, mean: f64, std: f64| -0.5 * ((x - mean) / std).powi(2) - std.ln();
    for k in [2, 10, 500, 1000] {
        let (p, step) = (chain.posterior(k), chain.kernel(k - 1, k));
        let (before, now) = (chain.kernel(0, k - 1), chain.kernel(0, k));
        for (x0, x, y) in [(0.4, 0.3, 0.35), (-1.2, 0.8, 0.7), (2.0, -1.0, -0.9)] {
            let left = log_normal(x, p.on_data * x0 + p.on_state * y, p.std)
                + log_normal(y, now.scale * x0, now.std);
            let right = log_normal(y, step.scale * x, step.std)
                + log_normal(x, before.scale * x0, before.std);
            let size = 1.0 + left.abs();
            assert!((left - right).abs() < 1e-8 * size, "k = {k}: {left} against {right}");
        }
    }
    let first = chain.posterior(1);
    assert!((first.on_data - 1.0).abs() < 1e-12 && first.on_state == 0.0 && first.std == 0.0);
}

/// ᾱ of the chain converges to VP's α² at rate 1/N, with the constant that theory gives:
/// N (log ᾱ − log α²) → −½ [β(s) − β(0) + ∫₀ˢ β²].
#[test]
fn ddpm_converges_to_vp_at_rate_one_over_n() {
    let vp = Vp::default();
    for part in [4, 2, 1] {
        let s = 1.0 / f64::from(part);
        let slope = vp.beta_max - vp.beta_min;
        let squares = (vp.beta(s).powi(3) - vp.beta_min.powi(3)) / (3.0 * slope);
        let limit = -0.5 * (vp.beta(s) - vp.beta_min + squares);
        let scaled = |n: usize| {
            let chain = Ddpm::of_vp(&vp, n).unwrap();
            n as f64 * chain.gap(&vp, n / part as usize)
        };
        let (coarse, fine) = (scaled(4000) - limit, scaled(8000) - limit);
        assert!((fine / limit).abs() < 2e-3, "s = {s}: {} against {limit}", scaled(8000));
        // What is left is of the next order: it halves.
        assert!((coarse / fine - 2.0).abs() < 0.1, "s = {s}: {coarse}, {fine}");
        let order = (Ddpm::of_vp(&vp, 1000).unwrap().gap(&vp, 1000 / part as usize)
            / Ddpm::of_vp(&vp, 8000).unwrap().gap(&vp, 8000 / part as usize))
        .log2()
            / 3.0;
        assert!((order - 1.0).abs() < 0.05, "s = {s}: observed order {order}");
    }
}

/// 60 noisy steps of the chain leave the exact marginal, by draws.
#[test]
fn ddpm_draws_follow_the_marginal() {
    let (chain, n) = (Ddpm::linear(60, 0.01, 0.1).unwrap(), 20_000);
    let z = space().tensor(vec![1.7], [1, 1]);
    let draws = to_host(chain.chain().draws_at(z, &Noise::new(9, n)));
    let exact = chain.kernel(0, 60);
    draws_are_normal(&draws, 1.7 * exact.scale, exact.std).unwrap();
    // ᾱ at the wrong index is noticed.
    let wrong = chain.kernel(0, 55);
    assert!(draws_are_normal(&draws, 1.7 * wrong.scale, wrong.std).is_err());
    let law = Transport { reference: Gaussian::isotropic(vec![0.5], 0.2), map: chain.chain() };
    assert_eq!(law.sample(&Noise::new(1, 3), &space()).dims(), [3, 1]);
}
