use crate::space;
use transport_core::law::{Gaussian, OracleFlow, Score};
use transport_core::process::{
    CondOt, Cosine, Domain, Edm, LinearSde, OrnsteinUhlenbeck, SubVp, Ve, Vp,
};
use transport_core::schedule::{Noising, Rectified, Schedule, Trigonometric};
use transport_core::testkit::{
    marginal_solves_the_moment_equations, schedule_derivatives_are_derivatives, transitions_compose,
};
use transport_core::{Field, Noise, Times, device::to_host};

/// Not the stationary law N(0, I), a clock longer than 1, an α(S) that is 4e-11.
const OU: OrnsteinUhlenbeck = OrnsteinUhlenbeck { theta: 1.2, sigma: 0.8, horizon: 20.0 };

/// Each process with its usual parameters, and some on horizons of their own.
macro_rules! for_each_process {
    ($check:ident) => {
        $check(Vp::default());
        $check(Vp { beta_min: 0.5, beta_max: 3.0 });
        $check(SubVp::default());
        $check(Ve::default());
        $check(Cosine::default());
        $check(Edm::default());
        $check(Edm { sigma_max: 3.0 });
        $check(OrnsteinUhlenbeck::default());
        $check(OU);
        $check(CondOt);
    };
}

#[test]
fn marginals_equal_quadrature() {
    fn check(process: impl LinearSde) {
        marginal_solves_the_moment_equations(&process, 4000, 1e-10)
            .unwrap_or_else(|e| panic!("{process:?}: {e}"));
    }
    for_each_process!(check);
}

#[test]
fn kernels_compose_to_the_marginal() {
    fn check(process: impl LinearSde) {
        transitions_compose(&process, 1e-11).unwrap_or_else(|e| panic!("{process:?}: {e}"));
        // A short step is g² h, also where the default formula would cancel.
        let (s, h) = (0.4 * process.horizon(), 1e-7 * process.horizon());
        let std = process.transition(s, s + h).std;
        let expected = process.g(s + 0.5 * h) * h.sqrt();
        assert!((std / expected - 1.0).abs() < 1e-5, "{process:?}: {std}, {expected}");
    }
    for_each_process!(check);
}

#[test]
fn derivatives_are_derivatives() {
    fn check(process: impl LinearSde) {
        schedule(&Noising::new(process));
    }
    fn schedule(schedule: &dyn Schedule) {
        schedule_derivatives_are_derivatives(schedule, 1e-5)
            .unwrap_or_else(|e| panic!("{schedule:?}: {e}"));
        let domain = schedule.domain();
        for t in [domain.start, domain.end] {
            let c = schedule.at(t);
            let values = [c.alpha, c.sigma, c.d_alpha, c.d_sigma];
            assert!(values.iter().all(|v| v.is_finite()), "{schedule:?} at {t}: {c:?}");
        }
    }
    for_each_process!(check);
    schedule(&Rectified);
    schedule(&Trigonometric);
}

/// Inside the declared domain everything is finite; where it is open, something is not.
#[test]
fn domains_are_what_they_declare() {
    fn check(process: impl LinearSde) {
        let domain = process.domain();
        assert_eq!(domain.horizon, process.horizon());
        assert!(!domain.contains(-1e-9) && !domain.contains(domain.horizon * 1.001));
        assert!(!domain.contains(f64::NAN));
        assert_eq!(domain.contains(domain.horizon), domain.closed, "{process:?}");
        let rates = |s| [process.lambda(s), process.g(s)].iter().all(|v: &f64| v.abs() < 1e15);
        assert_eq!(rates(domain.horizon), domain.closed, "{process:?} at its horizon");
        let followed = domain.followed();
        assert!(domain.contains(followed.start) && domain.contains(followed.end));
        for s in [0.0, followed.start, 0.5 * domain.horizon, followed.end] {
            let (alpha, sigma) = process.marginal(s);
            assert!(rates(s) && alpha.is_finite() && sigma.is_finite(), "{process:?} at {s}");
        }
        assert_eq!(process.marginal(0.0), (1.0, 0.0), "{process:?}");
        let schedule = Noising::new(&process).domain();
        assert!((schedule.end - (1.0 - followed.start / domain.horizon)).abs() < 1e-15);
        assert!((schedule.start - (1.0 - followed.end / domain.horizon)).abs() < 1e-15);
    }
    for_each_process!(check);
    assert_eq!(Domain::closed(80.0).to_string(), "[0, 80]");
    assert_eq!(Domain::open(1.0).to_string(), "[0, 1)");
}

