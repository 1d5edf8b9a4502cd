//! The simulators: their draws have their likelihoods, their priors their supports and moments.

use transport_core::Noise;
use transport_core::law::PointLaw;
use transport_core::law::simulator::{
    GaussianLinear, Joint, LotkaVolterra, NAMES, Simulator, Sir, by_name,
};
use transport_core::noise::Stream;
use transport_core::testkit::likelihood_is_that_of_the_draws;
use transport_core::time::Interval;

/// A point of the prior and another near by; the moons' second lies to the right of the first, so
/// that its crescent is in the first's half-plane.
fn pair(name: &str) -> (Vec<f64>, Vec<f64>) {
    let near = |theta: Vec<f64>, by: f64| {
        let other = theta.iter().enumerate().map(|(k, t)| t * (1.0 + by) + by * (k % 3) as f64);
        (theta.clone(), other.collect())
    };
    match name {
        "two-moons" => (vec![0.5, 0.3], vec![0.497, 0.297]),
        "slcp" => near(vec![0.7, -1.0, -1.1, 0.9, 0.5], 0.01),
        "gaussian-mixture" => (vec![3.0, -5.0], vec![3.02, -5.03]),
        "sir" => near(vec![0.4, 0.125], 2e-4),
        "lotka-volterra" => near(vec![0.8, 0.05, 0.9, 0.04], 1e-4),
        _ => near((0..10).map(|k| 0.3 * f64::from(k).cos()).collect(), 0.02),
    }
}

#[test]
fn draws_have_the_likelihood() {
    for name in NAMES {
        let simulator = by_name(name).unwrap();
        let (theta, other) = pair(name);
        let n = if matches!(name, "sir" | "lotka-volterra") { 2000 } else { 20_000 };
        likelihood_is_that_of_the_draws(&*simulator, &theta, &other, &Noise::new(1, n))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// The linear Gaussian with 0.1 taken for the standard deviation of the draws.
struct Confused(GaussianLinear);

impl Simulator for Confused {
    fn parameters(&self) -> usize {
        self.0.parameters()
    }

    fn data(&self) -> usize {
        self.0.data()
    }

    fn support(&self) -> Interval {
        self.0.support()
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        self.0.prior(stream, theta);
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        stream.fill_normal(x);
        x.iter_mut().zip(theta).for_each(|(x, t)| *x = t + 0.1 * *x);
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        self.0.log_likelihood(theta, x)
    }
}

#[test]
fn a_variance_taken_for_a_deviation_is_rejected() {
    let (theta, other) = pair("gaussian-linear");
    let confused = Confused(GaussianLinear { boxed: false });
    let noise = Noise::new(1, 20_000);
    assert!(likelihood_is_that_of_the_draws(&confused, &theta, &other, &noise).is_err());
}

#[test]
fn parameters_lie_in_their_support_and_data_are_finite() {
    for name in NAMES {
        let simulator = by_name(name).unwrap();
        let (p, support) = (simulator.parameters(), simulator.support());
        let joint = Joint(simulator);
        for row in joint.draws(&Noise::new(3, 300)).chunks_exact(PointLaw::dim(&joint)) {
            assert!(row.iter().all(|v| v.is_finite()), "{name}: {row:?}");
            assert!(row[..p].iter().all(|t| support.start < *t && *t < support.end), "{name}");
        }
    }
    assert!(by_name("three-moons").is_none());
}

/// Prior moments of what is not uniform, each within five standard errors: variances of the means
/// and of a smooth filter, medians of the epidemic's rates. The filter's covariance is `(FᵀF)⁻¹`; by
/// hand for its first two lags, `F = [1, 0; −2, 1 + 1/3]`: variances 1 and `(1 + 4)/(4/3)²`.
#[test]
fn priors_have_their_moments() {
    let n = 20_000;
    let draws = |name: &str| {
        let simulator = by_name(name).unwrap();
        let mut theta = vec![0.0; simulator.parameters()];
        let row = |i: usize| {
            simulator.prior(&mut Noise::new(5, n).stream(i), &mut theta);
            theta.clone()
        };
        (0..n).map(row).collect::<Vec<_>>()
    };
    let variance =
        |rows: &[Vec<f64>], k: usize| rows.iter().map(|r| r[k] * r[k]).sum::<f64>() / n as f64;
    let five = 5.0 * (2.0 / n as f64).sqrt();
    for (name, k, exact) in [
        ("gaussian-linear", 4, 0.1),
        ("bernoulli-glm", 0, 2.0),
        ("bernoulli-glm", 1, 1.0),
        ("bernoulli-glm", 2, 5.0 * 9.0 / 16.0),
    ] {
        let got = variance(&draws(name), k);
        assert!((got / exact - 1.0).abs() < five, "{name} {k}: {got} against {exact}");
    }
    let below = |name: &str, k: usize, median: f64| {
        draws(name).iter().filter(|r| r[k] < median).count() as f64 / n as f64
    };
    for (name, k, median) in
        [("sir", 0, 0.4), ("sir", 1, 0.125), ("lotka-volterra", 1, (-3f64).exp())]
    {
        assert!((below(name, k, median) - 0.5).abs() < 5.0 * 0.5 / (n as f64).sqrt(), "{name} {k}");
    }
}

/// Constants of motion and balances that no closed solution is needed for: the epidemic's
/// `S = S₀ exp(−(β/γ) R)` gives its final size; predator and prey keep
/// `V = δ X − γ log X + β Y − α log Y`.
#[test]
fn differential_equations_keep_what_they_should() {
    // With no noise the likelihood is largest at the solution: compare counts of many draws.
    let (n, theta) = (400, [0.5, 0.125]);
    let mut total = [0.0; 10];
    for i in 0..n {
        let mut x = [0.0; 10];
        Sir.simulate(&theta, &mut Noise::new(1, n).stream(i), &mut x);
        total.iter_mut().zip(x).for_each(|(t, x)| *t += x / n as f64);
    }
    // At the peak, S = N γ/β: I = 1 − (γ/β)(1 + log(β/γ)) of the people, here 0.4034; no day has
    // more.
    let peak = 1000.0 * (1.0 - 0.25 * (1.0 + 4f64.ln()));
    assert!(total.iter().all(|t| *t < peak + 4.0), "{total:?}");
    assert!(total.iter().any(|t| *t > 0.5 * peak), "{total:?}");

    let theta = [0.8, 0.05, 0.9, 0.04];
    let v = |x: f64, y: f64| theta[3] * x - theta[2] * x.ln() + theta[1] * y - theta[0] * y.ln();
    let mut logs = [0.0; 20];
    for i in 0..n {
        let mut x = [0.0; 20];
        LotkaVolterra.simulate(&theta, &mut Noise::new(2, n).stream(i), &mut x);
        logs.iter_mut().zip(x).for_each(|(l, x)| *l += x.ln() / n as f64);
    }
    // A mean of 400 logarithms is known to 0.005; V moves by less than 3 times that.
    for k in 0..10 {
        let (x, y) = (logs[k].exp(), logs[10 + k].exp());
        let allowed =
            5.0 * 0.005 * ((theta[3] * x - theta[2]).abs() + (theta[1] * y - theta[0]).abs());
        assert!((v(x, y) - v(30.0, 1.0)).abs() < allowed.max(0.01), "time {k}");
    }
}
