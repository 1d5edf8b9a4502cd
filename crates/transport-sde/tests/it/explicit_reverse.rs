//! Reverse kernels in closed form against the exact joint law of two times, and what starting
//! from the prior costs.

use crate::carried::{
    Carrier, LONG_OU, furthest, in_chunks, line_law, plane_law, standard_errors, two_points_off,
};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, Mixture, Noisable, PointLaw};
use transport_core::process::{Cosine, CriticallyDamped, Edm, PhaseSpace, SubVp, Ve, Vp};
use transport_core::{LinearSde, Noise, PushForward};
use transport_sde::dynamics::{
    Channel, Clock, DdpmPosterior, ExactScore, Forward, GaussianReverse, Marginals, MixtureReverse,
    ProbabilityFlow, ReverseError, gaussian_divergence, prior_mismatch,
};
use transport_sde::method::OdeStepper;
use transport_sde::method::ode::Rk4;
use transport_sde::{Grid, drive};

const N: usize = 100_000;

/// The joint law of `(X_s, X_t)`: of each component, covariance `[[C, C Aᵀ], [A C, C_t]]`.
/// `A` is recovered from what the channel does to means.
fn joint(channel: &Channel, law: &Mixture) -> Mixture {
    let d = PointLaw::dim(law);
    let basis = |j: usize| (0..d).map(|i| f64::from(u8::from(i == j))).collect();
    let columns: Vec<Vec<f64>> = (0..d)
        .map(|j| {
            let law = channel.carry(&Gaussian::isotropic(basis(j), 1.0)).unwrap();
            law.mean().to_vec()
        })
        .collect();
    let pair = |g: &Gaussian| {
        let after = channel.carry(g).unwrap();
        let mut covariance = vec![0.0; 4 * d * d];
        for i in 0..d {
            for j in 0..d {
                let cross: f64 = (0..d).map(|k| g.covariance()[i * d + k] * columns[k][j]).sum();
                covariance[i * 2 * d + j] = g.covariance()[i * d + j];
                covariance[i * 2 * d + d + j] = cross;
                covariance[(d + j) * 2 * d + i] = cross;
                covariance[(d + i) * 2 * d + d + j] = after.covariance()[i * d + j];
            }
        }
        Gaussian::new([g.mean(), after.mean()].concat(), covariance).unwrap()
    };
    let components = law.components().iter().map(pair).collect();
    Mixture::new(law.weights().to_vec(), components).unwrap()
}

/// `X_t` from its exact law, `X_s` from the kernel: rows `(x_s, x_t)`.
fn backwards(channel: &Channel, law: &Mixture, kernel: &dyn PushForward) -> Vec<f64> {
    let carried = law.components().iter().map(|g| channel.carry(g).unwrap()).collect();
    let after = Mixture::new(law.weights().to_vec(), carried).unwrap();
    in_chunks(&Noise::new(51, N), |noise| {
        let x = after.sample(&noise.purpose("start"), &space());
        Tensor::cat(vec![kernel.push(x.clone(), noise), x], 1)
    })
}

/// At most 15 statistics each, four standard errors: a false alarm has probability 1e-3 a case.
fn accept(points: &[f64], law: &Mixture, what: &str) {
    let (z, which) = furthest(points, law);
    assert!(z.abs() < 4.0, "{what}: {which} at {z:+.2} standard errors");
}

#[test]
fn mixture_kernels_reproduce_the_joint_law() {
    let run = |channel: Channel, law: Mixture, what: &str| {
        let kernel = MixtureReverse::new(&channel, &law).unwrap();
        accept(&backwards(&channel, &law, &kernel), &joint(&channel, &law), what);
    };
    let vp = Vp::default();
    let at = |s| plane_law().noised(&vp.coefs(s));
    run(Channel::linear(&vp, 0.0, 0.4, 2).unwrap(), at(0.0), "VP, 0.4 to 0");
    run(Channel::linear(&vp, 0.2, 0.25, 2).unwrap(), at(0.2), "VP, 0.25 to 0.2");
    run(Channel::linear(&Edm::default(), 0.0, 2.0, 2).unwrap(), plane_law(), "EDM, 2 to 0");
    let cosine = Cosine::default();
    run(Channel::linear(&cosine, 0.0, 1.0, 2).unwrap(), plane_law(), "cosine, 1 to 0");
    let cld = CriticallyDamped::default();
    let phase = |s| line_law().in_phase(&cld, s);
    run(Channel::phase(&cld, 0.0, 0.2, 1).unwrap(), phase(0.0), "CLD, 0.2 to 0");
    run(Channel::phase(&cld, 0.3, 0.8, 1).unwrap(), phase(0.3), "CLD, 0.8 to 0.3");
}

