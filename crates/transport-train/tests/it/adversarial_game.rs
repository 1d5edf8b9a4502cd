//! The two-player trainer: resumed, on other threads, with contexts and images, and what it learns.

use crate::{bytes, folder};
use toml::Value;
use transport_core::device::{Space, select, to_host};
use transport_core::law::{Gaussian, Law, Mixture};
use transport_core::{Density, Noise};
use transport_models::gan::{
    Band, Bend, Critic, CriticConfig, Game, InputGradient, Normalisation, Seen,
};
use transport_sde::fokker_planck::{Axis, Mesh};
use transport_train::adversarial::{CriticPlayer, GameConfig, Loss, Penalty, Round};
use transport_train::config::ConfigError;
use transport_train::optim::{Betas, OptimConfig};
use transport_train::trainer::{LoopConfig, StepReport};
use transport_train::{
    Config, Folder, Mode, Observer, Outcome, Request, Run, Silent, TrainError, train,
};

/// A small game on `data`, with some settings changed.
fn small(model: &str, data: &str, steps: u64, settings: &[(&str, Value)]) -> Config {
    let mut config = Config::new(data, model).unwrap();
    config.data.points = 400;
    config.train.steps = steps;
    config.train.batch_size = 48;
    config.run.checkpoint_every = 7;
    config.run.log_every = 3;
    let sizes = match model {
        "dcgan" => [("channels", 2), ("critic_channels", 2), ("critic_width", 16)],
        _ => [("width", 16), ("critic_width", 16), ("critic_depth", 3)],
    };
    for (name, value) in sizes {
        config.model.settings.insert(name.into(), value.into());
    }
    for (name, value) in settings {
        config.model.settings.insert((*name).into(), value.clone());
    }
    config
}

fn images_with_batch_norm() -> Config {
    let settings = [
        ("batch_norm", true.into()),
        ("critic_norm", "batch".into()),
        ("penalty", "none".into()),
        ("critic_steps", 2.into()),
    ];
    let mut config = small("dcgan", "digits", 12, &settings);
    config.data.context = vec!["label".into()];
    config
}

fn trained(config: &Config, folder: &Folder) {
    assert_eq!(train(config, folder, Mode::Fresh, &mut Silent).unwrap(), Outcome::Finished);
}

/// Stops after a number of steps.
struct StopAt(u64, u64);

impl Observer for StopAt {
    fn step(&mut self, report: &StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

/// Both players, their moments, the average, the directions of spectral norms: all come back.
#[test]
fn a_resumed_game_equals_an_uninterrupted_one_bit_for_bit() {
    let root = tempfile::tempdir().unwrap();
    let configs = [
        small("sngan", "ring8", 20, &[("critic_steps", 2.into())]),
        small("wgan-gp", "ring8", 20, &[]),
        small("wgan-gp", "ring8", 20, &[("pack", 3.into()), ("octaves", 2.0.into())]),
        small("r1-gan", "ring8", 20, &[("pack", 2.into()), ("pieces", 8.into())]),
        small("r3gan", "ring8", 20, &[("blur", 0.5.into())]),
        small("dcgan", "digits", 12, &[("critic_norm", "spectral".into())]),
        images_with_batch_norm(),
    ];
    for (k, config) in configs.iter().enumerate() {
        let whole = folder(root.path(), &format!("{k}-whole"));
        let parts = folder(root.path(), &format!("{k}-parts"));
        trained(config, &whole);
        let outcome = train(config, &parts, Mode::Fresh, &mut StopAt(9, 0)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted { step: 9 });
        let mut other = config.clone();
        other.run.checkpoint_every = 1000;
        assert_eq!(train(&other, &parts, Mode::Resume, &mut Silent).unwrap(), Outcome::Finished);
        let name = &config.model.name;
        let same = |file| bytes(&whole, file) == bytes(&parts, file);
        assert!(same("model.safetensors"), "{name}");
        assert!(same("metrics.jsonl"), "{name}");
    }
}

#[test]
fn threads_do_not_change_a_bit_of_a_game() {
    let root = tempfile::tempdir().unwrap();
    // Large enough that the batch is split.
    let mut rows = small("r1-gan", "ring8", 3, &[("width", 128.into())]);
    rows.model.settings.insert("critic_width".into(), 128.into());
    rows.train.batch_size = 512;
    let pool = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let mut packs = rows.clone();
    packs.model.settings.insert("pack".into(), 4.into());
    for (name, config) in [("rows", rows), ("packs", packs), ("images", images_with_batch_norm())] {
        let mut models = Vec::new();
        let mut samples = Vec::new();
        for n in [1, 3] {
            let folder = folder(root.path(), &format!("{name}-{n}"));
            pool(n).install(|| trained(&config, &folder));
            models.push(bytes(&folder, "model.safetensors"));
            let run = Run::open(folder.path()).unwrap();
            samples.push(pool(n).install(|| run.sample(300, 3).unwrap()));
        }
        assert!(models[0] == models[1], "{name}");
        assert_eq!(samples[0], samples[1], "{name}");
    }
}

#[test]
fn metrics_tell_the_divergence_the_critics_loss_and_the_penalty() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    trained(&small("r1-gan", "moons", 6, &[]), &folder);
    let text = String::from_utf8(bytes(&folder, "metrics.jsonl")).unwrap();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| line[name].as_f64().unwrap();
        assert!(number("penalty") > 0.0 && number("critic_gradient_norm") > 0.0);
        // The non-saturating game's estimate of the Jensen–Shannon divergence.
        let estimate = 2f64.ln() - 0.5 * number("critic_loss");
        assert!((number("divergence") - estimate).abs() < 1e-12);
    }
}

