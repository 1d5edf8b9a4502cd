//! The autoencoder's parts against closed forms.

use crate::{perturbed, spaces};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::Gaussian;
use transport_core::{Density, DensityEstimate, Noise, Space};
use transport_models::net::{Canvas, ConditionerConfig, Pixels};
use transport_models::vae::{DiagonalNormal, Levels, Likelihood, Observation, Ppca};
use transport_models::{Vae, VaeConfig};

fn levels(d: usize, count: usize) -> Levels {
    let low: Vec<f64> = (0..d).map(|j| -1.0 - 0.1 * j as f64).collect();
    Levels { high: low.iter().map(|l| l + 3.0).collect(), low, count }
}

/// Every level in the first coordinate, the others at their lowest.
fn every_level(levels: &Levels, space: &Space) -> Tensor<2> {
    let d = levels.low.len();
    let step = (levels.high[0] - levels.low[0]) / (levels.count - 1) as f64;
    let row = |k: usize| {
        let mut row = levels.low.clone();
        row[0] += step * k as f64;
        row
    };
    space.tensor((0..levels.count).flat_map(row).collect(), [levels.count, d])
}

/// The masses of one coordinate's levels add up to 1, wherever centre and scale are.
#[test]
fn discrete_masses_add_up_to_one() {
    let (single, double) = spaces();
    for (space, tolerance) in [(&double, 1e-12), (&single, 2e-5)] {
        for count in [2, 17, 256] {
            for (centre, scale) in
                [(0.0, 0.0), (0.3, -3.0), (-40.0, 2.0), (5.0, -50.0), (1.9, 90.0)]
            {
                let levels = levels(1, count);
                let x = every_level(&levels, space);
                let out = space.tensor::<2>(vec![centre, scale], [1, 2]).expand([count, 2]);
                let law = Observation::new(Likelihood::Logistic(levels), space);
                let total: f64 = to_host(law.log_prob(x, out)).iter().map(|v| v.exp()).sum();
                assert!((total - 1.0).abs() < tolerance, "{count} levels: {total}");
            }
        }
        let law = Observation::new(Likelihood::Bernoulli(levels(1, 2)), space);
        let x = every_level(&levels(1, 2), space);
        for logit in [-60.0, -1.0, 0.0, 3.0] {
            let out = space.tensor(vec![logit; 2], [2, 1]);
            let total: f64 = to_host(law.log_prob(x.clone(), out)).iter().map(|v| v.exp()).sum();
            assert!((total - 1.0).abs() < tolerance, "logit {logit}: {total}");
        }
    }
}

/// The factored mass against the difference of the distribution function, in another derivation:
/// `F(t) = ½ (1 + tanh t/2)`.
#[test]
fn a_logistic_mass_is_a_difference_of_distribution_functions() {
    let (_, space) = spaces();
    let (levels, count) = (levels(1, 17), 17);
    let step = 3.0 / 16.0;
    let (raw_centre, raw_scale) = (0.4, 0.5);
    let s = (8.0 * f64::tanh(raw_scale / 8.0) - 1.0).exp();
    let f = |t: f64| 0.5 * (1.0 + (0.5 * (t - raw_centre) / s).tanh());
    let x = every_level(&levels, &space);
    let out = space.tensor::<2>(vec![raw_centre, raw_scale], [1, 2]).expand([count, 2]);
    let got =
        to_host(Observation::new(Likelihood::Logistic(levels), &space).log_prob(x.clone(), out));
    for (k, (x, got)) in to_host(x).into_iter().zip(got).enumerate() {
        let above = if k == count - 1 { 1.0 } else { f(x + 0.5 * step) };
        let below = if k == 0 { 0.0 } else { f(x - 0.5 * step) };
        assert!((got - (above - below).ln()).abs() < 1e-12, "level {k}");
    }
}

