//! Problems, contexts, configurations and the neighbour classifier.

use transport_data::Table;
use transport_train::config::{Config, ConfigError};
use transport_train::context::{ContextCode, ContextError};
use transport_train::evaluate::Neighbours;
use transport_train::problem::{Problem, ProblemError, names};
use transport_train::registry::MODELS;

#[test]
fn every_name_loads_and_splits() {
    for name in names() {
        let mut config = Config::new(name, "flow-matching").unwrap();
        config.data.points = 200;
        let problem = Problem::prepare(&config.data, 0).unwrap();
        let n = problem.train.rows() + problem.test.rows();
        assert_eq!(problem.test.rows(), (0.1 * n as f64).round() as usize, "{name}");
        assert_eq!(problem.rows.len(), problem.train.rows());
        let mean = problem.rows.states.iter().sum::<f32>() / problem.rows.states.len() as f32;
        assert!(mean.abs() < 1e-3, "{name}: the scaled mean is {mean}");
    }
    let digits = Problem::prepare(&Config::new("digits", "gaussian").unwrap().data, 0).unwrap();
    assert_eq!(digits.labels.as_ref().map(Vec::len), Some(digits.train.rows()));
    // The split depends on the seed alone, and no row stands on both sides.
    let again = Problem::prepare(&Config::new("digits", "gaussian").unwrap().data, 0).unwrap();
    assert_eq!(again.fingerprint, digits.fingerprint);
    let other = Problem::prepare(&Config::new("digits", "gaussian").unwrap().data, 1).unwrap();
    assert_ne!(other.fingerprint, digits.fingerprint);
}

#[test]
fn a_mistyped_source_suggests_the_nearest() {
    let config = Config::new("mons", "flow-matching").unwrap();
    let error = Problem::prepare(&config.data, 0).unwrap_err();
    assert!(matches!(&error, ProblemError::UnknownSource { nearest: Some(n), .. } if n == "moons"));
    assert!(error.to_string().contains("did you mean `moons`"), "{error}");
}

#[test]
fn a_split_that_leaves_nothing_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("three.csv");
    std::fs::write(&path, "a,b\n1,2\n3,4\n5,7\n").unwrap();
    let mut config = Config::new(path.to_str().unwrap(), "flow-matching").unwrap();
    config.data.split = 0.5;
    let error = Problem::prepare(&config.data, 0).unwrap_err();
    assert!(matches!(error, ProblemError::Split { train: 1, test: 2, .. }), "{error}");
    config.data.split = 0.0;
    assert_eq!(Problem::prepare(&config.data, 0).unwrap().train.rows(), 3);
}

/// The scale of a context is the training rows' alone; a class may stand in the others.
#[test]
fn held_out_contexts_set_no_scale() {
    let names = || vec!["label".to_owned(), "age".to_owned()];
    let all = Table::new(names(), vec![1.0, 0.5, 1.0, 2.5, 2.0, 99.5]).unwrap();
    let train = Table::new(names(), vec![1.0, 0.5, 1.0, 2.5]).unwrap();
    let code = ContextCode::fit(&all, &train);
    assert_eq!(code.encode(&all).unwrap(), [1.0, 0.0, -1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 98.0]);
}

#[test]
fn weights_that_no_loss_judges_cannot_be_the_best() {
    for name in ["gan", "gaussian"] {
        let mut config = Config::new("moons", name).unwrap();
        assert!(config.check().is_ok());
        config.train.patience = 3;
        assert!(config.check().unwrap_err().to_string().contains("without patience"));
    }
}

#[test]
fn contexts_are_classes_or_numbers() {
    let names = vec!["label".to_owned(), "age".to_owned()];
    let table = Table::new(names, vec![3.0, 1.5, 5.0, 2.5, 3.0, 3.5]).unwrap();
    let code = ContextCode::fit(&table, &table);
    assert_eq!(code.width(), 3);
    let rows = code.encode(&table).unwrap();
    assert_eq!(rows[..2], [1.0, 0.0]);
    assert_eq!(rows[3..5], [0.0, 1.0]);
    let given = |pairs: &[(&str, f64)]| {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        code.encode_given(&pairs)
    };
    assert_eq!(given(&[("age", 2.5), ("label", 5.0)]).unwrap(), [0.0, 1.0, 0.0]);
    assert!(matches!(given(&[("age", 2.5)]), Err(ContextError::Missing { .. })));
    assert!(matches!(given(&[("size", 1.0)]), Err(ContextError::UnknownColumn { .. })));
    let error = given(&[("age", 2.5), ("label", 4.0)]).unwrap_err().to_string();
    assert!(error.contains("3, 5"), "{error}");
}

#[test]
fn configurations_round_trip_and_name_what_is_wrong() {
    for entry in MODELS {
        let config = Config::new("moons", entry.name()).unwrap();
        config.check().unwrap();
        assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
    }
    let error = Config::new("moons", "flow-maching").unwrap_err();
    assert!(error.to_string().contains("did you mean `flow-matching`"), "{error}");

    let text = Config::new("moons", "flow-matching").unwrap().to_toml().unwrap();
    let broken = |from: &str, to: &str| Config::parse(&text.replace(from, to)).unwrap_err();
    assert!(broken("split = 0.1", "split = 1.0").to_string().contains("--split is 1"));
    assert!(broken("width = 256", "width = 0").to_string().contains("width is 0"));
    assert!(broken("width = 256", "widht = 256").to_string().contains("widht"));
    assert!(broken("lr = 0.004", "lr = -1.0").to_string().contains("--lr is -1"));
    assert!(broken("steps = 12000", "stepps = 1").to_string().contains("stepps"));
    assert!(matches!(broken("[data]", "[dota]"), ConfigError::Syntax { .. }));

    let mut config = Config::new("digits", "gaussian").unwrap();
    config.data.context = vec!["label".into()];
    assert!(config.check().unwrap_err().to_string().contains("takes no context"));
}

#[test]
fn neighbours_vote() {
    let values = (0..20).map(|i| if i < 10 { f64::from(i) * 0.01 } else { 5.0 }).collect();
    let points = Table::new(vec!["x".into()], values).unwrap();
    let labels: Vec<f64> = (0..20).map(|i| if i < 10 { 1.0 } else { 7.0 }).collect();
    let judge = Neighbours::new(&points, &labels);
    // Between the clusters the vote follows the ten nearest: nine of one class, one of the other.
    let test = Table::new(vec!["x".into()], vec![0.0, 4.9, 0.05, 6.0]).unwrap();
    let votes = judge.votes(&test);
    assert_eq!(votes.sure(0.8), 1.0);
    assert_eq!(votes.shares(), [0.5, 0.5]);
    let one_sided = judge.votes(&Table::new(vec!["x".into()], vec![0.0, 0.1]).unwrap());
    assert_eq!(one_sided.smallest_share(), 0.0);
}
