//! Spectral norms, canvases, generators of images, batch norms: each against another derivation.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use transport_core::device::{Space, select, to_host};
use transport_core::testkit::max_or_nan;
use transport_core::{Noise, PushForward};
use transport_models::gan::fourier::Fourier;
use transport_models::gan::layer::{Linear, Planar};
use transport_models::gan::spectral::{Operator, Spectral};
use transport_models::gan::{
    Band, Bend, Critic, CriticConfig, DcganConfig, GanError, Generator, GeneratorConfig,
    GeneratorNet, InputGradient, Moments, Normalisation, Reference, Seen,
};
use transport_models::net::{Canvas, ConditionerConfig, Dense, Kernel, Pixels};

fn spaces() -> (Space, Space) {
    let device = select(None).unwrap();
    (Space::f32(&device), Space::f64(&device))
}

fn space() -> Space {
    spaces().1
}

/// The rows of an operator's matrix are its values on the unit vectors.
fn matrix(operator: &impl Operator, inputs: usize) -> Tensor<2> {
    let unit = (0..inputs * inputs).map(|k| f64::from(u8::from(k % (inputs + 1) == 0)));
    operator.apply(space().tensor(unit.collect(), [inputs, inputs]))
}

/// The largest singular value of a host matrix by one-sided Jacobi rotations, which share nothing
/// with power iteration.
fn largest_singular_value(rows: Vec<Vec<f64>>) -> f64 {
    let mut a = rows;
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    for _ in 0..60 {
        for i in 0..a.len() {
            for j in i + 1..a.len() {
                let (p, q, r) = (dot(&a[i], &a[i]), dot(&a[j], &a[j]), dot(&a[i], &a[j]));
                let (sin, cos) = (0.5 * (2.0 * r).atan2(p - q)).sin_cos();
                for k in 0..a[i].len() {
                    let (x, y) = (a[i][k], a[j][k]);
                    a[i][k] = cos * x + sin * y;
                    a[j][k] = cos * y - sin * x;
                }
            }
        }
    }
    a.iter().map(|row| dot(row, row).sqrt()).fold(0.0, max_or_nan)
}

/// The norm of an operator, from its matrix.
fn exact_norm(operator: &impl Operator, inputs: usize) -> f64 {
    let rows = matrix(operator, inputs);
    let columns = rows.dims()[1];
    largest_singular_value(to_host(rows).chunks(columns).map(<[f64]>::to_vec).collect())
}

#[test]
fn power_iteration_finds_the_operators_norm() {
    let noise = Noise::new(6, 1);
    let planar = |sides, kernel| Planar::new(sides, 3, kernel, 1.0, &noise, &space());
    let strided = planar([2, 7, 5], Kernel { side: 4, stride: 2, border: 1 });
    // The same weights, read once: what a reshaped kernel is.
    let reshaped = exact_norm(&planar([2, 4, 4], Kernel { side: 4, stride: 4, border: 0 }), 32);
    for (name, operator, inputs) in [
        ("dense", Linear::Dense(Dense::new(7, 4, 1.0, &noise, &space())), 7),
        ("strided", Linear::Conv(strided), 70),
    ] {
        let exact = exact_norm(&operator, inputs);
        let first = Spectral::new(&operator, inputs, &noise, &space());
        let spectral = (0..400).fold(first, |s, _| s.iterated(&operator));
        let norm = spectral.norm(&operator).into_scalar::<f64>();
        assert!((norm - exact).abs() < 1e-9 * exact, "{name}: {norm} against {exact}");
        assert!((norm - reshaped).abs() > 0.05 * exact, "{name}: the kernel's norm {reshaped}");
    }
}

#[test]
fn the_adjoint_is_the_adjoint() {
    for (sides, kernel) in [
        ([3, 6, 5], Kernel { side: 4, stride: 2, border: 1 }),
        ([2, 8, 7], Kernel { side: 3, stride: 2, border: 0 }),
        ([1, 9, 10], Kernel { side: 3, stride: 3, border: 1 }),
        ([2, 5, 5], Kernel::same(3)),
    ] {
        let map = Planar::new(sides, 4, kernel, 1.0, &Noise::new(1, 1), &space());
        let v = Noise::new(2, 3).normal(sides.iter().product(), &space());
        let kv = map.apply(v.clone());
        let u = Noise::new(3, 3).normal(kv.dims()[1], &space());
        let ku = map.adjoint(u.clone());
        assert_eq!(ku.dims(), v.dims());
        let gap = (kv * u).sum_dim(1) - (v * ku).sum_dim(1);
        assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12), "{kernel:?}");
    }
}

