//! The registered flows beyond the usual: trained, sampled, given a context, and refused where they
//! are no invertible map or where data lie outside their support.

use crate::folder;
use std::f64::consts::PI;
use std::path::Path;
use transport_core::Noise;
use transport_data::Table;
use transport_train::config::ConfigError;
use transport_train::{Config, Mode, Run, RunError, Silent, TrainError, train};

/// Two angles that turn together, and a class beside them.
fn angles(root: &Path) -> String {
    let mut text = String::from("phi,psi,label\n");
    for (i, draw) in Noise::new(3, 300).normal_values(2).chunks(2).enumerate() {
        let wrap = |a: f64| a - 2.0 * PI * ((a + PI) / (2.0 * PI)).floor();
        let phi = wrap(3.0 + 0.6 * draw[0]);
        let psi = wrap(2.0 * phi + 0.2 * draw[1]);
        text.push_str(&format!("{phi},{psi},{}\n", i % 2));
    }
    let path = root.join("angles.csv");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn quick(source: &str, model: &str, steps: u64) -> Config {
    let mut config = Config::new(source, model).unwrap();
    let settings = &mut config.model.settings;
    settings.insert("layers".into(), 2.into());
    settings.insert("width".into(), 24.into());
    if settings.contains_key("bins") {
        settings.insert("bins".into(), 6.into());
    }
    config.train.steps = steps;
    config.train.batch_size = 64;
    config
}

#[test]
fn every_new_flow_trains_samples_and_takes_a_context() {
    let root = tempfile::tempdir().unwrap();
    let source = angles(root.path());
    for model in ["iaf", "nsf-circular", "residual-flow"] {
        let mut config = quick(&source, model, 12);
        config.data.context = vec!["label".into()];
        let folder = folder(root.path(), model);
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
        let run = Run::open(folder.path()).unwrap();
        let x = run.sample(40, 1).unwrap();
        assert_eq!(x.names(), ["phi", "psi"], "{model}");
        assert!(x.values().iter().all(|v| v.is_finite()), "{model}");
        // Sample i is its own, whatever the number.
        assert_eq!(&run.sample(7, 1).unwrap().values()[..14], &x.values()[..14], "{model}");
        let names = ["phi", "psi", "label"].map(str::to_owned).to_vec();
        let with = |label: f64| {
            let rows = x.values().chunks(2).flat_map(|r| [r[0], r[1], label]).collect();
            run.log_prob(&Table::new(names.clone(), rows).unwrap()).unwrap()
        };
        let (zero, one) = (with(0.0), with(1.0));
        assert!(zero.iter().chain(&one).all(|v| v.is_finite()), "{model}");
        assert!(zero.iter().zip(&one).any(|(a, b)| (a - b).abs() > 1e-4), "{model}");
    }
}

/// A flow on the torus sees no seam: it beats a line's flow where the data cross ±π, and its mass
/// over the torus is 1.
#[test]
fn angles_have_no_seam() {
    let root = tempfile::tempdir().unwrap();
    let source = angles(root.path());
    let mean = |model: &str| {
        let folder = folder(root.path(), model);
        let mut config = quick(&source, model, 150);
        config.data.columns = Some(vec!["phi".into(), "psi".into()]);
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
        let run = Run::open(folder.path()).unwrap();
        let table = transport_data::read(Path::new(&source)).unwrap().table;
        let table = table.select_columns(&[0, 1]);
        let log_prob = run.log_prob(&table).unwrap();
        (log_prob.iter().sum::<f64>() / log_prob.len() as f64, run)
    };
    let ((circle, run), (line, _)) = (mean("nsf-circular"), mean("nsf-ar"));
    assert!(circle > line, "{circle} on the circle, {line} on the line");
    let cells = 120;
    let centre = |i: i32| -PI + 2.0 * PI * (f64::from(i) + 0.5) / f64::from(cells);
    let grid = (0..cells).flat_map(|i| (0..cells).flat_map(move |j| [centre(i), centre(j)]));
    let grid = Table::new(vec!["phi".into(), "psi".into()], grid.collect()).unwrap();
    let mass: f64 = run.log_prob(&grid).unwrap().into_iter().map(f64::exp).sum();
    let mass = mass * (2.0 * PI / f64::from(cells)).powi(2);
    assert!((mass - 1.0).abs() < 0.01, "{mass}");
}

#[test]
fn a_coupling_on_one_column_is_refused_with_what_to_use() {
    let root = tempfile::tempdir().unwrap();
    let source = angles(root.path());
    let begin = |model: &str| {
        let mut config = quick(&source, model, 5);
        config.data.columns = Some(vec!["phi".into()]);
        train(&config, &folder(root.path(), model), Mode::Fresh, &mut Silent)
    };
    for model in ["nice", "realnvp", "nsf"] {
        let error = begin(model).unwrap_err();
        assert!(matches!(error, TrainError::Config(ConfigError::Settings { .. })), "{error}");
        let said = error.to_string();
        assert!(said.contains(model) && said.contains("`maf`, `nsf-ar`"), "{said}");
        assert!(!root.path().join(model).exists(), "nothing was written");
    }
    for model in ["maf", "nsf-ar", "iaf", "nsf-circular", "residual-flow"] {
        begin(model).unwrap_or_else(|e| panic!("{model}: {e}"));
    }
}

#[test]
fn data_outside_a_bounded_law_are_named() {
    let root = tempfile::tempdir().unwrap();
    // Degrees where radians are meant.
    let path = root.path().join("degrees.csv");
    let rows: String =
        (0..50).map(|i| format!("{},{}\n", 0.1 * f64::from(i % 30), i % 7)).collect();
    std::fs::write(&path, format!("angle,degrees\n{rows}2.0,170\n")).unwrap();
    let mut config = quick(&path.display().to_string(), "nsf-circular", 5);
    config.data.split = 0.0;
    let error = train(&config, &folder(root.path(), "a"), Mode::Fresh, &mut Silent).unwrap_err();
    assert!(matches!(error, TrainError::Config(ConfigError::Support(_))), "{error}");
    let said = error.to_string();
    assert!(said.contains("degrees is ") && said.contains("[-π, π]"), "{said}");
    // Rows are counted from 1 in words.
    assert!(said.starts_with("row ") && !said.starts_with("row 0"), "{said}");

    // A spline flow of a uniform reference ends at five standard deviations.
    let mut config = quick("moons", "nsf", 5);
    config.data.points = 200;
    config.model.settings.insert("reference".into(), "uniform".into());
    let bounded = folder(root.path(), "b");
    train(&config, &bounded, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(bounded.path()).unwrap();
    let table = |rows: &[f64]| Table::new(vec!["x".into(), "y".into()], rows.to_vec()).unwrap();
    assert!(run.log_prob(&table(&[0.0, 0.0])).unwrap()[0].is_finite());
    let error = run.log_prob(&table(&[0.0, 0.0, 1.0, -50.0])).unwrap_err();
    let RunError::Support(found) = &error else { panic!("{error}") };
    assert_eq!((found.row, found.column.as_str()), (1, "y"));
    assert!(
        (found.value + 50.0).abs() < 1e-3 && found.low > -20.0 && found.high < 20.0,
        "{found:?}"
    );
}

#[test]
fn references_are_settings() {
    let root = tempfile::tempdir().unwrap();
    let table = |name: &str, k: i64| {
        let inner: toml::Table = [("components".to_owned(), k.into())].into_iter().collect();
        let outer: toml::Table = [(name.to_owned(), inner.into())].into_iter().collect();
        toml::Value::from(outer)
    };
    for (name, reference) in [
        ("uniform", toml::Value::from("uniform")),
        ("mixture", table("mixture", 3)),
        ("learned", table("learned", 3)),
    ] {
        let mut config = quick("moons", "nsf", 6);
        config.data.points = 200;
        config.model.settings.insert("reference".into(), reference);
        let folder = folder(root.path(), name);
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap_or_else(|e| panic!("{name}: {e}"));
        let run = Run::open(folder.path()).unwrap();
        let x = run.sample(30, 0).unwrap();
        assert!(run.log_prob(&x).unwrap().iter().all(|v| v.is_finite()), "{name}");
    }
    let refuse = |model: &str, reference: toml::Value| {
        let mut config = quick("moons", model, 5);
        config.model.settings.insert("reference".into(), reference);
        config.check().unwrap_err().to_string()
    };
    assert!(refuse("realnvp", "uniform".into()).contains("a scale and a shift"));
    assert!(refuse("nsf-circular", "gaussian".into()).contains("torus"));
    assert!(refuse("nsf", "unifrom".into()).contains("unifrom"));
    assert!(refuse("nsf", table("mixture", 0)).contains("components"));
}
