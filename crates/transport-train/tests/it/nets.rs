//! The choice of a network for learned dynamics: sessions that resume to the bit with every one of
//! them, dropout and power-function averages included, and choices that are refused.

use crate::{bytes, folder, small};
use transport_train::config::ConfigError;
use transport_train::trainer::StepReport;
use transport_train::{
    Config, Folder, Mode, Observer, Outcome, Run, RunError, Silent, TrainError, reaverage, train,
};

struct StopAt(u64, u64);

impl Observer for StopAt {
    fn step(&mut self, report: &StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

/// A run of a second on the digits, given their labels.
fn digits(model: &str, settings: &[&str]) -> Config {
    let mut config = Config::new("digits", model).unwrap();
    config.data.context = vec!["label".to_owned()];
    for pair in settings {
        config.model.set(pair).unwrap();
    }
    config.train.steps = 8;
    config.train.batch_size = 16;
    config.run.checkpoint_every = 2;
    config.optim.relative = 0.1;
    config.optim.snapshots = 4;
    config.sample.steps = 3;
    config
}

const UNET: [&str; 6] =
    ["net=unet", "channels=8", "multipliers=[1, 2]", "head_dim=8", "dropout=0.2", "attention=4"];
const DIT: [&str; 5] = ["net=dit", "width=16", "depth=1", "head_dim=8", "dropout=0.2"];
const MLP: [&str; 3] = ["width=16", "depth=2", "dropout=0.2"];

fn whole_and_parts(config: &Config, name: &str) -> (Folder, Folder, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder(root.path(), "a"), folder(root.path(), "b"));
    assert_eq!(train(config, &whole, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
    let outcome = train(config, &parts, Mode::Fresh, &mut StopAt(5, 0)).unwrap();
    assert_eq!(outcome, Outcome::Interrupted { step: 5 }, "{name}");
    assert_eq!(train(config, &parts, Mode::Resume, &mut Silent).unwrap(), Outcome::Finished);
    (whole, parts, root)
}

#[test]
fn every_network_resumes_to_the_bit_and_samples() {
    let cases: [(&str, &[&str]); 4] = [
        ("edm", &UNET),
        ("flow-matching", &DIT),
        ("score-cosine", &[UNET.as_slice(), &["resampling=residual", "time=fourier"]].concat()),
        ("score-vp", &MLP),
    ];
    for (model, settings) in cases {
        let config = digits(model, settings);
        let (whole, parts, _root) = whole_and_parts(&config, model);
        assert!(
            bytes(&whole, "model.safetensors") == bytes(&parts, "model.safetensors"),
            "{model}"
        );
        assert_eq!(bytes(&whole, "metrics.jsonl"), bytes(&parts, "metrics.jsonl"));
        let run = Run::open(whole.path()).unwrap();
        let (many, few) = (run.sample(20, 3).unwrap(), run.sample(3, 3).unwrap());
        assert_eq!(many.row(2), few.row(2), "{model}");
        assert!(many.values().iter().all(|v| v.is_finite()));
    }
}

/// The width of the average, and dropout, change what a run keeps.
#[test]
fn the_average_and_dropout_are_taken_at_their_word() {
    let kept = |config: &Config| {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), "a");
        train(config, &folder, Mode::Fresh, &mut Silent).unwrap();
        bytes(&folder, "model.safetensors")
    };
    let base = digits("edm", &MLP);
    let mut wider = base.clone();
    wider.optim.relative = 0.2;
    let mut plain = base.clone();
    plain.model.set("dropout=0").unwrap();
    let first = kept(&base);
    assert!(first == kept(&base) && first != kept(&wider) && first != kept(&plain));
}

/// A run averaged anew is the run that was trained to keep that width, to the bit.
#[test]
fn averaging_anew_is_training_for_that_width() {
    let root = tempfile::tempdir().unwrap();
    let [narrow, wide, anew, plain] = ["a", "b", "c", "d"].map(|name| folder(root.path(), name));
    let mut config = digits("edm", &MLP);
    config.optim.snapshots = 8;
    train(&config, &narrow, Mode::Fresh, &mut Silent).unwrap();
    config.optim.relative = 0.2;
    train(&config, &wide, Mode::Fresh, &mut Silent).unwrap();
    let error = reaverage(&narrow, &anew, 0.2).unwrap();
    assert!(error < 0.2, "{error}");
    assert!(bytes(&anew, "model.safetensors") == bytes(&wide, "model.safetensors"));
    assert_eq!(bytes(&anew, "config.toml"), bytes(&wide, "config.toml"));
    assert!(matches!(reaverage(&narrow, &plain, 0.3), Err(RunError::Width { .. })));
    config.optim.relative = 0.0;
    train(&config, &plain, Mode::Fresh, &mut Silent).unwrap();
    let message = reaverage(&plain, &folder(root.path(), "e"), 0.1).unwrap_err().to_string();
    assert!(message.contains("averages.safetensors") && message.contains("relative"), "{message}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refused = |config: &Config| {
        let root = tempfile::tempdir().unwrap();
        let error = train(config, &folder(root.path(), "a"), Mode::Fresh, &mut Silent).unwrap_err();
        assert!(!root.path().join("a").exists(), "{error}: nothing is left behind");
        error
    };
    let mut moons = small(4);
    moons.model.settings.clear();
    moons.model.set("net=unet").unwrap();
    let error = refused(&moons);
    assert!(matches!(error, TrainError::Config(ConfigError::NotImages { .. })), "{error}");
    let wrong = [
        ("net=dit", "patch=3", "8×8 pixels are no whole number of patches of side 3"),
        ("net=unet", "multipliers=[1, 2, 2, 2, 2]", "1×1 pixels at level 3"),
        ("net=unet", "channels=0", "channels is 0"),
        ("net=unet", "dropout=1.5", "dropout is 1.5"),
        ("net=unet", "groups=5", "32 planes at level 0 cannot be normalised in 5 equal groups"),
        ("net=unet", "multipliers=[1, 0]", "multipliers: 0"),
        ("net=unet", "width=32", "width is 32, but with net = \"unet\" nothing reads it"),
        ("net=mlp", "channels=8", "channels is 8, but with a net that is no U-Net"),
        ("net=mlp", "gamma=3", "gamma is 3, but with this weighting"),
        ("net=cnn", "dropout=0", "unknown variant `cnn`"),
        ("net=unet", "chanels=8", "unknown setting `chanels`; did you mean `channels`?"),
    ];
    for (net, setting, expected) in wrong {
        let error = refused(&digits("edm", &[net, setting])).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(matches!(small(4).model.set("net"), Err(ConfigError::Settings { .. })));
    let mut wide = digits("edm", &MLP);
    wide.optim.relative = 0.3;
    assert!(refused(&wide).to_string().contains("relative is 0.3"));
    let mut gan = Config::new("moons", "gan").unwrap();
    gan.optim.relative = 0.1;
    assert!(refused(&gan).to_string().contains("moving average"));
    assert!(matches!(Run::open("nowhere"), Err(RunError::Store(_))));
}