fn critic(stages: usize, normalisation: Normalisation) -> CriticConfig {
    CriticConfig {
        width: 16,
        depth: 2,
        stages,
        channels: 3,
        pack: 1,
        fourier: Band { count: 0, turns: 1.0, octaves: 0.0 },
        bend: Bend::Leaky,
        normalisation,
        bound: 3.0,
    }
}

fn small_image() -> Canvas {
    let pixels = Pixels { channels: 1, height: 7, width: 6 };
    let columns: Vec<usize> = (0..pixels.len()).filter(|p| *p != 5 && *p != 20).collect();
    Canvas { pixels, columns, background: vec![-0.75; 42], bounds: Some((-1.0, 2.0)) }
}

fn pictures(context: usize) -> Seen {
    let canvas = small_image();
    Seen { dim: canvas.dim(), context, canvas: Some(canvas) }
}

/// With unit operators and a 1-Lipschitz bend, the slope is at most the bound, whatever the weights:
/// the norms are those of the operators that are there.
#[test]
fn a_spectral_critic_is_lipschitz() {
    for (stages, seen) in [(0, Seen::rows(4)), (2, pictures(0))] {
        let config = critic(stages, Normalisation::Spectral);
        let critic = Critic::new(&config, &seen, &Noise::new(4, 1), &space()).unwrap();
        let critic = (0..300).fold(critic, |critic, _| critic.iterated());
        let x = Noise::new(5, 200).normal(seen.dim, &space());
        let (_, gradient) = critic.given(None).value_and_gradient(x.clone());
        let slope = gradient.powi_scalar(2).sum_dim(1).sqrt().max().into_scalar::<f64>();
        assert!(slope <= 3.0 * (1.0 + 1e-6) && slope > 0.05, "{stages} stages: {slope}");
        // Larger weights change nothing, where a critic without the norms is as steep as they are.
        let plain = CriticConfig { normalisation: Normalisation::None, ..config };
        let plain = Critic::new(&plain, &seen, &Noise::new(4, 1), &space()).unwrap();
        let slope = |critic: Critic| {
            let (_, gradient) = critic.given(None).value_and_gradient(x.clone());
            gradient.powi_scalar(2).sum_dim(1).sqrt().max().into_scalar::<f64>()
        };
        assert!(slope(critic.map(&mut Tenfold)) <= 3.0 * (1.0 + 1e-6));
        assert!(slope(plain.map(&mut Tenfold)) > 30.0);
    }
}

/// Every matrix and kernel times ten.
struct Tenfold;

impl ModuleMapper for Tenfold {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D == 1 { param } else { param.map(|value| value.mul_scalar(10.0)) }
    }
}

#[test]
fn a_canvas_paints_constants_and_gives_the_columns_back() {
    let pixels = Pixels { channels: 2, height: 2, width: 2 };
    let columns = vec![0, 1, 2, 4, 5, 7];
    let background = vec![0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 8.0, 0.0];
    let canvas = Canvas { pixels, columns, background, bounds: None };
    let x = space().tensor(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 6]);
    let image = canvas.lift(x.clone());
    // Pixels hold (1, 2), (3, const 9), (4, 5), (const 8, 6): first all first channels.
    assert_eq!(to_host(image.clone()), [1.0, 3.0, 4.0, 8.0, 2.0, 9.0, 5.0, 6.0]);
    assert_eq!(to_host(canvas.lower(image)), to_host(x));
}

fn reference(normals: usize, coins: usize, pieces: usize) -> Reference {
    Reference { normals, coins, pieces, chance_rate: 2.0 }
}

fn dcgan(batch_norm: bool) -> GeneratorConfig {
    let net = GeneratorNet::Conv(DcganConfig { stages: 2, channels: 2, batch_norm });
    GeneratorConfig { reference: reference(5, 2, 0), net }
}

fn mlp(normals: usize, coins: usize) -> GeneratorConfig {
    let net = GeneratorNet::Mlp(ConditionerConfig { width: 12, depth: 2 });
    GeneratorConfig { reference: reference(normals, coins, 0), net }
}