#[test]
fn gaussian_kernels_reproduce_the_joint_law() {
    let law = plane_law().components()[1].clone();
    let alone = Mixture::new(vec![1.0], vec![law.clone()]).unwrap();
    let channel = Channel::linear(&SubVp::default(), 0.0, 0.5, 2).unwrap();
    let kernel = GaussianReverse::new(&channel, &law).unwrap();
    accept(&backwards(&channel, &alone, &kernel), &joint(&channel, &alone), "sub-VP, 0.5 to 0");
}

/// A kernel of the law with a weight off by two points, where X_t tells little of the component;
/// and a kernel for less noise than there is.
#[test]
fn wrong_kernels_are_rejected() {
    let (far, law) = (Channel::linear(&Vp::default(), 0.0, 0.9, 2).unwrap(), plane_law());
    let near = |s| Channel::linear(&Vp::default(), 0.0, s, 2).unwrap();
    let off = MixtureReverse::new(&far, &two_points_off(&law)).unwrap();
    let short = MixtureReverse::new(&near(0.25), &law).unwrap();
    for (channel, kernel) in [(far, off), (near(0.3), short)] {
        let (z, which) = furthest(&backwards(&channel, &law, &kernel), &joint(&channel, &law));
        assert!(z.abs() > 9.0, "{which} at {z:+.2} standard errors");
    }
}

/// The forward kernel has the joint law too, and kernels compose.
#[test]
fn channels_compose_and_carry() {
    let vp = Vp::default();
    let channel = Channel::linear(&vp, 0.2, 0.5, 2).unwrap();
    let law = plane_law().noised(&vp.coefs(0.2));
    let points = in_chunks(&Noise::new(52, N), |noise| {
        let x = law.sample(&noise.purpose("start"), &space());
        Tensor::cat(vec![x.clone(), channel.push(x, noise)], 1)
    });
    accept(&points, &joint(&channel, &law), "VP, 0.2 to 0.5");

    let cld = CriticallyDamped::default();
    let law = Gaussian::new(vec![0.3, -0.2], vec![1.0, 0.2, 0.2, 0.5]).unwrap();
    let phase = |s| law.in_phase(&cld, s);
    let carried = Channel::phase(&cld, 0.1, 0.6, 2).unwrap().carry(&phase(0.1)).unwrap();
    let pairs = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(pairs(carried.mean(), phase(0.6).mean()));
    assert!(pairs(carried.covariance(), phase(0.6).covariance()));
}

/// Data, then X_t given the data, then X_s given both: the law of X_s, and its products with the
/// data and with X_t, whose means are `α_s E|x₁|²` and `a E|x_s|²`.
#[test]
fn ddpm_posteriors_reproduce_the_joint_law() {
    fn run(process: &impl LinearSde, from: f64, to: f64, spoil: f64) -> f64 {
        let (alpha, sigma) = process.marginal(from);
        let mut step = DdpmPosterior::new(process, from, to);
        step.std *= spoil;
        let rows = in_chunks(&Noise::new(53, N), |noise| {
            let data = plane_law().sample(&noise.purpose("data"), &space());
            let z = noise.purpose("noise").normal(2, &space());
            let x = data.clone().mul_scalar(alpha) + z.mul_scalar(sigma);
            let earlier = step.given(data.clone()).push(x.clone(), noise);
            Tensor::cat(vec![earlier, data, x], 1)
        });
        let column = |j: usize| rows.iter().skip(j).step_by(6).copied();
        let law = plane_law().noised(&process.coefs(to));
        let size = |law: &Mixture, i: usize| {
            let (mean, covariance) = crate::carried::moments(law);
            covariance[3 * i] + mean[i] * mean[i]
        };
        let points: Vec<f64> = rows.chunks_exact(6).flat_map(|row| [row[0], row[1]]).collect();
        let mut worst = furthest(&points, &law).0.abs();
        for i in 0..2 {
            let (alpha_s, a) = (process.marginal(to).0, alpha / process.marginal(to).0);
            let with_data = column(i).zip(column(2 + i)).map(|(a, b)| a * b);
            let with_later = column(i).zip(column(4 + i)).map(|(a, b)| a * b);
            let exact = [alpha_s * size(&plane_law(), i), a * size(&law, i)];
            worst = worst.max(standard_errors(with_data, exact[0]).abs());
            worst = worst.max(standard_errors(with_later, exact[1]).abs());
        }
        worst
    }
    for (from, to) in [(0.5, 0.3), (1.0, 0.6), (0.2, 0.0)] {
        let z = [
            run(&Vp::default(), from, to, 1.0),
            run(&SubVp::default(), from, to, 1.0),
            run(&Ve { sigma_min: 0.01, sigma_max: 5.0 }, from, to, 1.0),
            run(&Cosine::default(), from, to, 1.0),
        ];
        assert!(z.iter().all(|z| *z < 4.0), "{from} to {to}: {z:?}");
    }
    let vp = Vp::default();
    let spoiled = run(&vp, 0.5, 0.3, 1.05);
    assert!(spoiled > 9.0, "5 % more noise passes at {spoiled:.2}");
}

