//! Comparisons of tables: every metric finds what it is for, and collapse is reported.

use crate::{folder, small};
use transport_core::Noise;
use transport_data::Table;
use transport_train::evaluate::{
    CompareError, Measure, Options, Report, Warning, c2st, compare, evaluate_with,
};
use transport_train::{Mode, Request, Run, RunError, Silent, train};

fn normal(seed: u64, n: usize, d: usize) -> Vec<f64> {
    Noise::new(seed, n).normal_values(d)
}

fn table(d: usize, values: Vec<f64>) -> Table {
    Table::from_rows_unnamed(d, values).unwrap()
}

fn accuracy(x: &[f64], y: &[f64], d: usize) -> f64 {
    let right = c2st(x, y, d, 10 * d, &Noise::new(0, 1)).unwrap();
    right.iter().sum::<f64>() / right.len() as f64
}

/// The best classifier of N(0, I) against N(μ, I) is right with Φ(|μ|/2); of 1000 + 1000 rows a
/// trained one is within 0.035 of it (three standard errors). Φ(½) = 0.6915.
#[test]
fn the_classifier_finds_what_there_is_to_find() {
    let (x, y) = (normal(1, 1000, 2), normal(2, 1000, 2));
    let same = accuracy(&x, &y, 2);
    assert!((same - 0.5).abs() < 0.035, "{same}");
    let moved: Vec<f64> = y.chunks(2).flat_map(|r| [r[0] + 1.0, r[1]]).collect();
    let shifted = accuracy(&x, &moved, 2);
    assert!((shifted - 0.6915).abs() < 0.035, "{shifted}");
    let far: Vec<f64> = y.iter().map(|v| v + 20.0).collect();
    assert_eq!(accuracy(&x, &far, 2), 1.0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| accuracy(&x, &moved, 2)), shifted, "threads change nothing");
}

fn report(samples: Vec<f64>, d: usize, measures: &[Measure]) -> Report {
    let (test, train) = (table(d, normal(11, 400, d)), table(d, normal(12, 500, d)));
    let options = Options { measures: measures.to_vec(), ..Options::default() };
    compare(&table(d, samples), &test, &train, None, &options).unwrap()
}

/// Samples of the data's own law: every metric's interval meets the floor's, and nothing warns.
#[test]
fn a_perfect_model_reaches_the_floor() {
    let report = report(normal(13, 500, 2), 2, &Measure::ALL);
    assert_eq!((report.samples, report.held_out, report.metrics.len()), (500, 400, 12));
    for metric in &report.metrics {
        let (model, floor) = (metric.model, metric.floor.unwrap());
        assert!(model.low <= model.value && model.value <= model.high, "{metric:?}");
        assert!(model.low <= floor.high && floor.low <= model.high, "{metric:?}");
        assert!(model.error >= 0.0 && model.value.is_finite(), "{metric:?}");
    }
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert!(report.get(Measure::LogLikelihood).is_none() && report.get(Measure::KnnSure).is_none());
}

/// Planted faults: each metric that should see one does, beyond both intervals.
#[test]
fn faults_are_seen() {
    let d = 2;
    let fresh = normal(13, 500, d);
    let shifted: Vec<f64> = fresh.iter().map(|v| v + 0.5).collect();
    let narrow: Vec<f64> = fresh.iter().map(|v| 0.6 * v).collect();
    let wide: Vec<f64> = fresh.iter().map(|v| 2.0 * v).collect();
    let copies = normal(12, 500, d).iter().map(|v| v + 1e-7).collect();
    let sees = |samples: &[f64], measure, above: bool| {
        let report = report(samples.to_vec(), d, &[measure]);
        let (model, floor) = (report.metrics[0].model, report.metrics[0].floor.unwrap());
        let seen = if above { model.low > floor.high } else { model.high < floor.low };
        assert!(seen, "{:?}", report.metrics[0]);
    };
    for measure in
        [Measure::Energy, Measure::Mmd, Measure::SlicedW2, Measure::C2st, Measure::Frechet]
    {
        sees(&shifted, measure, true);
    }
    sees(&wide, Measure::Precision, false);
    sees(&wide, Measure::Density, false);
    sees(&wide, Measure::Std, true);
    sees(&narrow, Measure::Recall, false);
    let copies: Vec<f64> = copies;
    sees(&copies, Measure::NeighbourRatio, false);
    sees(&copies, Measure::Memorised, true);
}