#[test]
fn the_reference_has_normals_and_coins() {
    let (space, _) = spaces();
    let noise = Noise::new(1, 4000);
    let z = to_host(reference(2, 1, 0).sample(None, &noise, &space));
    assert!(z.chunks(3).all(|row| row[2].abs() == 1.0 && row[0].abs() != 1.0));
    // A fair coin's mean is within five standard errors of 0.
    let mean = z.chunks(3).map(|row| row[2]).sum::<f64>() / 4000.0;
    assert!(mean.abs() < 5.0 / 4000f64.sqrt(), "{mean}");
    let coins = reference(0, 3, 0).sample(None, &noise, &space);
    assert!(to_host(coins).iter().all(|v| v.abs() == 1.0));
}

/// Each point of the reference stands at one of a few places, and each as often as its chance says.
#[test]
fn pieces_are_places_drawn_by_their_chances() {
    let (space, n) = (spaces().1, 6000);
    let reference = reference(2, 1, 3);
    let even = reference.start(&space).unwrap();
    assert!(even.chances().iter().all(|w| (w - 1.0 / 3.0).abs() < 1e-12));
    let pieces = even.map(&mut Set(vec![0.0, 0.5 * 2f64.ln(), f64::NEG_INFINITY]));
    let noise = Noise::new(1, n);
    let z = to_host(reference.sample(Some(&pieces), &noise, &space));
    let d = reference.dim();
    let logs = to_host(pieces.log_chances(&noise));
    let mut places: Vec<(&[f64], f64, usize)> = Vec::new();
    for (row, log) in z.chunks(d).zip(&logs) {
        assert!(row[2].abs() == 1.0);
        if let Some(place) = places.iter_mut().find(|place| place.0 == &row[3..]) {
            assert_eq!(place.1, *log);
            place.2 += 1;
        } else {
            places.push((&row[3..], *log, 1));
        }
    }
    places.sort_by_key(|place| place.2);
    assert_eq!(places.len(), 2, "a piece without a chance is never drawn");
    for ((_, log, count), w) in places.iter().zip([1.0 / 3.0, 2.0 / 3.0]) {
        assert!((log - f64::ln(w)).abs() < 1e-12);
        // Five standard errors of a share.
        let share = *count as f64 / n as f64;
        assert!((share - w).abs() < 5.0 * (w * (1.0 - w) / n as f64).sqrt(), "{share} for {w}");
    }
    // A row does not depend on the others.
    let part = to_host(reference.sample(Some(&pieces), &noise.rows(10..17), &space));
    assert_eq!(part, z[10 * d..17 * d]);
}

/// Sets the values of a vector.
struct Set(Vec<f64>);

impl ModuleMapper for Set {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.0.clone();
        param.map(|old| Space::of(&old).tensor(values, [1, old.dims()[0]]).reshape(old.dims()))
    }
}

#[test]
fn images_have_their_shape_and_keep_their_bounds() {
    let (single, _) = spaces();
    for context in [0, 3] {
        let seen = pictures(context);
        let generator = Generator::new(&dcgan(false), &seen, &Noise::new(2, 1), &single).unwrap();
        let z = generator.latent(&Noise::new(3, 40), &single).mul_scalar(30.0);
        let c = (context > 0).then(|| Noise::new(4, 40).normal(context, &single));
        let x = to_host(generator.forward(z.clone(), c.as_ref(), Moments::Kept));
        assert_eq!(x.len(), 40 * 40);
        assert!(x.iter().all(|v| (-1.0..=2.0).contains(v)));
        // Rows have the same bits in any chunk.
        let part = |rows: std::ops::Range<usize>| {
            let c = c.clone().map(|c| c.slice([rows.clone()]));
            to_host(generator.given(c).push(z.clone().slice([rows]), &Noise::new(0, 1)))
        };
        let parts = [part(0..1), part(1..17), part(17..40)].concat();
        assert!(x.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()));
        if context > 0 {
            let other = generator.forward(z, c.map(|c| c.neg()).as_ref(), Moments::Kept);
            assert_ne!(to_host(other), x, "the context matters");
        }
    }
}

#[test]
fn settled_moments_are_the_batchs() {
    let seen = pictures(0);
    let generator = Generator::new(&dcgan(true), &seen, &Noise::new(2, 1), &space()).unwrap();
    assert!(!generator.row_by_row());
    let z = generator.latent(&Noise::new(3, 30), &space());
    let batch = to_host(generator.forward(z.clone(), None, Moments::Batch));
    let before = to_host(generator.forward(z.clone(), None, Moments::Kept));
    let settled = generator.settled(z.clone(), None);
    let after = to_host(settled.forward(z.clone(), None, Moments::Kept));
    let gap =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
    assert!(gap(&batch, &after) < 1e-12 && gap(&batch, &before) > 1e-3);
    // With kept moments a row stands for itself.
    let one = to_host(settled.forward(z.narrow(0, 0, 1), None, Moments::Kept));
    assert!(gap(&one, &after[..one.len()]) < 1e-12);
}

