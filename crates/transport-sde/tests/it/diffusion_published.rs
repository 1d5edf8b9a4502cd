//! Diffusion samplers against numbers that others print, and against re-derivations in f64.
//!
//! The published sums and means are those of the scheduler tests of Hugging Face's diffusers
//! (Apache-2.0): a ramp as the state, `model(x, k) = x k/(k + 1)`, ten steps, β linear from 10⁻⁴ to
//! 0.02. The longer numbers are independent f64 re-derivations of the same loops.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::field::Predicted;
use transport_core::process::Edm;
use transport_core::schedule::{Discrete, Noising, Schedule, Timesteps};
use transport_core::{Denoiser, Field, Noise, Prediction, Times};
use transport_sde::driver::Stepper;
use transport_sde::grid::karras;
use transport_sde::method::diffusion::*;
use transport_sde::{DiffusionFlow, Finish, Grid};

/// `x k/(k + 1)` at timestep `k`.
#[derive(Debug)]
struct Dummy {
    table: Discrete,
}

impl Field for Dummy {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x, |t| {
            let k = self.table.timestep(t);
            k / (k + 1.0)
        })
    }
}

fn table() -> Discrete {
    Discrete::linear(1000, 1e-4, 0.02).unwrap()
}

fn model(table: &Discrete, prediction: Prediction) -> Predicted<Dummy, Discrete> {
    let field = Dummy { table: table.clone() };
    Predicted { field, prediction, schedule: table.clone() }
}

/// `(4 j + b)/(4 d)` in row `b` and column `j`: 4 images of `d` values, 192 or 24.
fn ramp(d: usize, reversed: bool) -> Tensor<2> {
    let count = 4 * d;
    let value = |i: usize| {
        let (b, j) = (i / d, i % d);
        let place = 4 * j + b;
        (if reversed { count - 1 - place } else { place }) as f64 / count as f64
    };
    space().tensor((0..count).map(value).collect(), [4, d])
}

fn run<M: DiffusionMethod>(
    method: M,
    denoiser: &dyn Denoiser,
    grid: Grid,
    x: Tensor<2>,
) -> Vec<f64> {
    let flow = DiffusionFlow::new(denoiser, grid, method).unwrap();
    to_host(flow.solve(x, &Noise::new(0, 4)).unwrap())
}

fn sum(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).sum()
}

fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// `got` is the printed value: one unit of its last digit (some are cut off, not rounded), and
/// 3e-6 of it for the f32 that the peer computes and sums in.
fn prints(got: f64, printed: f64, digits: i32) {
    let allowed = 10f64.powi(-digits) + 3e-6 * printed;
    assert!((got - printed).abs() < allowed, "{got} where {printed} is printed");
}

/// The sum, the largest value, and the first four in the peer's order (the rows run fastest).
fn rederived(got: &[f64], total: f64, last: f64, first: [f64; 4]) {
    let d = got.len() / 4;
    assert!((sum(got) - total).abs() < 1e-6, "{} where {total} was derived", sum(got));
    assert!((got[got.len() - 1] - last).abs() < 1e-6);
    for (b, expected) in first.into_iter().enumerate() {
        // The first four of the peer's memory are row 0, columns 0 to 3.
        assert!((got[b] - expected).abs() < 1e-6, "{} where {expected} was derived", got[b]);
    }
    assert_eq!(d, 192);
}

fn leading(table: &Discrete, finish: Finish) -> Grid {
    let timesteps = table.timesteps(Timesteps::Leading { offset: 0 }, 10).unwrap();
    Grid::of_timesteps(table, &timesteps, finish).unwrap()
}

/// Ten steps between eleven timesteps from 999 to 0: the multistep solvers' grid with
/// "sigma_min" as its end.
fn linspace(table: &Discrete) -> Grid {
    let timesteps = table.timesteps(Timesteps::Linspace, 11).unwrap();
    Grid::of_timesteps(table, &timesteps, Finish::Declared).unwrap()
}

/// Clamped data beside the model's own noise, as the peer's DDIM has it.
fn clipped<D: Denoiser>(denoiser: D) -> Thresholded<D> {
    Thresholded::new(denoiser, Threshold::Static { bound: 1.0 }).unwrap().keeping_noise()
}

#[test]
fn ddim() {
    let table = table();
    let noise = clipped(model(&table, Prediction::Noise));
    let got = run(Ddim::default(), &noise, leading(&table, Finish::Clean), ramp(192, false));
    prints(sum(&got), 172.0067, 4);
    prints(mean(&got), 0.223967, 6);
    let first = [0.0, 0.0023360294731696444, 0.004672058946339289, 0.00700808841950894];
    rederived(&got, 172.00652216842732, 0.44793365148027964, first);

    let v = clipped(model(&table, Prediction::V));
    let got = run(Ddim::default(), &v, leading(&table, Finish::Clean), ramp(192, false));
    prints(sum(&got), 52.5302, 4);
    prints(mean(&got), 0.0684, 4);
}

