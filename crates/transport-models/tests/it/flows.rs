//! Normalizing flows satisfy the map suites in f64, in both directions.

use crate::{perturbed, spaces};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::testkit::{inverse_undoes_push, log_det_is_the_jacobian};
use transport_core::{Invertible, Noise, PushForward, Space, Transport, law::Gaussian};
use transport_models::flow::{Element, Reading};
use transport_models::net::{Conditioner, ConditionerConfig};
use transport_models::{Flow, FlowConfig};

const NET: ConditionerConfig = ConditionerConfig { width: 20, depth: 2 };

fn configs() -> Vec<FlowConfig> {
    let elements = [Element::Additive, Element::Affine, Element::Spline { bins: 5 }];
    let readings = [Reading::Coupling, Reading::Autoregressive];
    elements
        .into_iter()
        .flat_map(|element| {
            readings.map(|reading| FlowConfig { reading, element, layers: 3, net: NET })
        })
        .collect()
}

/// A flow whose every parameter is away from its initial value.
fn flow(config: &FlowConfig, d: usize, context: usize, space: &Space) -> Flow {
    perturbed(Flow::new(config, d, context, &Noise::new(5, 1), space))
}

/// Points within the splines' box and beyond it.
fn points(n: usize, d: usize, space: &Space) -> Tensor<2> {
    Noise::new(1, n).normal(d, space).mul_scalar(3.0)
}

#[test]
fn every_flow_is_invertible_with_the_jacobian_it_claims() {
    let (_, space) = spaces();
    for config in configs() {
        for d in [1, 2, 5] {
            let model = flow(&config, d, 0, &space);
            let map = model.given(None);
            let x = points(40, d, &space);
            // A slope can be 10⁻³ in each of three layers, and rounding grows by its inverse: 10⁻¹⁶
            // becomes 10⁻⁷ at worst.
            let tolerance = if config.element == Element::Additive { 1e-9 } else { 1e-5 };
            inverse_undoes_push(&map, &x, tolerance)
                .unwrap_or_else(|e| panic!("{config:?} {d}: {e}"));
            let near = points(40, d, &space).mul_scalar(0.2);
            inverse_undoes_push(&map, &near, 1e-9)
                .unwrap_or_else(|e| panic!("{config:?} {d}: {e}"));
            // Scales of 10³ in each of three layers leave differences no digits further out.
            let at = if config.element == Element::Affine { near } else { x.clone() };
            log_det_is_the_jacobian(&map, &at, 1e-5)
                .unwrap_or_else(|e| panic!("{config:?} {d}: {e}"));
            // The two directions agree on the determinant.
            let (y, forwards) = model.push(x, None);
            let (_, backwards) = model.pull(y, None);
            let gap = to_host(forwards + backwards);
            assert!(gap.iter().all(|g| g.abs() < tolerance), "{config:?} {d}: {gap:?}");
        }
    }
}

#[test]
fn plain_flows_are_invertible_with_the_jacobian_they_claim() {
    let (_, space) = spaces();
    for config in configs() {
        for (d, context) in [(2, 0), (5, 2)] {
            let fresh = Flow::new(&config, d, context, &Noise::new(5, 1), &space);
            let model = perturbed(fresh.plain(&Noise::new(6, 1), &space));
            let c = (context > 0).then(|| Noise::new(9, 20).normal(context, &space));
            let map = model.given(c);
            let x = points(20, d, &space).mul_scalar(0.3);
            inverse_undoes_push(&map, &x, 1e-9).unwrap_or_else(|e| panic!("{config:?} {d}: {e}"));
            log_det_is_the_jacobian(&map, &x, 1e-5)
                .unwrap_or_else(|e| panic!("{config:?} {d}: {e}"));
        }
    }
}

/// As many parameters as zuko 1.6 counts for three transforms on six coordinates, two hidden layers
/// of 64 and 8 bins.
#[test]
fn plain_flows_have_the_sizes_of_zukos() {
    use burn::module::Module;
    let (space, _) = spaces();
    let net = ConditionerConfig { width: 64, depth: 2 };
    let spline = Element::Spline { bins: 8 };
    for (reading, element, count) in [
        (Reading::Coupling, Element::Affine, 14_418),
        (Reading::Autoregressive, Element::Affine, 16_164),
        (Reading::Coupling, spline, 26_703),
        (Reading::Autoregressive, spline, 40_734),
    ] {
        let config = FlowConfig { reading, element, layers: 3, net };
        let model = Flow::new(&config, 6, 0, &Noise::new(0, 1), &space);
        let model = model.plain(&Noise::new(1, 1), &space);
        assert_eq!(model.num_params(), count, "{config:?}");
    }
}

