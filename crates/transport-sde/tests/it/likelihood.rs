//! Log-densities along the flow: exact traces against closed forms, probes against exact traces.

use crate::space;
use burn::tensor::Tensor;
use transport_core::field::AffineField;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow, PosteriorJvp};
use transport_core::process::Vp;
use transport_core::schedule::{Noising, Rectified, Schedule, Trigonometric};
use transport_core::testkit::estimate_is_calibrated;
use transport_core::{Density, DensityEstimate, Interval, Jvp, Noise, Transport, device::to_host};
use transport_sde::likelihood::{EstimatedDensity, Hutchinson, Probe, TooFewProbes};
use transport_sde::{Grid, OdeFlow, Solver};

fn mixture() -> Mixture {
    let components = vec![
        Gaussian::new(vec![0.9, -0.7], vec![0.6, 0.3, 0.3, 0.4]).unwrap(),
        Gaussian::isotropic(vec![-1.0, 1.0], 0.5),
    ];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

/// The largest gap, over samples of `q_end`, between the exact log-density at the end of the
/// interval and the one along the flow from the exact law at its start.
fn gap<L>(law: L, schedule: impl Schedule + Copy, interval: Interval, steps: usize) -> f64
where
    L: PosteriorJvp + Clone,
    L::Noised: Law,
{
    let field = OracleFlow { law, schedule };
    let (start, end) = (field.at(interval.start), field.at(interval.end));
    let grid = Grid::uniform(interval, steps).unwrap();
    let flow = OdeFlow { field: &field, grid, solver: Solver::Heun };
    let model = Transport { reference: start, map: flow };
    let x = end.sample(&Noise::new(3, 100), &space());
    let gaps = to_host(model.log_prob(x.clone()) - end.log_prob(x));
    gaps.iter().fold(0f64, |m, g| m.max(g.abs()))
}

/// 1e-5 nats in f64, on Gaussians and mixtures.
#[test]
fn exact_traces_give_the_exact_density() {
    let gaussian = Gaussian::new(vec![0.3, -0.7], vec![1.5, 0.6, 0.6, 0.9]).unwrap();
    let vp = Noising::new(Vp::default());
    let vp_window = Interval { start: 0.0, end: 0.95 };
    let gaps = [
        ("Gaussian, rectified", gap(gaussian.clone(), Rectified, Interval::UNIT, 1000)),
        ("Gaussian, VP", gap(gaussian, vp, vp_window, 1000)),
        ("mixture, trigonometric", gap(mixture(), Trigonometric, Interval::UNIT, 1000)),
        ("mixture, rectified", gap(mixture(), Rectified, Interval::UNIT, 1000)),
        ("mixture, VP", gap(mixture(), vp, vp_window, 1500)),
    ];
    for (what, gap) in gaps {
        println!("{what}: {gap:.1e} nats");
        assert!(gap < 1e-5, "{what}: {gap:e} nats");
    }
}

/// A linear field in three dimensions whose symmetric part is not diagonal.
fn shear() -> AffineField {
    AffineField {
        matrix: vec![0.3, 1.0, -0.4, 0.2, -0.5, 0.8, 0.1, 0.6, 0.4],
        offset: vec![1.0, 0.0, -1.0],
        rate: vec![0.0, 0.5, 2.0],
    }
}

fn estimated<F: Jvp>(
    field: F,
    d: usize,
    probe: Probe,
    count: usize,
) -> EstimatedDensity<Gaussian, F> {
    let grid = Grid::uniform(Interval::UNIT, 40).unwrap();
    let flow = OdeFlow { field, grid, solver: Solver::Heun };
    let trace = Hutchinson::new(probe, count).unwrap();
    EstimatedDensity { reference: Gaussian::standard(d), flow, trace }
}

/// The suite against the exact trace on the same steps.
fn check<F: Jvp + Clone>(
    what: &str,
    model: &EstimatedDensity<Gaussian, F>,
    x: Tensor<2>,
    noise: &Noise,
    tolerance: f64,
) {
    let exact = Transport { reference: model.reference.clone(), map: model.flow.clone() };
    let found = estimate_is_calibrated(model, &exact, &x, noise, tolerance);
    let c = found.unwrap_or_else(|e| panic!("{what}: {e}"));
    println!("{what}: bias {:+.2} s.e., variance of z-scores {:.3}", c.bias, c.spread);
}

/// Over 4000 rows, with K = 64 probes: z-scores near Student's law with 63 degrees of freedom,
/// variance 1.03, estimated to ±2.3 % (one s.e.).
#[test]
fn probes_are_unbiased_and_their_errors_calibrated() {
    let noise = Noise::new(11, 4000);
    for probe in [Probe::Gaussian, Probe::Rademacher] {
        let x = noise.purpose("points").normal(3, &space());
        check(&format!("linear, {probe:?}"), &estimated(shear(), 3, probe, 64), x, &noise, 0.15);
    }
}

/// The same on a field whose Jacobian moves along the path. Signs give estimates without skew;
/// normal probes give skewed ones, in the worst case a χ² of one degree of freedom, whose z-scores
/// have variance 1.34 with 64 probes and 1.05 with 256: they are checked with 256.
#[test]
fn probes_are_calibrated_on_a_mixture() {
    for (probe, count) in [(Probe::Rademacher, 64), (Probe::Gaussian, 256)] {
        let field = OracleFlow { law: mixture(), schedule: Rectified };
        let grid = Grid::uniform(Interval::UNIT, 20).unwrap();
        let flow = OdeFlow { field, grid, solver: Solver::Heun };
        let trace = Hutchinson::new(probe, count).unwrap();
        let model = EstimatedDensity { reference: Gaussian::standard(2), flow, trace };
        let n = 600;
        let x = mixture().sample(&Noise::new(12, n).purpose("points"), &space());
        check(&format!("mixture, {probe:?}"), &model, x, &Noise::new(12, n), 0.25);
    }
}

/// `εᵀJε` with signs is the trace when J's symmetric part is diagonal, and is not otherwise.
#[test]
fn signs_are_exact_on_diagonal_fields() {
    let diagonal =
        AffineField { matrix: vec![0.7, 0.0, 0.0, -0.4], offset: vec![0.0; 2], rate: vec![0.0; 2] };
    let x = || Noise::new(1, 20).normal(2, &space());
    let noise = Noise::new(2, 20);
    let largest = |model: &EstimatedDensity<Gaussian, AffineField>| {
        let exact = Transport { reference: model.reference.clone(), map: model.flow.clone() };
        let (estimate, error) = model.estimate(x(), &noise);
        let gap = (estimate - exact.log_prob(x())).abs().max().into_scalar::<f64>();
        (gap, error.0.max().into_scalar::<f64>())
    };
    let (gap, error) = largest(&estimated(diagonal.clone(), 2, Probe::Rademacher, 3));
    assert!(gap < 1e-12 && error < 1e-12, "{gap} ± {error}");
    let (gap, error) = largest(&estimated(diagonal, 2, Probe::Gaussian, 3));
    assert!(gap > 1e-2 && error > 1e-2, "{gap} ± {error}");
}

/// A trace estimated with probes whose second moment is not the identity is caught by the test
/// above: uniform probes on (−1, 1) carry a third of the trace.
#[test]
fn wrong_probes_are_rejected() {
    let noise = Noise::new(11, 500);
    let x = noise.purpose("points").normal(3, &space());
    let uniform = |k: u64| {
        let values = noise.at_step(k).uniform_values(3).iter().map(|u| 2.0 * u - 1.0).collect();
        space().tensor::<2>(values, [500, 3])
    };
    let divergence = |probe: Tensor<2>| {
        let (_, tangent) = shear().jvp(x.clone(), transport_core::Times::Same(0.0), probe.clone());
        to_host((probe * tangent).sum_dim(1))
    };
    let values: Vec<f64> = (0..64).flat_map(|k| divergence(uniform(k))).collect();
    let e = transport_sde::fokker_planck::Estimate::of(&values);
    assert!(e.z_score(0.2).abs() > 20.0, "{e:?}");
}

#[test]
fn estimates_do_not_depend_on_the_chunk_and_failures_are_named() {
    let model = estimated(shear(), 3, Probe::Gaussian, 4);
    let (noise, x) = (Noise::new(5, 9), Noise::new(6, 9).normal(3, &space()));
    let whole = to_host(model.estimate(x.clone(), &noise).0);
    let part = |rows: std::ops::Range<usize>| {
        to_host(model.estimate(x.clone().slice([rows.clone()]), &noise.rows(rows)).0)
    };
    assert_eq!(whole, [part(0..4), part(4..9)].concat());
    assert_eq!(Hutchinson::new(Probe::Gaussian, 1), Err(TooFewProbes { found: 1 }));
    let wild = AffineField { matrix: vec![-1e200], offset: vec![0.0], rate: vec![0.0] };
    let model = estimated(wild, 1, Probe::Gaussian, 2);
    let x = space().tensor(vec![1.0], [1, 1]);
    assert!(model.try_estimate(x.clone(), &Noise::new(0, 1)).is_err());
    assert!(to_host(model.estimate(x, &Noise::new(0, 1)).0)[0].is_nan());
}
