//! Normalizing flows satisfy the map suites in f64, in both directions.

use crate::{perturbed, perturbed_by, spaces};
use burn::tensor::Tensor;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::f64::consts::PI;
use transport_core::device::to_host;
use transport_core::testkit::{
    Violation, density_integrates_to_one, inverse_undoes_push_up_to_conditioning,
    log_det_is_the_jacobian, log_det_is_the_reverse_jacobian,
};
use transport_core::{Invertible, Noise, PushForward, Space, Transport, law::Gaussian};
use transport_models::flow::{Element, Layer, LogDet, Reading, Reference};
use transport_models::net::{Conditioner, ConditionerConfig};
use transport_models::{Flow, FlowConfig, FlowError};

const NET: ConditionerConfig = ConditionerConfig { width: 20, depth: 2 };
const IN_ORDER: [Reading; 3] = [Reading::Coupling, Reading::Autoregressive, Reading::Inverse];

fn config(reading: Reading, element: Element, reference: Reference) -> FlowConfig {
    FlowConfig { reading, element, layers: 3, net: NET, reference }
}

/// Flows on everything.
fn unbounded() -> Vec<FlowConfig> {
    let elements = [Element::Additive, Element::Affine, Element::Spline { bins: 5 }];
    let reference = Reference::Gaussian;
    let in_order = elements
        .into_iter()
        .flat_map(|element| IN_ORDER.map(|reading| config(reading, element, reference)));
    in_order.chain([config(Reading::Residual, Element::Additive, reference)]).collect()
}

/// Flows on a box, and on the torus.
fn bounded() -> Vec<FlowConfig> {
    let elements = [Element::Spline { bins: 5 }, Element::Circular { bins: 5 }];
    elements
        .into_iter()
        .flat_map(|element| IN_ORDER.map(|reading| config(reading, element, Reference::Uniform)))
        .collect()
}

/// Every kind of flow.
fn configs() -> Vec<FlowConfig> {
    unbounded().into_iter().chain(bounded()).collect()
}

/// Every kind of flow that there is on `d` coordinates.
fn configs_on(d: usize) -> Vec<FlowConfig> {
    configs().into_iter().filter(|c| c.check(d).is_ok()).collect()
}

/// A flow whose every parameter is away from its initial value; angles in radians.
fn flow(config: &FlowConfig, d: usize, context: usize, space: &Space) -> Flow {
    let flow = perturbed(Flow::new(config, d, context, &Noise::new(5, 1), space).unwrap());
    flow.of_angles(&vec![1.0; d], &vec![0.0; d], space)
}

fn holds(result: Result<(), Violation>, config: &FlowConfig, d: usize) {
    result.unwrap_or_else(|e| panic!("{config:?} on {d}: {e}"));
}

/// Points within the splines' box and beyond it; of a bounded flow, within.
fn points(config: &FlowConfig, n: usize, d: usize, space: &Space) -> Tensor<2> {
    let noise = Noise::new(1, n);
    if config.reference != Reference::Uniform {
        return noise.normal(d, space).mul_scalar(3.0);
    }
    let half = if matches!(config.element, Element::Circular { .. }) { PI } else { 5.0 };
    let values = noise.uniform_values(d).into_iter().map(|u| half * (2.0 * u - 1.0)).collect();
    space.tensor(values, [n, d])
}

#[test]
fn every_flow_is_invertible_with_the_jacobian_it_claims() {
    let (single, double) = spaces();
    for d in [1, 2, 5] {
        for config in configs_on(d) {
            let held = |result| holds(result, &config, d);
            let model = flow(&config, d, 0, &double);
            let map = model.given(None);
            let z = points(&config, 30, d, &double);
            held(inverse_undoes_push_up_to_conditioning(&map, &z, 1e-10));
            held(log_det_is_the_reverse_jacobian(&map, &model.push(z.clone(), None).0, 1e-8));
            // The two directions agree on the determinant.
            let (x, forwards) = model.push(z.clone(), None);
            let (_, backwards) = model.pull(x, None);
            let gap = to_host(forwards + backwards);
            // Three splines in a row, slopes of 10⁻³ among them: rounding grows by their inverses.
            let spline =
                matches!(config.element, Element::Spline { .. } | Element::Circular { .. });
            let most = if spline { 1e-5 } else { 1e-8 };
            assert!(gap.iter().all(|g| g.abs() < most), "{config:?} {d}: {gap:?}");

            let model = flow(&config, d, 0, &single);
            let z = points(&config, 30, d, &single);
            held(inverse_undoes_push_up_to_conditioning(&model.given(None), &z, 1e-5));
        }
    }
}

