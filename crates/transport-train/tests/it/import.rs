//! Others' weights: torch's numbers met, schedules and sizes found, everything that differs listed.

use crate::{folder, space};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use transport_core::device::to_host;
use transport_core::testkit::max_or_nan;
use transport_core::{Noise, Prediction, Schedule, Times};
use transport_models::net::Dense;
use transport_models::tabled::Tabled;
use transport_sde::{Finish, Grid, Solver, drive};
use transport_train::config::SampleConfig;
use transport_train::import::rename::KeyMap;
use transport_train::import::unet2d::{self, UNet2dConfig};
use transport_train::import::{Format, Import, ImportError, import, load};
use transport_train::registry::IMPORTED;
use transport_train::weights::{Array, Misfit, Weights, WeightsError};
use transport_train::{Config, Mode, Request, Run, Silent, evaluate, train};

/// The waves of `tests/torch/networks.py`.
fn wave(name: &str, shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    let seed = (name.bytes().map(u64::from).sum::<u64>() % 1009) as f64;
    let wave = |i: usize| (seed + 0.618_033_988_749_894_9 * i as f64).sin();
    let scale = f64::from(u8::from(name.contains("norm") && name.ends_with("weight")));
    let fan = (count / shape[0]) as f64;
    let value = |i: usize| match shape.len() {
        1 => scale + 0.1 * wave(i),
        _ => wave(i) / fan.sqrt(),
    };
    Array { shape: shape.to_vec(), values: (0..count).map(|i| value(i) as f32).collect() }
}

