//! What the tests of reversal share: the processes, the laws they carry, a fast exact score,
//! methods of higher order, and the comparison of samples with an exact mixture.

use crate::space;
use burn::tensor::Tensor;
use rayon::prelude::*;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Mixture, PointLaw};
use transport_core::linalg::invert_lower;
use transport_core::process::{CriticallyDamped, OrnsteinUhlenbeck};
use transport_core::{Field, LinearSde, Noise, Space, Times};
use transport_sde::Grid;
use transport_sde::dynamics::{AdditiveNoise, Clock, Forward, LinearInState, Marginals};

/// Ornstein–Uhlenbeck with a unit stationary variance, `s ∈ [0, 6]`.
pub(crate) const LONG_OU: OrnsteinUhlenbeck =
    OrnsteinUhlenbeck { theta: 1.0, sigma: std::f64::consts::SQRT_2, horizon: 6.0 };

/// A process, the law it starts from, and how far it is followed.
#[derive(Clone)]
pub(crate) struct Case<M> {
    pub(crate) name: &'static str,
    pub(crate) process: M,
    pub(crate) law: Mixture,
    pub(crate) clock: Clock,
    /// `u ∈ [0, 1] ↦ s`, increasing from 0 to where the process is followed to, with steps in
    /// proportion to its time scale.
    pub(crate) time: fn(&M, f64) -> f64,
    /// How many times the steps of the other processes it takes.
    pub(crate) refined: usize,
}

/// A process that carries mixtures and has a linear drift.
pub(crate) trait Carrier:
    Marginals<Mixture, At = Mixture> + LinearInState + AdditiveNoise + Clone
{
}

impl<M: Marginals<Mixture, At = Mixture> + LinearInState + AdditiveNoise + Clone> Carrier for M {}

impl<M: Carrier> Case<M> {
    /// Increasing process times.
    pub(crate) fn process_grid(&self, steps: usize) -> Grid {
        let steps = self.refined * steps;
        let at = |k| (self.time)(&self.process, k as f64 / steps as f64);
        Grid::new((0..=steps).map(at).collect()).unwrap()
    }

    /// The same times from the reference to the data, on the transport clock.
    pub(crate) fn transport_grid(&self, steps: usize) -> Grid {
        let times = self.process_grid(steps).reversed();
        Grid::new(times.times().iter().map(|s| self.clock.transport_time(*s)).collect()).unwrap()
    }

    pub(crate) fn end(&self) -> f64 {
        (self.time)(&self.process, 1.0)
    }

    pub(crate) fn law_at(&self, s: f64) -> Mixture {
        self.process.law_at(&self.law, s)
    }

    pub(crate) fn score(&self) -> FastScore<M> {
        FastScore { law: self.law.clone(), process: self.process.clone() }
    }
}

/// Runs `$run(case)` for each process of the crate, and for two written here.
macro_rules! every_process {
    ($run:expr) => {{
        use crate::carried::{critically_damped, linear};
        use transport_core::process::{Cosine, CriticallyDamped, Edm, SubVp, Ve, Vp};
        $run(&linear("VP", Vp::default(), 1.0));
        $run(&linear("sub-VP", SubVp::default(), 1.0));
        $run(&linear("VE", Ve::default(), 1.0));
        $run(&linear("OU", crate::carried::LONG_OU, 1.0));
        // λ is infinite at the horizons of these two.
        $run(&linear("cosine", Cosine::default(), 0.999));
        $run(&linear("rectified", transport_core::process::CondOt, 0.999));
        $run(&linear("EDM", Edm::default(), 1.0));
        $run(&critically_damped("CLD", CriticallyDamped::default()));
        let ramp = CriticallyDamped { beta_min: 1.0, beta_max: 9.0, mass: 1.0, gamma: 0.1 };
        $run(&critically_damped("CLD, β from 1 to 9, M = 1", ramp));
    }};
}
pub(crate) use every_process;