#[test]
fn collapse_is_reported() {
    let d = 2;
    let all = [Measure::Recall, Measure::Coverage, Measure::Memorised];
    let has = |samples: Vec<f64>, is: fn(&Warning) -> bool| {
        let warnings = report(samples, d, &all).warnings;
        assert!(warnings.iter().any(is), "{warnings:?}");
    };
    let point: Vec<f64> = normal(13, 500, d).iter().map(|v| 1.0 + 1e-3 * v).collect();
    has(point.clone(), |w| matches!(w, Warning::LittleSpread { share } if *share < 1e-5));
    has(point.clone(), |w| matches!(w, Warning::LittleRecall { .. }));
    has(point, |w| matches!(w, Warning::LittleCoverage { .. }));
    // Ten points, many times: the spread is right, the variety is not.
    has(normal(13, 10, d).repeat(50), |w| matches!(w, Warning::Duplicates { share: 1.0, .. }));
    let copies = normal(12, 500, d).iter().map(|v| v + 1e-6).collect();
    has(copies, |w| matches!(w, Warning::Memorised { .. }));

    // A class that is never drawn.
    let labelled = |seed| {
        let noise = normal(seed, 300, 1);
        let values = noise.iter().enumerate().map(|(i, v)| 10.0 * (i % 3) as f64 + v);
        table(1, values.collect())
    };
    let labels: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
    let two: Vec<usize> = (0..300).filter(|i| i % 3 < 2).collect();
    let options = Options { measures: vec![Measure::ClassShare], ..Options::default() };
    let (train, test, samples) = (labelled(1), labelled(2), labelled(3));
    let found =
        compare(&samples.select_rows(&two), &test, &train, Some(&labels), &options).unwrap();
    assert!(matches!(found.warnings[..], [Warning::ClassMissing { share: 0.0, .. }]));
    let found = compare(&samples, &test, &train, Some(&labels), &options).unwrap();
    assert!(found.warnings.is_empty() && found.metrics[0].model.value > 0.3);
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let (three, two) = (table(3, normal(1, 20, 3)), table(2, normal(1, 20, 2)));
    let options = Options::default();
    let error = compare(&two, &three, &three, None, &options).unwrap_err();
    assert!(matches!(error, CompareError::Columns { what: "samples", expected: 3, found: 2 }));
    let one = table(3, normal(1, 1, 3));
    let error = compare(&three, &one, &three, None, &options).unwrap_err();
    assert!(matches!(error, CompareError::Rows { what: "held-out rows", found: 1 }), "{error}");
    let error = compare(&three, &three, &three, Some(&[1.0]), &options).unwrap_err();
    assert!(matches!(error, CompareError::Labels { expected: 20, found: 1 }), "{error}");
    let error = Measure::by_name("enrgy").unwrap_err().to_string();
    assert!(error.contains("did you mean `energy`"), "{error}");
}

/// A run's own evaluation: chosen metrics in the order asked for, the likelihood with its error,
/// the same report each time.
#[test]
fn a_run_is_evaluated_by_the_metrics_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small(1);
    let fresh = transport_train::Config::new("moons", "gaussian").unwrap();
    (config.model, config.sample) = (fresh.model, fresh.sample);
    let folder = folder(root.path(), "run");
    train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let measures = vec![Measure::Std, Measure::LogLikelihood];
    let options = Options { samples: 200, seed: 1, measures };
    let report = evaluate_with(&run, &options).unwrap().unwrap();
    let names: Vec<&str> = report.metrics.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["standard deviation", "log-likelihood"]);
    let likelihood = &report.metrics[1];
    assert!(likelihood.floor.is_none() && likelihood.model.error > 0.0);
    // The model is the baseline.
    assert!((likelihood.model.value - likelihood.gaussian.value).abs() < 1e-3, "{likelihood:?}");
    assert_eq!(evaluate_with(&run, &options).unwrap().unwrap(), report);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

/// Tables and contexts of the wrong width.
#[test]
fn wrong_widths_are_typed_errors() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("d.csv");
    let rows: String = (0..80).map(|i| format!("{},{},{}\n", i % 9, i % 7, i % 2)).collect();
    std::fs::write(&path, format!("x,y,side\n{rows}")).unwrap();
    let mut config = small(3);
    config.data.source = path.to_str().unwrap().to_owned();
    config.data.context = vec!["side".into()];
    let folder = folder(root.path(), "run");
    train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let narrow = run.log_prob(&table(1, vec![1.0, 2.0])).unwrap_err();
    assert!(matches!(narrow, RunError::Columns { expected: 2, found: 1 }), "{narrow}");
    let wide = run.log_prob(&table(4, vec![1.0; 8])).unwrap_err();
    assert!(matches!(wide, RunError::Columns { expected: 2, found: 4 }), "{wide}");
    let no_context = run.log_prob(&table(2, vec![1.0; 4])).unwrap_err();
    assert!(no_context.to_string().contains("`side`"), "{no_context}");
    let draw = |given: &[(&str, f64)]| {
        let given = given.iter().map(|(name, v)| ((*name).to_owned(), *v)).collect();
        run.draw(&Request { n: 2, given, ..Request::default() })
    };
    assert!(draw(&[("side", 1.0)]).is_ok());
    let twice = draw(&[("side", 1.0), ("side", 0.0)]).unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
    let more = draw(&[("side", 1.0), ("top", 0.0)]).unwrap_err();
    assert!(more.to_string().contains("`top`"), "{more}");
}
