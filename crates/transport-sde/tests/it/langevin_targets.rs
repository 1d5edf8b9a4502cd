//! Targets, transforms and preconditioners: identities in f64.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Mixture};
use transport_core::map::Invertible;
use transport_core::testkit::log_det_is_the_jacobian;
use transport_core::{Density, Noise, PushForward};
use transport_sde::langevin::{
    Constrained, LogDensity, Preconditioner, Target, Transform, TransformError,
};

fn mixture() -> Mixture {
    let wide = Gaussian::new(vec![0.3, -0.7], vec![1.5, 0.6, 0.6, 0.9]).unwrap();
    Mixture::new(vec![0.3, 0.7], vec![wide, Gaussian::isotropic(vec![-1.0, 1.0], 0.5)]).unwrap()
}

fn close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}, {k}: {a} against {b}");
    }
}

/// The score equals central differences of the log-density.
fn gradient_is_right(target: &dyn Target, u: &Tensor<2>, tolerance: f64, what: &str) {
    const H: f64 = 1e-5;
    let [_, d] = u.dims();
    let score = target.log_density_and_score(u.clone()).1;
    for j in 0..d {
        let mut step = vec![0.0; d];
        step[j] = H;
        let step = space().tensor::<2>(step, [1, d]);
        let at = |x: Tensor<2>| target.log_density_and_score(x).0;
        let rise = at(u.clone() + step.clone()) - at(u.clone() - step);
        let got = to_host(score.clone().narrow(1, j, 1));
        close(&got, &to_host(rise.div_scalar(2.0 * H)), tolerance, what);
    }
}

#[test]
fn autodiff_gives_the_score() {
    let x = Noise::new(2, 30).normal(2, &space());
    let by_hand = mixture().log_density_and_score(x.clone());
    let by_tape = LogDensity::new(|x| mixture().log_prob(x)).log_density_and_score(x.clone());
    close(&to_host(by_tape.0), &to_host(by_hand.0), 1e-12, "value");
    close(&to_host(by_tape.1), &to_host(by_hand.1), 1e-12, "score");
    // A closure that ignores its argument is a constant.
    let flat = LogDensity::new(|x: Tensor<2>| {
        Tensor::<1>::zeros([x.dims()[0]], (&space().device, space().dtype))
    });
    assert!(to_host(flat.log_density_and_score(x).1).iter().all(|v| *v == 0.0));
}

const EACH: [Transform; 7] = [
    Transform::Real(2),
    Transform::POSITIVE,
    Transform::Above(-1.5),
    Transform::Below(2.0),
    Transform::Between(-1.0, 3.0),
    Transform::Ordered(3),
    Transform::Simplex(4),
];

#[test]
fn transforms_carry_gradients_and_come_back() {
    let density = |x: Tensor<2>| {
        let linear = Space1(x.dims()[1]).weights();
        (x.clone() * linear - x.powi_scalar(4).mul_scalar(0.1)).sum_dim(1).squeeze_dim(1)
    };
    for transform in EACH {
        let target = Constrained::new(LogDensity::new(density), vec![transform]).unwrap();
        let u = Noise::new(5, 20).normal(target.dim(), &space());
        gradient_is_right(&target, &u, 1e-7, &format!("{transform:?}"));
        let back = target.unconstrain(&target.constrain(u.clone()));
        close(&to_host(back), &to_host(u), 1e-10, &format!("{transform:?} inverse"));
    }
    let target = Constrained::new(LogDensity::new(density), EACH.to_vec()).unwrap();
    assert_eq!(target.dim(), 2 + 1 + 1 + 1 + 1 + 3 + 3);
    let u = Noise::new(6, 10).normal(target.dim(), &space());
    gradient_is_right(&target, &u, 1e-7, "all at once");
}

/// Distinct weights, so that a swapped column shows.
struct Space1(usize);

impl Space1 {
    fn weights(&self) -> Tensor<2> {
        space().tensor((0..self.0).map(|j| 0.3 + 0.2 * j as f64).collect(), [1, self.0])
    }
}

/// A transform read as a map; of a simplex, the values that are free.
struct AsMap(Transform);

impl PushForward for AsMap {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        z
    }
}

impl Invertible for AsMap {
    fn pull(&self, u: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let d = u.dims()[1];
        let (x, log_det) = self.0.forward(u);
        (x.narrow(1, 0, d), log_det.squeeze_dim(1))
    }
}

#[test]
fn log_determinants_are_those_of_the_jacobians() {
    for transform in EACH {
        let u = Noise::new(7, 12).normal(transform.free(), &space());
        log_det_is_the_jacobian(&AsMap(transform), &u, 1e-7).unwrap();
    }
}

/// Far out, where `log σ(u)` by way of `σ(u)` would be −∞.
#[test]
fn intervals_do_not_overflow() {
    let u = space().tensor(vec![-800.0, 800.0], [2, 1]);
    let log_det = to_host(Transform::Between(0.0, 1.0).forward(u).1);
    assert_eq!(log_det, [-800.0, -800.0]);
}

#[test]
fn bad_transforms_are_refused() {
    let flat = || LogDensity::new(|x: Tensor<2>| x.sum_dim(1).squeeze_dim(1));
    let refuse = |t: Transform| Constrained::new(flat(), vec![Transform::Real(1), t]).unwrap_err();
    assert_eq!(
        refuse(Transform::Between(2.0, 2.0)),
        TransformError::Bounds { low: 2.0, high: 2.0 }
    );
    assert!(matches!(refuse(Transform::Above(f64::NAN)), TransformError::Bounds { .. }));
    assert_eq!(
        refuse(Transform::Simplex(1)),
        TransformError::Width { index: 1, width: 1, least: 2 }
    );
    assert!(matches!(refuse(Transform::Real(0)), TransformError::Width { .. }));
}

/// `⟨push(z), s⟩ = ⟨z, pull(s)⟩`, and `push ∘ pull` multiplies by the covariance.
#[test]
fn preconditioners_are_factors() {
    let covariance = vec![2.0, 0.3, -0.4, 0.3, 1.0, 0.2, -0.4, 0.2, 0.5];
    let dense = Preconditioner::dense(&covariance, 3).unwrap();
    let diagonal = Preconditioner::diagonal(&[4.0, 1.0, 0.25]).unwrap();
    let scales: Vec<f64> = (0..9).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
    let rows = Preconditioner::Rows { scales, inner: Box::new(dense.clone()) };
    let (z, s) = (Noise::new(1, 9).normal(3, &space()), Noise::new(2, 9).normal(3, &space()));
    for p in [Preconditioner::Identity, diagonal, dense.clone(), rows] {
        let left = to_host((p.push(z.clone()) * s.clone()).sum_dim(1));
        let right = to_host((z.clone() * p.pull(s.clone())).sum_dim(1));
        close(&left, &right, 1e-12, "adjoint");
    }
    let direct = s.clone().matmul(space().tensor(covariance, [3, 3]));
    close(&to_host(dense.push(dense.pull(s))), &to_host(direct), 1e-12, "covariance");
    assert!(Preconditioner::diagonal(&[1.0, 0.0]).is_err());
    assert!(Preconditioner::dense(&[1.0, 2.0, 2.0, 1.0], 2).is_err());
}
