use transport_core::process::{Cosine, Edm, LinearSde, SubVp, Ve, Vp};
use transport_core::schedule::{Noising, Rectified, Schedule, Trigonometric};
use transport_core::testkit::{
    marginal_solves_the_moment_equations, schedule_derivatives_are_derivatives,
};

fn processes() -> Vec<(Box<dyn LinearSde>, f64)> {
    // The cosine process's λ is infinite at its horizon, so quadrature stops at 0.999 of it.
    vec![
        (Box::new(Vp::default()), 1.0),
        (Box::new(SubVp::default()), 1.0),
        (Box::new(Ve::default()), 1.0),
        (Box::new(Cosine::default()), 0.999),
        (Box::new(Edm::default()), 1.0),
    ]
}

#[test]
fn marginals_equal_quadrature() {
    for (process, end) in processes() {
        marginal_solves_the_moment_equations(&*process, end, 4000, 1e-10)
            .unwrap_or_else(|e| panic!("{process:?}: {e}"));
    }
}

#[test]
fn derivatives_are_derivatives() {
    let schedules: [&dyn Schedule; 7] = [
        &Rectified,
        &Trigonometric,
        &Noising::new(Vp::default()),
        &Noising::new(SubVp::default()),
        &Noising::new(Ve::default()),
        &Noising::new(Cosine::default()),
        &Noising::new(Edm::default()),
    ];
    for schedule in schedules {
        schedule_derivatives_are_derivatives(schedule, 1e-5)
            .unwrap_or_else(|e| panic!("{schedule:?}: {e}"));
        let domain = schedule.domain();
        for t in [domain.start, domain.end] {
            let c = schedule.at(t);
            let values = [c.alpha, c.sigma, c.d_alpha, c.d_sigma];
            assert!(values.iter().all(|v| v.is_finite()), "{schedule:?} at {t}: {c:?}");
        }
    }
}

/// Anderson's ε is g²/2 on the transport clock: `½ S g²(s)`.
#[test]
fn reversal_epsilon_is_half_the_diffusion() {
    let check = |process: &dyn LinearSde, schedule: &dyn Schedule| {
        for k in 1..20 {
            let t = schedule.domain().start + schedule.domain().length() * f64::from(k) / 20.0;
            let s = process.horizon() * (1.0 - t);
            let exact = 0.5 * process.horizon() * process.g(s).powi(2);
            let got = schedule.reversal_epsilon(t);
            assert!((got - exact).abs() < 1e-9 * exact, "{process:?} at {t}: {got}, {exact}");
        }
    };
    check(&Vp::default(), &Noising::new(Vp::default()));
    check(&SubVp::default(), &Noising::new(SubVp::default()));
    check(&Ve::default(), &Noising::new(Ve::default()));
    check(&Cosine::default(), &Noising::new(Cosine::default()));
    check(&Edm::default(), &Noising::new(Edm::default()));
}

/// A value that others print: α(1) of VP is exp(−5.025) (Song et al. 2021).
#[test]
fn conventions_are_the_papers() {
    assert!((Vp::default().marginal(1.0).0 - (-5.025f64).exp()).abs() < 1e-15);
    assert_eq!(Cosine::default().marginal(1.0).0, 0.0);
}