/// The layers of every flow, one by one.
#[test]
fn every_layer_is_invertible_with_the_jacobian_it_claims() {
    let (single, double) = spaces();
    let (mut kinds, d) = (std::collections::BTreeSet::new(), 4);
    for config in configs() {
        let config = FlowConfig { layers: 4, ..config };
        let held = |result| holds(result, &config, d);
        let (model, small) = (flow(&config, d, 0, &double), flow(&config, d, 0, &single));
        let z = points(&config, 20, d, &double);
        for (layer, narrow) in model.layers().iter().zip(small.layers()) {
            kinds.insert(kind(layer));
            held(inverse_undoes_push_up_to_conditioning(layer, &z, 1e-10));
            let (x, forwards) = Layer::push(layer, z.clone(), None);
            held(log_det_is_the_reverse_jacobian(layer, &x, 1e-8));
            let (_, backwards) = Layer::pull(layer, x, None, LogDet::Exact);
            assert!(to_host(forwards + backwards).iter().all(|g| g.abs() < 1e-8), "{config:?}");
            let z = points(&config, 20, d, &single);
            held(inverse_undoes_push_up_to_conditioning(narrow, &z, 1e-5));
        }
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

fn kind(layer: &Layer) -> &'static str {
    match layer {
        Layer::Coupling(_) => "coupling",
        Layer::Autoregressive(_) => "autoregressive",
        Layer::Inverse(_) => "inverse",
        Layer::Residual(_) => "residual",
        Layer::ActNorm(_) => "actnorm",
        Layer::Linear(_) => "linear",
        Layer::Permutation(_) => "permutation",
        Layer::Angles(_) => "angles",
    }
}

#[test]
fn plain_flows_are_invertible_with_the_jacobian_they_claim() {
    let (_, space) = spaces();
    for config in unbounded() {
        for (d, context) in [(2, 0), (5, 2)] {
            let fresh = Flow::new(&config, d, context, &Noise::new(5, 1), &space).unwrap();
            let model = perturbed(fresh.plain(&Noise::new(6, 1), &space));
            let c = (context > 0).then(|| Noise::new(9, 20).normal(context, &space));
            let map = model.given(c);
            let z = points(&config, 20, d, &space).mul_scalar(0.3);
            holds(inverse_undoes_push_up_to_conditioning(&map, &z, 1e-10), &config, d);
            let x = transport_core::PushForward::push(&map, z, &Noise::new(0, 1));
            holds(log_det_is_the_reverse_jacobian(&map, &x, 1e-8), &config, d);
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
        let reference = Reference::Gaussian;
        let config = FlowConfig { reading, element, layers: 3, net, reference };
        let model = Flow::new(&config, 6, 0, &Noise::new(0, 1), &space).unwrap();
        let model = model.plain(&Noise::new(1, 1), &space);
        assert_eq!(model.num_params(), count, "{config:?}");
    }
}

#[test]
fn a_context_reaches_every_kind_of_flow() {
    let (_, space) = spaces();
    for d in [1, 3] {
        for config in configs_on(d) {
            let model = flow(&config, d, 2, &space);
            let c = Noise::new(9, 6).normal(2, &space);
            // Within the box: beyond it a spline is the identity whatever the context.
            let x = points(&config, 6, d, &space).mul_scalar(0.3);
            let map = model.given(Some(c.clone()));
            inverse_undoes_push_up_to_conditioning(&map, &x, 1e-10).unwrap();
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
        let x = Noise::new(1, 4).normal(d, &space).mul_scalar(3.0);
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

/// ∫ p over a line and over the plane, by the midpoint rule: the density has mass one.
#[test]
fn densities_integrate_to_one() {
    let (_, space) = spaces();
    for config in configs_on(1) {
        let model = flow(&config, 1, 0, &space);
        let half = half_width(&config, 60.0);
        let cells = 120_000;
        let width = 2.0 * half / f64::from(cells);
        let x = (0..cells).map(|i| -half + (f64::from(i) + 0.5) * width).collect();
        let log_prob = to_host(model.log_prob(space.tensor(x, [cells as usize, 1]), None));
        let mass: f64 = log_prob.into_iter().map(f64::exp).sum::<f64>() * width;
        assert!((mass - 1.0).abs() < 1e-4, "{config:?}: {mass}");
    }
    for config in configs() {
        // Gently away from the start, so that a grid of the plane can resolve the density.
        let model = Flow::new(&config, 2, 0, &Noise::new(5, 1), &space).unwrap();
        let model = perturbed_by(0.03, model).of_angles(&[1.0; 2], &[0.0; 2], &space);
        let half = half_width(&config, 10.0);
        density_integrates_to_one(&model.given(None), half, 160, 2e-3, &space)
            .unwrap_or_else(|e| panic!("{config:?}: {e}"));
    }
}

/// Half of the interval that a flow lives on, or `whole`.
fn half_width(config: &FlowConfig, whole: f64) -> f64 {
    match (config.reference, config.element) {
        (Reference::Uniform, Element::Circular { .. }) => PI,
        (Reference::Uniform, _) => 5.0,
        _ => whole,
    }
}

#[test]
fn a_start_from_data_whitens_each_coordinate() {
    let (_, space) = spaces();
    for config in unbounded() {
        let model = flow(&config, 3, 0, &space);
        let x = points(&config, 500, 3, &space).mul_scalar(0.2).add_scalar(4.0);
        let model = model.started(x.clone(), None);
        let mut log_prob = to_host(model.log_prob(x, None));
        log_prob.sort_by(f64::total_cmp);
        // A standard normal scores −4.26 on its own points; unstarted, the shift alone costs 24.
        // The last transform is not whitened: the median does not see its tails.
        assert!(log_prob[250] > -6.0, "{config:?}: {}", log_prob[250]);
    }
}

/// Every layer but a permutation starts as the identity, and the flow as its reference's law.
#[test]
fn a_flow_starts_as_the_identity_and_is_a_transport() {
    let (space, _) = spaces();
    for config in configs() {
        let model = Flow::new(&config, 4, 0, &Noise::new(5, 1), &space).unwrap();
        let z = points(&config, 8, 4, &space).mul_scalar(0.9);
        for layer in model.layers().iter().filter(|l| kind(l) != "permutation") {
            let gap = to_host(Layer::push(layer, z.clone(), None).0 - z.clone());
            assert!(gap.iter().all(|g| g.abs() < 1e-5), "{config:?} {}", kind(layer));
        }
        let gap = to_host(model.log_prob(z.clone(), None) - model.base().log_prob(z));
        assert!(gap.iter().all(|g| g.abs() < 1e-4), "{config:?}");
    }
    for config in unbounded() {
        let model = Flow::new(&config, 4, 0, &Noise::new(5, 1), &space).unwrap();
        let z = Noise::new(2, 8).normal(4, &space);
        // Reversals remain: three layers reverse twice.
        let gap = to_host(model.given(None).push(z.clone(), &Noise::new(0, 8)) - z.clone());
        assert!(gap.iter().all(|g| g.abs() < 1e-5), "{config:?}");
        let law = Transport { reference: Gaussian::standard(4), map: model.given(None) };
        let exact = transport_core::Density::log_prob(&Gaussian::standard(4), z.clone());
        let gap = to_host(transport_core::Density::log_prob(&law, z) - exact);
        assert!(gap.iter().all(|g| g.abs() < 1e-4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// No flow makes a NaN of finite points, however far, at the edges of the box or of zero size.
    #[test]
    fn finite_points_stay_finite(
        far in prop::collection::vec(-1e6f64..1e6, 4),
        near in prop::collection::vec(-6.0f64..6.0, 8),
    ) {
        let edges = [5.0, -5.0, PI, -PI, 0.0, -0.0, 1e-30, 5.0 * (1.0 + 1e-7)];
        let values: Vec<f64> = far.into_iter().chain(near).chain(edges).collect();
        let (single, double) = spaces();
        for space in [single, double] {
            for config in configs() {
                let model = flow(&config, 2, 0, &space);
                let x = space.tensor::<2>(values.clone(), [values.len() >> 1, 2]);
                let (z, log_det) = model.pull(x.clone(), None);
                let (y, other) = model.push(x.clone(), None);
                let all = [to_host(z), to_host(log_det), to_host(y), to_host(other)].concat();
                prop_assert!(all.iter().all(|v| v.is_finite()), "{config:?}: {all:?}");
                // Outside a box the density is 0, never undefined.
                let log_prob = to_host(model.log_prob(x, None));
                prop_assert!(log_prob.iter().all(|v| !v.is_nan()), "{config:?}: {log_prob:?}");
            }
        }
    }
}

#[test]
fn what_is_no_invertible_map_is_refused() {
    let space = spaces().1;
    let refused =
        |config: FlowConfig, d: usize| Flow::new(&config, d, 0, &Noise::new(0, 1), &space).err();
    let affine = |reading| config(reading, Element::Affine, Reference::Gaussian);
    for element in [Element::Additive, Element::Affine, Element::Spline { bins: 4 }] {
        let coupling = FlowConfig { element, ..affine(Reading::Coupling) };
        assert_eq!(refused(coupling, 1), Some(FlowError::OneColumn));
        assert_eq!(refused(coupling, 2), None);
    }
    assert!(FlowError::OneColumn.to_string().contains("`maf`, `nsf-ar`"));
    assert_eq!(refused(affine(Reading::Autoregressive), 1), None);
    let uniform = FlowConfig { reference: Reference::Uniform, ..affine(Reading::Coupling) };
    assert_eq!(refused(uniform, 2), Some(FlowError::LeavesTheBox { found: "a scale and a shift" }));
    let residual = config(Reading::Residual, Element::Additive, Reference::Uniform);
    assert!(matches!(refused(residual, 2), Some(FlowError::LeavesTheBox { .. })));
    let torus = config(Reading::Coupling, Element::Circular { bins: 4 }, Reference::Gaussian);
    assert_eq!(refused(torus, 2), Some(FlowError::NotOnTheTorus));
    assert_eq!(refused(affine(Reading::Residual), 2), Some(FlowError::ResidualElement));
    let bins = |bins| config(Reading::Coupling, Element::Spline { bins }, Reference::Gaussian);
    for count in [0, 501, 2000] {
        assert!(matches!(refused(bins(count), 2), Some(FlowError::Size { what: "bins", .. })));
    }
    let none = FlowConfig { net: ConditionerConfig { width: 0, depth: 1 }, ..bins(3) };
    assert!(matches!(refused(none, 2), Some(FlowError::Size { what: "width", value: 0, .. })));
    let none = FlowConfig { reference: Reference::Mixture { components: 0 }, ..bins(3) };
    assert!(matches!(refused(none, 2), Some(FlowError::Size { what: "components", .. })));
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
    let config = &configs()[2];
    let (model, x) = (flow(config, 3, 0, &space), points(config, 9, 3, &space));
    assert!(log_det_is_the_jacobian(&model.given(None), &x, 1e-5).is_ok());
    assert!(log_det_is_the_jacobian(&Flipped(&model), &x, 1e-5).is_err());
    assert!(log_det_is_the_reverse_jacobian(&Flipped(&model), &x, 1e-8).is_err());
}