#[test]
fn a_context_reaches_every_kind_of_flow() {
    let (_, space) = spaces();
    for config in configs() {
        for d in [1, 3] {
            let model = flow(&config, d, 2, &space);
            let c = Noise::new(9, 6).normal(2, &space);
            // Within the box: beyond it a spline is the identity whatever the context.
            let x = points(6, d, &space).mul_scalar(0.3);
            let map = model.given(Some(c.clone()));
            inverse_undoes_push(&map, &x, 1e-9).unwrap();
            let other = model.given(Some(c + 1.0)).pull(x.clone()).0;
            let gap = to_host((map.pull(x).0 - other).abs().sum_dim(1));
            assert!(gap.iter().all(|g| *g > 1e-6), "{config:?} {d}");
        }
    }
}

#[test]
fn autoregressive_outputs_see_only_what_comes_before() {
    let (_, space) = spaces();
    for d in [1, 2, 6] {
        let net = ConditionerConfig { width: 17, depth: 3 };
        let net = Conditioner::autoregressive(&net, d, 2, 0, &Noise::new(3, 1), &space);
        let net = perturbed(net);
        let x = points(4, d, &space);
        let base = to_host(net.forward(x.clone(), None));
        for j in 0..d {
            let mut step = vec![0.0; d];
            step[j] = 0.7;
            let moved = to_host(net.forward(x.clone() + space.tensor(step, [1, d]), None));
            for i in 0..d {
                let changed = (0..4).any(|r| {
                    (0..2).any(|p| {
                        let k = r * 2 * d + 2 * i + p;
                        (base[k] - moved[k]).abs() > 1e-12
                    })
                });
                assert_eq!(changed, i > j, "output {i} and input {j} of {d}");
            }
        }
    }
}

/// ∫ p over a line, by the midpoint rule: the density of a one-dimensional flow has mass one.
#[test]
fn densities_integrate_to_one() {
    let (_, space) = spaces();
    for config in configs() {
        let model = flow(&config, 1, 0, &space);
        let (half, cells) = (60.0, 120_000);
        let width = 2.0 * half / f64::from(cells);
        let x = (0..cells).map(|i| -half + (f64::from(i) + 0.5) * width).collect();
        let log_prob = to_host(model.log_prob(space.tensor(x, [cells as usize, 1]), None));
        let mass: f64 = log_prob.into_iter().map(f64::exp).sum::<f64>() * width;
        assert!((mass - 1.0).abs() < 1e-4, "{config:?}: {mass}");
    }
}

#[test]
fn a_start_from_data_whitens_each_coordinate() {
    let (_, space) = spaces();
    for config in configs() {
        let model = flow(&config, 3, 0, &space);
        let x = points(500, 3, &space).mul_scalar(0.2).add_scalar(4.0);
        let model = model.started(x.clone(), None);
        let mut log_prob = to_host(model.log_prob(x, None));
        log_prob.sort_by(f64::total_cmp);
        // A standard normal scores −4.26 on its own points; unstarted, the shift alone costs 24.
        // The last transform is not whitened: the median does not see its tails.
        assert!(log_prob[250] > -6.0, "{config:?}: {}", log_prob[250]);
    }
}

#[test]
fn a_flow_starts_as_the_identity_and_is_a_transport() {
    let (space, _) = spaces();
    for config in configs() {
        let model = Flow::new(&config, 4, 0, &Noise::new(5, 1), &space);
        let z = Noise::new(2, 8).normal(4, &space);
        let x = model.given(None).push(z.clone(), &Noise::new(0, 8));
        let gap = to_host(x - z.clone());
        let identity = config.reading == Reading::Coupling;
        // Reversals remain: three layers reverse twice.
        assert!(gap.iter().all(|g| g.abs() < 1e-5), "{config:?} {identity}");
        let law = Transport { reference: Gaussian::standard(4), map: model.given(None) };
        let exact = transport_core::Density::log_prob(&Gaussian::standard(4), z.clone());
        let gap = to_host(transport_core::Density::log_prob(&law, z) - exact);
        assert!(gap.iter().all(|g| g.abs() < 1e-4));
    }
}

/// A layer that reports the wrong determinant is noticed.
#[test]
fn a_flipped_log_det_is_rejected() {
    struct Flipped<'a>(&'a Flow);
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
    let model = flow(&configs()[2], 3, 0, &space);
    assert!(log_det_is_the_jacobian(&Flipped(&model), &points(9, 3, &space), 1e-5).is_err());
}
