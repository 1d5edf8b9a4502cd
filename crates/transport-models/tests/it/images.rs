//! Flows of images: the map suites in f64, the Jacobian by reverse passes, and pixels as numbers.

use crate::{perturbed, perturbed_by, spaces};
use burn::tensor::Tensor;
use std::f64::consts::TAU;
use transport_core::device::to_host;
use transport_core::testkit::{inverse_undoes_push, log_det_is_the_jacobian};
use transport_core::{Invertible, Noise, PushForward, Space};
use transport_models::flow::Element;
use transport_models::flow::image::{
    Architecture, Dequantiser, ImageFlow, ImageFlowConfig, ImageLaw, ImageLawConfig, Levels,
    PixelNetConfig, Preprocessing, most_levels, squeeze,
};
use transport_models::net::Pixels;

const NET: PixelNetConfig = PixelNetConfig { width: 12, depth: 2 };
const SMALL: Pixels = Pixels { channels: 1, height: 4, width: 4 };

fn configs(levels: usize) -> Vec<ImageFlowConfig> {
    let elements = [Element::Additive, Element::Affine, Element::Spline { bins: 4 }];
    let architectures = [Architecture::Glow, Architecture::RealNvp];
    let config = |architecture, element| ImageFlowConfig {
        architecture,
        element,
        levels,
        steps: 2,
        net: NET,
    };
    elements.into_iter().flat_map(|e| architectures.map(|a| config(a, e))).collect()
}

/// A flow whose every parameter is away from its initial value.
fn flow(config: &ImageFlowConfig, shape: Pixels, context: usize, space: &Space) -> ImageFlow {
    // Slopes of splines reach far: a smaller step keeps the map's condition, and so the bounds, small.
    let size = if matches!(config.element, Element::Spline { .. }) { 0.05 } else { 0.1 };
    perturbed_by(size, ImageFlow::new(config, shape, context, &Noise::new(5, 1), space))
}

fn points(n: usize, shape: Pixels, space: &Space) -> Tensor<2> {
    Noise::new(1, n).normal(shape.len(), space)
}

