//! Sessions: interrupted, resumed, repeated on other threads – the same bits.

use crate::{bytes, folder, small};
use std::fs;
use transport_core::Noise;
use transport_data::Table;
use transport_train::evaluate::{Measure, Options, evaluate_with};
use transport_train::registry::MODELS;
use transport_train::trainer::StepReport;
use transport_train::{
    Config, Folder, Mode, Observer, Outcome, Request, Run, Silent, TrainError, train,
};

/// Stops after a number of steps.
pub(crate) struct StopAt(pub(crate) u64, pub(crate) u64);

impl Observer for StopAt {
    fn step(&mut self, report: &StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

fn trained(config: &Config, folder: &Folder) {
    assert_eq!(train(config, folder, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let root = tempfile::tempdir().unwrap();
    for model in ["flow-matching", "score-vp", "realnvp"] {
        let mut config = small(60);
        let fresh = Config::new("moons", model).unwrap();
        if model == "realnvp" {
            // Which keeps the best of several weights.
            config.model = fresh.model;
            config.model.settings.insert("layers".into(), 2.into());
            (config.train.keep, config.data.validation) = (fresh.train.keep, 0.2);
            config.train.validate_every = 8;
        }
        config.model.name = model.to_owned();
        config.sample = fresh.sample;
        let (whole, parts) = (
            folder(root.path(), &format!("{model}-a")),
            folder(root.path(), &format!("{model}-b")),
        );
        trained(&config, &whole);

        // Told to stop at 33, killed after the checkpoint at 40, finished.
        let outcome = train(&config, &parts, Mode::Fresh, &mut StopAt(33, 0)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted { step: 33 });
        let killed = fs::read(parts.file("checkpoint.safetensors")).unwrap();
        let outcome = train(&config, &parts, Mode::Resume, &mut StopAt(52, 0)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted { step: 52 });
        // A kill loses what came after the last checkpoint, but not the metrics' lines.
        fs::write(parts.file("checkpoint.safetensors"), killed).unwrap();
        let mut other = config.clone();
        other.run.threads = Some(1);
        other.run.checkpoint_every = 1000;
        assert_eq!(train(&other, &parts, Mode::Resume, &mut Silent).unwrap(), Outcome::Finished);

        assert!(
            bytes(&whole, "model.safetensors") == bytes(&parts, "model.safetensors"),
            "{model}"
        );
        assert_eq!(bytes(&whole, "metrics.jsonl"), bytes(&parts, "metrics.jsonl"));
        let again = train(&config, &parts, Mode::Resume, &mut Silent).unwrap();
        assert_eq!(again, Outcome::AlreadyFinished);
    }
}

#[test]
fn threads_do_not_change_a_bit_of_weights_or_samples() {
    let root = tempfile::tempdir().unwrap();
    // Wide enough that the matrix products themselves run on several threads.
    let mut config = small(12);
    config.model.settings.insert("width".into(), 256.into());
    config.train.batch_size = 512;
    let pool = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let mut models = Vec::new();
    let mut samples = Vec::new();
    for n in [1, 2, 5] {
        let folder = folder(root.path(), &n.to_string());
        pool(n).install(|| trained(&config, &folder));
        models.push(bytes(&folder, "model.safetensors"));
        let run = Run::open(folder.path()).unwrap();
        samples.push(pool(n).install(|| run.sample(700, 3).unwrap()));
    }
    assert!(models.windows(2).all(|m| m[0] == m[1]));
    assert!(samples.windows(2).all(|s| s[0] == s[1]));
    let run = Run::open(root.path().join("1")).unwrap();
    let few = run.sample(5, 3).unwrap();
    assert_eq!(few.values(), &samples[0].values()[..10], "sample i does not depend on n");
    assert_ne!(run.sample(5, 4).unwrap(), few);
}

/// One model of each kind, on whatever device `TRANSPORT_DEVICE` names.
#[test]
fn this_device_trains_and_samples() {
    let root = tempfile::tempdir().unwrap();
    for model in ["flow-matching", "nsf"] {
        let mut config = small(5);
        let fresh = Config::new("moons", model).unwrap();
        (config.model, config.sample) = (fresh.model, fresh.sample);
        config.model.settings.insert("width".into(), 16.into());
        if model == "nsf" {
            config.model.settings.insert("layers".into(), 1.into());
        }
        config.sample.steps = 8;
        let folder = folder(root.path(), model);
        trained(&config, &folder);
        let run = Run::open(folder.path()).unwrap();
        let x = run.sample(20, 0).unwrap();
        assert!(x.values().iter().chain(&run.log_prob(&x).unwrap()).all(|v| v.is_finite()));
    }
}

/// A flow learns: its likelihood on held-out moons beats the Gaussian's by far.
#[test]
fn a_flow_beats_the_gaussians_likelihood() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small(400);
    config.data.points = 2000;
    let fresh = Config::new("moons", "nsf").unwrap();
    (config.model, config.sample) = (fresh.model, fresh.sample);
    let folder = folder(root.path(), "nsf");
    trained(&config, &folder);
    let options = Options { measures: vec![Measure::LogLikelihood], ..Options::default() };
    let run = Run::open(folder.path()).unwrap();
    let report = evaluate_with(&run, &options).unwrap().unwrap();
    let metric = report.get(Measure::LogLikelihood).unwrap();
    assert!(metric.model.low > metric.gaussian.value + 0.5, "{metric:?}");
}

#[test]
fn every_model_trains_opens_samples_traces_and_has_the_density_it_claims() {
    let root = tempfile::tempdir().unwrap();
    for entry in MODELS {
        let mut config = small(5);
        let source = if entry.images_only() { "digits" } else { "moons" };
        let fresh = Config::new(source, entry.name()).unwrap();
        config.data.source = fresh.data.source;
        config.model = fresh.model;
        if entry.name() == "dcgan" {
            // Convolutions need images; on rows the players of the other names are the same.
            config.model.settings.insert("net".into(), "mlp".into());
        }
        if config.model.settings.contains_key("width") {
            config.model.settings.insert("width".into(), 16.into());
        }
        config.sample = fresh.sample;
        config.sample.steps = 8;
        if entry.name() == "nsf-circular" {
            config.data.source = angles(root.path());
        }
        let folder = folder(root.path(), entry.name());
        trained(&config, &folder);
        let run = Run::open(folder.path()).unwrap();
        let can = run.capabilities().unwrap();
        for solver in can.solvers {
            let plan = transport_train::config::SampleConfig { solver: *solver, steps: 8 };
            let x = run
                .draw(&Request { n: 20, plan: Some(plan), ..Request::default() })
                .unwrap_or_else(|e| panic!("{} {solver:?}: {e}", entry.name()));
            let columns = if entry.images_only() { 64 } else { 2 };
            assert_eq!((x.rows(), x.cols()), (20, columns));
            assert!(x.values().iter().all(|v| v.is_finite()), "{} {solver:?}", entry.name());
        }
        let x = run.sample(3, 0).unwrap();
        let log_prob = run.log_prob(&x);
        assert_eq!(log_prob.is_ok(), can.log_prob, "{}", entry.name());
        assert!(log_prob.iter().flatten().all(|v| v.is_finite()), "{}", entry.name());
        let bound = run.log_prob_bound(&x, 4, 0);
        assert_eq!(bound.is_ok(), run.bounds_density().unwrap(), "{}", entry.name());
        assert!(bound.iter().flat_map(|b| &b.values).all(|v| v.is_finite()), "{}", entry.name());
        let path = run.trace(&Request { n: 4, ..Request::default() }, &[0.0, 0.5, 1.0]).unwrap();
        assert_eq!(path.is_some(), can.path);
        let mut options = Options { samples: 50, ..Options::default() };
        // A classifier for each model is slow; `evaluation.rs` has it.
        options.measures.retain(|measure| *measure != Measure::C2st);
        let report = evaluate_with(&run, &options).unwrap().unwrap();
        assert!(
            report
                .metrics
                .iter()
                .all(|m| m.model.value.is_finite() && m.floor.is_none_or(|f| f.value.is_finite()))
        );
    }
}

/// Two columns of angles: moons reach beyond ±π.
fn angles(root: &std::path::Path) -> String {
    let path = root.join("angles.csv");
    let row = |r: &[f64]| format!("{},{}\n", 6.0 * r[0] - 3.0, 6.0 * r[1] - 3.0);
    let rows: String = Noise::new(1, 500).uniform_values(2).chunks(2).map(row).collect();
    fs::write(&path, format!("x,y\n{rows}")).unwrap();
    path.display().to_string()
}

/// A Gaussian's saved density integrates to one in the data's own units, and a flow's nearly:
/// the scaling's determinant is in it.
#[test]
fn densities_are_in_the_datas_units() {
    let root = tempfile::tempdir().unwrap();
    for (model, steps, tolerance) in [("gaussian", 1, 1e-3), ("flow-matching", 300, 2e-2)] {
        let mut config = small(steps);
        let fresh = Config::new("moons", model).unwrap();
        if model == "gaussian" {
            config.model = fresh.model;
        }
        config.sample = fresh.sample;
        let folder = folder(root.path(), model);
        trained(&config, &folder);
        let run = Run::open(folder.path()).unwrap();
        let (cells, half) = (60, 6.0);
        let width = 2.0 * half / f64::from(cells);
        let centre = |i: i32| -half + (f64::from(i) + 0.5) * width;
        let grid = (0..cells).flat_map(|i| (0..cells).flat_map(move |j| [i, j]));
        let points = Table::new(vec!["x".into(), "y".into()], grid.map(centre).collect()).unwrap();
        let mass: f64 = run.log_prob(&points).unwrap().iter().map(|v| v.exp()).sum();
        assert!(
            (mass * width * width - 1.0).abs() < tolerance,
            "{model}: {}",
            mass * width * width
        );
    }
}

#[test]
fn contexts_steer_samples() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("two.csv");
    let rows: String = (0..400)
        .map(|i| {
            let side = i % 2;
            let x = f64::from(4 * side - 2) + 0.1 * f64::from(i % 7);
            format!("{x},{},{side}\n", f64::from(i % 5))
        })
        .collect();
    fs::write(&path, format!("x,y,side\n{rows}")).unwrap();
    let mut config = small(400);
    config.data.source = path.to_str().unwrap().to_owned();
    config.data.context = vec!["side".into()];
    let folder = folder(root.path(), "run");
    trained(&config, &folder);
    let run = Run::open(folder.path()).unwrap();
    let mean = |side: f64| {
        let given = vec![("side".to_owned(), side)];
        let x = run.draw(&Request { n: 200, given, ..Request::default() }).unwrap();
        x.column(0).sum::<f64>() / 200.0
    };
    assert!(mean(0.0) < -1.0 && mean(1.0) > 1.0, "{} and {}", mean(0.0), mean(1.0));
    let mixed = run.sample(400, 0).unwrap();
    let right = mixed.column(0).filter(|x| *x > 0.0).count();
    assert!((120..280).contains(&right), "{right} of 400 without a given side");
    let unknown = Request { given: vec![("side".to_owned(), 2.0)], ..Request::default() };
    assert!(run.draw(&unknown).unwrap_err().to_string().contains("0, 1"));
    let joint = Table::new(
        vec!["x".into(), "y".into(), "side".into()],
        vec![-2.0, 2.0, 0.0, -2.0, 2.0, 1.0],
    )
    .unwrap();
    let log_prob = run.log_prob(&joint).unwrap();
    assert!(log_prob[0] > log_prob[1] + 1.0, "{log_prob:?}");
}

#[test]
fn constant_columns_come_back_exactly() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("c.csv");
    let rows: String = (0..60).map(|i| format!("{},0.1,{}\n", i % 9, (i * 7) % 11)).collect();
    fs::write(&path, format!("a,k,b\n{rows}")).unwrap();
    let mut config = small(10);
    config.data.source = path.to_str().unwrap().to_owned();
    let folder = folder(root.path(), "run");
    trained(&config, &folder);
    let run = Run::open(folder.path()).unwrap();
    let x = run.sample(30, 0).unwrap();
    assert!(x.column(1).all(|v| v.to_bits() == 0.1f64.to_bits()));
    let moved = Table::new(x.names().to_vec(), vec![1.0, 0.2, 1.0, 1.0, 0.1, 1.0]).unwrap();
    let log_prob = run.log_prob(&moved).unwrap();
    assert!(log_prob[0] == f64::NEG_INFINITY && log_prob[1].is_finite());
}

#[test]
fn a_run_is_not_overwritten_changed_or_confused() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    let config = small(30);
    train(&config, &folder, Mode::Fresh, &mut StopAt(10, 0)).unwrap();
    let error = train(&config, &folder, Mode::Fresh, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("--overwrite"), "{error}");
    let mut changed = config.clone();
    changed.optim.lr = 1e-3;
    let error = train(&changed, &folder, Mode::Resume, &mut Silent).unwrap_err();
    assert!(matches!(error, TrainError::Changed { section: "[optim]", .. }), "{error}");
    assert!(Run::open(folder.path()).unwrap_err().to_string().contains("--resume"));
    assert_eq!(train(&changed, &folder, Mode::Overwrite, &mut Silent).unwrap(), Outcome::Finished);
    assert!(
        Run::open(folder.path()).unwrap().sample(0, 0).unwrap_err().to_string().contains("n is")
    );
}

#[test]
fn a_diverging_loss_is_an_error_that_names_the_step() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small(200);
    config.optim.lr = 1e30;
    config.optim.warmup = 0;
    let error = train(&config, &folder(root.path(), "run"), Mode::Fresh, &mut Silent).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
}

#[test]
fn an_opened_run_serves_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    trained(&small(5), &folder);
    let run = Run::open(folder.path()).unwrap();
    shared(&run);
    let expected = run.sample(10, 1).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(run.sample(10, 1).unwrap(), expected));
        }
    });
}
