//! The networks of images against torch's numbers, differences and sums of one's own.

use crate::{perturbed, spaces};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::schedule::Named;
use transport_core::{Field, Head, Jvp, Noise, Preconditioning, Prediction, Space, Times};
use transport_models::net::unet::{Level, Resampling, TimeShift};
use transport_models::net::{
    Canvas, Dit, DitConfig, Dropout, Dual, GroupNorm, ImageNetworkConfig, MlpConfig, Pixels, Then,
    TimeFeatures, UNet, UNetConfig,
};
use transport_models::{Dynamics, DynamicsConfig, Reading};

/// Every parameter a wave of its own, whatever made it:
///
/// ```text
/// w_i = sin(seed + 0.618… i),  seed = Σ bytes of its name mod 1009
/// ```
///
/// over `√fan` for weights, times 0.1 for vectors, plus 1 for the scales of norms. Dense weights are
/// counted as torch keeps them, outputs first.
struct Waves(Vec<String>);

impl ModuleMapper for Waves {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.0.pop();
    }

    fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
        let name = self.0.join(".").replace("residual.", "");
        let seed = (name.bytes().map(u64::from).sum::<u64>() % 1009) as f64;
        let wave = |i: usize| (seed + 0.618_033_988_749_894_9 * i as f64).sin();
        param.map(|x| {
            let dims = x.dims();
            let count: usize = dims.iter().product();
            let values = if name == "class_embedding.bias" {
                vec![0.0; count]
            } else if K == 1 {
                let scale =
                    if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
                (0..count).map(|i| scale + 0.1 * wave(i)).collect()
            } else if K == 2 && name.starts_with("class_embedding") {
                (0..count).map(|i| wave(i) / (dims[0] as f64).sqrt()).collect()
            } else if K == 2 {
                let [inputs, outputs] = [dims[0], dims[1]];
                let at = |i: usize| (i % outputs) * inputs + i / outputs;
                (0..count).map(|i| wave(at(i)) / (inputs as f64).sqrt()).collect()
            } else {
                let fan = (count / dims[0]) as f64;
                (0..count).map(|i| wave(i) / fan.sqrt()).collect()
            };
            Space::of(&x).tensor::<K>(values, dims)
        })
    }
}

const PLAIN: Level = Level { attention: false, resampling: Resampling::Conv };
const ATTENDED: Level = Level { attention: true, resampling: Resampling::Conv };
const POSITIONAL: TimeFeatures =
    TimeFeatures::Positional { steps: 1.0, cosines_first: true, shift: 0.0 };

/// The layout of DDPM, small.
fn ddpm() -> UNetConfig {
    UNetConfig {
        down: vec![PLAIN, ATTENDED],
        up: vec![ATTENDED, PLAIN],
        norm_groups: 4,
        mid_norm_groups: None,
        attention_head_dim: Some(4),
        time_shift: TimeShift::Add,
        time: POSITIONAL,
        ..UNetConfig::adm(1, &[8, 16], 1, &[false, true])
    }
}

/// As many of the other choices as there are.
fn residual() -> UNetConfig {
    let block = Level { attention: false, resampling: Resampling::Residual };
    let attended = Level { attention: true, ..block };
    UNetConfig {
        out_channels: 3,
        down: vec![block, attended, PLAIN],
        up: vec![PLAIN, attended, block],
        mid_scale: 1.5,
        norm_groups: 4,
        mid_norm_groups: None,
        norm_eps: 1e-6,
        downsample_padding: 0,
        time: TimeFeatures::Positional { steps: 1.0, cosines_first: false, shift: 1.0 },
        context: 3,
        center_input: true,
        ..UNetConfig::adm(2, &[8, 16, 16], 2, &[false, true, false])
    }
}

/// A score at noise level `t`, without attention in the middle.
fn fourier() -> UNetConfig {
    UNetConfig {
        down: vec![ATTENDED, PLAIN],
        up: vec![PLAIN, ATTENDED],
        mid_attention: false,
        mid_norm_groups: Some(2),
        time: TimeFeatures::Fourier { scale: 16.0, log: true, cosines_first: false },
        over_time: true,
        ..ddpm()
    }
}