/// The Jacobian of `f` at each row, `[n][d · d]`, by a reverse pass for each output.
fn jacobians(x: &Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Vec<Vec<f64>> {
    let [n, d] = x.dims();
    let mut rows = vec![vec![0.0; d * d]; n];
    for j in 0..d {
        let x = Tensor::<2>::from_inner(x.clone()).require_grad();
        let gradients = f(x.clone()).narrow(1, j, 1).sum().backward();
        let gradient = to_host(x.grad(&gradients).unwrap());
        for (row, g) in rows.iter_mut().zip(gradient.chunks(d)) {
            row[j * d..(j + 1) * d].copy_from_slice(g);
        }
    }
    rows
}

/// `log |det a|` by elimination with partial pivoting.
fn log_abs_det(mut a: Vec<f64>, d: usize) -> f64 {
    let mut total = 0.0;
    for k in 0..d {
        let pivot =
            (k..d).max_by(|i, j| a[i * d + k].abs().total_cmp(&a[j * d + k].abs())).unwrap();
        (0..d).for_each(|j| a.swap(k * d + j, pivot * d + j));
        total += a[k * d + k].abs().ln();
        for i in k + 1..d {
            let factor = a[i * d + k] / a[k * d + k];
            (k..d).for_each(|j| a[i * d + j] -= factor * a[k * d + j]);
        }
    }
    total
}

fn norm(a: &[f64]) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[test]
fn a_squeeze_is_a_permutation_with_the_checkerboards_colours_apart() {
    let (_, space) = spaces();
    // Pixels (i, j) of a 4 × 2 image of two channels, as 100 i + 10 j + channel.
    let values: Vec<f64> = (0..4)
        .flat_map(|i| {
            (0..2).flat_map(move |j| (0..2).map(move |c| f64::from(100 * i + 10 * j + c)))
        })
        .collect();
    let x: Tensor<4> = space.tensor(values.clone(), [1, 4, 2, 2]);
    let y = squeeze::squeeze(x);
    assert_eq!(y.dims(), [1, 2, 1, 8]);
    let expected = [0.0, 1.0, 110.0, 111.0, 10.0, 11.0, 100.0, 101.0];
    let second = expected.map(|v| v + 200.0);
    assert_eq!(to_host(y.clone()), [expected, second].concat());
    assert_eq!(to_host(squeeze::unsqueeze(y)), values);
    assert_eq!((most_levels(28, 28), most_levels(8, 8), most_levels(28, 27)), (2, 3, 0));
}

#[test]
fn every_flow_is_invertible_with_the_jacobian_it_claims() {
    let (single, double) = spaces();
    let colour = Pixels { channels: 3, height: 2, width: 4 };
    for (shape, levels) in [(SMALL, 2), (colour, 1)] {
        for config in configs(levels) {
            let (n, d) = (3, shape.len());
            let model = flow(&config, shape, 0, &double);
            let x = points(n, shape, &double);
            let (z, log_det) = model.pull(x.clone(), None);
            let there = jacobians(&x, |x| model.pull(x, None).0);
            for (got, jacobian) in to_host(log_det.clone()).into_iter().zip(&there) {
                let exact = log_abs_det(jacobian.clone(), d);
                let gap = (got - exact).abs();
                assert!(gap < 1e-8 * (1.0 + exact.abs()), "{config:?}: {got}, {exact}");
            }
            // Rounding grows by the map's condition.
            let back = jacobians(&z, |z| model.push(z, None).0);
            let conditions = there.iter().zip(&back).map(|(a, b)| norm(a) * norm(b) / d as f64);
            let worst = conditions.fold(1.0, f64::max);
            let spline = matches!(config.element, Element::Spline { .. });
            assert!(worst < if spline { 1e6 } else { 1e4 }, "{config:?}: condition {worst}");
            inverse_undoes_push(&model.given(None), &z, 1e-10 * worst)
                .unwrap_or_else(|e| panic!("{config:?}, condition {worst}: {e}"));
            let (again, log_push) = model.push(z, None);
            let close = |gap: Vec<f64>| gap.iter().all(|g| g.abs() < 1e-10 * worst);
            let agree = close(to_host(again - x)) && close(to_host(log_push + log_det));
            assert!(agree, "{config:?}, condition {worst}");

            let model = flow(&config, shape, 0, &single);
            let z = model.pull(points(n, shape, &single), None).0;
            inverse_undoes_push(&model.given(None), &z, 1e-5 * worst)
                .unwrap_or_else(|e| panic!("{config:?}, condition {worst}: {e}"));
        }
    }
}

#[test]
fn a_fresh_flow_is_a_permutation() {
    let (single, _) = spaces();
    let digits = Pixels { channels: 1, height: 8, width: 8 };
    let mnist = Pixels { channels: 1, height: 28, width: 28 };
    let one = Pixels { channels: 1, height: 8, width: 8 };
    for (shape, levels) in [(digits, 2), (mnist, 2), (one, 3)] {
        for config in configs(levels) {
            let model = ImageFlow::new(&config, shape, 0, &Noise::new(5, 1), &single);
            let x = points(2, shape, &single);
            let (z, log_det) = model.pull(x.clone(), None);
            assert!(to_host(log_det).iter().all(|v| v.abs() < 1e-3), "{config:?}");
            for (a, b) in to_host(x).chunks(shape.len()).zip(to_host(z).chunks(shape.len())) {
                let (mut a, mut b) = (a.to_vec(), b.to_vec());
                a.sort_by(f64::total_cmp);
                b.sort_by(f64::total_cmp);
                assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{config:?}");
            }
        }
    }
}

#[test]
fn extreme_images_stay_finite() {
    let (single, double) = spaces();
    for space in [single, double] {
        for config in configs(2) {
            let model = flow(&config, SMALL, 0, &space);
            let d = SMALL.len();
            let rows = [0.0, -0.0, 1e-30, 1e6, -1e6, 5.0, -5.0, 1e3];
            let flat = rows.iter().flat_map(|v| vec![*v; d]);
            let mixed = (0..d).map(|k| if k % 2 == 0 { 1e6 } else { -1e6 });
            let x = space.tensor(flat.chain(mixed).collect(), [rows.len() + 1, d]);
            for (value, log_det) in [model.pull(x.clone(), None), model.push(x, None)] {
                assert!(to_host(value).iter().all(|v| v.is_finite()), "{config:?}");
                assert!(to_host(log_det).iter().all(|v| v.is_finite()), "{config:?}");
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_any_batch() {
    let (space, _) = spaces();
    for config in configs(2) {
        let model = flow(&config, SMALL, 2, &space);
        let (x, c) = (points(11, SMALL, &space), Noise::new(9, 11).normal(2, &space));
        let both = |x: Tensor<2>, c: Tensor<2>| {
            let (z, log_det) = model.pull(x.clone(), Some(&c));
            let (y, log_push) = model.push(x, Some(&c));
            [to_host(z), to_host(log_det), to_host(y), to_host(log_push)]
        };
        let whole = both(x.clone(), c.clone());
        let mut parts: [Vec<f64>; 4] = Default::default();
        for rows in [0..1, 1..3, 3..11] {
            let part = both(x.clone().slice([rows.clone()]), c.clone().slice([rows]));
            parts.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
        }
        assert!(whole == parts, "{config:?}");
    }
}

#[test]
fn a_context_reaches_every_flow() {
    let (_, space) = spaces();
    for config in configs(2) {
        let model = flow(&config, SMALL, 2, &space);
        let x = points(4, SMALL, &space).mul_scalar(0.3);
        let c = Noise::new(9, 4).normal(2, &space);
        let one = model.pull(x.clone(), Some(&c)).0;
        // A spline's slope can be 10⁻³ in each of its layers.
        let tolerance = if matches!(config.element, Element::Spline { .. }) { 1e-6 } else { 1e-10 };
        inverse_undoes_push(&model.given(Some(c.clone())), &one, tolerance).unwrap();
        let gap = to_host((one - model.pull(x.clone(), Some(&(c + 1.0))).0).abs().sum_dim(1));
        assert!(gap.iter().all(|g| *g > 1e-6), "{config:?}");
        // One row of context serves all images.
        let row = Noise::new(8, 1).normal(2, &space);
        let same = model.pull(x.clone(), Some(&row)).0 - model.pull(x, Some(&row.expand([4, 2]))).0;
        assert!(to_host(same).iter().all(|g| g.abs() < 1e-12), "{config:?}");
    }
}

#[test]
#[should_panic(expected = "with context was given none")]
fn a_missing_context_is_a_programmers_fault() {
    let (_, space) = spaces();
    let model = flow(&configs(2)[1], SMALL, 2, &space);
    let _ = model.pull(points(2, SMALL, &space), None);
}

/// 6 × 6 pixels: the sides are odd after the first squeeze.
#[test]
#[should_panic(expected = "2 of 1 levels")]
fn sides_are_halved_as_often_as_they_can_be() {
    let (_, space) = spaces();
    let shape = Pixels { channels: 1, height: 6, width: 6 };
    let _ = flow(&configs(2)[0], shape, 0, &space);
}

/// Each actnorm leaves each channel with mean 0 and variance 1 on the images it was started on. A
/// fresh flow does nothing else, so that its latents are these.
#[test]
fn a_start_from_data_whitens_channels() {
    let (_, space) = spaces();
    let x = points(200, SMALL, &space).mul_scalar(0.2).add_scalar(4.0);
    for config in configs(2) {
        let model = ImageFlow::new(&config, SMALL, 0, &Noise::new(5, 1), &space);
        let z = model.started(x.clone(), None).pull(x.clone(), None).0;
        let mean = z.clone().mean().into_scalar::<f64>();
        let variance = z.powi_scalar(2).mean().into_scalar::<f64>();
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05,
            "{config:?}: {mean} {variance}"
        );
    }
}

/// A flow that forgets a sign is noticed.
#[test]
fn a_flipped_log_det_is_rejected() {
    struct Flipped<'a>(&'a ImageFlow);
    impl PushForward for Flipped<'_> {
        fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
            self.0.given(None).push(z, noise)
        }
    }
    impl Invertible for Flipped<'_> {
        fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
            let (z, log_det) = self.0.given(None).pull(x);
            (z, log_det.neg())
        }
    }
    let (_, space) = spaces();
    let model = flow(&configs(2)[2], SMALL, 0, &space);
    let x = points(3, SMALL, &space);
    assert!(log_det_is_the_jacobian(&model.given(None), &x, 1e-5).is_ok());
    assert!(log_det_is_the_jacobian(&Flipped(&model), &x, 1e-5).is_err());
}