/// With β from 0.01 the last step matters: to ᾱ = 1, or none beyond timestep 0.
#[test]
fn ddim_with_and_without_the_clean_end() {
    let table = Discrete::linear(1000, 0.01, 0.02).unwrap();
    let noise = clipped(model(&table, Prediction::Noise));
    let got = run(Ddim::default(), &noise, leading(&table, Finish::Clean), ramp(192, false));
    prints(sum(&got), 149.8295, 4);
    let first = [0.0, 0.002034841638685682, 0.004069683277371364, 0.0061045249160570515];
    rederived(&got, 149.82945953970423, 0.39018088421797964, first);
    let got = run(Ddim::default(), &noise, leading(&table, Finish::Declared), ramp(192, false));
    prints(sum(&got), 149.0784, 4);
    prints(mean(&got), 0.1941, 4);
}

/// The state noised by the reversed ramp at the ninth of ten timesteps, and the grid from there.
fn halfway(table: &Discrete, grid: &Grid, d: usize) -> (Grid, Tensor<2>) {
    let rest = Grid::new(grid.times()[8..].to_vec()).unwrap();
    let c = table.at(rest.times()[0]);
    (rest, ramp(d, false).mul_scalar(c.alpha) + ramp(d, true).mul_scalar(c.sigma))
}

#[test]
fn ddim_from_a_noised_state() {
    let table = table();
    let noise = clipped(model(&table, Prediction::Noise));
    let (grid, x) = halfway(&table, &leading(&table, Finish::Clean), 192);
    let got = run(Ddim::default(), &noise, grid, x);
    prints(sum(&got), 354.5418, 4);
    prints(mean(&got), 0.4616, 4);
    let first = [0.23542634932387907, 0.23778584064498295, 0.24014533196608687, 0.2425048232871908];
    rederived(&got, 354.541501236262, 0.6878588101455531, first);
}

/// The variances that the peer's DDIM and DDPM tests print, to their five digits.
#[test]
fn posterior_variances() {
    let table = table();
    let noise = Noise::new(0, 1);
    for (k, next, printed) in [
        (420.0, 400.0, 0.14771),
        (980.0, 960.0, 0.32460),
        (487.0, 486.0, 0.00979),
        (999.0, 998.0, 0.02),
    ] {
        let (t, end) = (table.time(k), table.time(next));
        let ends = Ends { from: Scales::at(&table, t), to: Scales::at(&table, end) };
        let leap = Leap { k: 0, steps: 1, t, next: end, ends, noise: &noise };
        prints(Ddpm::default().step_variance(&leap), printed, 5);
        let large = Ddpm { variance: PosteriorVariance::Large }.step_variance(&leap);
        let beta = 1.0 - table.alpha_bar(k as usize) / table.alpha_bar(next as usize);
        assert!((large - beta).abs() < 1e-12);
    }
}

#[test]
fn dpm_solver_2m() {
    let table = table();
    let method = Dpmpp2M { lower_order_final: false, ..Dpmpp2M::default() };
    let noise = model(&table, Prediction::Noise);
    let got = run(method, &noise, linspace(&table), ramp(192, false));
    prints(mean(&got), 0.3301, 4);
    let first = [0.0, 0.0034435147627311902, 0.0068870295254623804, 0.010330544288193572];
    rederived(&got, 253.55287900942298, 0.6602939557537056, first);

    let v = model(&table, Prediction::V);
    let got = run(method, &v, linspace(&table), ramp(192, false));
    prints(mean(&got), 0.2251, 4);
    let first = [0.0, 0.0023478419754321494, 0.004695683950864299, 0.007043525926296451];
    rederived(&got, 172.87630033502012, 0.4501986987891149, first);

    let kept = linspace(&table).times()[..10].iter().copied().chain([1.0]).collect();
    let got = run(method, &noise, Grid::new(kept).unwrap(), ramp(192, false));
    let first = [0.0, 0.002512648974785319, 0.005025297949570638, 0.007537946924355956];
    rederived(&got, 185.01136931139263, 0.48180044091508484, first);

    let threshold = Threshold::Dynamic { percentile: 0.87, most: 0.5 };
    let thresholded = Thresholded::new(noise, threshold).unwrap();
    prints(mean(&run(method, &thresholded, linspace(&table), ramp(192, false))), 1.1364, 4);
}

