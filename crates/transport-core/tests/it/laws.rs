use crate::space;
use transport_core::law::{
    Banana, Density, Empirical, Funnel, Gaussian, Law, Mixture, Noisable, OracleFlow, PointLaw,
    Score, plane,
};
use transport_core::schedule::{Rectified, Schedule, Trigonometric};
use transport_core::testkit::{
    density_integrates_to_one, jvp_is_the_derivative, sampling_is_chunk_free, score_is_the_gradient,
};
use transport_core::{Field, Jvp, Noise, Times, device::to_host};

fn gaussian() -> Gaussian {
    Gaussian::new(vec![0.3, -0.7], vec![1.5, 0.6, 0.6, 0.9]).unwrap()
}

fn mixture() -> Mixture {
    let components = vec![gaussian(), Gaussian::isotropic(vec![-1.0, 1.0], 0.5)];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

fn points() -> burn::tensor::Tensor<2> {
    Noise::new(2, 40).normal(2, &space())
}

#[test]
fn scores_are_gradients() {
    score_is_the_gradient(&gaussian(), &points(), 1e-8).unwrap();
    score_is_the_gradient(&mixture(), &points(), 1e-7).unwrap();
    score_is_the_gradient(&plane::Funnel::default(), &points(), 1e-7).unwrap();
    score_is_the_gradient(&Banana::default(), &points(), 1e-7).unwrap();
    let wide = Noise::new(2, 40).normal(5, &space());
    score_is_the_gradient(&Funnel::neal(5), &wide, 1e-7).unwrap();
    score_is_the_gradient(&Banana { dim: 5, spread: 2.0, bend: 0.5 }, &wide, 1e-7).unwrap();
    let data = Empirical::new(Noise::new(3, 9).normal_values(2), 2).unwrap();
    let noised = data.noised(&Rectified.at(0.6));
    score_is_the_gradient(&noised, &points(), 1e-7).unwrap();
}

#[test]
fn densities_integrate_to_one() {
    density_integrates_to_one(&gaussian(), 9.0, 300, 1e-9, &space()).unwrap();
    density_integrates_to_one(&mixture(), 9.0, 300, 1e-9, &space()).unwrap();
    density_integrates_to_one(&Mixture::circle(8, 3.0, 0.2), 6.0, 400, 1e-9, &space()).unwrap();
    density_integrates_to_one(&plane::Checkerboard, 5.0, 100, 1e-9, &space()).unwrap();
    density_integrates_to_one(&plane::Rings::default(), 5.0, 1000, 1e-4, &space()).unwrap();
    density_integrates_to_one(&plane::Funnel::default(), 30.0, 1500, 1e-3, &space()).unwrap();
    let banana = Banana { dim: 2, spread: 2.0, bend: 0.25 };
    density_integrates_to_one(&banana, 30.0, 600, 1e-6, &space()).unwrap();
}

#[test]
fn sampling_never_depends_on_the_chunk() {
    for name in plane::NAMES {
        let law = plane::by_name(name).unwrap();
        sampling_is_chunk_free(&law, &space()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    sampling_is_chunk_free(&gaussian(), &space()).unwrap();
    sampling_is_chunk_free(&Funnel::neal(5), &space()).unwrap();
    sampling_is_chunk_free(&Banana::haario(3), &space()).unwrap();
    let data = Empirical::new(Noise::new(3, 9).normal_values(2), 2).unwrap();
    sampling_is_chunk_free(&data.noised(&Rectified.at(0.5)), &space()).unwrap();
}

/// Average log-likelihood of a law's own samples equals minus its entropy: of a plane Gaussian
/// `1 + log 2π + ½ log det Σ`, of the checkerboard `log 32`. Standard errors from the sample; five of them leave a
/// false alarm under 1e-6 for a random seed, none for this one.
#[test]
fn samples_follow_their_densities() {
    let n = 40_000;
    let entropy = |law: &dyn Density, x: burn::tensor::Tensor<2>| {
        let values = to_host(law.log_prob(x));
        let mean = values.iter().sum::<f64>() / n as f64;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        (-mean, (var / n as f64).sqrt())
    };
    let law = gaussian();
    let (h, error) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    let exact = 1.0 + std::f64::consts::TAU.ln() + law.half_log_det();
    assert!((h - exact).abs() < 5.0 * error, "{h} against {exact} ± {error}");

    let law = plane::Checkerboard;
    let (h, _) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    assert!((h - 32f64.ln()).abs() < 1e-9, "a sample fell outside its squares: {h}");

    // Ring and funnel entropies by sums of one-dimensional ones.
    let gaussian_1d = |s: f64| 0.5 * (std::f64::consts::TAU * std::f64::consts::E * s * s).ln();
    let law = plane::Funnel::default();
    let (h, error) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    let exact = gaussian_1d(1.0) + gaussian_1d(1.0);
    assert!((h - exact).abs() < 5.0 * error, "{h} against {exact} ± {error}");
    // The other coordinates of a funnel have E log sd = E ½v = 0 too; the banana's shear has unit
    // Jacobian.
    let law = Funnel::neal(4);
    let (h, error) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    let exact = gaussian_1d(3.0) + 3.0 * gaussian_1d(1.0);
    assert!((h - exact).abs() < 5.0 * error, "{h} against {exact} ± {error}");
    let law = Banana::haario(3);
    let (h, error) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    let exact = gaussian_1d(10.0) + 2.0 * gaussian_1d(1.0);
    assert!((h - exact).abs() < 5.0 * error, "{h} against {exact} ± {error}");
    let law = plane::Rings { radii: vec![2.0], noise: 0.1 };
    let (h, error) = entropy(&law, law.sample(&Noise::new(5, n), &space()));
    // h(x) = h(R) + E log(2πR), E log R ≈ log 2 − σ²/(2·4).
    let exact = gaussian_1d(0.1) + std::f64::consts::TAU.ln() + 2f64.ln() - 0.01 / 8.0;
    assert!((h - exact).abs() < 5.0 * error + 1e-4, "{h} against {exact} ± {error}");
}

#[test]
fn checkerboard_is_minus_infinity_off_its_squares() {
    let x = space().tensor(vec![-3.0, -3.0, -3.0, -1.0, 5.0, 5.0, 3.9, 3.9], [4, 2]);
    let log_prob = to_host(plane::Checkerboard.log_prob(x));
    assert!((log_prob[0] + 32f64.ln()).abs() < 1e-12);
    assert_eq!((log_prob[1], log_prob[2]), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert!((log_prob[3] + 32f64.ln()).abs() < 1e-12);
}

#[test]
fn plane_laws_fit_the_window_they_promise() {
    for name in plane::NAMES {
        let law = plane::by_name(name).unwrap();
        let values = law.draws(&Noise::new(1, 2000));
        let inside = values.iter().filter(|v| v.abs() <= 4.5).count();
        assert!(inside as f64 >= 0.99 * values.len() as f64, "{name}: {inside}");
        let size = values.iter().fold(0f64, |m, v| m.max(v.abs()));
        assert!(size > 1.5, "{name} has shrunk to {size}");
    }
    assert!(plane::by_name("moon").is_none());
}

/// The oracle's velocity for a Gaussian is `α′m + (α′αΣ + σ′σ)(α²Σ + σ²)⁻¹(x − αm)`, here in 1-D.
#[test]
fn oracle_velocity_of_a_gaussian() {
    let (m, s2) = (0.8, 0.3);
    let law = Gaussian::new(vec![m], vec![s2]).unwrap();
    let x = space().tensor(vec![-1.0, 0.2, 2.0], [3, 1]);
    let check = |schedule: &dyn Schedule, v: Vec<f64>, times: [f64; 3]| {
        for (k, (x, t)) in [-1.0, 0.2, 2.0].into_iter().zip(times).enumerate() {
            let c = schedule.at(t);
            let gain = (c.d_alpha * c.alpha * s2 + c.d_sigma * c.sigma)
                / (c.alpha * c.alpha * s2 + c.sigma * c.sigma);
            let exact = c.d_alpha * m + gain * (x - c.alpha * m);
            assert!((v[k] - exact).abs() < 1e-12, "{k}: {} against {exact}", v[k]);
        }
    };
    let times = [0.7, 0.1, 0.7];
    let flow = OracleFlow { law: law.clone(), schedule: Rectified };
    check(&Rectified, to_host(flow.eval(x.clone(), Times::Each(&times))), times);
    check(&Rectified, to_host(flow.eval(x.clone(), Times::Same(1.0))), [1.0; 3]);
    let flow = OracleFlow { law, schedule: Trigonometric };
    check(&Trigonometric, to_host(flow.eval(x, Times::Same(0.4))), [0.4; 3]);
}

#[test]
fn bad_parameters_are_refused() {
    assert!(Gaussian::new(vec![0.0], vec![-1.0]).unwrap_err().to_string().contains("pivot 0"));
    assert!(Gaussian::new(vec![0.0, 1.0], vec![1.0]).is_err());
    assert!(Mixture::new(vec![], vec![]).is_err());
    assert!(Mixture::new(vec![-1.0], vec![Gaussian::standard(1)]).is_err());
    assert!(
        Mixture::new(vec![1.0, 1.0], vec![Gaussian::standard(1), Gaussian::standard(2)]).is_err()
    );
    assert!(Empirical::new(vec![], 2).is_err());
    assert!(Empirical::new(vec![1.0; 3], 2).is_err());
}

/// Component frequencies within five binomial standard errors.
#[test]
fn mixtures_draw_components_by_weight() {
    let law = Mixture::new(
        vec![1.0, 3.0],
        vec![Gaussian::isotropic(vec![-10.0], 1.0), Gaussian::isotropic(vec![10.0], 1.0)],
    )
    .unwrap();
    let n = 20_000;
    let left = law.draws(&Noise::new(8, n)).iter().filter(|x| **x < 0.0).count() as f64;
    let (expected, error) = (0.25 * n as f64, (0.25 * 0.75 * n as f64).sqrt());
    assert!((left - expected).abs() < 5.0 * error, "{left} against {expected} ± {error}");
    let score = to_host(law.score(space().tensor(vec![9.0], [1, 1])))[0];
    assert!((score - 1.0).abs() < 1e-9, "far from the other mode: {score}");
}

/// The posterior mean and the score are two readings of one law: α E[x₁|x] − x = σ² s (Tweedie).
#[test]
fn posteriors_satisfy_tweedie() {
    let c = Rectified.at(0.6);
    let check = |data: burn::tensor::Tensor<2>, score: burn::tensor::Tensor<2>| {
        let gap = data.mul_scalar(c.alpha) - points() - score.mul_scalar(c.sigma * c.sigma);
        assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12));
    };
    let (data, score) = gaussian().posterior(points(), &c);
    check(data, score);
    let (data, score) = mixture().posterior(points(), &c);
    check(data, score.clone());
    let direct = to_host(mixture().noised(&c).score(points()) - score);
    assert!(direct.iter().all(|g| g.abs() < 1e-12));
    // At α = 0 nothing is known, and the posterior mean is the mean.
    let mean = to_host(mixture().posterior(points(), &Rectified.at(0.0)).0);
    assert!((mean[0] - (0.3 * 0.3 - 0.7)).abs() < 1e-12);
}

/// The oracle's velocity and score have the derivatives they declare, at one time and with a time
/// for each row.
#[test]
fn oracle_flows_have_exact_derivatives() {
    let u = Noise::new(7, 40).normal(2, &space());
    let data = Empirical::new(Noise::new(3, 9).normal_values(2), 2).unwrap();
    for t in [0.0, 0.3, 0.8] {
        let flow = OracleFlow { law: gaussian(), schedule: Trigonometric };
        jvp_is_the_derivative(&flow, &points(), t, &u, 1e-8).unwrap();
        let flow = OracleFlow { law: mixture(), schedule: Rectified };
        jvp_is_the_derivative(&flow, &points(), t, &u, 1e-7).unwrap();
        jvp_is_the_derivative(&ScoreOf(&flow), &points(), t, &u, 1e-7).unwrap();
        let flow = OracleFlow { law: data.clone(), schedule: Rectified };
        jvp_is_the_derivative(&flow, &points(), t, &u, 1e-7).unwrap();
    }
    let flow = OracleFlow { law: mixture(), schedule: Rectified };
    let times: Vec<f64> = (0..40).map(|k| if k % 3 == 0 { 0.2 } else { 0.7 }).collect();
    let each = to_host(flow.jvp(points(), Times::Each(&times), u.clone()).1);
    let same = [0.7, 0.2].map(|t| to_host(flow.jvp(points(), Times::Same(t), u.clone()).1));
    for (k, value) in each.iter().enumerate() {
        let row = k / 2;
        assert!((value - same[usize::from(row % 3 == 0)][k]).abs() < 1e-12, "row {row}");
    }
}

/// A tangent that forgets that the responsibilities move is refused.
#[test]
fn a_derivative_without_the_responsibilities_is_rejected() {
    struct Frozen(OracleFlow<Mixture, Rectified>);
    impl Field for Frozen {
        fn eval(&self, x: burn::tensor::Tensor<2>, t: Times<'_>) -> burn::tensor::Tensor<2> {
            self.0.eval(x, t)
        }
    }
    impl Jvp for Frozen {
        fn jvp(
            &self,
            x: burn::tensor::Tensor<2>,
            t: Times<'_>,
            u: burn::tensor::Tensor<2>,
        ) -> (burn::tensor::Tensor<2>, burn::tensor::Tensor<2>) {
            let Times::Same(time) = t else { panic!("one time") };
            let r = self.0.at(time).responsibilities(&x);
            let parts = self.0.law.components().iter().enumerate().map(|(k, law)| {
                let part = OracleFlow { law: law.clone(), schedule: Rectified };
                r.clone().narrow(1, k, 1) * part.jvp(x.clone(), t, u.clone()).1
            });
            (self.0.eval(x.clone(), t), parts.reduce(|a, b| a + b).unwrap())
        }
    }
    let u = Noise::new(7, 40).normal(2, &space());
    let flow = OracleFlow { law: mixture(), schedule: Rectified };
    assert!(jvp_is_the_derivative(&Frozen(flow), &points(), 0.6, &u, 1e-3).is_err());
}

/// The oracle's score as a field.
struct ScoreOf<'a>(&'a OracleFlow<Mixture, Rectified>);

impl Field for ScoreOf<'_> {
    fn eval(&self, x: burn::tensor::Tensor<2>, t: Times<'_>) -> burn::tensor::Tensor<2> {
        self.0.score(x, t)
    }
}

impl Jvp for ScoreOf<'_> {
    fn jvp(
        &self,
        x: burn::tensor::Tensor<2>,
        t: Times<'_>,
        u: burn::tensor::Tensor<2>,
    ) -> (burn::tensor::Tensor<2>, burn::tensor::Tensor<2>) {
        self.0.score_jvp(x, t, u)
    }
}