fn net(config: &UNetConfig, space: &Space) -> UNet {
    let net = UNet::new(config, [8, 8], &Noise::new(1, 1), space).unwrap();
    net.map(&mut Waves(Vec::new()))
}

/// `cos(0.31 i + 0.2)`, two images.
fn images(planes: usize, side: usize, space: &Space) -> Tensor<4> {
    let wave = |i: usize| (0.31 * i as f64 + 0.2).cos();
    let count = 2 * planes * side * side;
    space.tensor((0..count).map(wave).collect(), [2, planes, side, side])
}

/// Computed in double precision by `UNet2DModel` of diffusers 0.31.0 on torch, with the same waves
/// for weights; torch rounds the features of the time to f32. The parameters are its count.
#[test]
fn diffusers_numbers() {
    let (_, space) = spaces();
    let classes = |space: &Space| space.tensor(vec![0., 1., 0., 0., 0., 1.], [2, 3]);
    let cases = [
        (
            ddpm(),
            44_969,
            [0.763719287119, 0.480155345507, 0.724944525639, -0.725360373386, -0.202161826922],
            13.050516193521,
        ),
        (
            residual(),
            119_547,
            [-0.588832177117, -1.144995619106, -0.537834206948, 0.626346151589, -0.340386918201],
            26.473131038381,
        ),
        (
            fourier(),
            41_665,
            [0.072343069774, 0.020318197539, 0.059488934115, -0.001639941407, -0.000002429339],
            0.944598172999,
        ),
    ];
    for (config, parameters, expected, norm) in cases {
        let net = net(&config, &space);
        // Our class embedding has a bias, theirs has none.
        let bias = if config.context > 0 { config.embedding() } else { 0 };
        assert_eq!(net.num_params(), parameters + bias);
        let context = (config.context > 0).then(|| classes(&space));
        let x = images(config.in_channels, 8, &space);
        let y = to_host(net.forward(x, Times::Each(&[10.0, 500.0]), context));
        let places = [0, 17, 40, y.len() / 2 + 5, y.len() - 1];
        for (place, expected) in places.into_iter().zip(expected) {
            assert!((y[place] - expected).abs() < 2e-6, "{}: {expected}", y[place]);
        }
        let size = y.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!((size - norm).abs() < 1e-5 * norm, "{size} against {norm}");
    }
}