/// The peer's singlestep solver, whose stages are steps of the grid; its last step is to timestep 0.
#[test]
fn dpm_solver_2s_on_the_grid() {
    let table = table();
    let grid = linspace(&table);
    for (prediction, printed) in [(Prediction::Noise, 0.2791), (Prediction::V, 0.1453)] {
        let denoiser = model(&table, prediction);
        let got = run(OnGrid::<2>, &denoiser, grid.clone(), ramp(192, false));
        prints(mean(&got), printed, 4);
    }
    // 50 steps, begun at the fourth, which stands alone.
    let denoiser = model(&table, Prediction::Noise);
    let timesteps = table.timesteps(Timesteps::Linspace, 51).unwrap();
    let grid = |timesteps: &[f64]| Grid::of_timesteps(&table, timesteps, Finish::Declared).unwrap();
    let alone = grid(&timesteps[3..5]);
    let got = run(Ddim::default(), &denoiser, alone, ramp(192, false));
    let x = space().tensor(got, [4, 192]);
    let got = run(OnGrid::<2>, &denoiser, grid(&timesteps[4..]), x);
    prints(mean(&got), 0.2574, 4);
}

#[test]
fn unipc() {
    let table = table();
    let (noise, v) = (model(&table, Prediction::Noise), model(&table, Prediction::V));
    let got = |denoiser, d| run(UniPc::default(), denoiser, linspace(&table), ramp(d, false));
    prints(mean(&got(&noise, 192)), 0.2464, 4);
    prints(mean(&got(&v, 192)), 0.1014, 4);
    prints(mean(&got(&noise, 24)), 0.2441, 4);
    for (d, total, printed) in [(192, 315.5757, 0.4109), (24, 39.0870, 0.4072)] {
        let (grid, x) = halfway(&table, &linspace(&table), d);
        let got = run(UniPc::default(), &noise, grid, x);
        prints(sum(&got), total, 4);
        prints(mean(&got), printed, 4);
    }
}

/// Karras's levels within a table's: the peer's last step has length 0 and serves its correction
/// only, which a step of relative length 1e-9 does here.
#[test]
fn unipc_on_karras_levels() {
    let table = table();
    let mut levels = karras(level(&table, 999.0), level(&table, 0.0), 9, 7.0);
    let timesteps = levels.iter().map(|l| (*l, timestep(&table, *l).round())).collect();
    levels.push(levels[9] * (1.0 - 1e-9));
    let grid = Grid::of_levels(&table, &levels).unwrap();
    let field = AtLevels { schedule: table.clone(), levels: timesteps };
    // The peer prints 0.2925 and 0.1966, the latter within its own tolerance of 10⁻³ only: these
    // are its loop in f64.
    for (prediction, value) in
        [(Prediction::Noise, 0.292483137627088), (Prediction::V, 0.1962093930327782)]
    {
        let denoiser = Predicted { field: &field, prediction, schedule: table.clone() };
        let got = run(UniPc::default(), &denoiser, grid.clone(), ramp(192, false));
        assert!((mean(&got) - value).abs() < 1e-6, "{} where {value} was derived", mean(&got));
    }
}

#[test]
fn deis() {
    let table = table();
    let method = Deis { order: 2, ..Deis::default() };
    let (noise, v) = (model(&table, Prediction::Noise), model(&table, Prediction::V));
    prints(mean(&run(method, &noise, linspace(&table), ramp(192, false))), 0.23916, 5);
    prints(mean(&run(method, &v, linspace(&table), ramp(192, false))), 0.091, 3);
    let (grid, x) = halfway(&table, &linspace(&table), 192);
    let got = run(method, &noise, grid, x);
    prints(sum(&got), 315.3016, 4);
    prints(mean(&got), 0.41054, 5);
}

/// `σ/α` at a timestep.
fn level(table: &Discrete, k: f64) -> f64 {
    Scales::at(table, table.time(k)).ratio()
}

/// The timestep of a level as the peer has it, `ln σ` interpolated linearly between timesteps.
fn timestep(table: &Discrete, ratio: f64) -> f64 {
    let above = (1..table.steps() - 1).find(|k| level(table, *k as f64) > ratio);
    let above = above.unwrap_or(table.steps() - 1) as f64;
    let (low, high) = (level(table, above - 1.0).ln(), level(table, above).ln());
    above - 1.0 + ((ratio.ln() - low) / (high - low)).clamp(0.0, 1.0)
}

/// The model of a grid whose levels have their own timesteps.
#[derive(Debug)]
struct AtLevels<S> {
    schedule: S,
    levels: Vec<(f64, f64)>,
}

impl<S: Schedule> Field for AtLevels<S> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x, |t| {
            let ratio = Scales::at(&self.schedule, t).ratio();
            let gap = |(level, _): &(f64, f64)| (level / ratio - 1.0).abs();
            let nearest = self.levels.iter().min_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap();
            nearest.1 / (nearest.1 + 1.0)
        })
    }
}

