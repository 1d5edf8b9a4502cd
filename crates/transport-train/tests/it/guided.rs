//! Guided samples, filled gaps and codes of trained runs.

use crate::sessions::StopAt;
use crate::{folder, small};
use std::fs;
use std::path::Path;
use transport_core::Noise;
use transport_data::Table;
use transport_sde::inverse::{InverseError, Linear, Method};
use transport_sde::{Solver, guide::GuideError};
use transport_train::config::{ConfigError, SampleConfig};
use transport_train::{
    Conditioning, Config, Guidance, Mode, Outcome, Request, Run, RunError, Silent, train,
};

/// Two classes of an unseen and a seen coordinate: y ≈ x ± 2 by the side.
fn rows(path: &Path) {
    let noise = Noise::new(5, 400).normal_values(2);
    let row = |(i, z): (usize, &[f64])| {
        let side = if i % 2 == 0 { -1.0 } else { 1.0 };
        let x = 1.5 * side + z[0];
        format!("{x},{},{}\n", x + 0.3 * z[1], i % 2)
    };
    let rows: String = noise.chunks_exact(2).enumerate().map(row).collect();
    fs::write(path, format!("x,y,side\n{rows}")).unwrap();
}

fn config(root: &Path, model: &str, rate: f64) -> Config {
    let path = root.join("two.csv");
    rows(&path);
    let mut config = small(300);
    config.model.name = model.to_owned();
    if model != "flow-matching" {
        config.sample = Config::new("moons", model).unwrap().sample;
    }
    config.data.source = path.to_str().unwrap().to_owned();
    config.data.context = vec!["side".into()];
    config.model.settings.insert("context_dropout".into(), rate.into());
    config
}

fn trained(root: &Path, name: &str, config: &Config) -> Run {
    let folder = folder(root, name);
    assert_eq!(train(config, &folder, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
    Run::open(folder.path()).unwrap()
}

#[test]
fn guidance_sharpens_and_its_ends_are_the_two_fields() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path(), "run", &config(root.path(), "flow-matching", 0.2));
    let draw = |guidance, solver| {
        let given = vec![("side".to_owned(), 1.0)];
        let plan = Some(SampleConfig { solver, steps: 20 });
        run.draw(&Request { n: 300, given, guidance, plan, ..Request::default() }).unwrap()
    };
    let mean = |table: &Table| table.column(0).sum::<f64>() / 300.0;
    for solver in [Solver::Heun, Solver::EulerMaruyama, Solver::Dpmpp2M] {
        let plain = draw(None, solver);
        assert_eq!(plain, draw(Some(Guidance::new(1.0)), solver), "weight 1 is no guidance");
        let (free, sharp) =
            (draw(Some(Guidance::new(0.0)), solver), draw(Some(Guidance::new(3.0)), solver));
        let (free, plain, sharp) = (mean(&free), mean(&plain), mean(&sharp));
        assert!(free.abs() < 0.8, "weight 0 forgets the side: {free}");
        assert!(plain > 0.8 && sharp > plain + 0.2, "{solver:?}: {plain} {sharp}");
    }
    let late = Guidance { weight: 3.0, interval: (0.2, 0.5) };
    let (late, plain) = (mean(&draw(Some(late), Solver::Heun)), mean(&draw(None, Solver::Heun)));
    assert!(late > plain, "{late} {plain}");
    let other = Request { n: 7, seed: 0, guidance: Some(Guidance::new(2.0)), ..Request::default() };
    let few = run.draw(&other).unwrap();
    let many = run.draw(&Request { n: 90, ..other }).unwrap();
    assert_eq!(few.values(), &many.values()[..few.values().len()], "sample i whatever n");
}

/// Context dropout is a function of the step: an interrupted run continues to the same bits.
#[test]
fn context_dropout_resumes_exactly() {
    let root = tempfile::tempdir().unwrap();
    for model in ["flow-matching", "score-vp"] {
        let mut config = config(root.path(), model, 0.3);
        config.train.steps = 60;
        config.run.checkpoint_every = 20;
        let (whole, parts) = (
            folder(root.path(), &format!("{model}-a")),
            folder(root.path(), &format!("{model}-b")),
        );
        train(&config, &whole, Mode::Fresh, &mut Silent).unwrap();
        let outcome = train(&config, &parts, Mode::Fresh, &mut StopAt(33, 0)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted { step: 33 });
        train(&config, &parts, Mode::Resume, &mut Silent).unwrap();
        let model = |f: &transport_train::Folder| fs::read(f.file("model.safetensors")).unwrap();
        assert!(model(&whole) == model(&parts), "resumed and uninterrupted models differ");
    }
}

#[test]
fn guidance_that_cannot_be_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let quick = |name: &str, mut config: Config| {
        config.train.steps = 5;
        trained(root.path(), name, &config)
    };
    let ask = |run: &Run, guidance| {
        run.draw(&Request { n: 3, guidance: Some(guidance), ..Request::default() }).unwrap_err()
    };
    let run = quick("null", config(root.path(), "flow-matching", 0.1));
    let found = ask(&run, Guidance::new(f64::NAN));
    assert!(matches!(found, RunError::Guide(GuideError::Weight { .. })));
    let found = ask(&run, Guidance { weight: 2.0, interval: (0.8, 0.2) });
    assert!(matches!(found, RunError::Guide(GuideError::Interval { .. })));
    let run = quick("plain", config(root.path(), "flow-matching", 0.0));
    assert!(matches!(ask(&run, Guidance::new(2.0)), RunError::NoNullContext { .. }));
    let mut without = config(root.path(), "flow-matching", 0.0);
    without.data.context.clear();
    let run = quick("without", without.clone());
    assert!(matches!(ask(&run, Guidance::new(2.0)), RunError::NothingToGuide { .. }));
    without.model.settings.insert("context_dropout".into(), 0.1.into());
    let found = train(&without, &folder(root.path(), "no"), Mode::Fresh, &mut Silent).unwrap_err();
    assert!(found.to_string().contains("context_dropout needs a context"), "{found}");
    for rate in [-0.1, 1.0, f64::NAN] {
        let found = config(root.path(), "flow-matching", rate).check().unwrap_err();
        assert!(matches!(found, ConfigError::Settings { .. }), "{found}");
    }
}