/// A network for training, away from its initial zeros.
fn trained(config: &UNetConfig, size: [usize; 2], space: &Space) -> UNet {
    perturbed(UNet::new(config, size, &Noise::new(3, 1), space).unwrap())
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Central differences in f64: relative error of order h² and rounding/h, 1e-7 with h = 1e-5.
#[test]
fn the_derivative_along_a_direction_is_the_difference() {
    let (_, space) = spaces();
    let h = 1e-5;
    for config in [ddpm(), residual()] {
        let net = trained(&config, [8, 8], &space);
        let context = (config.context > 0).then(|| space.tensor(vec![0.5, -0.2, 0.1], [1, 3]));
        let x = images(config.in_channels, 8, &space);
        let u = x.clone().mul_scalar(3.1).sin();
        let (t, n) = (Times::Each(&[0.4, 0.7]), None);
        let dual = Dual::new(x.clone(), Some(u.clone()));
        let along = to_host(net.dual(dual, t, context.clone(), n).along.unwrap());
        let at = |s: f64| net.forward(x.clone() + u.clone().mul_scalar(s), t, context.clone());
        let difference = to_host((at(h) - at(-h)).div_scalar(2.0 * h));
        let gap: Vec<f64> = along.iter().zip(&difference).map(|(a, b)| a - b).collect();
        assert!(norm(&gap) < 1e-7 * norm(&difference), "{} {}", norm(&gap), norm(&difference));
    }
}

/// The gradient of `Σ y cos` in the weights, along a direction in the space of all weights.
#[test]
fn gradients_are_differences() {
    let (_, space) = spaces();
    for config in [ddpm(), residual()] {
        let net = trained(&config, [8, 8], &space);
        let context = (config.context > 0).then(|| space.tensor(vec![0.5, -0.2, 0.1], [1, 3]));
        let x = images(config.in_channels, 8, &space);
        let value = |net: &UNet| {
            let y = net.forward(x.clone(), Times::Same(0.4), context.clone());
            let weight = y.clone().detach().inner().zeros_like().add_scalar(0.3);
            let y = y.powi_scalar(2);
            (y * Tensor::from_inner(weight)).sum()
        };
        let tracked = net.clone().train();
        let gradients = value(&tracked).backward();
        let mut slope = Slope { gradients, sum: 0.0 };
        tracked.visit(&mut slope);
        let h = 1e-6;
        let moved = |s: f64| value(&net.clone().map(&mut Shift(s)).train()).into_scalar::<f64>();
        let difference = (moved(h) - moved(-h)) / (2.0 * h);
        let (got, size) = (slope.sum, difference.abs());
        assert!((got - difference).abs() < 1e-6 * size, "{got} against {difference}");
    }
}

/// All weights moved along a fixed direction.
struct Shift(f64);

fn direction(i: usize) -> f64 {
    (1.7 * i as f64).cos()
}

impl ModuleMapper for Shift {
    fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
        let size = self.0;
        param.map(|x| {
            let dims = x.dims();
            let values = (0..dims.iter().product()).map(|i| size * direction(i)).collect();
            let step = Space::of(&x).tensor::<K>(values, dims);
            x + step
        })
    }
}

/// The gradient's product with that direction.
struct Slope {
    gradients: burn::tensor::Gradients,
    sum: f64,
}

impl burn::module::ModuleVisitor for Slope {
    fn visit_float<const K: usize>(&mut self, param: &Param<Tensor<K>>) {
        let gradient = to_host(param.val().grad(&self.gradients).unwrap());
        self.sum += gradient.iter().enumerate().map(|(i, g)| g * direction(i)).sum::<f64>();
    }
}

