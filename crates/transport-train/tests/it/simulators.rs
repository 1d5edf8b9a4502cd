//! Simulators as data sets: amortised posteriors through the ordinary path.

use crate::folder;
use transport_core::law::simulator::{self, Simulator, TwoMoons};
use transport_data::{Table, read_csv};
use transport_train::problem::names;
use transport_train::{Config, Mode, Request, Run, Silent, train};

/// A small conditional flow on draws of a simulator.
fn config(name: &str, context: usize) -> Config {
    let mut config = Config::new(name, "nsf").unwrap();
    config.data.context = (1..=context).map(|k| format!("x{k}")).collect();
    config.data.points = 2000;
    for (name, value) in [("width", 32), ("layers", 3)] {
        config.model.settings.insert(name.into(), value.into());
    }
    (config.train.steps, config.train.batch_size, config.optim.lr) = (400, 128, 2e-3);
    config
}

#[test]
fn every_simulator_is_a_data_set() {
    for name in simulator::NAMES {
        assert!(names().contains(&format!("sbi-{name}").as_str()), "{name}");
    }
}

/// A quick posterior of two moons: inside the prior's box, near both crescents, and a density that
/// integrates to 1 over the box.
#[test]
fn a_flow_learns_a_posterior_inside_its_support() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    train(&config("sbi-two-moons", 2), &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let given = vec![("x1".to_owned(), -0.3), ("x2".to_owned(), 0.1)];
    let theta = run.draw(&Request { n: 2000, given, ..Request::default() }).unwrap();
    assert_eq!(theta.names(), ["theta1", "theta2"]);
    assert!(theta.values().iter().all(|t| t.abs() < 1.0));
    // The crescents lie on either side of θ₁ + θ₂ = 0 at the same θ₂ − θ₁.
    let above = (0..2000).filter(|i| theta.row(*i)[0] + theta.row(*i)[1] > 0.0).count();
    assert!((600..1400).contains(&above), "{above}");
    let gap = (0..2000).map(|i| theta.row(i)[1] - theta.row(i)[0]).sum::<f64>() / 2000.0;
    assert!((gap - 0.1 * 2f64.sqrt()).abs() < 0.1, "{gap}");

    let names = ["theta1", "theta2", "x1", "x2"].map(str::to_owned).to_vec();
    let cells = 150;
    let centre = |i: usize| -1.0 + 2.0 * (i as f64 + 0.5) / cells as f64;
    let cell = |k: usize| [centre(k % cells), centre(k.div_euclid(cells)), -0.3, 0.1];
    let grid = Table::new(names.clone(), (0..cells * cells).flat_map(cell).collect()).unwrap();
    let total: f64 = run.log_prob(&grid).unwrap().iter().map(|v| v.exp()).sum();
    let total = total * (2.0 / cells as f64).powi(2);
    assert!((total - 1.0).abs() < 0.02, "{total}");

    let outside = vec![0.5, 0.5, -0.3, 0.1, 0.5, 1.5, -0.3, 0.1];
    let error = run.log_prob(&Table::new(names, outside).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "row 2, column `theta2`: 1.5 is not between -1 and 1");
}

/// The published posterior samples belong to these simulators: each of 10 000 of the moons lies in
/// the box and as near to the observation's crescent as a normal radius gets (5.5σ; one sample in
/// ten thousand reaches 4σ), and those of the linear task have mean x/2 and variance 0.05.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn published_posteriors_are_of_these_simulators() {
    let folder = std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA names the data sets");
    let table = |task: &str, observation: usize, name: &str| {
        let path = format!("{folder}/sbibm/{task}/obs{observation:02}/{name}");
        read_csv(path.as_ref()).unwrap()
    };
    for observation in 1..=10 {
        let x = table("two_moons", observation, "observation.csv");
        let theta = table("two_moons", observation, "reference_posterior_samples.csv.gz");
        assert_eq!(theta.rows(), 10_000);
        assert!(theta.values().iter().all(|t| t.abs() <= 1.0));
        // log N(r) − log(π r) is 4.8 at the middle of the crescent, and 15.1 less at 5.5σ.
        let least = (0..10_000)
            .map(|i| TwoMoons.log_likelihood(theta.row(i), x.row(0)))
            .fold(f64::INFINITY, f64::min);
        assert!(least > 4.8 - 15.5, "observation {observation}: {least}");
    }
    for observation in 1..=3 {
        let x = table("gaussian_linear", observation, "observation.csv");
        let theta = table("gaussian_linear", observation, "reference_posterior_samples.csv.gz");
        for k in 0..10 {
            let mean = theta.column(k).sum::<f64>() / 1e4;
            let variance = theta.column(k).map(|t| (t - mean).powi(2)).sum::<f64>() / 1e4;
            assert!((mean - 0.5 * x.row(0)[k]).abs() < 5.0 * (0.05f64 / 1e4).sqrt());
            assert!((variance / 0.05 - 1.0).abs() < 5.0 * (2.0f64 / 1e4).sqrt());
        }
    }
}