#[test]
fn players_that_cannot_be_say_why() {
    let (rows, seen) = (Seen::rows(2), pictures(0));
    let (noise, space) = (Noise::new(0, 1), space());
    let generator = |config: &GeneratorConfig, seen: &Seen| {
        Generator::new(config, seen, &noise, &space).unwrap_err()
    };
    assert_eq!(generator(&mlp(0, 0), &rows), GanError::NoLatent);
    let alone = reference(3, 0, 1);
    let alone = GeneratorConfig { reference: alone, ..mlp(0, 0) };
    assert!(matches!(generator(&alone, &rows), GanError::Count { what: "pieces", least: 2, .. }));
    let still = Reference { chance_rate: 0.0, ..reference(3, 0, 4) };
    let still = GeneratorConfig { reference: still, ..mlp(0, 0) };
    assert!(matches!(generator(&still, &rows), GanError::Number { what: "chance_rate", .. }));
    assert_eq!(generator(&dcgan(false), &rows), GanError::NoImage);
    let net = GeneratorNet::Conv(DcganConfig { stages: 3, channels: 2, batch_norm: false });
    let deep = GeneratorConfig { net, ..dcgan(false) };
    let small = GanError::TooSmall { height: 7, width: 6, stages: 3, most: 2 };
    assert_eq!(generator(&deep, &seen), small);
    let judge = |config: CriticConfig| Critic::new(&config, &seen, &noise, &space).unwrap_err();
    assert_eq!(judge(critic(3, Normalisation::None)), small);
    let flat = CriticConfig { width: 0, ..critic(0, Normalisation::None) };
    assert!(matches!(judge(flat), GanError::Count { what: "critic_width", value: 0, .. }));
    let loose = CriticConfig { bound: -1.0, ..critic(0, Normalisation::None) };
    assert!(matches!(judge(loose), GanError::Number { what: "critic_bound", .. }));
    let band = |turns, octaves| CriticConfig {
        fourier: Band { count: 3, turns, octaves },
        ..critic(0, Normalisation::None)
    };
    let still = band(f64::NAN, 0.0);
    assert!(matches!(judge(still), GanError::Number { what: "turns", .. }));
    assert!(matches!(judge(band(1.0, -1.0)), GanError::Number { what: "octaves", .. }));
    let packed = CriticConfig { pack: 2, ..critic(1, Normalisation::None) };
    assert!(matches!(judge(packed), GanError::Count { what: "pack", most: 1, .. }));
}

#[test]
#[should_panic(expected = "no gradient row by row")]
fn a_batch_norm_has_no_input_gradient() {
    let config = critic(0, Normalisation::Batch);
    let critic = Critic::new(&config, &Seen::rows(2), &Noise::new(0, 1), &space()).unwrap();
    let _ = critic.given(None).value_and_gradient(Noise::new(1, 3).normal(2, &space()));
}

/// `sin 2π x b → 2π x b` reads the frequencies: over their scales they are standard normal, in each
/// half of the band. The mean square of 1000 has the standard error 0.045: a false alarm has 4e-4.
#[test]
fn frequencies_double_from_the_first_to_the_last() {
    let band = Band { count: 2000, turns: 0.5, octaves: 4.0 };
    let fourier = Fourier::new(1, &band, &Noise::new(5, 1), &space());
    let x = 1e-6;
    let features = to_host(fourier.forward(space().tensor(vec![x], [1, 1])));
    let unit = |k: usize| {
        let scale = 0.5 * (4.0 * k as f64 / 1999.0).exp2();
        features[1 + k] / (std::f64::consts::TAU * x * scale)
    };
    for half in [0..1000, 1000..2000] {
        let square = half.map(|k| unit(k).powi(2)).sum::<f64>() / 1000.0;
        assert!((square - 1.0).abs() < 0.16, "{square}");
    }
}

#[test]
fn features_of_a_pack_are_those_of_its_points() {
    let band = Band { count: 5, turns: 0.7, octaves: 1.0 };
    let fourier = Fourier::new(3, &band, &Noise::new(5, 1), &space());
    let x = Noise::new(6, 8).normal(3, &space());
    let each = to_host(fourier.forward(x.clone()));
    assert_eq!(to_host(fourier.forward(x.reshape([4, 6]))), each);
    assert_eq!(each.len(), 8 * 13);
}