fn write(path: &Path, weights: &Weights) {
    let bytes: Vec<(&String, &Array, Vec<u8>)> = weights
        .0
        .iter()
        .map(|(n, a)| (n, a, a.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes.iter().map(|(name, array, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, array.shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn state(rows: usize, dim: usize) -> Vec<f64> {
    (0..rows * dim).map(|i| (0.37 * i as f64).sin() * (0.0187 * i as f64).cos()).collect()
}

/// `[n, c, h, w]` row-major to rows with channels last.
fn channels_last(values: &[f64], [c, h, w]: [usize; 3]) -> Vec<f64> {
    let dim = c * h * w;
    let place = |k: usize| (k / dim) * dim + (k % c) * h * w + (k % dim) / c;
    (0..values.len()).map(|k| values[place(k)]).collect()
}

/// The output for two images of waves, in torch's order.
fn output(model: &Tabled, times: [f64; 2], class: Option<[usize; 2]>) -> Vec<f64> {
    let pixels = model.pixels;
    let shape = [pixels.channels, pixels.height, pixels.width];
    let x = channels_last(&state(2, pixels.len()), shape);
    let space = space();
    let times = times.map(|k| model.table.time(k));
    let context = class.map(|labels| {
        let hot = |label: usize| (0..3).map(move |k| f64::from(u8::from(k == label)));
        space.tensor(labels.into_iter().flat_map(hot).collect(), [2, 3])
    });
    let y = model.output(space.tensor(x, [2, pixels.len()]), Times::Each(&times), context);
    // Channels first again: the inverse permutation.
    let y = to_host(y);
    let order: Vec<f64> = (0..y.len()).map(|k| k as f64).collect();
    let places = channels_last(&order, shape);
    let mut planes = vec![0.0; y.len()];
    places.iter().zip(y).for_each(|(place, v)| planes[*place as usize] = v);
    planes
}

fn close(y: &[f64], expected: &[f64], squares: f64) {
    let some: Vec<f64> = y.iter().step_by(y.len() / 7).take(8).copied().collect();
    let gap = some.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
    assert!(gap < 1e-4 && some.len() == expected.len(), "{gap}: {some:?}");
    let sum: f64 = y.iter().map(|v| v * v).sum();
    assert!((sum - squares).abs() < 1e-4 * squares, "{sum} {squares}");
}

const CNN: [(&str, &[usize]); 15] = [
    ("gt.frequencies", &[3]),
    ("gt.time_embed.0.weight", &[10, 6]),
    ("gt.time_embed.0.bias", &[10]),
    ("gt.time_embed.2.weight", &[6, 10]),
    ("gt.time_embed.2.bias", &[6]),
    ("gt.blocks.0.net.0.weight", &[6, 2, 5, 5]),
    ("gt.blocks.0.net.0.bias", &[6]),
    ("gt.blocks.0.net.1.weight", &[6, 9, 7]),
    ("gt.blocks.0.net.1.bias", &[6, 9, 7]),
    ("gt.blocks.1.net.0.weight", &[4, 6, 5, 5]),
    ("gt.blocks.1.net.0.bias", &[4]),
    ("gt.blocks.1.net.1.weight", &[4, 9, 7]),
    ("gt.blocks.1.net.1.bias", &[4, 9, 7]),
    ("gt.blocks.2.weight", &[2, 4, 3, 3]),
    ("gt.blocks.2.bias", &[2]),
];

/// Another network of the family: other widths, blocks, kernels, images and times.
fn cnn() -> Weights {
    let mut weights: Weights =
        Weights(CNN.iter().map(|(n, s)| ((*n).to_owned(), wave(n, s))).collect());
    weights.0.get_mut("gt.frequencies").unwrap().values.iter_mut().for_each(|f| *f *= 10.0);
    weights
}

fn saved(root: &Path, weights: &Weights) -> Import {
    let path = root.join("weights.safetensors");
    write(&path, weights);
    Import::new(&path, Format::DdpmMnistCnn)
}

fn row(values: Vec<f64>) -> Array {
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    Array { shape: vec![values.len()], values }
}

fn products(betas: &[f64]) -> Vec<f64> {
    betas
        .iter()
        .scan(1.0, |bar, beta| {
            *bar *= 1.0 - beta;
            Some(*bar)
        })
        .collect()
}

/// Numbers of `tests/torch/networks.py`.
#[test]
fn a_network_of_the_ddpm_cnn_family_is_torchs() {
    let root = tempfile::tempdir().unwrap();
    let model = load(&saved(root.path(), &cnn()), &space()).unwrap();
    let expected = [-0.009186, -0.155211, -0.111321, -0.017895, -0.148400, -0.067813, 0.001297];
    close(&output(&model, [100.0, 750.0], None), &expected, 2.59482);
    assert_eq!(model.table.steps(), 1001);
}

/// Tables that have a name are found by it, others go with the weights; both give the file's ᾱ.
#[test]
fn schedules_are_those_of_the_weights() {
    let root = tempfile::tempdir().unwrap();
    let linear = |n: usize, a: f64, b: f64| -> Vec<f64> {
        (0..n).map(|k| a + (b - a) * k as f64 / (n - 1) as f64).collect()
    };
    let check = |betas: Option<Vec<f64>>, alphas: Option<Vec<f64>>, offset: usize, bars: &[f64]| {
        let mut weights = cnn();
        betas.map(|b| weights.0.insert("beta_t".into(), row(b)));
        alphas.map(|a| weights.0.insert("alpha_t".into(), row(a)));
        let model = load(&saved(root.path(), &weights), &space()).unwrap();
        assert_eq!(model.reading.offset, offset as f64);
        assert_eq!(model.table.steps() + offset, bars.len());
        for (k, bar) in bars.iter().enumerate().skip(offset) {
            assert!((model.table.alpha_bar(k - offset) - bar).abs() < 2e-6, "{k} {bar}");
        }
        let last = model.reading.unit * ((model.table.steps() - 1) as f64 + model.reading.offset);
        assert!((last - 1.0).abs() < 1e-12, "the network's clock ends at 1, not at {last}");
    };
    let usual = linear(1001, 1e-4, 0.02);
    check(Some(usual.clone()), Some(products(&usual)), 0, &products(&usual));
    // `alpha_t` as 1 − β.
    let single = usual.iter().map(|beta| 1.0 - beta).collect();
    check(Some(usual.clone()), Some(single), 0, &products(&usual));
    let short = linear(201, 1e-3, 0.05);
    check(Some(short.clone()), None, 0, &products(&short));
    let cosine: Vec<f64> = (0..=400)
        .map(|k| {
            (std::f64::consts::FRAC_PI_2 * (f64::from(k) / 400.0 + 0.008) / 1.008).cos().powi(2)
        })
        .collect();
    let cosine: Vec<f64> = cosine.iter().map(|a| (a / cosine[0]).max(1e-5)).collect();
    check(None, Some(cosine.clone()), 1, &cosine);
    let geometric: Vec<f64> =
        (0..=1000).map(|k| 1e-4 * 200f64.powf(f64::from(k) / 1000.0)).collect();
    check(Some(geometric.clone()), Some(products(&geometric)), 0, &products(&geometric));
    // No noise at index 0, and less than single precision tells from none at the next.
    let late: Vec<f64> = (0..=100).map(|k| 0.1 * (f64::from(k) / 100.0).powi(4)).collect();
    check(Some(late.clone()), Some(products(&late)), 1, &products(&late));

    let mut weights = cnn();
    weights.0.insert("beta_t".into(), row(usual.clone()));
    weights.0.insert("alpha_t".into(), row(usual));
    let error = load(&saved(root.path(), &weights), &space()).unwrap_err();
    assert!(matches!(error, ImportError::Unrecognised { .. }), "{error}");
}

#[test]
fn configurations_that_contradict_the_weights_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut weights = cnn();
    let betas: Vec<f64> = (0..101).map(|k| 1e-4 + 1e-4 * f64::from(k)).collect();
    weights.0.insert("beta_t".into(), row(betas));
    let mut what = saved(root.path(), &weights);
    let config = root.path().join("config.json");
    what.config = Some(config.clone());
    let load_with = |text: &str| {
        std::fs::write(&config, text).unwrap();
        load(&what, &space())
    };
    assert!(load_with(r#"{"timesteps": 100, "clip": 0.5, "beta_end": 0.0101}"#).is_ok());
    for text in [r#"{"timesteps": 1000}"#, r#"{"widths": [6, 6]}"#, r#"{"betas": "cosine"}"#] {
        let error = load_with(text).unwrap_err();
        assert!(matches!(error, ImportError::Contradiction { .. }), "{text}: {error}");
    }
    let error = load_with(r#"{"timestepps": 100}"#).unwrap_err();
    assert!(error.to_string().contains("timestepps"), "{error}");
    write(&what.path, &cnn());
    std::fs::write(&config, r#"{"timesteps": 0}"#).unwrap();
    let error = load(&what, &space()).unwrap_err();
    assert!(error.to_string().contains("timesteps is 1, of which 1"), "{error}");
}

/// Sizes that only names of arrays have are refused before a network of such sizes is made.
#[test]
fn sizes_without_numbers_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let with = |name: &str, shape: Vec<usize>| {
        let mut weights = cnn();
        let count = shape.iter().product();
        weights.0.insert(name.to_owned(), Array { shape, values: vec![0.0; count] });
        load(&saved(root.path(), &weights), &space()).unwrap_err().to_string()
    };
    let error = with("gt.blocks.1.net.0.weight", vec![65536, 1, 3, 0]);
    assert!(error.contains("has none"), "{error}");
    let error = with("gt.blocks.1.net.0.weight", vec![4096, 1, 1, 1]);
    assert!(error.contains("`gt.blocks.1.net.0.weight` of shape"), "{error}");
}

#[test]
fn everything_that_differs_is_listed() {
    let root = tempfile::tempdir().unwrap();
    let mut weights = cnn();
    weights.0.remove("gt.blocks.1.net.0.bias");
    weights.0.remove("gt.time_embed.2.bias");
    weights.0.insert("gt.extra".into(), row(vec![1.0]));
    weights.0.insert("gt.blocks.1.net.1.bias".into(), row(vec![0.0; 4]));
    let error = load(&saved(root.path(), &weights), &space()).unwrap_err();
    let ImportError::Misfit(misfit) = &error else { panic!("{error}") };
    let names =
        |list: &[(String, Vec<usize>)]| list.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&misfit.missing), ["gt.blocks.1.net.0.bias", "gt.time_embed.2.bias"]);
    assert_eq!(names(&misfit.extra), ["gt.extra"]);
    assert_eq!(misfit.misshapen, [("gt.blocks.1.net.1.bias".to_owned(), vec![4, 9, 7], vec![4])]);
    let said = error.to_string();
    let all = ["blocks.1.net.0.bias", "time_embed.2.bias", "gt.extra", "blocks.1.net.1.bias"];
    assert!(all.iter().all(|name| said.contains(name)), "{said}");

    let mut weights = cnn();
    weights.0.get_mut("gt.blocks.2.bias").unwrap().values[1] = f32::NAN;
    let error = load(&saved(root.path(), &weights), &space()).unwrap_err();
    assert!(
        matches!(&error, ImportError::NotFinite { name } if name == "gt.blocks.2.bias"),
        "{error}"
    );
    for gone in ["gt.frequencies", "gt.blocks.0.net.1.weight", "gt.time_embed.0.weight"] {
        let mut weights = cnn();
        weights.0.remove(gone);
        let error = load(&saved(root.path(), &weights), &space()).unwrap_err();
        assert!(matches!(&error, ImportError::Unrecognised { .. }), "{gone}: {error}");
    }
}

/// Of a model of our own too: one difference by its name, more as a list.
#[test]
fn a_module_is_filled_or_says_all_that_is_wrong() {
    let layer = || Dense::new(3, 2, 1.0, &Noise::new(0, 1), &space());
    let whole = Weights::of(&layer());
    assert!(whole.fill(layer()).is_ok() && whole.fill_exactly(layer()).is_ok());
    let mut wrong = whole.clone();
    wrong.0.remove("bias");
    let error = wrong.fill(layer()).unwrap_err();
    assert_eq!(error, WeightsError::Missing { name: "bias".into() });
    wrong.0.get_mut("weight").unwrap().shape = vec![2, 3];
    wrong.0.insert("more".into(), row(vec![0.0]));
    let (missing, extra) = (vec![("bias".to_owned(), vec![2])], vec![("more".to_owned(), vec![1])]);
    let misshapen = vec![("weight".to_owned(), vec![3, 2], vec![2, 3])];
    let listed = Misfit { missing, extra: Vec::new(), misshapen };
    assert_eq!(wrong.fill(layer()).unwrap_err(), WeightsError::Misfit(Box::new(listed.clone())));
    let listed = Misfit { extra, ..listed };
    assert_eq!(wrong.fill_exactly(layer()).unwrap_err(), WeightsError::Misfit(Box::new(listed)));
}

#[test]
fn names_are_rewritten_in_order() {
    let map = KeyMap::parse(
        r#"
        rules = [
            { drop = "^ema\\." },
            { prefix = "module.", to = "" },
            { regex = "\\.gamma$", to = ".weight" },
            { regex = "^block(\\d+)\\.", to = "blocks.${1}." },
        ]"#,
        false,
    )
    .unwrap();
    assert_eq!(map.name("ema.x"), None);
    assert_eq!(map.name("module.block12.gamma").unwrap(), "blocks.12.weight");
    assert_eq!(map.name("a.module.x").unwrap(), "a.module.x");
    let json = r#"{"rules": [{"regex": "[ab]", "to": "c"}]}"#;
    let collapse = KeyMap::parse(json, true).unwrap();
    let two = Weights([("a", 1.0), ("b", 2.0)].map(|(n, v)| (n.to_owned(), row(vec![v]))).into());
    let error = collapse.apply(two).unwrap_err();
    assert!(matches!(&error, ImportError::Collision { to, .. } if to == "c"), "{error}");
    for (text, said) in [
        ("rules = [{ prefix = 'a' }]", "rule 1"),
        ("rules = [{ drop = 'a', to = 'b' }]", "rule 1"),
        ("rules = [{ regex = '(', to = 'b' }]", "rule 1"),
        ("rules = [{ pattern = 'a', to = 'b' }]", "pattern"),
        ("rule = []", "rule"),
    ] {
        let error = KeyMap::parse(text, false).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

/// A map makes a checkpoint's names those of the network; the run samples, traces and states its
/// units.
#[test]
fn a_run_is_made_of_others_weights() {
    let root = tempfile::tempdir().unwrap();
    let named = |(name, array): (String, Array)| (format!("model.ema.{name}"), array);
    let theirs = Weights(cnn().0.into_iter().map(named).collect());
    let mut what = saved(root.path(), &theirs);
    let map = root.path().join("keys.toml");
    std::fs::write(&map, "rules = [{ prefix = 'model.ema.', to = '' }]").unwrap();
    what.map = Some(map);
    let folder = folder(root.path(), "run");
    import(&what, &folder, false).unwrap();
    let again = import(&what, &folder, false).unwrap_err();
    assert!(again.to_string().contains("--overwrite"), "{again}");
    import(&what, &folder, true).unwrap();
    let run = Run::open(folder.path()).unwrap();
    assert_eq!(run.config().model.name, "ddpm-mnist-cnn");
    let settings = folder.read_config().unwrap();
    assert!(settings.contains("state_range") && settings.contains("0.02"), "{settings}");
    for solver in Solver::ALL {
        let plan = Some(SampleConfig { solver: *solver, steps: 4 });
        let request = Request { n: 3, plan, ..Request::default() };
        let x = run.draw(&request).unwrap_or_else(|e| panic!("{solver:?}: {e}"));
        assert_eq!((x.rows(), x.cols()), (3, 126));
        assert!(x.values().iter().all(|v| (0.0..=255.0).contains(v)), "{solver:?}");
        let fewer = run.draw(&Request { n: 2, ..request }).unwrap();
        assert_eq!(
            fewer.values(),
            &x.values()[..252],
            "{solver:?}: rows depend on their own draws"
        );
    }
    let trace = run.trace(&Request { n: 2, ..Request::default() }, &[0.0, 0.5, 1.0]).unwrap();
    assert_eq!(trace.unwrap().len(), 3);
}

/// What a scaling of `[−½, ½]` makes of the network's space.
#[test]
fn pixels_are_restored() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    import(&saved(root.path(), &cnn()), &folder, false).unwrap();
    let scaler = Run::open(folder.path()).unwrap().card().schema.scaler.clone();
    let states = [vec![-0.5, 0.0, 0.5, -0.7, 0.7], vec![0.0; 121]].concat();
    let pixels = scaler.inverse(&states);
    assert_eq!(pixels[..5], [0.0, 127.5, 255.0, 0.0, 255.0]);
}

#[test]
fn configurations_of_imported_models_round_trip_and_are_not_trained() {
    for entry in IMPORTED {
        let config = Config::new("digits", entry.name()).unwrap();
        config.check().unwrap();
        assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), "run");
        let error = train(&config, &folder, Mode::Fresh, &mut Silent).unwrap_err();
        assert!(error.to_string().contains("transport import"), "{error}");
        for (setting, value) in [("state_range", "[1.0, 0.0]"), ("reading", "3"), ("more", "1")] {
            let mut wrong = config.clone();
            let value = toml::from_str::<toml::Table>(&format!("v = {value}")).unwrap();
            wrong.model.settings.insert(setting.into(), value["v"].clone());
            assert!(wrong.check().is_err(), "{setting}");
        }
    }
}

/// The common part of the configurations of `tests/torch/networks.py`.
fn config(changes: Value) -> Value {
    let mut config = json!({
        "_class_name": "UNet2DModel", "_diffusers_version": "0.42.1", "sample_size": 8,
        "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
        "in_channels": 1, "out_channels": 1, "act_fn": "silu", "dropout": 0.0,
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
        "up_block_types": ["AttnUpBlock2D", "UpBlock2D"], "attention_head_dim": 4,
    });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    config
}

fn parsed(config: &Value) -> Result<UNet2dConfig, ImportError> {
    unet2d::parse(&config.to_string(), Path::new("config.json"))
}

/// A folder as diffusers writes it, and the weights in it.
fn pretrained(root: &Path, config: &Value) -> (Import, Weights) {
    let arrays = unet2d::arrays(&parsed(config).unwrap()).unwrap();
    let weights = Weights(arrays.into_iter().map(|(n, s)| (n.clone(), wave(&n, &s))).collect());
    let unet = root.join("unet");
    std::fs::create_dir_all(&unet).unwrap();
    std::fs::write(unet.join("config.json"), config.to_string()).unwrap();
    write(&unet.join("diffusion_pytorch_model.safetensors"), &weights);
    (Import::new(root, Format::Unet2d), weights)
}

fn checked(
    changes: Value,
    class: Option<[usize; 2]>,
    arrays: usize,
    expected: [f64; 8],
    squares: f64,
) {
    let root = tempfile::tempdir().unwrap();
    let (what, weights) = pretrained(root.path(), &config(changes));
    assert_eq!(weights.0.len(), arrays);
    let model = load(&what, &space()).unwrap();
    close(&output(&model, [10.0, 700.0], class), &expected, squares);
}

/// Outputs of diffusers 0.42.1, printed by `tests/torch/networks.py`; the counts of arrays are
/// torch's too.
#[test]
fn unets_are_diffusers() {
    let expected =
        [0.292997, 0.320070, -1.208774, 0.651053, 0.116585, -1.630786, -1.699960, -0.412261];
    checked(json!({}), None, 144, expected, 152.30193);
    let expected =
        [0.582774, 1.931810, -2.159994, 0.801768, 0.637880, -3.031049, 2.277373, -0.798263];
    let asymmetric = json!({
        "in_channels": 3, "out_channels": 3, "attention_head_dim": null, "downsample_padding": 0,
        "freq_shift": 1, "flip_sin_to_cos": false, "norm_eps": 1e-6,
        "mid_block_scale_factor": std::f64::consts::SQRT_2, "center_input_sample": true,
        "add_attention": false, "down_block_types": ["DownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "AttnUpBlock2D"],
    });
    checked(asymmetric, None, 124, expected, 761.16831);
    let expected =
        [0.554998, -0.162378, -0.100559, 0.431965, 0.333271, 0.531621, -1.257879, -0.226147];
    let residual = json!({
        "attention_head_dim": 8, "num_class_embeds": 3, "resnet_time_scale_shift": "scale_shift",
        "attn_norm_num_groups": 2, "downsample_type": "resnet", "upsample_type": "resnet",
        "down_block_types": ["AttnDownBlock2D", "ResnetDownsampleBlock2D"],
        "up_block_types": ["ResnetUpsampleBlock2D", "AttnUpBlock2D"],
    });
    checked(residual, Some([1, 2]), 161, expected, 184.72798);
    let expected =
        [0.028903, 0.025048, -0.121295, 0.063501, 0.000140, -0.002232, -0.002530, -0.000582];
    let fourier = json!({
        "attention_head_dim": 8, "time_embedding_type": "fourier",
        "down_block_types": ["DownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "UpBlock2D"],
    });
    checked(fourier, None, 115, expected, 0.71893);
}

#[test]
fn options_that_are_not_known_are_refused_by_name() {
    for (changes, option) in [
        (json!({"down_block_types": ["SkipDownBlock2D", "DownBlock2D"]}), "down_block_types"),
        (json!({"up_block_types": ["AttnUpBlock2D", "KUpBlock2D"]}), "up_block_types"),
        (json!({"mid_block_type": "UNetMidBlock2DCrossAttn"}), "mid_block_type"),
        (json!({"time_embedding_type": "learned"}), "time_embedding_type"),
        (json!({"act_fn": "gelu"}), "act_fn"),
        (json!({"class_embed_type": "timestep"}), "class_embed_type"),
        (json!({"time_embedding_dim": 64}), "time_embedding_dim"),
        (json!({"resnet_time_scale_shift": "spatial"}), "resnet_time_scale_shift"),
        (json!({"downsample_type": "fir"}), "downsample_type"),
        (json!({"sample_size": null}), "sample_size"),
        (json!({"layers_per_block": -1}), "layers_per_block"),
        (json!({"block_out_channels": [8, "x"]}), "block_out_channels"),
        (json!({"encoder_hid_dim": 4}), "encoder_hid_dim"),
        (json!({"_class_name": "UNet2DConditionModel"}), "_class_name"),
    ] {
        let error = parsed(&config(changes)).unwrap_err();
        let named = matches!(&error, ImportError::Unsupported { option: o, .. } if o == option);
        assert!(named, "{option}: {error}");
        assert!(error.to_string().contains("config.json"), "{error}");
    }
    let error = unet2d::parse("{", Path::new("config.json")).unwrap_err();
    assert!(matches!(error, ImportError::Config { .. }), "{error}");
}

#[test]
fn unets_that_do_not_fit_their_weights_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (what, weights) = pretrained(root.path(), &config(json!({})));
    let with = |changes: Value| {
        let path = root.path().join("unet/config.json");
        std::fs::write(path, config(changes).to_string()).unwrap();
        load(&what, &space()).unwrap_err()
    };
    for (changes, setting) in [
        (json!({"block_out_channels": [8, 1_000_000_000]}), "block_out_channels"),
        (json!({"layers_per_block": 1_000_000_000}), "layers_per_block"),
        (json!({"num_class_embeds": 5}), "num_class_embeds"),
        (json!({"in_channels": 3, "out_channels": 3}), "in_channels"),
    ] {
        let error = with(changes);
        let said = matches!(&error, ImportError::Contradiction { what, .. } if what == setting)
            || matches!(error, ImportError::Sizes { .. });
        assert!(said, "{setting}: {error}");
    }
    assert!(matches!(with(json!({"norm_num_groups": 3})), ImportError::Sizes { .. }));
    let error = with(json!({"layers_per_block": 2}));
    let ImportError::Misfit(misfit) = &error else { panic!("{error}") };
    assert!(misfit.missing.iter().any(|(n, _)| n == "down_blocks.0.resnets.1.conv1.weight"));
    std::fs::remove_file(root.path().join("unet/config.json")).unwrap();
    let error = load(&what, &space()).unwrap_err();
    assert!(matches!(&error, ImportError::Beside { .. }), "{error}");
    // Early files name attention otherwise.
    let old = |name: &str| {
        let name = name.replace(".to_q.", ".query.").replace(".to_k.", ".key.");
        name.replace(".to_v.", ".value.").replace(".to_out.0.", ".proj_attn.")
    };
    let early = Weights(weights.0.into_iter().map(|(n, a)| (old(&n), a)).collect());
    write(&root.path().join("unet/diffusion_pytorch_model.safetensors"), &early);
    let path = root.path().join("unet/config.json");
    std::fs::write(path, config(json!({})).to_string()).unwrap();
    load(&what, &space()).unwrap();
}

const SCHEDULES: [(&str, [f64; 3]); 5] = [
    ("linear", [9.990000129e-01, 7.883230448e-01, 4.505985882e-03]),
    ("scaled_linear", [9.990000129e-01, 9.337933064e-01, 2.105731145e-02]),
    ("squaredcos_cap_v2", [9.982525110e-01, 8.791225553e-01, 9.711807252e-07]),
    ("trained", [9.959999919e-01, 7.647979259e-01, 4.157069605e-03]),
    ("zero", [9.990000725e-01, 9.229369760e-01, 0.000000000e+00]),
];

/// Chains against diffusers 0.42.1: `alphas_cumprod` at steps 0, 10 and the last of 50, in single
/// precision there.
#[test]
fn schedulers_are_diffusers() {
    let root = tempfile::tempdir().unwrap();
    let (what, _) = pretrained(root.path(), &config(json!({})));
    let at = root.path().join("scheduler");
    std::fs::create_dir_all(&at).unwrap();
    let with = |scheduler: &Value| {
        std::fs::write(at.join("scheduler_config.json"), scheduler.to_string()).unwrap();
        load(&what, &space())
    };
    for (schedule, bars) in SCHEDULES {
        let mut scheduler = json!({
            "_class_name": "DDPMScheduler", "num_train_timesteps": 50, "beta_schedule": schedule,
            "beta_start": 0.001, "beta_end": 0.2, "clip_sample": false, "prediction_type": "v_prediction",
            "variance_type": "fixed_small", "timestep_spacing": "leading", "steps_offset": 0,
        });
        if schedule == "trained" {
            scheduler["beta_schedule"] = json!("linear");
            let betas: Vec<f64> = (1..=50).map(|k| 0.004 * f64::from(k)).collect();
            scheduler["trained_betas"] = json!(betas);
        }
        if schedule == "zero" {
            scheduler["beta_schedule"] = json!("scaled_linear");
            scheduler["rescale_betas_zero_snr"] = json!(true);
        }
        let model = with(&scheduler).unwrap();
        assert_eq!((model.reading.prediction, model.reading.clip), (Prediction::V, None));
        for (k, bar) in [0, 10, 49].into_iter().zip(bars) {
            let found = model.table.alpha_bar(k);
            assert!((found - bar).abs() < 1e-6 + 2e-5 * bar, "{schedule} {k}: {found} {bar}");
        }
    }
    assert_eq!(with(&json!({})).unwrap().reading.clip, Some(1.0));
    for (option, value) in [
        ("_class_name", json!("ScoreSdeVeScheduler")),
        ("beta_schedule", json!("sigmoid")),
        ("prediction_type", json!("flow")),
        ("thresholding", json!(true)),
        ("variance_type", json!("learned_range")),
        ("use_karras_sigmas", json!(true)),
    ] {
        let error = with(&json!({ option: value })).unwrap_err();
        let named = matches!(&error, ImportError::Unsupported { option: o, .. } if o == option);
        assert!(named, "{option}: {error}");
    }
}

/// A network of classes samples each class that is asked for, and any where none is.
#[test]
fn classes_are_a_context() {
    let root = tempfile::tempdir().unwrap();
    let changes = json!({"num_class_embeds": 3});
    let (what, _) = pretrained(root.path(), &config(changes));
    let folder = folder(root.path(), "run");
    import(&what, &folder, false).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let plan = Some(SampleConfig { solver: Solver::Ddim, steps: 3 });
    let draw = |given: Vec<(String, f64)>| {
        let request = Request { n: 2, given, plan, ..Request::default() };
        run.draw(&request).map(|table| table.values().to_vec())
    };
    let of = |label: f64| draw(vec![("label".to_owned(), label)]).unwrap();
    assert_ne!(of(0.0), of(2.0));
    assert!(draw(vec![("label".to_owned(), 3.0)]).is_err());
    assert_eq!(draw(Vec::new()).unwrap().len(), 128);
    // Nothing was named to compare samples with.
    let error = evaluate(&run, 10, 0).unwrap_err().to_string();
    assert!(error.contains("imported without `--data`"), "{error}");
}

fn data(name: &str) -> PathBuf {
    let folder = std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA names the data sets");
    PathBuf::from(folder).join("weights/ddpm_mnist_cnn").join(name)
}

fn table(name: &str) -> Vec<f64> {
    transport_data::read(&data(name)).unwrap().table.values().to_vec()
}

/// The published network: its output at four times, and DDIM from given latents through the steps
/// 1000, 980 … 20 to the clean end.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn the_published_ddpm_cnn_is_met() {
    let what = Import::new(&data("ddpm_mnist_100ep.safetensors"), Format::DdpmMnistCnn);
    let single = transport_core::Space::f32(&space().device);
    let model = load(&what, &single).unwrap();
    let times: Vec<f64> =
        table("fixture_forward_t.npy").iter().map(|t| model.table.time(1000.0 * t)).collect();
    let x = single.tensor(table("fixture_forward_x.npy"), [4, 784]);
    let y = to_host(model.output(x, Times::Each(&times), None));
    let gap =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
    let forward = gap(&y, &table("fixture_forward_eps_f64.npy"));
    assert!(forward < 1e-4, "{forward}");

    let steps: Vec<f64> = (0..50).map(|i| f64::from(1000 - 20 * i)).collect();
    let grid = Grid::of_timesteps(&model.table, &steps, Finish::Clean).unwrap();
    let given = model.given(None);
    let noise = Noise::new(0, 16);
    let mut stepper = Solver::Ddim.on_denoiser(&given, &grid, &noise).unwrap();
    let z = single.tensor(table("fixture_ddim50_z_T.npy"), [16, 784]);
    let x = to_host(drive(&mut *stepper, z, &grid, |_, _, _| {}).unwrap());
    let sampled = gap(&x, &table("fixture_ddim50_x_0.npy"));
    assert!(sampled < 1e-3, "{sampled}");
    eprintln!("forward {forward:.2e}, DDIM-50 {sampled:.2e}");
    // The end of the chain is noise.
    assert!(model.table.at(model.table.time(1000.0)).alpha < 0.01);
}