/// `blur (1 − 2 step/steps)²`, then nothing; and what it adds to points, seen by a critic that can
/// tell data from samples only by their spread.
#[test]
fn the_blur_falls_to_nothing_and_hides_what_is_smaller() {
    let config = GameConfig {
        train: LoopConfig { steps: 100, ..LoopConfig::default() },
        optim: OptimConfig::default(),
        betas: Betas::default(),
        loss: Loss::LeastSquares,
        penalty: Penalty::None,
        penalty_start: 1.0,
        blur: 0.8,
        critic_steps: 1,
        generator_rate: 1.0,
        critic_rate: 1.0,
    };
    let at = [0, 25, 49, 50, 99].map(|step| config.blur_at(step));
    let expected = [0.8, 0.2, 0.8 * 0.02f64.powi(2), 0.0, 0.0];
    assert!(at.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{at:?}");
    // Data of standard deviation 0.05 and samples at 0: far apart in shape, and one law in a blur.
    let space = Space::f32(&select(None).unwrap());
    let seen = |blur: f64| {
        let critic = Critic::new(&narrow(), &Seen::rows(1), &Noise::new(0, 1), &space).unwrap();
        let optim = OptimConfig { clip: 1e9, weight_decay: 0.0, ..OptimConfig::default() };
        let penalty = Penalty::None;
        let mut player =
            CriticPlayer::new(critic, Loss::LeastSquares, penalty, optim, Betas::default())
                .unwrap();
        let mut last = 0.0;
        for step in 0..300 {
            let noise = Noise::new(1, 512).at_step(step);
            let data = noise.purpose("data").normal(1, &space).mul_scalar(0.05);
            let round =
                Round { data, context: None, noise: noise.clone(), share: 1.0, pack: 1, blur };
            let fake = |round: &Round| round.data.zeros_like();
            last = Loss::LeastSquares.divergence(player.step(&[round], fake, 0.02, 1.0).loss);
        }
        last
    };
    // Triangular divergences between 0 and 2: of disjoint laws, and of N(0, 1.0025) and N(0, 1).
    let (sharp, blurred) = (seen(0.0), seen(1.0));
    assert!(sharp > 1.0 && blurred.abs() < 0.1, "{sharp}, {blurred}");
}

/// Samples at −1, and data of which a part `ε = 0.3` lies at 1: the total variation that a critic
/// of `m` points sees is `1 − (1 − ε)ᵐ`.
#[test]
fn a_pack_sees_more_of_a_lost_mode() {
    let space = Space::f32(&select(None).unwrap());
    let seen = |pack: usize| {
        let config =
            CriticConfig { pack, fourier: Band { count: 0, ..narrow().fourier }, ..narrow() };
        let critic = Critic::new(&config, &Seen::rows(1), &Noise::new(0, 1), &space).unwrap();
        let optim = OptimConfig { clip: 1e9, weight_decay: 0.0, ..OptimConfig::default() };
        let (penalty, betas) = (Penalty::None, Betas::default());
        let mut player = CriticPlayer::new(critic, Loss::Hinge, penalty, optim, betas).unwrap();
        let turn = |step: u64| {
            let noise = Noise::new(1, 1200).at_step(step);
            let lot = space.column(&noise.purpose("data").uniform_values(1));
            let data = lot.sub_scalar(0.7).sign();
            let round = Round { data, context: None, noise, share: 1.0, pack, blur: 0.0 };
            let fake = |round: &Round| round.data.ones_like().neg();
            Loss::Hinge.divergence(player.step(&[round], fake, 0.01, 1.0).loss)
        };
        let seen: Vec<f64> = (0..200).map(turn).collect();
        seen[100..].iter().sum::<f64>() / 100.0
    };
    for (pack, expected) in [(1, 0.3), (2, 0.51), (3, 0.657)] {
        let got = seen(pack);
        assert!((got - expected).abs() < 0.02, "{pack}: {got}, not {expected}");
    }
}

/// A digit asked for by its label is drawn by a generator that knows it.
#[test]
fn contexts_reach_both_players() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    trained(&images_with_batch_norm(), &folder);
    let run = Run::open(folder.path()).unwrap();
    let given = |label: f64| {
        let given = vec![("label".to_owned(), label)];
        run.draw(&Request { n: 5, given, ..Request::default() }).unwrap()
    };
    assert_ne!(given(3.0), given(4.0));
    assert!(given(3.0).values().iter().all(|v| (0.0..=16.0).contains(v)));
}

