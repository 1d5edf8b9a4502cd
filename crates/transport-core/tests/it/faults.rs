//! Each suite rejects a planted fault.

use crate::space;
use burn::tensor::Tensor;
use transport_core::law::{Density, DensityEstimate, Gaussian, Law, Score, StdErr};
use transport_core::map::{Affine, Invertible, Path, PushForward, Trajectory};
use transport_core::process::{GaussianKernel, LinearSde, Ve, Vp};
use transport_core::schedule::{Coefs, Rectified, Schedule};
use transport_core::testkit::*;
use transport_core::{Field, Interval, Jvp, Noise, Space, Times};

struct Faulty(Gaussian);

impl Density for Faulty {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        self.0.log_prob(x).add_scalar(0.01)
    }
}

impl Score for Faulty {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.0.score(x).neg()
    }
}

/// Draws from the batch's first stream: the result depends on the chunk.
struct ChunkBound;

impl Law for ChunkBound {
    fn dim(&self) -> usize {
        1
    }

    fn sample(&self, noise: &Noise, space: &Space) -> Tensor<2> {
        let mut stream = noise.stream(0);
        let values = (0..noise.len()).map(|_| stream.normal()).collect();
        space.tensor(values, [noise.len(), 1])
    }
}

#[test]
fn laws() {
    let (law, x) = (Faulty(Gaussian::standard(2)), Noise::new(0, 8).normal(2, &space()));
    assert!(score_is_the_gradient(&law, &x, 1e-6).is_err());
    assert!(density_integrates_to_one(&law, 9.0, 200, 1e-6, &space()).is_err());
    assert!(sampling_is_chunk_free(&ChunkBound, &space()).is_err());
}

/// A log-density with normal errors of known size, reported times `factor`, and a bias.
struct Noisy {
    factor: f64,
    bias: f64,
}

impl DensityEstimate for Noisy {
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr) {
        let error = noise.normal(1, &Space::of(&x)).mul_scalar(0.3).add_scalar(self.bias);
        let exact = Gaussian::standard(2).log_prob(x);
        let reported = exact.full_like(0.3 * self.factor);
        (exact + error.squeeze_dim(1), StdErr(reported))
    }
}

#[test]
fn estimates() {
    let (noise, exact) = (Noise::new(3, 4000), Gaussian::standard(2));
    let x = noise.purpose("points").normal(2, &space());
    let check = |factor: f64, bias: f64| {
        estimate_is_calibrated(&Noisy { factor, bias }, &exact, &x, &noise, 0.1)
    };
    assert!(check(1.0, 0.0).is_ok());
    assert!(check(1.1, 0.0).is_err(), "a standard error a tenth too large");
    assert!(check(0.9, 0.0).is_err(), "a standard error a tenth too small");
    assert!(check(1.0, 0.03).is_err(), "a bias of a tenth of a standard error");
}

/// An affine map whose log-determinant has the wrong sign, whose inverse forgets the shift, and
/// whose path overshoots.
struct FaultyMap(Affine);

impl PushForward for FaultyMap {
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        self.0.push(z, noise)
    }
}

impl Invertible for FaultyMap {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let (z, log_det) = self.0.pull(x.add_scalar(0.1));
        (z, log_det.neg())
    }
}

impl Path for FaultyMap {
    fn trace(&self, z: Tensor<2>, knots: &[f64], noise: &Noise) -> Trajectory {
        let end = self.push(z.clone(), noise).add_scalar(1e-3);
        let states = knots.iter().map(|t| z.clone() + (end.clone() - z.clone()).mul_scalar(*t));
        Trajectory { times: knots.to_vec(), states: states.collect() }
    }
}

#[test]
fn maps() {
    let map = FaultyMap(Affine::new(vec![2.0, 0.0, 1.0, 3.0], vec![0.5, 0.5]).unwrap());
    let z = Noise::new(0, 8).normal(2, &space());
    assert!(inverse_undoes_push(&map, &z, 1e-6).is_err());
    assert!(log_det_is_the_jacobian(&map, &z, 1e-6).is_err());
    assert!(path_ends_at_push(&map, &z, 1e-6).is_err());
}

/// A derivative that swaps the transpose.
struct Transposed;

impl Field for Transposed {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        crate::maps::field().eval(x, t)
    }
}

impl Jvp for Transposed {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let field = crate::maps::field();
        let matrix = Space::of(&x).tensor(field.matrix.clone(), [3, 3]);
        (field.eval(x, t), u.matmul(matrix))
    }
}

#[test]
fn fields() {
    let (x, u) = (Noise::new(1, 5).normal(3, &space()), Noise::new(2, 5).normal(3, &space()));
    assert!(jvp_is_the_derivative(&Transposed, &x, 0.3, &u, 1e-6).is_err());
}

/// VP with the variance of sub-VP.
#[derive(Debug)]
struct Mixed;

impl LinearSde for Mixed {
    fn lambda(&self, s: f64) -> f64 {
        Vp::default().lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        Vp::default().g(s)
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let (alpha, sigma) = Vp::default().marginal(s);
        (alpha, sigma * sigma)
    }
}

/// Straight lines with the sign of σ′ flipped.
#[derive(Debug)]
struct Flipped;

impl Schedule for Flipped {
    fn at(&self, t: f64) -> Coefs {
        let c = Rectified.at(t);
        Coefs { d_sigma: -c.d_sigma, ..c }
    }

    fn domain(&self) -> Interval {
        Interval::UNIT
    }
}

/// VE whose variance lacks the −1, as if the data were blurred already.
#[derive(Debug)]
struct Blurred;

impl LinearSde for Blurred {
    fn lambda(&self, s: f64) -> f64 {
        Ve::default().lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        Ve::default().g(s)
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        (1.0, 0.01 * 5000f64.powf(s))
    }
}

/// VP whose drift is twice what its marginal says, or half (β for β/2).
#[derive(Debug)]
struct Hasty(f64);

impl LinearSde for Hasty {
    fn lambda(&self, s: f64) -> f64 {
        self.0 * Vp::default().lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        Vp::default().g(s)
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        Vp::default().marginal(s)
    }
}

/// A kernel that takes the whole time's noise for the rest's.
#[derive(Debug)]
struct Forgetful;

impl LinearSde for Forgetful {
    fn lambda(&self, s: f64) -> f64 {
        Vp::default().lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        Vp::default().g(s)
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        Vp::default().marginal(s)
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let std = self.marginal(to).1;
        GaussianKernel { std, ..Vp::default().transition(from, to) }
    }
}

#[test]
fn processes_and_schedules() {
    assert!(marginal_solves_the_moment_equations(&Mixed, 50, 1e-6).is_err());
    assert!(marginal_solves_the_moment_equations(&Blurred, 50, 1e-6).is_err());
    assert!(marginal_solves_the_moment_equations(&Hasty(2.0), 50, 1e-6).is_err());
    assert!(marginal_solves_the_moment_equations(&Hasty(1.001), 50, 1e-6).is_err());
    assert!(marginal_solves_the_moment_equations(&Hasty(1.0), 50, 1e-6).is_ok());
    assert!(transitions_compose(&Forgetful, 1e-6).is_err());
    assert!(schedule_derivatives_are_derivatives(&Flipped, 1e-5).is_err());
}
