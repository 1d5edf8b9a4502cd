//! Flows of images through the whole machinery, and bits per dimension against closed forms.

use crate::{bytes, folder};
use std::fs;
use std::path::Path;
use transport_core::Noise;
use transport_data::Table;
use transport_sde::SolveError;
use transport_train::bits::bits_per_dim;
use transport_train::config::{ConfigError, SampleConfig};
use transport_train::problem::Problem;
use transport_train::registry::Generator;
use transport_train::trainer::StepReport;
use transport_train::{
    Config, Folder, Mode, Observer, Outcome, Request, Run, Silent, TrainError, evaluate, train,
};

/// A run of seconds on the digits.
fn quick(model: &str, steps: u64) -> Config {
    let mut config = Config::new("digits", model).unwrap();
    config.model.settings.insert("width".into(), 12.into());
    config.model.settings.insert("steps".into(), 2.into());
    // All that is not held out for the test is trained on: 1617 images, of which 61 pixels vary.
    config.data.validation = 0.0;
    config.train.steps = steps;
    config.train.batch_size = 32;
    config.run.checkpoint_every = 5;
    config
}

/// The uniform law on the levels `low … high`, in the units of states.
struct Uniform {
    log_prob: f64,
}

impl Generator for Uniform {
    fn sample(
        &self,
        noise: &Noise,
        _context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        Ok(vec![0.0; noise.len()])
    }

    fn log_prob(
        &self,
        x: &[f64],
        _context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        Ok(Some(vec![self.log_prob; x.len() / 61]))
    }
}

/// A law that is uniform on the boxes of 17 levels costs log₂ 17 bits for each pixel that it sees,
/// and the pixels that never change cost nothing.
#[test]
fn the_uniform_law_costs_the_logarithm_of_the_levels() {
    let config = Config::new("digits", "gaussian").unwrap();
    let problem = Problem::prepare(&config.data, 0).unwrap();
    let (d, scale) = (problem.schema.scaler.output_dim(), problem.schema.scaler.common_scale());
    assert_eq!(d, 61);
    // Per unit of v the density is 17⁻ᵈ; per unit of z = (v − m)/s it is (s/17)ᵈ.
    let law = Uniform { log_prob: d as f64 * (scale.unwrap() / 17.0).ln() };
    let states = problem.schema.scaler.transform(&problem.test).unwrap();
    let bits = bits_per_dim(&law, &config.sample, &problem, &states, None, 0).unwrap().unwrap();
    let exact = 17f64.log2() * d as f64 / 64.0;
    assert_eq!(bits.len(), problem.test.rows());
    assert!(bits.iter().all(|b| (b - exact).abs() < 1e-12), "{bits:?} against {exact}");

    // Data that are no images have no bits.
    let moons = Config::new("moons", "gaussian").unwrap();
    let problem = Problem::prepare(&moons.data, 0).unwrap();
    let states = problem.schema.scaler.transform(&problem.test).unwrap();
    let none = bits_per_dim(&law, &moons.sample, &problem, &states, None, 0).unwrap();
    assert_eq!(none, None);
}

/// The reported bits are the training loss on the same images: log-densities, the canvas of
/// constant pixels and the offset agree along two ways.
#[test]
fn reported_bits_are_the_training_loss() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick("glow", 1);
    // A step of no length: what is saved is the fresh model, started from data.
    (config.optim.lr, config.train.batch_size, config.optim.weight_decay) = (1e-12, 1617, 0.0);
    struct Loss(f64);
    impl Observer for Loss {
        fn step(&mut self, report: &StepReport) {
            self.0 = report.loss;
        }
    }
    for dequantisation in ["uniform", "variational"] {
        config.model.settings.insert("dequantisation".into(), dequantisation.into());
        let folder = folder(root.path(), dequantisation);
        let mut loss = Loss(f64::NAN);
        train(&config, &folder, Mode::Fresh, &mut loss).unwrap();
        let report = evaluate(&Run::open(folder.path()).unwrap(), 100, 0).unwrap().unwrap();
        let bits = report.metrics.iter().find(|m| m.name == "bits/dim").unwrap();
        // 1617 training images against 180 held-out ones: bits of an image vary by 0.3, so that
        // five standard errors of the smaller mean are 0.11.
        assert!(
            (bits.model.value - loss.0).abs() < 0.11,
            "{} against {}",
            bits.model.value,
            loss.0
        );
        assert!(bits.gaussian.value.is_finite() && bits.model.value < 17f64.log2());
        if dequantisation == "uniform" {
            // The same by way of the density in pixel units, within five of the same errors.
            let by_density = bits_by_density(&config, &Run::open(folder.path()).unwrap());
            assert!((by_density - bits.model.value).abs() < 0.11, "{by_density}");
        }
    }
}