#[test]
fn a_row_has_the_same_bits_among_others_and_alone() {
    let (space, _) = spaces();
    let net = trained(&UNetConfig::adm(1, &[8, 16], 1, &[false, true]), [7, 7], &space);
    let x = images(1, 7, &space);
    let both = to_host(net.forward(x.clone(), Times::Same(0.3), None));
    let second = to_host(net.forward(x.narrow(0, 1, 1), Times::Same(0.3), None));
    assert!(both[49..].iter().zip(&second).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn a_fresh_network_is_zero_and_odd_sides_keep_their_size() {
    let (space, _) = spaces();
    for side in [5, 7, 8] {
        let config = UNetConfig::adm(1, &[8, 8, 16], 1, &[false, true, true]);
        let net = UNet::new(&config, [side; 2], &Noise::new(3, 1), &space).unwrap();
        let y = net.forward(images(1, side, &space), Times::Same(0.3), None);
        assert_eq!(y.dims(), [2, 1, side, side]);
        assert!(to_host(y).iter().all(|v| *v == 0.0));
    }
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let config = UNetConfig::adm(1, &[8, 16], 1, &[false, true]);
    let message = |config: UNetConfig, sides| config.check(sides).unwrap_err().to_string();
    let odd = config.clone().resampled(Resampling::Residual);
    assert!(odd.check([8, 8]).is_ok());
    assert!(message(odd, [8, 7]).contains("8×7 pixels at level 0"));
    let groups = UNetConfig { norm_groups: 3, ..config.clone() };
    assert!(message(groups, [8, 8]).contains("8 planes at level 0"));
    let short = UNetConfig { up: vec![PLAIN], ..config.clone() };
    assert!(message(short, [8, 8]).contains("`up` describes 1 levels"));
    let dropped = UNetConfig { dropout: Dropout { rate: 1.0 }, ..config.clone() };
    assert!(message(dropped, [8, 8]).contains("dropout is 1"));
    let deep = UNetConfig::adm(1, &[8; 5], 1, &[false; 5]);
    assert!(message(deep, [8, 8]).contains("1×1 pixels at level 3"));
    let heads = UNetConfig { attention_head_dim: Some(9), ..config };
    assert!(message(heads, [8, 8]).contains("heads of 9"));
}

/// Each group of each row has mean 0 and variance 1, less ε.
#[test]
fn groups_have_the_moments_of_the_definition() {
    let (_, space) = spaces();
    let norm = GroupNorm::new(6, 3, 1e-5, &space);
    let x = images(6, 4, &space).mul_scalar(3.0).add_scalar(2.0);
    let y = to_host(norm.forward(x.clone().into(), None, Then::Identity).value);
    for (group, before) in y.chunks(32).zip(to_host(x).chunks(32)) {
        let moments = |v: &[f64]| {
            let mean = v.iter().sum::<f64>() / 32.0;
            (mean, v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 32.0)
        };
        let ((mean, variance), (_, raw)) = (moments(group), moments(before));
        assert!(mean.abs() < 1e-13 && (variance - raw / (raw + 1e-5)).abs() < 1e-12);
    }
}

/// Attention against its sum, one query at a time.
#[test]
fn attention_is_its_sum() {
    let (_, space) = spaces();
    let (tokens, d) = (5, 3);
    let draw = |seed| Noise::new(seed, 2).normal_values(tokens * d);
    let [q, k, v] = [1, 2, 3].map(draw);
    let tensor = |x: &Vec<f64>| Dual::from(space.tensor(x.clone(), [1, 2, tokens, d]));
    let got = to_host(tensor(&q).attend(tensor(&k), tensor(&v)).value);
    let at = |x: &Vec<f64>, head: usize, token: usize| -> Vec<f64> {
        x[(head * tokens + token) * d..][..d].to_vec()
    };
    for head in 0..2 {
        for i in 0..tokens {
            let dot = |j: usize| {
                let (q, k) = (at(&q, head, i), at(&k, head, j));
                q.iter().zip(&k).map(|(a, b)| a * b).sum::<f64>() / (d as f64).sqrt()
            };
            let weights: Vec<f64> = (0..tokens).map(|j| dot(j).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..d {
                let sum: f64 = (0..tokens).map(|j| weights[j] * at(&v, head, j)[c]).sum();
                let found = got[(head * tokens + i) * d + c];
                assert!((found - sum / total).abs() < 1e-13);
            }
        }
    }
}

const DIT: DitConfig = DitConfig {
    channels: 2,
    patch: 2,
    width: 16,
    depth: 2,
    head: 8,
    time: TimeFeatures::Geometric,
    context: 3,
    dropout: Dropout { rate: 0.0 },
};

/// adaLN-Zero: each block is the identity to the bit, and the network is 0.
#[test]
fn a_fresh_transformer_is_the_identity_block_by_block() {
    let (_, space) = spaces();
    let dit = Dit::new(&DIT, [8, 6], &Noise::new(3, 1), &space).unwrap();
    let x = Noise::new(1, 2).normal(12 * 16, &space).reshape([2, 12, 16]);
    let told = Noise::new(2, 2).normal(16, &space);
    for block in dit.blocks() {
        let y = block.forward(x.clone().into(), &told, None).value;
        assert_eq!(to_host(y), to_host(x.clone()));
    }
    let image = Noise::new(4, 2).normal(96, &space).reshape([2, 2, 8, 6]);
    let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
    let y = dit.dual(image.into(), Times::Same(0.4), context, None).value;
    assert!(y.dims() == [2, 2, 8, 6] && to_host(y).iter().all(|v| *v == 0.0));
}

/// Without positions a permutation of the patches would permute the output; with them it does not,
/// and the derivative along a direction is the difference.
#[test]
fn a_transformer_knows_positions_and_its_derivative() {
    let (_, space) = spaces();
    let dit = perturbed(Dit::new(&DIT, [8, 6], &Noise::new(3, 1), &space).unwrap());
    let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
    let x = Noise::new(4, 2).normal(96, &space).reshape([2, 2, 8, 6]);
    let value =
        |x: Tensor<4>| dit.dual(x.into(), Times::Each(&[0.3, 0.8]), context.clone(), None).value;
    // Two rows of patches change places.
    let swapped = |x: Tensor<4>| {
        let part = |first| x.clone().narrow(2, first, 2);
        Tensor::cat(vec![part(2), part(0), x.clone().narrow(2, 4, 4)], 2)
    };
    let gap = swapped(value(x.clone())) - value(swapped(x.clone()));
    assert!(norm(&to_host(gap)) > 1e-3);

    let (u, h) = (x.clone().mul_scalar(2.3).cos(), 1e-5);
    let dual = Dual::new(x.clone(), Some(u.clone()));
    let along = dit.dual(dual, Times::Each(&[0.3, 0.8]), context.clone(), None).along.unwrap();
    let at = |s: f64| value(x.clone() + u.clone().mul_scalar(s));
    let difference = (at(h) - at(-h)).div_scalar(2.0 * h);
    let size = norm(&to_host(difference.clone()));
    assert!(norm(&to_host(along - difference)) < 1e-7 * size);
}

#[test]
fn a_transformer_names_sizes_that_do_not_fit() {
    let message = |config: DitConfig, sides| config.check(sides).unwrap_err().to_string();
    assert!(message(DIT, [8, 7]).contains("8×7 pixels are no whole number of patches of side 2"));
    assert!(message(DitConfig { width: 20, ..DIT }, [8, 8]).contains("20 features"));
    assert!(message(DitConfig { depth: 0, ..DIT }, [8, 8]).contains("depth"));
    let dropped = DitConfig { dropout: Dropout { rate: -0.1 }, ..DIT };
    assert!(message(dropped, [8, 8]).contains("dropout is -0.1"));
}

/// The share that is kept lies within 5 standard errors of 1 − p (false alarm 6e-7), the values are
/// 0 or x/(1 − p), a row's mask is its own, and without noise nothing is dropped.
#[test]
fn dropout_drops_by_row_and_step() {
    let (space, _) = spaces();
    let dropout = Dropout { rate: 0.3 };
    let x: Dual<2> = Tensor::<2>::ones([50, 400], (&space.device, space.dtype)).into();
    let noise = Noise::new(7, 50).at_step(3);
    let run = |noise: Option<&Noise>, x: Dual<2>| to_host(dropout.apply(x, noise).value);
    let whole = run(Some(&noise), x.clone());
    let kept = whole.iter().filter(|v| **v > 0.0).count() as f64 / 20_000.0;
    assert!((kept - 0.7).abs() < 5.0 * (0.21f64 / 20_000.0).sqrt(), "{kept}");
    assert!(whole.iter().all(|v| *v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-6));
    let part = run(Some(&noise.rows(20..30)), x.clone().linear(|x| x.narrow(0, 20, 10)));
    assert_eq!(part, whole[20 * 400..30 * 400]);
    assert_ne!(run(Some(&noise.at_step(4)), x.clone()), whole);
    assert_eq!(run(None, x.clone()), vec![1.0; 20_000]);
}

/// In training features are dropped, by the noise; in sampling they are not, whatever is asked.
#[test]
fn only_networks_in_training_drop() {
    let (space, _) = spaces();
    let dropout = Dropout { rate: 0.5 };
    let unet = UNetConfig { dropout, ..UNetConfig::adm(1, &[8, 8], 1, &[false, true]) };
    let dit = DitConfig { channels: 1, context: 0, dropout, ..DIT };
    let reading =
        Reading { schedule: Named::Vp, head: Prediction::Noise.into(), uncertainty: false };
    let on_images = |config: ImageNetworkConfig| {
        let canvas = Canvas::whole(Pixels { channels: 1, height: 4, width: 4 }, None);
        Dynamics::on_images(reading, &config, canvas, &Noise::new(1, 1), &space).unwrap()
    };
    let net = MlpConfig { width: 16, depth: 2, frequencies: 4 };
    let Reading { schedule, head, uncertainty } = reading;
    let config = DynamicsConfig { schedule, head, net, uncertainty };
    let mlp = Dynamics::new(&config, 16, 0, &Noise::new(1, 1), &space).dropping(dropout);
    for model in
        [mlp, on_images(ImageNetworkConfig::UNet(unet)), on_images(ImageNetworkConfig::Dit(dit))]
    {
        let model = perturbed(model);
        let x = Noise::new(2, 4).normal(16, &space);
        let noise = Noise::new(3, 4);
        let t = Times::Same(0.4);
        let plain = to_host(model.output(x.clone(), t, None));
        assert_eq!(to_host(model.output_dropping(x.clone(), t, None, &noise)), plain);
        let trained = model.train();
        let run =
            |noise: &Noise| to_host(trained.output_dropping(x.clone(), t, None, noise).inner());
        assert_ne!(run(&noise), plain);
        assert_eq!(run(&noise), run(&noise));
        assert_ne!(run(&noise), run(&noise.at_step(1)));
    }
}

/// Every head on both networks of images: the derivative of the velocity, and its divergence as the
/// sum over directions, against differences.
#[test]
fn dynamics_on_images_know_their_derivative() {
    let (_, space) = spaces();
    let canvas = || Canvas {
        pixels: Pixels { channels: 1, height: 4, width: 4 },
        columns: (0..16).filter(|p| *p != 5).collect(),
        background: vec![0.3; 16],
        bounds: None,
    };
    let unet = UNetConfig { context: 3, ..UNetConfig::adm(1, &[8, 8], 1, &[false, true]) };
    let dit = DitConfig { channels: 1, ..DIT };
    let edm = Head::Edm(Preconditioning { sigma_data: 0.7 });
    let cases = [
        (ImageNetworkConfig::UNet(unet.clone()), Named::Edm, edm),
        (ImageNetworkConfig::UNet(unet), Named::Rectified, Prediction::Velocity.into()),
        (ImageNetworkConfig::Dit(dit), Named::Edm, edm),
        (ImageNetworkConfig::Dit(dit), Named::Vp, Prediction::V.into()),
    ];
    for (config, schedule, head) in cases {
        let reading = Reading { schedule, head, uncertainty: false };
        let noise = Noise::new(1, 1);
        let model =
            perturbed(Dynamics::on_images(reading, &config, canvas(), &noise, &space).unwrap());
        let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
        let (x, u) = (Noise::new(1, 2).normal(15, &space), Noise::new(2, 2).normal(15, &space));
        let given = model.given(context);
        transport_core::testkit::jvp_is_the_derivative(&given, &x, 0.6, &u, 1e-6)
            .unwrap_or_else(|e| panic!("{schedule:?}: {e}"));
        let (_, divergence) = given.divergence(x.clone(), Times::Same(0.6));
        let mut trace = [0.0; 2];
        for j in 0..15 {
            let mut e = vec![0.0; 15];
            e[j] = 1e-5;
            let e: Tensor<2> = space.tensor(e, [1, 15]);
            let at = |x: Tensor<2>| to_host(given.eval(x, Times::Same(0.6)).narrow(1, j, 1));
            let (up, down) = (at(x.clone() + e.clone()), at(x.clone() - e));
            (0..2).for_each(|i| trace[i] += (up[i] - down[i]) / 2e-5);
        }
        for (got, expected) in to_host(divergence).into_iter().zip(trace) {
            let size = 1.0 + expected.abs();
            assert!((got - expected).abs() < 1e-6 * size, "{got} against {expected}");
        }
    }
}
