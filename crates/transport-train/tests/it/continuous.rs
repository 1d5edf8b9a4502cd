//! The registered continuous flow: trained by every way, resumed, given a context, judged, refused.

use crate::sessions::StopAt;
use crate::{bytes, folder, small};
use std::f64::consts::PI;
use transport_core::Noise;
use transport_core::testkit::max_or_nan;
use transport_data::{Table, write_npy};
use transport_sde::Solver;
use transport_train::config::{ConfigError, SampleConfig};
use transport_train::{Config, Folder, Mode, Run, Silent, TrainError, train};

fn quick(source: &str, steps: u64) -> Config {
    let mut config = Config::new(source, "ffjord").unwrap();
    let fast = small(steps);
    config.data.points = fast.data.points;
    config.run = fast.run;
    config.train.steps = steps;
    config.train.batch_size = 64;
    config.model.settings.insert("width".into(), 24.into());
    config.model.settings.insert("depth".into(), 2.into());
    config.model.settings.insert("integration_steps".into(), 4.into());
    config
}

fn set(config: &Config, key: &str, value: impl Into<toml::Value>) -> Config {
    let mut config = config.clone();
    config.model.settings.insert(key.into(), value.into());
    config
}

fn trained(config: &Config, folder: &Folder) -> Run {
    train(config, folder, Mode::Fresh, &mut Silent).unwrap();
    Run::open(folder.path()).unwrap()
}

