//! Tables of timesteps, and the inversion of the log signal-to-noise ratio.

use transport_core::Interval;
use transport_core::process::{Cosine, Edm, SubVp, Ve, Vp};
use transport_core::schedule::{
    Discrete, DiscreteError, Noising, Rectified, Schedule, Timesteps, Trigonometric,
};
use transport_core::testkit::schedule_derivatives_are_derivatives;

fn table() -> Discrete {
    Discrete::linear(1000, 1e-4, 0.02).unwrap()
}

/// ᾱ of Ho et al.'s table at its ends, by the product itself: ᾱ_999 = 4.04e-5.
#[test]
fn the_table_is_met_at_its_timesteps() {
    let schedule = table();
    let mut product = 1.0;
    for k in 0..1000 {
        product *= 1.0 - (1e-4 + (0.02 - 1e-4) * f64::from(k) / 999.0);
        let c = schedule.at(schedule.time(f64::from(k)));
        assert!((c.alpha * c.alpha - product).abs() < 1e-13, "{k}");
        assert!((c.sigma * c.sigma - (1.0 - product)).abs() < 1e-12, "{k}");
        assert_eq!(schedule.timestep(schedule.time(f64::from(k))), f64::from(k));
    }
    assert!((product - 4.0358e-5).abs() < 1e-8, "{product}");
    assert_eq!(schedule.at(1.0).sigma, 0.0);
    assert_eq!(schedule.at(1.0).alpha, 1.0);
}

/// With β = c/T the interpolation is exact: ᾱ(s) = (1 − c/T)^{Ts}.
#[test]
fn between_timesteps_beta_is_constant_and_derivatives_are_derivatives() {
    let flat = Discrete::new(&[0.01; 100]).unwrap();
    let c = flat.at(1.0 - 0.2345);
    assert!((c.alpha.powi(2) - 0.99f64.powf(23.45)).abs() < 1e-13);
    schedule_derivatives_are_derivatives(&flat, 1e-5).unwrap();
}

/// The timesteps that the peers' documentation prints: offset 1 and 5 of 1000 gives 801 … 1.
#[test]
fn timesteps_are_spaced_as_named() {
    let schedule = table();
    let leading = schedule.timesteps(Timesteps::Leading { offset: 1 }, 5).unwrap();
    assert_eq!(leading, [801.0, 601.0, 401.0, 201.0, 1.0]);
    let linspace = schedule.timesteps(Timesteps::Linspace, 5).unwrap();
    assert_eq!(linspace, [999.0, 749.0, 500.0, 250.0, 0.0]);
    let trailing = schedule.timesteps(Timesteps::Trailing, 5).unwrap();
    assert_eq!(trailing, [999.0, 799.0, 599.0, 399.0, 199.0]);
    let all = schedule.timesteps(Timesteps::Trailing, 1000).unwrap();
    assert_eq!((all[0], all[999]), (999.0, 0.0));
    for (which, n) in [
        (Timesteps::Linspace, 0),
        (Timesteps::Trailing, 1001),
        (Timesteps::Leading { offset: 1 }, 1000),
    ] {
        assert!(matches!(schedule.timesteps(which, n), Err(DiscreteError::Count { .. })));
    }
}

#[test]
fn tables_are_checked() {
    assert_eq!(Discrete::new(&[]), Err(DiscreteError::Empty));
    assert_eq!(Discrete::new(&[0.1, 1.0, 0.1]), Err(DiscreteError::Beta { index: 1, value: 1.0 }));
    assert!(Discrete::new(&[0.1, f64::NAN]).is_err());
    assert!(Discrete::cosine(0).is_err());
}

/// Lin et al.'s rescaling keeps ᾱ_0 and reaches 0; √ᾱ stays an affine image of what it was.
#[test]
fn zero_terminal_snr_moves_the_last_step_only_to_zero() {
    let (before, after) = (table(), table().with_zero_terminal_snr());
    assert!((before.alpha_bar(0) - after.alpha_bar(0)).abs() < 1e-15);
    assert_eq!(after.alpha_bar(999), 0.0);
    assert_eq!(after.at(0.0).sigma, 1.0);
    let root = |table: &Discrete, k: usize| table.alpha_bar(k).sqrt();
    let ratio = |table: &Discrete| {
        (root(table, 100) - root(table, 999)) / (root(table, 700) - root(table, 999))
    };
    assert!((ratio(&before) - ratio(&after)).abs() < 1e-10);
    assert!(after.domain().start > 0.0 && after.at(after.domain().start).d_sigma.is_finite());
}

/// The cosine table follows the cosine process where its β is not capped.
#[test]
fn the_cosine_table_is_the_cosine_process() {
    let (table, process) = (Discrete::cosine(1000).unwrap(), Noising::new(Cosine::default()));
    for k in [0.0, 10.0, 500.0, 900.0] {
        let t = table.time(k);
        assert!((table.at(t).alpha - process.at(t).alpha).abs() < 1e-12, "{k}");
    }
}

#[test]
fn log_snr_is_inverted() {
    let schedules: [&dyn Schedule; 8] = [
        &Rectified,
        &Trigonometric,
        &Noising::new(Vp::default()),
        &Noising::new(SubVp::default()),
        &Noising::new(Ve::default()),
        &Noising::new(Cosine::default()),
        &Noising::new(Edm::default()),
        &table(),
    ];
    for schedule in schedules {
        let Interval { start, end } = schedule.sampling();
        for k in 1..20 {
            let t = start + (end - start) * f64::from(k) / 20.0;
            let back = schedule.time_of_log_snr(schedule.log_snr(t));
            assert!((back - t).abs() < 3e-12, "{t}: {back}");
        }
        assert_eq!(schedule.time_of_log_snr(f64::INFINITY), 1.0);
        assert!(schedule.time_of_log_snr(-1e3) - start < 1e-12);
    }
}