/// Samples of a game on two far modes of unequal weight, 0.3 at −2 and 0.7 at 1.
fn two_modes(settings: &[(&str, Value)]) -> Vec<f64> {
    let root = tempfile::tempdir().unwrap();
    let law = Mixture::new(
        vec![0.3, 0.7],
        vec![Gaussian::isotropic(vec![-2.0], 0.3), Gaussian::isotropic(vec![1.0], 0.3)],
    );
    let x = to_host(law.unwrap().sample(&Noise::new(1, 2000), &Space::f32(&select(None).unwrap())));
    let path = root.path().join("modes.csv");
    let rows: Vec<String> = x.iter().map(f64::to_string).collect();
    std::fs::write(&path, format!("x\n{}\n", rows.join("\n"))).unwrap();
    let quick: [(&str, Value); 8] = [
        ("width", 32.into()),
        ("critic_width", 32.into()),
        ("fourier", 0.into()),
        ("blur", 0.0.into()),
        ("critic_steps", 1.into()),
        ("generator_rate", 0.25.into()),
        ("penalty_weight", 0.1.into()),
        ("penalty_start", 1.0.into()),
    ];
    let settings = [&quick[..], settings].concat();
    let mut config = small("r1-gan", path.to_str().unwrap(), 600, &settings);
    config.train.batch_size = 128;
    config.optim.ema = 0.99;
    let folder = folder(root.path(), "run");
    trained(&config, &folder);
    Run::open(folder.path()).unwrap().sample(2000, 0).unwrap().values().to_vec()
}

fn share_below(samples: &[f64], at: f64) -> f64 {
    samples.iter().filter(|v| **v < at).count() as f64 / samples.len() as f64
}

/// In a minute's worth of nothing: both are found and weighed.
#[test]
fn a_game_learns_two_modes() {
    let x = two_modes(&[("latent", 4.into()), ("coins", 4.into()), ("pieces", 0.into())]);
    let (left, bridge) = (share_below(&x, -0.8), share_below(&x, 0.0) - share_below(&x, -1.0));
    assert!((left - 0.3).abs() < 0.12 && bridge < 0.1, "{left} on the left, {bridge} between");
}

/// Two points cannot share out what lies between them: what each weighs is its chance, which the
/// game learns.
#[test]
fn a_game_learns_the_chances_of_two_pieces() {
    let points = [("latent", 0.into()), ("coins", 0.into()), ("pieces", 2.into())];
    let x = two_modes(&[&points[..], &[("generator_rate", 0.6.into())]].concat());
    let mut places = x.clone();
    places.sort_by(f64::total_cmp);
    places.dedup();
    assert_eq!(places.len(), 2, "{places:?}");
    assert!(places[0] < -1.0 && places[1] > 0.0, "{places:?}");
    let left = share_below(&x, -0.8);
    // Even chances are 14 standard errors of 2000 samples away.
    assert!((left - 0.3).abs() < 0.08, "{left} on the left");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let reason = |model: &str, data: &str, settings: &[(&str, Value)]| -> String {
        let root = tempfile::tempdir().unwrap();
        let config = small(model, data, 3, settings);
        match train(&config, &folder(root.path(), "run"), Mode::Fresh, &mut Silent) {
            Err(TrainError::Config(ConfigError::Settings { reason, .. })) => reason,
            other => panic!("{model} with {settings:?}: {other:?}"),
        }
    };
    let none = [("latent", 0.into()), ("coins", 0.into()), ("pieces", 0.into())];
    assert!(reason("gan", "moons", &none).contains("something random to push"));
    let batch = [("critic_norm", Value::from("batch"))];
    assert!(reason("wgan-gp", "moons", &batch).contains("whole batch"));
    assert!(reason("dcgan", "moons", &[]).contains("these rows are none"));
    assert!(reason("dcgan", "digits", &[("stages", 4.into())]).contains("stages is at most 3"));
    assert!(reason("dcgan", "digits", &[("depth", 5.into())]).contains("depth is 5, but with net"));
    for (name, value, word) in [
        ("critic_steps", Value::from(0), "critic_steps is 0"),
        ("penalty_weight", 0.0.into(), "penalty_weight is 0"),
        ("penalty_weight", f64::NAN.into(), "penalty_weight is NaN"),
        ("penalty", "gradients".into(), "did you mean `gradient`"),
        ("loss", "wassertsein".into(), "did you mean `wasserstein`"),
        ("critic_norm", "layer".into(), "known are none, spectral, batch"),
        ("net", "unet".into(), "unknown net `unet`"),
        ("beta1", 1.0.into(), "beta1 is 1"),
        ("blur", Value::from(-0.1), "blur is -0.1"),
        ("octaves", Value::from(-1.0), "octaves is -1"),
        ("pack", 0.into(), "pack is 0"),
        ("pack", 5.into(), "do not split into packs of 5"),
        ("generator_rate", Value::from(-1.0), "generator_rate is -1"),
        ("width", 0.into(), "width is 0"),
        ("pieces", 1.into(), "pieces is 1"),
        ("chance_rate", 2.0.into(), "chance_rate is 2.0, but with pieces = 0"),
        ("batch_norm", true.into(), "net = \"conv\""),
        ("channels", 8.into(), "with net = \"mlp\" nothing reads it"),
        ("penalty_start", 8.0.into(), "with penalty = \"clip\" nothing reads it"),
        ("latent_dim", 3.into(), "latent_dim"),
    ] {
        let reason = reason("wgan", "moons", &[(name, value)]);
        assert!(reason.contains(word), "{name}: {reason}");
    }
}