#[test]
fn a_logit_has_the_slope_it_claims_and_an_inverse() {
    let (single, double) = spaces();
    for alpha in [0.05, 1e-6] {
        let logit = Preprocessing::Logit { alpha };
        let s: Vec<f64> = vec![0.0, 1e-9, 0.03, 0.5, 0.97, 1.0 - 1e-9, 1.0];
        let at = |h: f64, space: &Space| {
            let s: Vec<f64> = s.iter().map(|s| s + h).collect();
            let (y, log_det) = logit.forward(space.tensor(s, [7, 1]));
            (to_host(y), to_host(log_det))
        };
        let h = 1e-4 * alpha;
        let (y, log_det) = at(0.0, &double);
        let (up, down) = (at(h, &double).0, at(-h, &double).0);
        for i in 0..s.len() {
            let slope = ((up[i] - down[i]) / (2.0 * h)).ln();
            assert!((slope - log_det[i]).abs() < 1e-6, "{alpha} {}: {slope} {}", s[i], log_det[i]);
            assert!((logit.inverse(y[i]) - s[i]).abs() < 1e-12);
        }
        // Single precision keeps the ends apart.
        let (near, _) = at(0.0, &single);
        assert!(near.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
        let margin = alpha / (1.0 - 2.0 * alpha);
        assert!(logit.support(-0.99 * margin) && !logit.support(-1.01 * margin));
        assert!(logit.support(1.0 + 0.99 * margin) && !logit.support(f64::NAN));
    }
}

#[test]
fn levels_are_boxes() {
    let levels = Levels::whole(0.0, 16.0);
    let (_, space) = spaces();
    let s = to_host(levels.unit::<1>(space.tensor(vec![-0.5, 0.0, 16.0, 16.5], [4])));
    let exact = [0.0, 0.5 / 17.0, 16.5 / 17.0, 1.0];
    assert!(s.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-15));
    // Every point of a box is its level, and what lies outside is the nearest one.
    for (s, v) in [(0.999 / 17.0, 0.0), (1.001 / 17.0, 1.0), (-0.3, 0.0), (1.2, 16.0)] {
        assert_eq!(levels.value(s), v);
    }
    let interval = Levels::interval(2.0, 4.0);
    assert_eq!((interval.value(0.5), interval.whole), (3.0, false));
}