/// Anderson's ε is g²/2 on the transport clock: `½ S g²(s)`.
#[test]
fn reversal_epsilon_is_half_the_diffusion() {
    fn check(process: impl LinearSde) {
        let schedule = Noising::new(&process);
        for k in 1..20 {
            let t = schedule.domain().start + schedule.domain().length() * f64::from(k) / 20.0;
            let s = process.horizon() * (1.0 - t);
            let exact = 0.5 * process.horizon() * process.g(s).powi(2);
            let got = schedule.reversal_epsilon(t);
            assert!((got - exact).abs() < 1e-9 * exact, "{process:?} at {t}: {got}, {exact}");
        }
    }
    for_each_process!(check);
}

/// On the unit clock the velocity of the probability flow is `S (λ x + ½ g² ∇log q)`: rescaled by
/// the horizon, and the negative of the process's own.
#[test]
fn velocities_are_rescaled_with_the_horizon() {
    fn check(process: impl LinearSde) {
        let law = Gaussian::new(vec![0.3, -0.7], vec![1.5, 0.6, 0.6, 0.9]).unwrap();
        let horizon = process.horizon();
        let flow = OracleFlow { law, schedule: Noising::new(&process) };
        for t in [0.05, 0.4, 0.9] {
            let s = horizon * (1.0 - t);
            let x = Noise::new(2, 20).normal(2, &space()).mul_scalar(process.marginal(s).1 + 1.0);
            let score = flow.at(t).score(x.clone());
            let (lambda, g) = (process.lambda(s), process.g(s));
            let exact =
                (x.clone().mul_scalar(lambda) + score.mul_scalar(0.5 * g * g)).mul_scalar(horizon);
            let (got, exact) = (to_host(flow.eval(x, Times::Same(t))), to_host(exact));
            for (a, b) in got.iter().zip(&exact) {
                let scale = 1.0 + horizon * (lambda + g * g);
                assert!((a - b).abs() < 1e-9 * scale, "{process:?} at {t}: {a}, {b}");
            }
        }
    }
    for_each_process!(check);
}

/// The SDE of straight lines is the schedule of straight lines.
#[test]
fn condot_is_rectified_flow() {
    let noising = Noising::new(CondOt);
    for t in [0.0, 0.3, 1.0] {
        let (a, b) = (noising.at(t), Rectified.at(t));
        assert!((a.alpha - b.alpha).abs() < 1e-15 && (a.sigma - b.sigma).abs() < 1e-15);
        assert_eq!((a.d_alpha, a.d_sigma), (b.d_alpha, b.d_sigma));
    }
}

/// VP is Ornstein–Uhlenbeck with θ = 1, σ = √2 at the time B(s)/2.
#[test]
fn vp_is_ornstein_uhlenbeck_on_another_clock() {
    for s in [0.1, 0.5, 1.0] {
        let vp = Vp::default();
        let (a, b) =
            (vp.marginal(s), OrnsteinUhlenbeck::default().marginal(0.5 * vp.beta_integral(s)));
        assert!((a.0 - b.0).abs() < 1e-14 && (a.1 - b.1).abs() < 1e-14);
    }
}

/// A value that others print: α(1) of VP is exp(−5.025) (Song et al. 2021).
#[test]
fn conventions_are_the_papers() {
    assert!((Vp::default().marginal(1.0).0 - (-5.025f64).exp()).abs() < 1e-15);
    assert_eq!(Cosine::default().marginal(1.0).0, 0.0);
    // VE with the −1: nothing is blurred at the data, σ_max is missed by 1e-4² /2 of itself.
    let (_, sigma) = Ve::default().marginal(1.0);
    assert!((sigma * sigma - (2500.0 - 1e-4)).abs() < 1e-10);
}