#[test]
fn a_game_runs_with_every_loss() {
    let root = tempfile::tempdir().unwrap();
    for (name, _) in Loss::NAMES {
        let config = small("fgan", "moons", 4, &[("loss", name.into())]);
        let folder = folder(root.path(), name);
        trained(&config, &folder);
        let x = Run::open(folder.path()).unwrap().sample(20, 0).unwrap();
        assert!(x.values().iter().all(|v| v.is_finite()), "{name}");
    }
}

/// A small critic of numbers, which sees small structure.
fn narrow() -> CriticConfig {
    CriticConfig {
        width: 24,
        depth: 2,
        stages: 0,
        channels: 1,
        pack: 1,
        fourier: Band { count: 8, turns: 4.0, octaves: 0.0 },
        bend: Bend::Silu,
        normalisation: Normalisation::None,
        bound: 1.0,
    }
}

/// Critics of nested classes, each trained on the same two laws: what they see rises with the
/// class and stays below `−ln 4 + 2 JS`.
#[test]
fn trained_critics_see_at_most_the_divergence_and_more_with_every_layer() {
    let space = Space::f32(&select(None).unwrap());
    let data = Mixture::new(
        vec![0.4, 0.6],
        vec![Gaussian::isotropic(vec![-1.2], 0.4), Gaussian::isotropic(vec![1.2], 0.4)],
    )
    .unwrap();
    let model = Gaussian::isotropic(vec![-0.6], 1.2);
    let mesh = Mesh::new(vec![Axis::new(-8.0, 8.0, 2000)]).unwrap();
    let double = Space::f64(&select(None).unwrap());
    let game = Game::new(&data, &model as &dyn Density, &mesh, &double);
    let bound = game.value(&game.optimum());
    let mut seen = vec![-4f64.ln()];
    for (width, depth) in [(1, 1), (4, 1), (24, 2)] {
        let fourier = Band { count: 0, ..narrow().fourier };
        let config = CriticConfig { width, depth, fourier, ..narrow() };
        let critic = Critic::new(&config, &Seen::rows(1), &Noise::new(0, 1), &space).unwrap();
        let optim = OptimConfig { clip: 1e9, weight_decay: 0.0, ..OptimConfig::default() };
        let (loss, betas) = (Loss::Minimax, Betas::default());
        let mut player = CriticPlayer::new(critic, loss, Penalty::None, optim, betas).unwrap();
        let steps = 400;
        for step in 0..steps {
            let noise = Noise::new(1, 256).at_step(step);
            let data = data.sample(&noise.purpose("data"), &space);
            let round =
                Round { data, context: None, noise: noise.clone(), share: 1.0, pack: 1, blur: 0.0 };
            let fake = |round: &Round| model.sample(&round.noise.purpose("model"), &space);
            let _ = player.step(&[round], fake, 0.02 * optim.rate(step, steps) / optim.lr, 1.0);
        }
        let x = space.tensor(mesh.centres(), [mesh.len(), 1]);
        let value = game.value(&to_host(player.critic().given(None).value(x)));
        assert!(value <= bound + 1e-6, "{value} beyond {bound}");
        assert!(value > seen[seen.len() - 1] + 0.005, "{value} after {seen:?}");
        seen.push(value);
    }
    let best = seen[seen.len() - 1];
    assert!(bound - best < 0.02, "{best} of {bound}");
}