fn law(
    preprocessing: Preprocessing,
    dequantiser: usize,
    shape: Pixels,
    levels: Levels,
    space: &Space,
) -> ImageLaw {
    let architecture = Architecture::Glow;
    let flow =
        ImageFlowConfig { architecture, element: Element::Affine, levels: 1, steps: 2, net: NET };
    let config = ImageLawConfig { flow, preprocessing, dequantiser };
    ImageLaw::new(&config, shape, levels, 0, &Noise::new(5, 1), space)
}

/// A fresh law is the normal law of logits, whose density is known.
#[test]
fn a_fresh_laws_density_is_in_units_of_a_level() {
    let (_, space) = spaces();
    let (alpha, levels) = (0.05, Levels::whole(0.0, 16.0));
    let law = law(Preprocessing::Logit { alpha }, 0, SMALL, levels, &space);
    let v: Vec<f64> = (0..16).map(f64::from).collect();
    let got = to_host(law.log_prob(space.tensor(v.clone(), [1, 16]), None))[0];
    let exact: f64 = v
        .iter()
        .map(|v| {
            let p = alpha + (1.0 - 2.0 * alpha) * (v + 0.5) / 17.0;
            let y = (p / (1.0 - p)).ln();
            let slope = (1.0 - 2.0 * alpha) / (17.0 * p * (1.0 - p));
            -0.5 * y * y - 0.5 * TAU.ln() + slope.ln()
        })
        .sum();
    assert!((got - exact).abs() < 1e-10, "{got} against {exact}");
}