/// f32 values and gradients stay finite for outputs that no distribution function resolves.
#[test]
fn extreme_outputs_have_finite_gradients() {
    let space = spaces().0.autodiff();
    let levels = levels(2, 256);
    let x = every_level(&levels, &space);
    for raw in [0.0, 1e-3, -700.0, 700.0, 3e4, -3e4] {
        for likelihood in
            [Likelihood::Logistic(levels.clone()), Likelihood::Gaussian { variance: None }]
        {
            let law = Observation::new(likelihood, &space);
            let width = 2 * law.per_coordinate();
            let out = space.tensor::<2>(vec![raw; 256 * width], [256, width]).require_grad();
            let value = law.log_prob(x.clone(), out.clone()).sum();
            let gradient = out.grad(&value.backward()).unwrap();
            let all = to_host(gradient).into_iter().chain([value.into_scalar::<f64>()]);
            assert!(all.into_iter().all(f64::is_finite), "{raw}");
        }
    }
}

/// Draws fall on the levels as often as their masses say: chi-squared with 16 degrees of freedom,
/// below its 1 − 10⁻⁶ quantile of 60.
#[test]
fn logistic_draws_have_the_masses() {
    let (_, space) = spaces();
    let (n, count) = (20_000, 17);
    let levels = levels(1, count);
    let law = Observation::new(Likelihood::Logistic(levels.clone()), &space);
    let out = |rows: usize| space.tensor::<2>(vec![0.4, 0.5], [1, 2]).expand([rows, 2]);
    let draws = to_host(law.draw(out(n), &Noise::new(3, n)));
    let masses = to_host(law.log_prob(every_level(&levels, &space), out(count)));
    let mut counts = vec![0.0; count];
    for x in draws {
        let at = (x - levels.low[0]) / 3.0 * 16.0;
        assert!((at - at.round()).abs() < 1e-9, "{x} is no level");
        counts[at.round() as usize] += 1.0;
    }
    let chi: f64 = masses
        .iter()
        .zip(&counts)
        .map(|(m, c)| {
            let expected = n as f64 * m.exp();
            (c - expected).powi(2) / expected
        })
        .sum();
    assert!(chi < 60.0, "{chi}");
}

/// Binarised once a step, a value between the two is the upper one as often as it lies there.
#[test]
fn grey_values_are_coins() {
    let (_, space) = spaces();
    let law = Observation::new(Likelihood::Bernoulli(levels(1, 2)), &space);
    let n = 10_000;
    let seen = to_host(law.seen(space.tensor(vec![-0.25; n], [n, 1]), &Noise::new(1, n)));
    let high = seen.iter().filter(|v| (*v - 2.0).abs() < 1e-12).count() as f64 / n as f64;
    assert!(seen.iter().all(|v| (v - 2.0).abs() < 1e-12 || (v + 1.0).abs() < 1e-12));
    // Five standard errors of a share of 1/4.
    assert!((high - 0.25).abs() < 5.0 * (0.1875 / n as f64).sqrt(), "{high}");
}

#[test]
fn the_divergence_is_that_of_normals() {
    let (_, space) = spaces();
    let q = DiagonalNormal {
        mean: space.tensor(vec![0.7, 0.0], [1, 2]),
        log_std: space.tensor(vec![0.5f64.ln(), 0.0], [1, 2]),
    };
    // ½ (0.49 + 0.25 − 1) + log 2, and 0 of the prior itself.
    let got = to_host(q.divergence());
    assert!((got[0] - (0.5 * (0.49 + 0.25 - 1.0) + 2f64.ln())).abs() < 1e-14 && got[1] == 0.0);
}

/// Points near a plane in four dimensions.
fn points(n: usize) -> Vec<f64> {
    let (z, e) = (Noise::new(1, n).normal_values(2), Noise::new(2, n).normal_values(4));
    let row = |i: usize| {
        let (a, b, e) = (z[2 * i], z[2 * i + 1], &e[4 * i..4 * i + 4]);
        let plane = [1.0 + 2.0 * a, a - b, 0.5 * b, -a];
        [0, 1, 2, 3].map(|j| plane[j] + 0.4 * e[j])
    };
    (0..n).flat_map(row).collect()
}

