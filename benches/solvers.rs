//! Our side of `benches/compare_solvers.py`: fixed-step SDE solvers and adaptive ODE solvers on
//! dynamics that both sides write alike, in turn with the peers.
//!
//! On the transport clock `t` from 0 to 1, with `s = 1 − t`, `B(s) = ∫₀ˢ β`, `α = e^{−B/2}`,
//! `σ² = 1 − α²` of the variance-preserving diffusion (`β` from 0.1 to 20):
//!
//! ```text
//! 0  linear     dX = −X dt + dW                                          dx/dt = −x
//! 1  mixture    dX = β(½ X + score) dt + √β dW                           dx/dt = ½β(x + score)
//!               8 components of deviation ½ and mean norm 3:  score = (α Σ rₖ mₖ − x)/v,
//!               v = ¼α² + σ²,  r = softmax(α x·mₖ/v)
//! 2  network    the same with score = −x/(4α² + σ²) − net(x, t), a network of three layers of
//!               128 whose last one is 0: known flow, a network's work
//! ```
//!
//! A line `TASK PROBLEM DIM POINTS N SECONDS` is answered by a number. For `euler-maruyama` and
//! `sra1`: steps of the whole set per second over `N` steps; with `-tree` along a Brownian tree;
//! with `-std` the deviation of the end states. For `dopri5` and `tsit5` with `rtol = atol =
//! 10^−N`: solutions per second, with one step for a chunk of the set, or with `-rows` a step for
//! each row; then with `-evals` the evaluations a row took on average; with `-error`
//! the root mean square error of the first 256 rows in 10⁻⁶, beside an f64 solution of eighth order.
//!
//! python benches/compare_solvers.py
mod serve;

use burn::tensor::Tensor;
use rayon::prelude::*;
use std::f64::consts::TAU;
use std::hint::black_box;
use std::ops::Range;
use transport::core::device::{select, to_host};
use transport::core::{Field, Interval, Noise, Space, Times};
use transport::kernels::combination::{Factor, combine};
use transport::kernels::softmax;
use transport::models::net::{Mlp, MlpConfig};
use transport::sde::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise};
use transport::sde::method::sde::BrownianTree;
use transport::sde::{
    Diffusion, Grid, OdeFlow, Sde, Solver, SolverKind, Statistics, Tolerance, drive,
};

use serve::{rate, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows whose error is looked at.
const SHOWN: usize = 256;
const COMPONENTS: usize = 8;

fn beta(t: f64) -> f64 {
    0.1 + 19.9 * (1.0 - t)
}

/// `α`; `σ² = 1 − α²`.
fn alpha(t: f64) -> f64 {
    let s = 1.0 - t;
    (-0.25 * s * (0.2 + 19.9 * s)).exp()
}

/// `1/v` of a law of variance `1 + excess` at `t = 1`.
fn precision(t: f64, excess: f64) -> f64 {
    (1.0 + excess * alpha(t).powi(2)).recip()
}

/// A drift and a velocity, `a x + part` each.
enum Problem {
    Linear,
    /// The means, `[8, d]`.
    Mixture(Box<Tensor<2>>),
    Network(Box<Mlp>),
}

impl Problem {
    fn new(which: usize, d: usize, space: &Space) -> Self {
        match which {
            0 => Self::Linear,
            1 => Self::Mixture(Box::new(space.tensor(means(d), [COMPONENTS, d]))),
            _ => {
                let config = MlpConfig { width: 128, depth: 3, frequencies: 16 };
                Self::Network(Box::new(Mlp::new(&config, d, d, 0, &Noise::new(1, 1), space)))
            }
        }
    }

    /// `β (c x + k score)`.
    fn along(&self, x: Tensor<2>, t: Times<'_>, c: f64, k: f64) -> Tensor<2> {
        match self {
            Self::Linear => x.neg(),
            Self::Mixture(means) => {
                let of = |t: f64| {
                    let (alpha, beta) = (alpha(t), beta(t));
                    let v = (1.0 - 0.75 * alpha * alpha).recip();
                    [alpha * v, beta * (c - k * v), beta * k * alpha * v]
                };
                let means: &Tensor<2> = means;
                let logits = x.clone().matmul(means.clone().transpose());
                let [pull, own, part] = Factors::of(t, of);
                let mean = softmax(pull.times(logits)).matmul(means.clone());
                own.sum(x, &part, mean)
            }
            Self::Network(net) => {
                let of = |t: f64| [beta(t) * (c - k * precision(t, 3.0)), -beta(t) * k];
                let correction = net.forward(x.clone(), t, None);
                let [own, part] = Factors::of(t, of);
                own.sum(x, &part, correction)
            }
        }
    }
}

/// A factor for all rows, or one for each.
enum Factors {
    Same(f64),
    Each(Vec<f64>),
}

impl Factors {
    /// Several functions of the times, evaluated together.
    fn of<const N: usize>(t: Times<'_>, f: impl Fn(f64) -> [f64; N]) -> [Self; N] {
        match t {
            Times::Same(t) => f(t).map(Self::Same),
            Times::Each(t) => {
                let mut each = [const { Vec::new() }; N];
                for values in t.iter().map(|t| f(*t)) {
                    each.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
                }
                each.map(Self::Each)
            }
        }
    }

    fn times(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Same(a) => x.mul_scalar(*a),
            Self::Each(a) => combine(None, Factor::Each(a), &[1.0], &[x]),
        }
    }

    /// `a x + b y`.
    fn sum(&self, x: Tensor<2>, other: &Self, y: Tensor<2>) -> Tensor<2> {
        match (self, other) {
            (Self::Same(a), Self::Same(b)) => combine(None, Factor::Same(1.0), &[*a, *b], &[x, y]),
            (_, Self::Each(b)) => combine(Some(&self.times(x)), Factor::Each(b), &[1.0], &[y]),
            _ => self.times(x) + other.times(y),
        }
    }
}