/// `−E log₂ p(x + u)/64` of held-out digits on the pixels' support, `u` uniform about each level.
fn bits_by_density(config: &Config, run: &Run) -> f64 {
    let problem = Problem::prepare(&config.data, config.train.seed).unwrap();
    let (scaler, test) = (&problem.schema.scaler, &problem.test);
    let on: Vec<usize> =
        (0..test.rows()).filter(|i| scaler.off_support(test.row(*i)).is_none()).collect();
    let mut values = test.select_rows(&on).values().to_vec();
    let shifts = Noise::new(5, on.len()).uniform_values(64);
    for (row, shift) in values.chunks_exact_mut(64).zip(shifts.chunks_exact(64)) {
        scaler.active_columns().into_iter().for_each(|j| row[j] += shift[j] - 0.5);
    }
    let table = Table::new(test.names().to_vec(), values).unwrap();
    let log_prob = run.log_prob(&table).unwrap();
    -log_prob.iter().sum::<f64>() / (on.len() as f64 * 64.0 * std::f64::consts::LN_2)
}

struct StopAt(u64, u64);

impl Observer for StopAt {
    fn step(&mut self, report: &StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

#[test]
fn image_flows_resume_bit_for_bit_and_learn() {
    let root = tempfile::tempdir().unwrap();
    for (model, dequantisation) in [("glow", "uniform"), ("realnvp-image", "variational")] {
        let mut config = quick(model, 12);
        config.model.settings.insert("dequantisation".into(), dequantisation.into());
        let (whole, parts) =
            (folder(root.path(), model), folder(root.path(), &format!("{model}-b")));
        train(&config, &whole, Mode::Fresh, &mut Silent).unwrap();
        let stopped = train(&config, &parts, Mode::Fresh, &mut StopAt(7, 0)).unwrap();
        assert_eq!(stopped, Outcome::Interrupted { step: 7 });
        train(&config, &parts, Mode::Resume, &mut Silent).unwrap();
        assert!(
            bytes(&whole, "model.safetensors") == bytes(&parts, "model.safetensors"),
            "{model}"
        );
    }
}

/// Images are whole levels, a density comes with each, and pixels that never change come back.
#[test]
fn samples_are_levels_and_have_densities() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    train(&quick("glow", 30), &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let x = run.sample(40, 3).unwrap();
    assert!(x.values().iter().all(|v| (v - v.round()).abs() < 1e-9 && (-1e-9..16.1).contains(v)));
    assert!(x.column(0).all(|v| v == 0.0));
    let log_prob = run.log_prob(&x).unwrap();
    assert!(log_prob.iter().all(|v| v.is_finite()));
    // A row alone has the density that it has among others, and the sample too.
    let one = x.select_rows(&[17]);
    assert_eq!(run.log_prob(&one).unwrap()[0].to_bits(), log_prob[17].to_bits());
    assert_eq!(run.sample(18, 3).unwrap().row(17), one.row(0));
    // Far outside the boxes the law has no mass; so has it where a constant pixel moved.
    let mut far = one.values().to_vec();
    far[20] = 40.0;
    let mut moved = one.values().to_vec();
    moved[0] = 1.0;
    let table = Table::new(x.names().to_vec(), [far, moved].concat()).unwrap();
    assert!(run.log_prob(&table).unwrap().iter().all(|v| *v == f64::NEG_INFINITY));
}

#[test]
fn a_class_steers_what_is_drawn() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick("glow", 300);
    config.data.context = vec!["label".into()];
    (config.optim.warmup, config.optim.ema) = (20, 0.9);
    let folder = folder(root.path(), "run");
    train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let mean = |label: f64| {
        let given = vec![("label".to_owned(), label)];
        let x = run.draw(&Request { n: 200, given, ..Request::default() }).unwrap();
        // The middle of the image, which a zero leaves empty and a one fills.
        [27, 28, 35, 36].map(|j| x.column(j).sum::<f64>() / 200.0).iter().sum::<f64>() / 4.0
    };
    let (zero, one) = (mean(0.0), mean(1.0));
    assert!(one > zero + 3.0, "{zero} and {one}");
    assert!(evaluate(&run, 60, 0).unwrap().unwrap().metrics.iter().any(|m| m.name == "bits/dim"));
}

/// 100 images of these sizes, `[height, width]` or `[height, width, channels]`, as an IDX file of
/// bytes, or of floats that `value` gives.
fn idx(root: &Path, sizes: &[u32], value: Option<fn(u32) -> f32>) -> String {
    let name: Vec<String> = sizes.iter().map(u32::to_string).collect();
    let kind = if value.is_some() { 13 } else { 8 };
    let path = root.join(format!("{}-{kind}-idx", name.join("x")));
    let mut file = vec![0u8, 0, kind, 1 + sizes.len() as u8];
    for size in std::iter::once(&100).chain(sizes) {
        file.extend(size.to_be_bytes());
    }
    for k in 0..100 * sizes.iter().product::<u32>() {
        match value {
            Some(value) => file.extend(value(k).to_be_bytes()),
            None => file.push((k * 37 % 251) as u8),
        }
    }
    fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_be_squeezed_is_refused_with_what_would_be_right() {
    let root = tempfile::tempdir().unwrap();
    let refused = |config: &Config| {
        let folder: Folder = folder(root.path(), "none");
        train(config, &folder, Mode::Fresh, &mut Silent).unwrap_err()
    };
    for model in ["glow", "realnvp-image"] {
        let mut config = quick(model, 2);
        config.data.source = "moons".into();
        let error = refused(&config);
        assert!(matches!(error, TrainError::Config(ConfigError::NotImages { .. })), "{error}");
        let mut config = quick(model, 2);
        config.model.settings.insert("levels".into(), 4.into());
        let said = refused(&config).to_string();
        assert!(said.contains("at most 3"), "{said}");
        let mut config = quick(model, 2);
        config.data.source = idx(root.path(), &[6, 5], None);
        let said = refused(&config).to_string();
        assert!(said.contains("even sides"), "{said}");
        for (name, value) in [("alpha", 0.5), ("alpha", 0.0), ("alpha", f64::NAN)] {
            let mut config = quick(model, 2);
            config.model.settings.insert(name.into(), value.into());
            assert!(refused(&config).to_string().contains("alpha"));
        }
        let mut config = quick(model, 2);
        // A logit's distance from the ends, without a logit.
        config.model.settings.insert("alpha".into(), 0.1.into());
        config.model.settings.insert("preprocessing".into(), "none".into());
        assert!(refused(&config).to_string().contains("alpha is 0.1, but with preprocessing"));
        config.model.settings.insert("preprocessing".into(), "log".into());
        assert!(refused(&config).to_string().contains("logit"));
    }
}

/// Sides that halve once, colours, and values of no known range.
#[test]
fn images_of_other_kinds_train_or_say_why_not() {
    let root = tempfile::tempdir().unwrap();
    let config = |model: &str, source: String, preprocessing: &str| {
        let mut config = quick(model, 3);
        config.data.source = source;
        config.model.settings.insert("levels".into(), 1.into());
        config.model.settings.insert("preprocessing".into(), preprocessing.into());
        config
    };
    let wave = |k: u32| (k as f32 * 0.7).sin();
    let trained = [
        ("realnvp-image", idx(root.path(), &[6, 10], None), "none", 60),
        ("glow", idx(root.path(), &[2, 4, 3], None), "logit", 24),
        ("glow", idx(root.path(), &[4, 6], Some(wave)), "none", 24),
    ];
    for (k, (model, source, preprocessing, columns)) in trained.into_iter().enumerate() {
        let folder = folder(root.path(), &format!("run {k}"));
        let config = config(model, source, preprocessing);
        assert_eq!(train(&config, &folder, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
        let run = Run::open(folder.path()).unwrap();
        let x = run.sample(3, 0).unwrap();
        assert_eq!(x.cols(), columns);
        assert!(run.log_prob(&x).unwrap().iter().all(|v| v.is_finite()));
        let report = evaluate(&run, 20, 0).unwrap().unwrap();
        // Only whole numbers have bits.
        assert_eq!(report.metrics.iter().any(|m| m.name == "bits/dim"), k < 2);
    }
    let refused = |source: String, preprocessing: &str| {
        let config = config("glow", source, preprocessing);
        let folder = folder(root.path(), "none");
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap_err().to_string()
    };
    let said = refused(idx(root.path(), &[4, 6], Some(wave)), "logit");
    assert!(said.contains("bounds"), "{said}");
    let said = refused(
        idx(root.path(), &[4, 2], Some(|k| if k % 8 == 3 { 0.5 } else { k as f32 * 0.3 })),
        "none",
    );
    assert!(said.contains("1 pixels never change"), "{said}");
}