/// The closed form is the mean log-density of the law it names, and the largest near by.
#[test]
fn principal_components_maximise_the_likelihood() {
    let (_, space) = spaces();
    let points = points(500);
    let x: Tensor<2> = space.tensor(points.clone(), [500, 4]);
    let mean = |law: Gaussian| law.log_prob(x.clone()).mean().into_scalar::<f64>();
    let fit = Ppca::fit(&points, 4, 2);
    assert!((mean(fit.law().unwrap()) - fit.log_likelihood).abs() < 1e-12);
    for k in 0..8 {
        let mut other = fit.clone();
        other.loading[k] += 0.05;
        assert!(mean(other.law().unwrap()) < fit.log_likelihood);
    }
    for factor in [0.9, 1.1] {
        let other = Ppca { variance: factor * fit.variance, ..fit.clone() };
        assert!(mean(other.law().unwrap()) < fit.log_likelihood);
    }
}

fn image_model(height: usize, width: usize, context: usize, space: &Space) -> (Vae, usize) {
    let pixels = Pixels { channels: 1, height, width };
    let columns: Vec<usize> = (0..pixels.len()).filter(|k| k % 5 != 2).collect();
    let d = columns.len();
    let canvas = Canvas { pixels, columns, background: vec![-0.5; pixels.len()], bounds: None };
    let config = VaeConfig {
        latent: 3,
        net: ConditionerConfig { width: 16, depth: 1 },
        images: Some((canvas, 4)),
        likelihood: Likelihood::Logistic(levels(d, 17)),
    };
    (perturbed(Vae::new(&config, d, context, &Noise::new(0, 1), space)), d)
}

/// Odd sides, pixels that do not vary, a context: shapes fit, and a row has the same bits in any
/// chunk.
#[test]
fn convolutions_fit_any_image() {
    let (space, _) = spaces();
    for (height, width, context) in [(8, 8, 0), (7, 10, 2), (28, 28, 0), (1, 3, 0)] {
        let (model, d) = image_model(height, width, context, &space);
        let n = 9;
        let x = Noise::new(1, n).normal(d, &space).clamp(-1.0, 2.0);
        let c = (context > 0).then(|| Noise::new(2, n).normal(context, &space));
        let law = |rows: std::ops::Range<usize>| {
            let c = c.clone().map(|c| c.slice([rows.clone()]));
            let law = model.given(c, 3);
            let (value, error) =
                law.estimate(x.clone().slice([rows.clone()]), &Noise::new(4, n).rows(rows));
            to_host(value).into_iter().zip(to_host(error.0)).collect::<Vec<_>>()
        };
        let whole = law(0..n);
        assert!(whole.iter().all(|(v, e)| v.is_finite() && *e >= 0.0), "{whole:?}");
        let parts = [law(0..1), law(1..4), law(4..9)].concat();
        assert_eq!(whole, parts, "{height}×{width}");
    }
}

/// With one draw the estimate is the log-weight, and its error is not known.
#[test]
fn one_draw_is_its_weight() {
    let (_, space) = spaces();
    let (model, d) = image_model(4, 4, 0, &space);
    let (x, noise) = (Noise::new(1, 5).normal(d, &space).clamp(-1.0, 2.0), Noise::new(2, 5));
    let (value, error) = model.given(None, 1).estimate(x.clone(), &noise);
    let q = model.posterior(x.clone(), None);
    let e = noise.purpose("posterior").at_step(0).normal(3, &space);
    let weight = model.log_weight(x, &q, e, None);
    assert!((value - weight).abs().max().into_scalar::<f64>() < 1e-12);
    assert!(to_host(error.0).iter().all(|e| e.is_nan()));
}

#[test]
#[should_panic(expected = "2 codes for 2 coordinates")]
fn as_many_codes_as_coordinates_are_a_programmers_fault() {
    let _ = Ppca::fit(&[0.0, 1.0, 2.0, 5.0], 2, 2);
}
