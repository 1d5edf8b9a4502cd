//! Validation rows, the best weights, early stopping.

use crate::{bytes, folder, small};
use std::fs;
use std::path::Path;
use transport_data::Table;
use transport_train::problem::Problem;
use transport_train::trainer::Keep;
use transport_train::validation::Validation;
use transport_train::{Config, Folder, Mode, Observer, Outcome, Run, Silent, TrainError, train};

/// A flow on a few rows, which it learns by heart within a hundred steps.
fn overfits(root: &Path) -> Config {
    let path = root.join("few.csv");
    let noise = transport_core::Noise::new(4, 60).normal_values(2);
    let rows: String = noise.chunks(2).map(|r| format!("{},{}\n", r[0], r[1])).collect();
    fs::write(&path, format!("x,y\n{rows}")).unwrap();
    let mut config = small(150);
    let fresh = Config::new("moons", "nsf").unwrap();
    (config.model, config.sample) = (fresh.model, fresh.sample);
    (config.train.keep, config.data.validation) = (Keep::Best, 0.25);
    config.data.source = path.to_str().unwrap().to_owned();
    config.model.settings.insert("layers".into(), 2.into());
    config.model.settings.insert("width".into(), 32.into());
    config.train.validate_every = 10;
    config.optim.lr = 2e-2;
    config.optim.warmup = 5;
    config.optim.ema = 0.5;
    config
}

fn trained(config: &Config, folder: &Folder) -> Run {
    assert_eq!(train(config, folder, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
    Run::open(folder.path()).unwrap()
}

/// The validation losses in `metrics.jsonl`.
fn looks(folder: &Folder) -> Vec<Validation> {
    let lines = folder.metrics().unwrap();
    let look = |line: &serde_json::Value| {
        let loss = line.get("validation_loss")?.as_f64()?;
        Some(Validation { step: line["step"].as_u64()?, loss })
    };
    lines.iter().filter_map(look).collect()
}

/// The loss of a run's own weights on the validation rows, from its density: `−E log p / d`.
fn loss_of(run: &Run, problem: &Problem) -> f64 {
    let rows = &problem.validation;
    let states: Vec<f64> = rows.states.iter().map(|v| f64::from(*v)).collect();
    let scaler = &problem.schema.scaler;
    let table = Table::new(vec!["x".into(), "y".into()], scaler.inverse(&states)).unwrap();
    let log_prob = run.log_prob(&table).unwrap();
    let mean = log_prob.iter().sum::<f64>() / rows.len() as f64;
    -(mean - scaler.log_abs_det()) / rows.dim as f64
}

#[test]
fn the_rows_are_split_by_the_seed_into_three() {
    let mut config = Config::new("moons", "nsf").unwrap();
    config.data.points = 200;
    let problem = Problem::prepare(&config.data, 3).unwrap();
    let counts = (problem.train.rows(), problem.validation.len(), problem.test.rows());
    assert_eq!(counts, (160, 20, 20));
    assert_eq!(Problem::prepare(&config.data, 3).unwrap().validation, problem.validation);
    assert_ne!(Problem::prepare(&config.data, 4).unwrap().validation, problem.validation);
    // The test rows are the same with and without validation, and no row stands on two sides.
    config.data.validation = 0.0;
    let without = Problem::prepare(&config.data, 3).unwrap();
    assert_eq!((&without.test, without.validation.len()), (&problem.test, 0));
    let scaler = &problem.schema.scaler;
    let bits = |row: &[f64]| row.iter().map(|v| (v * 1e4).round() as i64).collect::<Vec<_>>();
    let states: Vec<f64> = problem.validation.states.iter().map(|v| f64::from(*v)).collect();
    let mut rows: Vec<Vec<i64>> = scaler.inverse(&states).chunks(2).map(bits).collect();
    rows.extend((0..160).map(|i| bits(problem.train.row(i))));
    rows.extend((0..20).map(|i| bits(problem.test.row(i))));
    let all = rows.len();
    rows.sort();
    rows.dedup();
    assert_eq!((all, rows.len()), (200, 200));
    // The scale is the training rows' alone.
    let mean = problem.rows.states.iter().sum::<f32>() / 320.0;
    let held = problem.validation.states.iter().sum::<f32>() / 40.0;
    assert!(mean.abs() < 1e-5 && held.abs() > 1e-3, "{mean}, {held}");
}

/// The best weights are those of the lowest line, and the last ones those of the last.
#[test]
fn the_finished_model_is_the_best_one_when_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let mut config = overfits(root.path());
    let problem = Problem::prepare(&config.data, 0).unwrap();
    let best = folder(root.path(), "best");
    let run = trained(&config, &best);
    let looks_seen = looks(&best);
    assert_eq!(looks_seen.len(), 15);
    let lowest = *looks_seen.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).unwrap();
    let last = looks_seen[14];
    assert!(last.loss > lowest.loss + 0.05, "no overfitting to guard against: {looks_seen:?}");
    assert_eq!(run.card().best, Some(lowest));
    assert!((loss_of(&run, &problem) - lowest.loss).abs() < 1e-4, "{lowest:?}");

    config.train.keep = Keep::Last;
    let run = trained(&config, &folder(root.path(), "last"));
    assert!((loss_of(&run, &problem) - last.loss).abs() < 1e-4, "{last:?}");
    assert_eq!(run.card().best, Some(lowest));
}

