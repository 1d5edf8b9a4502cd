//! The variational bound of a diffusion on Gaussians, where it is a closed form.

use crate::space;
use burn::tensor::Tensor;
use transport_core::law::{Gaussian, Law, OracleFlow};
use transport_core::process::{Edm, Vp};
use transport_core::schedule::{Noising, Rectified, Schedule, Trigonometric};
use transport_core::{Denoiser, Density, Noise, Times, device::to_host};
use transport_sde::SolveError;
use transport_sde::fokker_planck::Estimate;
use transport_sde::likelihood::{NoBound, Variational};

const VARIANCES: [f64; 2] = [1.6, 0.4];

fn law() -> Gaussian {
    Gaussian::new(vec![0.0; 2], vec![VARIANCES[0], 0.0, 0.0, VARIANCES[1]]).unwrap()
}

/// `E log p − E bound` of the exact posterior mean: the integral of `α²s/(α²s + σ²)` over λ is
/// `½ ln(1 + s e^{2λ})`.
fn gap(least: f64, most: f64) -> f64 {
    let one = |s: &f64| {
        let log_prob = -0.5 * (1.0 + (2.0 * std::f64::consts::PI * s).ln());
        let own = most - 0.5 * (1.0 + (2.0 * std::f64::consts::PI).ln());
        let integral = 0.5 * ((s * (2.0 * most).exp()).ln_1p() - (s * (2.0 * least).exp()).ln_1p());
        log_prob - (own - integral - 0.5 * s * (2.0 * least).exp())
    };
    VARIANCES.iter().map(one).sum()
}

/// The mean gap over samples, each row's exact density less its bound.
fn found(model: &dyn Denoiser, levels: Variational, n: usize) -> (Estimate, f64) {
    let noise = Noise::new(21, n);
    let x = law().sample(&noise.purpose("points"), &space());
    let (bound, error) = levels.bound(model, &x, &noise).unwrap();
    let gaps = to_host(law().log_prob(x) - bound);
    let errors = to_host(error.0);
    let typical = (errors.iter().map(|e| e * e).sum::<f64>() / n as f64).sqrt();
    (Estimate::of(&gaps), typical)
}

/// On four schedules: the mean gap is the closed form within 4.5 standard errors (false alarm under
/// 1e-5 for a random seed, none for this fixed one), and positive where it is told from 0.
#[test]
fn the_gap_on_gaussians_is_the_closed_form() {
    fn check<S: Schedule + Copy + 'static>(what: &str, schedule: S, least: f64, most: f64) {
        let model = OracleFlow { law: law(), schedule };
        let levels = Variational::new(least, most, 8).unwrap();
        let (estimate, typical) = found(&model, levels, 20_000);
        let domain = schedule.domain();
        let ends = [schedule.log_snr(domain.start), schedule.log_snr(domain.end)];
        let expected = gap(least.max(ends[0]), most.min(ends[1]));
        println!("{what}: {estimate:?} for {expected}, {typical:.3} a row");
        assert!(expected > 0.0 && estimate.z_score(expected).abs() < 4.5, "{what}: {estimate:?}");
    }
    check("rectified, narrow", Rectified, -0.5, 0.8);
    check("rectified", Rectified, -7.0, 7.0);
    check("trigonometric", Trigonometric, -2.0, 3.0);
    check("VP", Noising::new(Vp::default()), -7.0, 7.0);
    check("EDM", Noising::new(Edm::default()), -7.0, 7.0);
    // Equality in the limit: to 5e-6 nats between ±7.
    assert!(gap(-7.0, 7.0) < 5e-6 && gap(-0.5, 0.8) > 0.1);
}

/// The standard error of a row is that of repeated bounds, or more.
#[test]
fn errors_are_not_too_small() {
    let model = OracleFlow { law: law(), schedule: Rectified };
    let levels = Variational::whole(6).unwrap();
    let x = space().tensor::<2>(vec![0.7, -0.3], [1, 2]).expand([4000, 2]);
    let noise = Noise::new(5, 4000);
    let (bound, error) = levels.bound(&model, &x, &noise).unwrap();
    let spread = Estimate::of(&to_host(bound));
    let claimed = to_host(error.0).iter().map(|e| e * e).sum::<f64>() / 4000.0;
    let ratio = claimed.sqrt() / (spread.std_error * 4000f64.sqrt());
    println!("claimed/actual error {ratio:.3}");
    assert!(ratio > 0.95 && ratio < 2.0, "{ratio}");
}

#[test]
#[should_panic(expected = "levels 50 to 60 on a schedule of")]
fn levels_are_the_schedules() {
    let _ = found(
        &Scaled(OracleFlow { law: law(), schedule: Noising::new(Vp::default()) }, 1.0),
        Variational::new(50.0, 60.0, 4).unwrap(),
        10,
    );
}

/// A posterior mean that is off.
struct Scaled<D>(D, f64);

impl<D: Denoiser> Denoiser for Scaled<D> {
    fn schedule(&self) -> &dyn Schedule {
        self.0.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.data(x, t).mul_scalar(self.1)
    }
}

/// A wrong model's bound is lower: the planted fault is told apart; one that is not finite is named.
#[test]
fn a_wrong_denoiser_loses_and_a_broken_one_is_named() {
    let oracle = || OracleFlow { law: law(), schedule: Rectified };
    let levels = Variational::new(-3.0, 3.0, 8).unwrap();
    let (right, _) = found(&Scaled(oracle(), 1.0), levels, 5000);
    let (wrong, _) = found(&Scaled(oracle(), 1.05), levels, 5000);
    assert!(right.z_score(gap(-3.0, 3.0)).abs() < 4.5, "{right:?}");
    assert!(wrong.z_score(gap(-3.0, 3.0)) > 10.0, "{wrong:?}");
    let x = law().sample(&Noise::new(1, 3), &space());
    let broken = levels.bound(&Scaled(oracle(), f64::NAN), &x, &Noise::new(1, 3));
    assert!(matches!(broken, Err(SolveError::NotFinite { row: 0, step: 1, .. })));
    assert_eq!(Variational::new(1.0, 1.0, 4), Err(NoBound { least: 1.0, most: 1.0, draws: 4 }));
    assert!(Variational::whole(1).is_err() && Variational::new(f64::NAN, 1.0, 4).is_err());
}
