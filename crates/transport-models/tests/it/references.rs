//! The references of flows: normalised, drawn from their own density, trained only where they are
//! learned, and bounded ones say where they end.

use crate::{perturbed_by, spaces};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use transport_core::device::to_host;
use transport_core::testkit::{density_integrates_to_one, sampling_is_chunk_free};
use transport_core::{Density, Law, Noise, Space};
use transport_models::flow::{Element, Reading, Reference};
use transport_models::net::ConditionerConfig;
use transport_models::{Flow, FlowConfig};

const REFERENCES: [Reference; 5] = [
    Reference::Gaussian,
    Reference::Uniform,
    Reference::Mixture { components: 3 },
    Reference::Learned { components: 1 },
    Reference::Learned { components: 4 },
];

fn config(reference: Reference) -> FlowConfig {
    FlowConfig {
        reading: Reading::Coupling,
        element: Element::Spline { bins: 4 },
        layers: 2,
        net: ConditionerConfig { width: 16, depth: 2 },
        reference,
    }
}

/// Gently away from its start, so that a grid can resolve the density.
fn flow(reference: Reference, d: usize, space: &Space) -> Flow {
    perturbed_by(0.03, Flow::new(&config(reference), d, 0, &Noise::new(5, 1), space).unwrap())
}

#[test]
fn every_reference_is_normalised_under_a_flow_and_alone() {
    let (_, space) = spaces();
    for reference in REFERENCES {
        let model = flow(reference, 2, &space);
        let half = if reference == Reference::Uniform { 5.0 } else { 14.0 };
        density_integrates_to_one(&model.given(None), half, 200, 4e-3, &space)
            .unwrap_or_else(|e| panic!("{reference:?}: {e}"));
        sampling_is_chunk_free(&model.given(None), &space)
            .unwrap_or_else(|e| panic!("{reference:?}: {e}"));
    }
}

/// The probability that the density gives to each quadrant is the share of samples there: five
/// standard errors of a share, false alarm under 1e-6 · 20 for a random seed.
#[test]
fn samples_follow_the_density() {
    let (_, space) = spaces();
    let n = 20_000;
    for reference in REFERENCES {
        let model = flow(reference, 2, &space);
        let (half, cells) = (if reference == Reference::Uniform { 5.0 } else { 14.0 }, 200);
        let width = 2.0 * half / f64::from(cells);
        let centre = |i: i32| -half + (f64::from(i) + 0.5) * width;
        let grid: Vec<f64> =
            (0..cells).flat_map(|i| (0..cells).flat_map(move |j| [centre(i), centre(j)])).collect();
        let quadrant = |p: &[f64]| usize::from(p[0] > 0.0) + 2 * usize::from(p[1] > 0.0);
        let x = space.tensor::<2>(grid.clone(), [(cells * cells) as usize, 2]);
        let log_prob = to_host(model.given(None).log_prob(x));
        let (mut mass, mut share) = ([0.0; 4], [0.0; 4]);
        for (p, l) in grid.chunks(2).zip(log_prob) {
            mass[quadrant(p)] += l.exp() * width * width;
        }
        let drawn = to_host(model.given(None).sample(&Noise::new(8, n), &space));
        drawn.chunks(2).for_each(|p| share[quadrant(p)] += 1.0 / n as f64);
        for (m, s) in mass.into_iter().zip(share) {
            let error = (m * (1.0 - m) / n as f64).sqrt();
            assert!((m - s).abs() < 5.0 * error + 4e-3, "{reference:?}: {s} where {m} is right");
        }
    }
}

#[test]
fn only_a_learned_reference_is_trained() {
    let (_, space) = spaces();
    for reference in REFERENCES {
        let model = flow(reference, 2, &space).train();
        let x = space.tensor::<2>(vec![0.3, -0.4, 1.0, 0.2], [2, 2]);
        let gradients = model.log_prob(x, None).sum().backward();
        let seen = count_of_gradients(&model, gradients);
        let expected = if matches!(reference, Reference::Learned { .. }) { 3 } else { 0 };
        assert_eq!(seen, expected, "{reference:?}");
    }
}

/// How many of the reference's parameters have a gradient.
fn count_of_gradients(model: &Flow, gradients: Gradients) -> usize {
    struct Count(Gradients, usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(&self.0);
            self.1 += usize::from(gradient.is_some());
        }
    }
    let mut count = Count(gradients, 0);
    model.base().visit(&mut count);
    count.1
}

#[test]
fn a_bounded_law_says_where_it_ends() {
    let (single, double) = spaces();
    for space in [single, double] {
        let model = flow(Reference::Uniform, 2, &space);
        let x = |rows: &[f64]| space.tensor::<2>(rows.to_vec(), [rows.len() >> 1, 2]);
        assert_eq!(model.outside(&x(&[0.0, 5.0, -5.0, 1.0])), None);
        let outside = model.outside(&x(&[0.0, 1.0, 2.0, -5.5, 9.0, 9.0])).unwrap();
        assert_eq!((outside.row, outside.column, outside.interval), (1, 1, (-5.0, 5.0)));
        let log_prob = to_host(model.log_prob(x(&[0.0, 4.999, 2.0, -5.5]), None));
        assert!(log_prob[0].is_finite() && log_prob[1] == f64::NEG_INFINITY, "{log_prob:?}");
        // A law on everything has no outside.
        let model = flow(Reference::Gaussian, 2, &space);
        assert_eq!(model.outside(&x(&[1e6, 0.0])), None);
    }
}

/// Angles in other units: the support and the density follow.
#[test]
fn angles_are_read_in_the_units_of_the_states() {
    let (_, space) = spaces();
    let element = Element::Circular { bins: 4 };
    let config = FlowConfig { element, ..config(Reference::Uniform) };
    let model = Flow::new(&config, 2, 0, &Noise::new(5, 1), &space).unwrap();
    assert!(model.has_angles());
    let model = model.of_angles(&[2.0, 0.5], &[0.5, 0.0], &space);
    let x = |rows: &[f64]| space.tensor::<2>(rows.to_vec(), [rows.len() >> 1, 2]);
    let outside = model.outside(&x(&[0.0, 0.0, 1.5, 0.0])).unwrap();
    assert_eq!((outside.row, outside.column), (1, 0));
    assert!((outside.interval.1 - (std::f64::consts::PI - 0.5) / 2.0).abs() < 1e-12);
    // A fresh flow is uniform: |s₁ s₂| / (2π)².
    let log_prob = to_host(model.log_prob(x(&[0.0, 1.0]), None));
    assert!((log_prob[0] + 2.0 * std::f64::consts::TAU.ln()).abs() < 1e-12, "{log_prob:?}");
}