/// Records where it was told that training stopped.
#[derive(Default)]
struct Ear(Option<u64>);

impl Observer for Ear {
    fn stopped_early(&mut self, step: u64) {
        self.0 = Some(step);
    }
}

#[test]
fn patience_ends_training_early() {
    let root = tempfile::tempdir().unwrap();
    let mut config = overfits(root.path());
    config.train.patience = 3;
    let folder = folder(root.path(), "run");
    let mut ear = Ear::default();
    assert_eq!(train(&config, &folder, Mode::Fresh, &mut ear).unwrap(), Outcome::Finished);
    let card = Run::open(folder.path()).unwrap().card().clone();
    let best = card.best.unwrap();
    assert_eq!(card.steps, best.step + 30, "three looks after the best one");
    assert!(card.steps < 150 && ear.0 == Some(card.steps));
    config.data.validation = 0.0;
    let error = config.check().unwrap_err().to_string();
    assert!(error.contains("--patience") && error.contains("--validation"), "{error}");
}

/// Stops after a step.
struct StopAt(u64, u64);

impl Observer for StopAt {
    fn step(&mut self, report: &transport_train::trainer::StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

/// Stopped after the best step and before it, killed at a checkpoint: the same model, bit for bit.
#[test]
fn a_resumed_run_remembers_its_best_weights() {
    let root = tempfile::tempdir().unwrap();
    let mut config = overfits(root.path());
    config.train.patience = 4;
    let (whole, parts) = (folder(root.path(), "whole"), folder(root.path(), "parts"));
    let best = trained(&config, &whole).card().best.unwrap().step;
    for stop in [5, best + 3, best + 12] {
        let mode = if stop == 5 { Mode::Fresh } else { Mode::Resume };
        let outcome = train(&config, &parts, mode, &mut StopAt(stop, 0)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted { step: stop });
    }
    assert_eq!(train(&config, &parts, Mode::Resume, &mut Silent).unwrap(), Outcome::Finished);
    assert!(bytes(&whole, "model.safetensors") == bytes(&parts, "model.safetensors"));
    assert_eq!(bytes(&whole, "metrics.jsonl"), bytes(&parts, "metrics.jsonl"));
}

/// The loss on the validation rows has fixed draws: the same weights give the same number, and
/// regression on noise is validated too where rows are given.
#[test]
fn flow_matching_is_validated_when_asked() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small(60);
    assert_eq!((config.train.keep, config.data.validation), (Keep::Last, 0.0));
    config.data.validation = 0.2;
    config.train.validate_every = 20;
    let (a, b) = (folder(root.path(), "a"), folder(root.path(), "b"));
    let run = trained(&config, &a);
    let seen = looks(&a);
    assert_eq!(seen.iter().map(|look| look.step).collect::<Vec<_>>(), [20, 40, 60]);
    assert!(seen[2].loss < seen[0].loss, "{seen:?}");
    assert!(run.card().best.is_some());
    // Chunks are not part of the result but for rounding; threads are not at all.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| trained(&config, &b));
    assert_eq!(looks(&b), seen);
}

/// Diverged training keeps its last whole checkpoint, and nothing that is not a number is written.
#[test]
fn a_diverged_run_keeps_its_last_good_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small(200);
    (config.optim.lr, config.optim.warmup) = (1e30, 0);
    config.run.checkpoint_every = 1;
    let folder = folder(root.path(), "run");
    let error = train(&config, &folder, Mode::Fresh, &mut Silent).unwrap_err();
    let TrainError::Diverged { step, .. } = error else { panic!("{error}") };
    let archive = folder.read_checkpoint().unwrap().expect("a checkpoint is kept");
    let kept = archive.card["step"].as_u64().unwrap();
    assert!(archive.weights.is_finite() && kept < step, "kept {kept}, diverged at {step}");
    assert!(!folder.file("model.safetensors").exists());
    let again = train(&config, &folder, Mode::Resume, &mut Silent).unwrap_err();
    assert!(matches!(again, TrainError::Diverged { .. }), "{again}");
}

#[test]
fn what_depends_on_the_model_is_filled_in() {
    let flow = Config::new("moons", "realnvp").unwrap();
    assert_eq!((flow.train.keep, flow.data.validation), (Keep::Best, 0.1));
    let text = "[data]\nsource = \"moons\"\n[model]\nname = \"NAME\"\n[sample]\nsolver = \"euler\"\nsteps = 1\n";
    let parse =
        |name: &str, more: &str| Config::parse(&(text.replace("NAME", name) + more)).unwrap();
    let config = parse("maf", "");
    assert_eq!((config.train.keep, config.data.validation), (Keep::Best, 0.1));
    let config = parse("maf", "[train]\nkeep = \"last\"\n");
    assert_eq!((config.train.keep, config.data.validation), (Keep::Last, 0.0));
    let config = parse("score-vp", "[train]\nkeep = \"best\"\n");
    assert_eq!((config.train.keep, config.data.validation), (Keep::Best, 0.1));
    let config = parse("gaussian", "");
    assert_eq!((config.train.keep, config.data.validation), (Keep::Last, 0.0));
    let mut config = parse("maf", "");
    (config.data.split, config.data.validation) = (0.5, 0.5);
    assert!(config.check().unwrap_err().to_string().contains("--validation is 0.5"));
}