/// A linear process on a plane mixture, followed to a fraction `end` of its horizon.
pub(crate) fn linear<P: LinearSde + Copy>(
    name: &'static str,
    process: P,
    end: f64,
) -> Case<Forward<P>> {
    assert!(end == 1.0 || end == 0.999, "the two ends that `time` knows");
    let time = if end == 1.0 { whole::<P> } else { short::<P> };
    Case {
        name,
        process: Forward(process),
        law: plane_law(),
        clock: Clock::of(&process),
        time,
        refined: 1,
    }
}

fn whole<P: LinearSde>(process: &Forward<P>, u: f64) -> f64 {
    by_noise(&process.0, process.0.horizon(), u)
}

fn short<P: LinearSde>(process: &Forward<P>, u: f64) -> f64 {
    by_noise(&process.0, 0.999 * process.0.horizon(), u)
}

/// The time at which `arsinh((σ/α)/c)` is the fraction `u` of its final value: linear in the noise
/// below the data's scale c, logarithmic above.
fn by_noise(process: &impl LinearSde, end: f64, u: f64) -> f64 {
    const SCALE: f64 = 0.15;
    let level = |s: f64| {
        let (alpha, sigma) = process.marginal(s);
        (sigma / alpha / SCALE).asinh()
    };
    if u <= 0.0 || u >= 1.0 {
        return if u <= 0.0 { 0.0 } else { end };
    }
    let (target, mut low, mut high) = (u * level(end), 0.0, end);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if level(middle) < target { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Critically damped Langevin on a mixture of the line: a state in the plane.
pub(crate) fn critically_damped(
    name: &'static str,
    process: CriticallyDamped,
) -> Case<CriticallyDamped> {
    // The velocity's initial spread is forgotten within γM, so steps are finest at the data.
    let time = |_: &CriticallyDamped, u: f64| 0.003 * (u * (1f64 / 0.003).asinh()).sinh();
    Case { name, process, law: line_law(), clock: Clock::UNIT, time, refined: 2 }
}

/// Weights 0.3 and 0.7.
pub(crate) fn plane_law() -> Mixture {
    let components = vec![
        Gaussian::new(vec![-1.2, 0.4], vec![0.15, 0.05, 0.05, 0.1]).unwrap(),
        Gaussian::new(vec![1.0, -0.5], vec![0.25, -0.1, -0.1, 0.2]).unwrap(),
    ];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

pub(crate) fn line_law() -> Mixture {
    let components =
        vec![Gaussian::isotropic(vec![-1.2], 0.4), Gaussian::isotropic(vec![1.0], 0.5)];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

/// The same law with the first weight raised by two points.
pub(crate) fn two_points_off(law: &Mixture) -> Mixture {
    let w = law.weights();
    Mixture::new(vec![w[0] + 0.02, w[1] - 0.02], law.components().to_vec()).unwrap()
}

/// `∇ log q_s` of a mixture, point by point on the host: many times faster than the composed
/// tensor operations of `ExactScore`, with which `reversal.rs` compares it.
pub(crate) struct FastScore<M> {
    pub(crate) law: Mixture,
    pub(crate) process: M,
}

impl<M: Carrier> Field for FastScore<M> {
    fn eval(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        let Times::Same(s) = s else { panic!("the tests' score is asked for one time") };
        let (shape, space) = (x.dims(), Space::of(&x));
        let mut values = to_host(x);
        let law = self.process.law_at(&self.law, s);
        host_score(&law, &mut values);
        space.tensor(values, shape)
    }
}

/// Puts the score in the points' place; all of these laws live in the plane.
fn host_score(law: &Mixture, points: &mut [f64]) {
    struct Part {
        constant: f64,
        mean: [f64; 2],
        /// The lower triangle of L⁻¹, by rows.
        whitening: [f64; 3],
    }
    let part = |(g, w): (&Gaussian, &f64)| {
        let l = invert_lower(g.cholesky(), 2);
        let mean = [g.mean()[0], g.mean()[1]];
        Part { constant: w.ln() - g.half_log_det(), mean, whitening: [l[0], l[2], l[3]] }
    };
    let parts: Vec<Part> = law.components().iter().zip(law.weights()).map(part).collect();
    for x in points.chunks_exact_mut(2) {
        let (mut top, mut total, mut score) = (f64::NEG_INFINITY, 0.0, [0.0; 2]);
        for Part { constant, mean, whitening: [a, b, c] } in &parts {
            let (u, v) = (x[0] - mean[0], x[1] - mean[1]);
            let (y, z) = (a * u, b * u + c * v);
            let log = constant - 0.5 * (y * y + z * z);
            // Weights are relative to the largest so far.
            let (fade, weight) =
                if log > top { ((top - log).exp(), 1.0) } else { (1.0, (log - top).exp()) };
            top = top.max(log);
            total = fade * total + weight;
            score[0] = fade * score[0] - weight * (a * y + b * z);
            score[1] = fade * score[1] - weight * (c * z);
        }
        x[0] = score[0] / total;
        x[1] = score[1] / total;
    }
}

/// Runs `f` on chunks of the samples on all cores; a row does not depend on its chunk.
pub(crate) fn in_chunks(noise: &Noise, f: impl Fn(&Noise) -> Tensor<2> + Sync) -> Vec<f64> {
    const ROWS: usize = 2000;
    let starts: Vec<usize> = (0..noise.len()).step_by(ROWS).collect();
    let run = |start: &usize| to_host(f(&noise.rows(*start..(*start + ROWS).min(noise.len()))));
    starts.par_iter().map(run).collect::<Vec<_>>().concat()
}

/// The mean of `f` over the points less `exact`, in standard errors estimated from the points.
pub(crate) fn standard_errors(values: impl Iterator<Item = f64> + Clone, exact: f64) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean - exact) / (variance / n).sqrt()
}

/// Means, covariances and mode weights of points against an exact mixture: the statistic furthest
/// away, in standard errors. A mode's weight is the mean of its posterior probability.
pub(crate) fn furthest(points: &[f64], law: &Mixture) -> (f64, String) {
    let d = PointLaw::dim(law);
    let n = points.len() / d;
    let (mean, covariance) = moments(law);
    let column = |j: usize| points.iter().skip(j).step_by(d).copied();
    let mut found = Vec::new();
    for i in 0..d {
        found.push((standard_errors(column(i), mean[i]), format!("mean {i}")));
        for j in 0..=i {
            let products = column(i).zip(column(j)).map(|(a, b)| (a - mean[i]) * (b - mean[j]));
            let z = standard_errors(products, covariance[i * d + j]);
            found.push((z, format!("covariance {i}{j}")));
        }
    }
    let k = law.weights().len();
    let shares = to_host(law.responsibilities(&space().tensor(points.to_vec(), [n, d])));
    for (mode, weight) in law.weights().iter().enumerate().skip(1) {
        let share = shares.iter().skip(mode).step_by(k).copied();
        found.push((standard_errors(share, *weight), format!("weight {mode}")));
    }
    let size = |z: &f64| if z.is_nan() { f64::INFINITY } else { z.abs() };
    found.into_iter().max_by(|a, b| size(&a.0).total_cmp(&size(&b.0))).unwrap()
}

/// The mean and the covariance of a mixture.
pub(crate) fn moments(law: &Mixture) -> (Vec<f64>, Vec<f64>) {
    let d = PointLaw::dim(law);
    let mut mean = vec![0.0; d];
    for (g, w) in law.components().iter().zip(law.weights()) {
        (0..d).for_each(|i| mean[i] += w * g.mean()[i]);
    }
    let mut covariance = vec![0.0; d * d];
    for (g, w) in law.components().iter().zip(law.weights()) {
        for (k, entry) in covariance.iter_mut().enumerate() {
            let (i, j) = (k / d, k % d);
            let shift = (g.mean()[i] - mean[i]) * (g.mean()[j] - mean[j]);
            *entry += w * (g.covariance()[k] + shift);
        }
    }
    (mean, covariance)
}