/// A run that was cut off goes on to the same bytes, by each way; the ways agree on the first step
/// to rounding (checkpoints) or to the method's error (adjoint).
#[test]
fn every_way_trains_and_resumes_exactly() {
    let root = tempfile::tempdir().unwrap();
    let mut first = Vec::new();
    for way in ["plain", "checkpointed", "adjoint"] {
        let config = set(&set(&quick("moons", 45), "backward", way), "kinetic", 0.01);
        let (whole, cut) = (folder(root.path(), way), folder(root.path(), &format!("{way}-cut")));
        let _ = trained(&config, &whole);
        train(&config, &cut, Mode::Fresh, &mut StopAt(20, 0)).unwrap();
        train(&config, &cut, Mode::Resume, &mut Silent).unwrap();
        assert_eq!(bytes(&whole, "model.safetensors"), bytes(&cut, "model.safetensors"), "{way}");
        let text = String::from_utf8(bytes(&whole, "metrics.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        first.push(line["loss"].as_f64().unwrap());
    }
    assert!((first[0] - first[1]).abs() < 1e-5 && (first[0] - first[2]).abs() < 1e-3, "{first:?}");
}

/// The mass of a trained flow on a square is its samples' share there; adaptive and fixed steps agree; a row is its own.
#[test]
fn densities_are_densities_on_chosen_steps_as_on_fixed_ones() {
    let root = tempfile::tempdir().unwrap();
    let fixed = trained(&quick("moons", 120), &folder(root.path(), "fixed"));
    let chosen = set(&quick("moons", 120), "tolerance", 1e-6);
    let chosen = trained(&chosen, &folder(root.path(), "chosen"));
    let (side, width) = (120, 8.0 / 120.0);
    let at = |k: usize| -4.0 + width * (k as f64 + 0.5);
    let cells = (0..side * side).flat_map(|k| [at(k % side) + 0.5, at(k / side) + 0.2]).collect();
    let table = Table::new(vec!["x".into(), "y".into()], cells).unwrap();
    let log_prob = fixed.log_prob(&table).unwrap();
    let mass: f64 = log_prob.iter().map(|l| l.exp()).sum::<f64>() * width * width;
    // What leaves the square: within 4.5 standard errors of the share of 20,000 samples, and 1e-3
    // of the midpoint rule.
    let samples = fixed.sample(20_000, 1).unwrap();
    let inside = |r: &&[f64]| (r[0] - 0.5).abs() < 4.0 && (r[1] - 0.2).abs() < 4.0;
    let share = samples.values().chunks(2).filter(inside).count() as f64 / 20_000.0;
    let slack = 1e-3 + 4.5 * (share * (1.0 - share) / 20_000.0).sqrt();
    assert!(share > 0.9 && (mass - share).abs() < slack, "{mass} for {share} ± {slack}");
    let by_error = chosen.log_prob(&table).unwrap();
    let likely = log_prob.iter().zip(&by_error).filter(|(l, _)| **l > -15.0);
    let gap = likely.map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
    assert!(gap < 2e-3, "{gap}");
    // On fixed steps to the bit; on chosen ones to rounding, which a batch of one row may change.
    let (many, few) = (fixed.sample(40, 3).unwrap(), fixed.sample(9, 3).unwrap());
    assert_eq!(&many.values()[..18], few.values());
    let (many, few) = (chosen.sample(40, 3).unwrap(), chosen.sample(9, 3).unwrap());
    let gaps = many.values().iter().zip(few.values()).map(|(a, b)| (a - b).abs());
    let gap = gaps.fold(0.0, max_or_nan);
    assert!(gap < 1e-5, "{gap}");
}

/// A context shifts what is drawn, and the likelihood of held-out rows sees it.
#[test]
fn a_context_moves_the_law() {
    let root = tempfile::tempdir().unwrap();
    let n = 600;
    let rows = Noise::new(3, n).normal_values(2);
    let values: Vec<f64> = rows
        .chunks(2)
        .enumerate()
        .flat_map(|(i, r)| {
            let shift = if i % 2 == 0 { -2.0 } else { 2.0 };
            [shift + 0.3 * r[0], 0.3 * r[1], (i % 2) as f64]
        })
        .collect();
    let names = ["x", "y", "side"].map(str::to_owned).to_vec();
    let path = root.path().join("sides.npy");
    write_npy(&path, &Table::new(names, values).unwrap()).unwrap();
    let mut config = quick(&path.display().to_string(), 250);
    let columns = transport_data::read(&path).unwrap().table.names().to_vec();
    config.data.context = vec![columns[2].clone()];
    let run = trained(&config, &folder(root.path(), "sides"));
    let table = |x: f64, side: f64| Table::new(columns.clone(), vec![x, 0.0, side]).unwrap();
    let own = run.log_prob(&table(2.0, 1.0)).unwrap()[0];
    let other = run.log_prob(&table(2.0, 0.0)).unwrap()[0];
    assert!(own > other + 3.0, "{own} against {other}");
    // The best law there is: −½ log(2πe 0.09) each.
    let best = -(2.0 * PI * 0.09).ln();
    assert!(own < best + 0.7 && own > best - 1.5, "{own} for {best}");
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let refused = |key: &str, value: toml::Value| {
        let config = set(&quick("moons", 5), key, value);
        match config.check() {
            Err(ConfigError::Settings { model, reason }) => {
                assert_eq!(model, "ffjord");
                reason
            }
            other => panic!("{key}: {other:?}"),
        }
    };
    for tolerance in [0.0, -1e-3, f64::NAN, f64::INFINITY] {
        let reason = refused("tolerance", tolerance.into());
        assert!(reason.contains("tolerance is"), "{reason}");
    }
    assert!(refused("kinetic", (-0.1).into()).contains("kinetic is -0.1"));
    assert!(refused("jacobian", f64::NAN.into()).contains("jacobian"));
    assert!(refused("segments", 0.into()).contains("segments is 0"));
    assert!(refused("integration_steps", 0.into()).contains("integration_steps is 0"));
    assert!(refused("method", "adams-bashforth".into()).contains("no explicit Runge–Kutta"));
    assert!(refused("trace", "full".into()).contains("full"));
    assert!(refused("wdith", 3.into()).contains("wdith"));
    let mut config = quick("moons", 5);
    config.sample = SampleConfig { solver: Solver::EulerMaruyama, steps: 5 };
    assert!(config.check().is_err(), "a flow has no stochastic sampler");
}

/// A learning rate that throws the flow away ends in an error, not in a model.
#[test]
fn a_flow_that_explodes_is_reported() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick("moons", 60);
    config.optim.lr = 1e6;
    config.optim.warmup = 0;
    config.optim.clip = 1e6;
    let found = train(&config, &folder(root.path(), "wild"), Mode::Fresh, &mut Silent);
    assert!(matches!(found, Err(TrainError::Diverged { .. })), "{found:?}");
}