#[test]
fn kernels_that_do_not_exist_are_refused() {
    let vp = Vp::default();
    let order = Channel::linear(&vp, 0.5, 0.5, 1).unwrap_err();
    assert_eq!(order, ReverseError::Order { from: 0.5, to: 0.5 });
    assert!(order.to_string().contains("forwards"), "{order}");
    assert!(Channel::linear(&vp, f64::NAN, 0.5, 1).is_err());
    let channel = Channel::linear(&vp, 0.1, 0.5, 1).unwrap();
    let wrong = GaussianReverse::new(&channel, &Gaussian::standard(2)).unwrap_err();
    assert_eq!(wrong, ReverseError::Dimension { channel: 1, law: 2 });
    assert!(MixtureReverse::new(&channel, &plane_law()).is_err());
}

/// On a Gaussian the divergence is known, its estimate agrees, and the probability flow started at
/// the prior (an affine map, read off from the images of three points) misses the data by exactly
/// that much.
#[test]
fn the_priors_mismatch_is_what_the_flow_makes_of_it() {
    let (vp, law) = (Vp { beta_min: 0.1, beta_max: 4.0 }, Gaussian::isotropic(vec![1.5], 0.5));
    let (process, prior) = (Forward(vp), Gaussian::standard(1));
    let terminal = law.noised(&vp.coefs(1.0));
    let exact = gaussian_divergence(&terminal, &prior);
    let estimate = prior_mismatch(&terminal, &prior, &Noise::new(54, N), &space());
    let z = (estimate.nats - exact) / estimate.standard_error;
    assert!(z.abs() < 4.0 && estimate.standard_error < 0.02 * exact, "{estimate:?}, {exact}");

    let score = ExactScore { law: law.clone(), process };
    let flow = ProbabilityFlow { sde: process, score }.on_transport_clock(Clock::UNIT);
    let grid = Grid::uniform(transport_core::Interval::UNIT, 400).unwrap();
    let z = space().tensor(vec![0.0, 1.0, -2.0], [3, 1]);
    let ends = drive(&mut OdeStepper::<Rk4>::new(&flow), z, &grid, |_, _, _| {}).unwrap();
    let ends = to_host(ends);
    let (shift, slope) = (ends[0], ends[1] - ends[0]);
    assert!((ends[2] - (shift - 2.0 * slope)).abs() < 1e-9, "the map is affine: {ends:?}");
    let made = Gaussian::isotropic(vec![shift], slope);
    let missed = gaussian_divergence(&law, &made);
    assert!((missed - exact).abs() < 1e-8 * exact.max(1.0), "{missed} against {exact}");
}

/// Every process's own number. To leading order in α a linear process costs `½ (α m/σ)²`, m the
/// data's mean; variances enter at order α⁴.
#[test]
fn every_process_reports_its_mismatch() {
    fn run<M: Carrier>(process: &M, end: f64, prior: &Gaussian) -> f64 {
        let terminal = process.law_at(&line_law(), end);
        let found = prior_mismatch(&terminal, prior, &Noise::new(55, N), &space());
        assert!(found.nats >= 0.0 && found.standard_error <= 0.05 * found.nats, "{found:?}");
        found.nats
    }
    fn linear(process: impl LinearSde + Copy, end: f64) {
        let end = end * process.horizon();
        let (alpha, sigma) = process.marginal(end);
        let prior = Gaussian::isotropic(vec![0.0], sigma);
        let found = run(&Forward(process), end, &prior);
        let mean: f64 = 0.3 * -1.2 + 0.7;
        let ratio = found / (0.5 * (alpha * mean / sigma).powi(2));
        assert!((ratio - 1.0).abs() < 0.1, "{process:?}: {found}, {ratio} of the leading order");
    }
    linear(Vp::default(), 1.0);
    linear(SubVp::default(), 1.0);
    linear(Ve::default(), 1.0);
    linear(Cosine::default(), 0.999);
    linear(Edm::default(), 1.0);
    linear(LONG_OU, 1.0);
    linear(transport_core::process::CondOt, 0.999);
    let cld = CriticallyDamped::default();
    let found = run(&cld, 1.0, &cld.reference(1));
    let terminal = cld.law_at(&line_law(), 1.0);
    let (mean, covariance) = crate::carried::moments(&terminal);
    let fitted = Gaussian::new(mean, covariance).unwrap();
    let ratio = found / gaussian_divergence(&fitted, &cld.reference(1));
    assert!((ratio - 1.0).abs() < 0.1, "{found}, {ratio} of its Gaussian part");
}