/// Euler's method in σ, which is DDIM on EDM's schedule, in a loop that goes on from the state
/// scaled by `1/√(σ² + 1)`, as the peer's test has it.
fn scaled_loop(levels: Vec<(f64, f64)>) -> Vec<f64> {
    let process = Edm { sigma_max: levels[0].0 };
    let schedule = Noising { process, start: 1e-6, end: 1.0 };
    let sigmas: Vec<f64> = levels.iter().map(|l| l.0).chain([0.0]).collect();
    let grid = Grid::of_levels(&schedule, &sigmas).unwrap();
    let field = AtLevels { schedule, levels };
    let denoiser = Predicted { field, prediction: Prediction::Noise, schedule };
    let noise = Noise::new(0, 4);
    let mut stepper = DiffusionStepper::new(Ddim::default(), &denoiser, &grid, &noise).unwrap();
    let mut x = ramp(192, false).mul_scalar(sigmas[0]);
    for (k, ends) in grid.times().windows(2).enumerate() {
        let scaled = x.div_scalar(sigmas[k].hypot(1.0));
        x = stepper.step(k, scaled, ends[0], ends[1] - ends[0]).unwrap();
    }
    to_host(x)
}

#[test]
fn euler_in_sigma() {
    let table = Discrete::linear(1100, 1e-4, 0.02).unwrap();
    // Ten timesteps from 1099 to 0, not rounded; σ interpolated between whole ones.
    let linspace = (0..10).map(|i| {
        let k = 1099.0 * f64::from(9 - i) / 9.0;
        let part = k - k.floor();
        ((1.0 - part) * level(&table, k.floor()) + part * level(&table, k.ceil()), k)
    });
    let got = scaled_loop(linspace.collect());
    prints(sum(&got), 10.0807, 4);
    prints(mean(&got), 0.0131, 4);
    let first = [0.0, 0.00013690607455287695, 0.0002738121491057539, 0.0004107182236586312];
    rederived(&got, 10.08066808147744, 0.026251739795514192, first);

    let spaced = karras(level(&table, 1099.0), level(&table, 0.0), 9, 7.0);
    let got = scaled_loop(spaced.iter().map(|l| (*l, timestep(&table, *l))).collect());
    // 124.52299 is printed; with ᾱ in f32, where 1 − ᾱ_0 has three digits left, the same loop gives
    // 124.52293, in f64 this.
    assert!((sum(&got) - 124.51781003542366).abs() < 1e-6, "{}", sum(&got));
    prints(mean(&got), 0.16213932633399963, 4);
}

/// EDM's preconditioning around the same model, σ_data = ½ and `¼ ln σ` as its time.
#[derive(Debug)]
struct Preconditioned {
    schedule: Noising<Edm>,
    /// Whether the network sees the state scaled by `1/√(σ² + σ_data²)`.
    scales: bool,
}

impl Denoiser for Preconditioned {
    fn schedule(&self) -> &dyn Schedule {
        &self.schedule
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x, |t| {
            let sigma = self.schedule.at(t).sigma;
            let (norm, time) = (sigma.hypot(0.5), 0.25 * sigma.ln());
            let skip = (0.5 / norm).powi(2);
            let output = time / (time + 1.0) / if self.scales { norm } else { 1.0 };
            skip + 0.5 * sigma / norm * output
        })
    }
}

fn edm() -> Noising<Edm> {
    Noising { process: Edm::default(), start: 0.002 / 80.0, end: 1.0 }
}

#[test]
fn euler_with_preconditioning() {
    let denoiser = Preconditioned { schedule: edm(), scales: true };
    let mut levels = karras(80.0, 0.002, 9, 7.0);
    levels.push(0.0);
    let grid = Grid::of_levels(&edm(), &levels).unwrap();
    let x = ramp(192, false).mul_scalar(80f64.hypot(1.0));
    let got = run(Ddim::default(), &denoiser, grid, x);
    prints(sum(&got), 34.1855, 4);
    prints(mean(&got), 0.044, 3);
}

#[test]
fn dpm_solver_2m_with_preconditioning_from_a_noised_state() {
    let denoiser = Preconditioned { schedule: edm(), scales: false };
    let levels = karras(80.0, 0.002, 9, 7.0);
    let grid = Grid::of_levels(&edm(), &levels[5..]).unwrap();
    let x = ramp(192, false) + ramp(192, true).mul_scalar(levels[5]);
    let method = Dpmpp2M { lower_order_final: false, ..Dpmpp2M::default() };
    let got = run(method, &denoiser, grid, x);
    prints(sum(&got), 8.1661, 4);
    prints(mean(&got), 0.0106, 4);
}
