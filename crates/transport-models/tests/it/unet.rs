//! The U-Net and its parts against torch's numbers, differences and sums of one's own.

use crate::{perturbed, spaces};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Noise, Space, Times};
use transport_models::net::unet::{Level, Resampling, TimeShift};
use transport_models::net::{Dropout, Dual, GroupNorm, Then, TimeFeatures, UNet, UNetConfig};

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

/// The gradient of `0.3 Σ y²` in the weights, along a direction in the space of all weights.
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