/// Gaps are filled with what the other column tells, draws differ, and what was seen comes back.
#[test]
fn gaps_are_filled() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path(), "run", &config(root.path(), "flow-matching", 0.2));
    let names = vec!["x".to_owned(), "y".to_owned()];
    let table = |values: &[f64]| Table::new(names.clone(), values.to_vec()).unwrap();
    let gaps = table(&[1.0, f64::NAN, f64::NAN, -1.5, 0.25, 0.5]);
    for method in [
        Method::PiGdm { variance: 1.0, from: 0.1 },
        Method::Replacement { resample: 3 },
        Method::Dps { scale: 0.3 },
    ] {
        let how = Conditioning { draws: 60, method, ..Conditioning::default() };
        let filled = run.impute(&gaps, &how).unwrap();
        assert_eq!(filled.rows(), 180);
        let mean = |rows: std::ops::Range<usize>, j: usize| {
            rows.clone().map(|i| filled.row(i)[j]).sum::<f64>() / rows.len() as f64
        };
        assert!((0..60).all(|i| filled.row(i)[0] == 1.0), "what was seen comes back");
        assert!((120..180).all(|i| filled.row(i) == [0.25, 0.5]));
        let (y, x) = (mean(0..60, 1), mean(60..120, 0));
        // A network of 300 steps: the sides come out, not the digits.
        assert!(y > 0.0 && y < 3.0 && x < 0.0 && x > -4.0, "{method:?}: {y} {x}");
        assert!(filled.row(0)[1] != filled.row(1)[1], "draws differ");
        let first = run.impute(&table(&[1.0, f64::NAN]), &how).unwrap();
        assert_eq!(first.values(), &filled.values()[..120], "a row whatever the others");
    }
    let refuse = |values: &[f64], how: Conditioning| run.impute(&table(values), &how).unwrap_err();
    let plain = Conditioning::default;
    let blind = refuse(&[1.0, 2.0, f64::NAN, f64::NAN], plain());
    assert!(matches!(blind, RunError::Inverse(InverseError::Nothing { row: 1 })), "{blind}");
    assert!(matches!(refuse(&[f64::INFINITY, 2.0], plain()), RunError::Data(_)));
    let how = Conditioning { noise: f64::NAN, ..plain() };
    assert!(matches!(refuse(&[1.0, f64::NAN], how), RunError::Inverse(_)));
    let how = Conditioning { draws: 0, ..plain() };
    assert!(matches!(refuse(&[1.0, f64::NAN], how), RunError::NoSamples));
    let plan = SampleConfig { solver: Solver::Heun, steps: 5 };
    let found = refuse(&[1.0, f64::NAN], Conditioning { plan, ..plain() });
    assert!(matches!(found, RunError::Inverse(InverseError::Solver { .. })), "{found}");
}

/// A linear function of the columns in the data's units: draws have it.
#[test]
fn linear_functions_are_met() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path(), "run", &config(root.path(), "score-vp", 0.2));
    let sum = Linear::new(vec![1.0, 1.0], 2).unwrap();
    let how = Conditioning { draws: 50, noise: 0.02, ..Conditioning::default() };
    let x = run.restore(&sum, &[3.0], &how).unwrap();
    let total: f64 = x.values().iter().sum::<f64>() / 50.0;
    assert!((total - 3.0).abs() < 0.3, "{total}");
    let wide = Linear::new(vec![1.0; 3], 3).unwrap();
    assert!(matches!(run.restore(&wide, &[3.0], &how), Err(RunError::Inverse(_))));
    assert!(matches!(run.restore(&sum, &[], &how), Err(RunError::Inverse(_))));
    assert!(matches!(run.restore(&sum, &[f64::NAN], &how), Err(RunError::Inverse(_))));
}

#[test]
fn codes_lead_back() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path(), "run", &config(root.path(), "flow-matching", 0.2));
    let names = ["x", "y", "side"].map(String::from).to_vec();
    let x = Table::new(names, vec![1.0, 1.2, 1.0, 2.0, 1.8, 1.0]).unwrap();
    let plan = SampleConfig { solver: Solver::Rk4, steps: 60 };
    let codes = run.encode(&x, plan).unwrap();
    let back = run.decode(&codes, &[("side".to_owned(), 1.0)], plan).unwrap();
    for i in 0..2 {
        let gap = |j: usize| (back.row(i)[j] - x.row(i)[j]).abs();
        assert!(gap(0) < 1e-2 && gap(1) < 1e-2, "{:?}", back.row(i));
    }
    let mut flow = config(root.path(), "flow-matching", 0.2);
    flow.data.context.clear();
    flow.data.columns = Some(vec!["x".into(), "y".into()]);
    flow.model = Config::new("moons", "gaussian").unwrap().model;
    flow.train.steps = 1;
    let run = trained(root.path(), "gaussian", &flow);
    let two = Table::new(vec!["x".into(), "y".into()], vec![1.0, 2.0]).unwrap();
    let found = run.encode(&two, plan).unwrap_err();
    assert!(matches!(found, RunError::NoDynamics { .. }), "{found}");
    let found = run.impute(&two, &Conditioning::default()).unwrap_err();
    assert!(matches!(found, RunError::NoDynamics { .. } | RunError::Config(_)), "{found}");
}