/// ∫ p over all images of 2 × 2 pixels, in pixel units: one. A density without the term d log L
/// would integrate to 3⁴. The midpoint rule on logits, whose weights dv/dy are written out here.
#[test]
fn a_law_integrates_to_one_over_pixels() {
    let (_, space) = spaces();
    let shape = Pixels { channels: 1, height: 2, width: 2 };
    let (alpha, levels) = (0.1, Levels::whole(0.0, 2.0));
    let law = perturbed(law(Preprocessing::Logit { alpha }, 0, shape, levels, &space));
    let (cells, half) = (26usize, 13.0);
    let step = 2.0 * half / cells as f64;
    let node = |k: usize| {
        let p = 1.0 / (1.0 + (half - (k as f64 + 0.5) * step).exp());
        let v = 3.0 * (p - alpha) / (1.0 - 2.0 * alpha) - 0.5;
        (v, step * 3.0 * p * (1.0 - p) / (1.0 - 2.0 * alpha))
    };
    let nodes: Vec<(f64, f64)> = (0..cells).map(node).collect();
    let pairs: Vec<[usize; 2]> = (0..cells).flat_map(|i| (0..cells).map(move |j| [i, j])).collect();
    let mut mass = 0.0;
    for [a, b] in &pairs {
        let places = || pairs.iter().map(|[c, d]| [*a, *b, *c, *d]);
        let values: Vec<f64> = places().flatten().map(|k| nodes[k].0).collect();
        let log_prob = to_host(law.log_prob(space.tensor(values, [pairs.len(), 4]), None));
        let weights = places().map(|k| k.iter().map(|k| nodes[*k].1).product::<f64>());
        mass += log_prob.into_iter().zip(weights).map(|(l, w)| l.exp() * w).sum::<f64>();
    }
    assert!((mass - 1.0).abs() < 2e-3, "{mass}");
}

/// A fresh dequantiser is uniform; any is a density on its box.
#[test]
fn a_learned_dequantisation_is_a_density_on_the_box() {
    let (_, space) = spaces();
    let shape = Pixels { channels: 1, height: 2, width: 4 };
    let (n, d) = (3, shape.len());
    let unit = space.tensor(Noise::new(4, n).uniform_values(d), [n, d]);
    let epsilon = points(n, shape, &space);
    let fresh = Dequantiser::new(3, &NET, shape, 0, &Noise::new(6, 1), &space);
    let (u, log_q) = fresh.draw(unit.clone(), epsilon.clone(), None);
    assert!(to_host(log_q).iter().all(|v| v.abs() < 1e-12));
    let uniform = to_host(epsilon.clone()).into_iter().map(transport_core::testkit::normal_cdf);
    assert!(to_host(u).into_iter().zip(uniform).all(|(u, cdf)| (u + 0.5 - cdf).abs() < 1e-6));

    let learned = perturbed(fresh);
    let (u, log_q) = learned.draw(unit.clone(), epsilon.clone(), None);
    assert!(to_host(u).iter().all(|u| u.abs() <= 0.5));
    let jacobians = jacobians(&epsilon, |e| learned.draw(unit_of(&unit, &e), e, None).0);
    let normal = to_host(epsilon.powi_scalar(2).sum_dim(1));
    for ((log_q, jacobian), square) in to_host(log_q).into_iter().zip(jacobians).zip(normal) {
        let exact = -0.5 * square - 0.5 * d as f64 * TAU.ln() - log_abs_det(jacobian, d);
        // Burn's error function is good to 1e-7.
        assert!((log_q - exact).abs() < 1e-6, "{log_q} against {exact}");
        assert!(log_q.abs() > 1e-3);
    }
}

/// `unit` on the device of `e`, which tracks gradients.
fn unit_of(unit: &Tensor<2>, e: &Tensor<2>) -> Tensor<2> {
    unit.clone().to_device(&e.device())
}

/// Images drawn from a law of levels are levels; a law on an interval has no boxes to fill.
#[test]
fn drawn_images_are_levels() {
    let (space, _) = spaces();
    let levels = Levels::whole(0.0, 16.0);
    for dequantiser in [0, 2] {
        let law = perturbed(law(
            Preprocessing::Logit { alpha: 0.05 },
            dequantiser,
            SMALL,
            levels,
            &space,
        ));
        let images = law.images(points(20, SMALL, &space), None);
        assert!(images.iter().all(|v| v.fract() == 0.0 && (0.0..=16.0).contains(v)));
        assert!(images.iter().any(|v| *v != images[0]));
        assert!(law.supports(&images) && !law.supports(&[99.0]));
        let v = space.tensor(images, [20, 16]);
        let draw = law.draw(&Noise::new(2, 20), &space);
        assert!(to_host(law.log_mass(v.clone(), draw, None)).iter().all(|v| v.is_finite()));
        let plain =
            self::law(Preprocessing::None, dequantiser, SMALL, Levels::interval(0.0, 16.0), &space);
        assert!(plain.draw(&Noise::new(2, 20), &space).is_none());
        let gap = plain.log_mass(v.clone(), None, None) - plain.log_prob(v, None);
        assert!(to_host(gap).iter().all(|g| *g == 0.0));
    }
}