/// On a circle in each two coordinates, of norm 3 together.
fn means(d: usize) -> Vec<f64> {
    let at =
        |k: usize, j: usize| (TAU * k as f64 / COMPONENTS as f64 - 0.25 * TAU * j as f64).cos();
    let size = 3.0 / (0.5 * d as f64).sqrt();
    (0..COMPONENTS * d).map(|i| size * at(i / d, i % d)).collect()
}

impl Field for Problem {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.along(x, t, 0.5, 0.5)
    }
}

impl Sde for Problem {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.along(x, t, 0.5, 1.0)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        match self {
            Self::Linear => Diffusion::Scalar(1.0),
            _ => Diffusion::of_time(x, t, |t| beta(t).sqrt()),
        }
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for Problem {}
impl DiagonalNoise for Problem {}

/// Nearly normal points by a formula, the same ones for everybody.
fn starts(n: usize, d: usize) -> Vec<f64> {
    let point = |k: usize| {
        let k = k as f64 + 0.5;
        let (u, v) = ((k * 0.754_877_666_246_692_7).fract(), (k * 0.569_840_290_998_053_2).fract());
        (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
    };
    (0..n * d).map(point).collect()
}

/// Rows in chunks that stay in a core's cache, a thread each, as samplers do it. A tensor of 20,000
/// numbers has its neighbours in other sets of a cache, which one of 2¹⁴ has not.
fn chunked<T: Send>(n: usize, width: usize, f: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let numbers: usize = if width < 128 { 20_000 } else { 1 << 16 };
    let size = numbers.div_euclid(width).min(n.div_ceil(rayon::current_num_threads()));
    let first: Vec<usize> = (0..n).step_by(size).collect();
    first.into_par_iter().map(|first| f(first..(first + size).min(n))).collect()
}

struct Task {
    problem: Problem,
    space: Space,
    points: usize,
    dim: usize,
    starts: Vec<f64>,
}

impl Task {
    fn new(which: usize, dim: usize, points: usize, space: Space) -> Self {
        let problem = Problem::new(which, dim, &space);
        Self { problem, space, points, dim, starts: starts(points, dim) }
    }

    /// Numbers of a row in the widest of its tensors.
    fn width(&self) -> usize {
        match self.problem {
            Problem::Linear => self.dim,
            Problem::Mixture(_) => self.dim.max(COMPONENTS),
            Problem::Network(_) => self.dim.max(128),
        }
    }

    fn start(&self, rows: &Range<usize>) -> Tensor<2> {
        let values = self.starts[rows.start * self.dim..rows.end * self.dim].to_vec();
        self.space.tensor(values, [rows.len(), self.dim])
    }

    fn sde(&self, solver: Solver, steps: usize, tree: bool, seed: u64) -> Vec<Tensor<2>> {
        let (grid, noise) =
            (Grid::uniform(Interval::UNIT, steps).expect("steps"), Noise::new(seed, self.points));
        let leaf = 1.0 / steps as f64;
        let tree = tree
            .then(|| BrownianTree::new(&noise, self.dim, Interval::UNIT, leaf).expect("leaves"));
        chunked(self.points, self.width(), |rows| {
            let start = self.start(&rows);
            let stepper = match &tree {
                Some(tree) => solver.on_tree(&self.problem, &tree.rows(rows)),
                None => solver.on_sde(&self.problem, &noise.rows(rows)),
            };
            let mut stepper = stepper.expect("a method that fits");
            drive(&mut *stepper, start, &grid, |_, _, _| {}).expect("finite")
        })
    }

    fn ode(&self, solver: Solver, tolerance: f64, alone: bool) -> Vec<(Tensor<2>, Statistics)> {
        let grid = Grid::uniform(Interval::UNIT, 1).expect("a step");
        // The peers' controllers are integral ones.
        let tolerance = Tolerance::new(tolerance, tolerance).expect("a tolerance").integral();
        let rows = solver.controlled(tolerance).expect("an adaptive method");
        let solver = if alone { rows } else { rows.together().expect("an explicit method") };
        let flow = OdeFlow { field: &self.problem, grid, solver };
        chunked(self.points, self.width(), |rows| {
            flow.solve_counted(self.start(&rows)).expect("finite")
        })
    }

    fn evals(&self, solver: Solver, tolerance: f64, alone: bool) -> f64 {
        let rows: usize =
            self.ode(solver, tolerance, alone).iter().map(|(_, work)| work.rows).sum();
        rows as f64 / self.points as f64
    }

    /// Of the first rows, in units of 10⁻⁶.
    fn error(&self, which: usize, solver: Solver, tolerance: f64, alone: bool) -> f64 {
        let ends = |space: Space, solver, tolerance| -> Vec<f64> {
            let parts = Self::new(which, self.dim, SHOWN, space).ode(solver, tolerance, alone);
            parts.into_iter().flat_map(|(x, _)| to_host(x)).collect()
        };
        let found = ends(self.space.clone(), solver, tolerance);
        let exact = ends(Space::f64(&self.space.device), Solver::Dop853, 1e-12);
        let squares: f64 = found.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
        1e6 * (squares / exact.len() as f64).sqrt()
    }
}

fn deviation(parts: Vec<Tensor<2>>) -> f64 {
    let values: Vec<f64> = parts.into_iter().flat_map(to_host).collect();
    let (n, mean) = (values.len() as f64, values.iter().sum::<f64>() / values.len() as f64);
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// `sra1-tree-std` is what is asked about (`std`), and of whom (`sra1`, on a tree).
fn answer(line: &str) -> f64 {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |k: usize| words[k].parse::<f64>().expect("a number");
    let (which, d, points) = (number(1) as usize, number(2) as usize, number(3) as usize);
    let (n, seconds) = (number(4), number(5));
    let mut name = words[0];
    let mut asked = |what: &str| name.strip_suffix(what).map(|rest| name = rest).is_some();
    let (std, evals, error) = (asked("-std"), asked("-evals"), asked("-error"));
    let (tree, alone) = (asked("-tree"), asked("-rows"));
    let solver = Solver::by_name(name).expect("a solver");
    let task = Task::new(which, d, points, Space::f32(&select(None).expect("a device")));
    let (steps, tolerance, mut seed) = (n as usize, 0.1f64.powf(n), 0);
    match solver.kind() {
        SolverKind::Ode if evals => task.evals(solver, tolerance, alone),
        SolverKind::Ode if error => task.error(which, solver, tolerance, alone),
        SolverKind::Ode => rate(seconds, || drop(black_box(task.ode(solver, tolerance, alone)))),
        _ if std => deviation(task.sde(solver, steps, tree, seed)),
        _ => {
            n * rate(seconds, || {
                seed += 1;
                drop(black_box(task.sde(solver, steps, tree, seed)));
            })
        }
    }
}

fn main() {
    serve(answer);
}
