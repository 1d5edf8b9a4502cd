//! One suite for the kernels and the composed operations: values and slopes against f64.

use crate::spaces;
use burn::tensor::Tensor;
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use transport_core::{Noise, device::to_host};
use transport_kernels::{Activation, activation, composed, ops};

/// `erfc(z)`, z ≥ 0: its series below 2.5, its continued fraction beyond
/// (Abramowitz & Stegun 7.1.6, 7.1.14).
fn erfc(z: f64) -> f64 {
    if z < 2.5 {
        let mut term = z;
        let mut sum = z;
        for k in 1..200 {
            term *= 2.0 * z * z / f64::from(2 * k + 1);
            sum += term;
        }
        1.0 - 2.0 / PI.sqrt() * (-z * z).exp() * sum
    } else {
        let fraction = (1..200).rev().fold(z, |f, k| z + 0.5 * f64::from(k) / f);
        (-z * z).exp() / (PI.sqrt() * fraction)
    }
}

/// Value and slope in f64.
fn exact(kind: Activation, x: f64) -> (f64, f64) {
    const LAMBDA: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
    match kind {
        Activation::Exp => (x.exp(), x.exp()),
        Activation::Sigmoid => (sigma(x), sigma(x) * sigma(-x)),
        Activation::Silu => (x * sigma(x), sigma(x) * (1.0 + x * sigma(-x))),
        Activation::Tanh => (x.tanh(), x.cosh().powi(-2)),
        Activation::Softplus => (x.max(0.0) + (-x.abs()).exp().ln_1p(), sigma(x)),
        Activation::Gelu => {
            let tail = 0.5 * erfc(x.abs() * FRAC_1_SQRT_2);
            let distribution = if x < 0.0 { tail } else { 1.0 - tail };
            let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
            (x * distribution, distribution + x * density)
        }
        Activation::Relu => {
            if x > 0.0 {
                (x, 1.0)
            } else {
                (0.0, 0.0)
            }
        }
        Activation::Selu if x > 0.0 => (LAMBDA * x, LAMBDA),
        Activation::Selu => (LAMBDA * ALPHA * x.exp_m1(), LAMBDA * ALPHA * x.exp()),
    }
}

/// Both tails, densely around 0, near the ends of exp's range, and subnormal.
fn arguments() -> Vec<f32> {
    let mut x: Vec<f32> = (-104_000..89_000).map(|k| k as f32 * 1e-3).collect();
    x.extend((-20_000..20_000).map(|k| k as f32 * 1e-4 + 3e-6));
    x.extend((0..150).flat_map(|k| [2f32.powi(-k), -(2f32.powi(-k)) * 1.3]));
    x.extend([0.0, -0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 88.72, -103.9, 1e4, -1e4]);
    x
}

/// The largest error, in units of `ε (|exact| + floor)`; results near the smallest normal
/// number count as 0.
fn worst(got: &[f64], x: &[f32], exact: impl Fn(f64) -> f64, floor: f64) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for (got, x) in got.iter().zip(x) {
        let right = exact(f64::from(*x));
        if right.abs() >= f64::from(f32::MAX) {
            assert!(*got >= f64::from(f32::MAX) * 0.999, "{got} where {right} overflows, at {x}");
            continue;
        }
        let unit = f64::from(f32::EPSILON) * (right.abs() + floor);
        // e⁻⁸⁷ counts as 0 in the functions that need it in one tail only.
        let tiny = 4.0 * f64::from(f32::MIN_POSITIVE) * (1.0 + f64::from(x.abs()));
        let error = (got - right).abs() / (unit + tiny);
        assert!(error.is_finite(), "{got} where {right} is right, at {x}");
        if error > worst.0 {
            worst = (error, *x);
        }
    }
    worst
}

/// In units in the last place, tails included: slopes of SiLU and GELU have a zero where terms
/// cancel, whose error is measured against the terms.
#[test]
fn kernels_are_accurate_to_a_few_units_in_the_last_place() {
    let x = arguments();
    let (mut value, mut slope) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    for kind in Activation::ALL {
        activation::apply_with_slope(kind, &x, &mut value, &mut slope);
        let wide = |v: &[f32]| v.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (v, s) = (wide(&value), wide(&slope));
        let floor = match kind {
            Activation::Silu | Activation::Gelu => 0.25,
            _ => 0.0,
        };
        let (value_error, at) = worst(&v, &x, |x| exact(kind, x).0, 0.0);
        let (slope_error, slope_at) = worst(&s, &x, |x| exact(kind, x).1, floor);
        println!("{kind:?}: value {value_error:.2} at {at}, slope {slope_error:.2} at {slope_at}");
        assert!(value_error < 3.0, "{kind:?}: {value_error} at {at}");
        assert!(slope_error < 3.0, "{kind:?}: slope {slope_error} at {slope_at}");
        let mut alone = vec![0.0; x.len()];
        activation::apply(kind, &x, &mut alone);
        assert!(alone.iter().zip(&value).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

type Unary = fn(Activation, Tensor<1>) -> Tensor<1>;

/// The one suite: values, gradients and slopes on tensors, in units of ε (1 + |exact|).
fn holds(name: &str, apply: Unary) {
    for space in spaces() {
        let epsilon = if space == spaces()[0] { f64::from(f32::EPSILON) } else { 1e-14 };
        let x: Vec<f64> = (-900..900).map(|k| f64::from(k) * 0.0103).collect();
        let rounded = to_host(space.tensor::<1>(x.clone(), [x.len()]));
        for kind in Activation::ALL {
            let leaf = space.tensor::<1>(x.clone(), [x.len()]).autodiff().require_grad();
            let y = apply(kind, leaf.clone());
            let slope = leaf.grad(&y.clone().sum().backward()).unwrap();
            let (y, slope) = (to_host(y.inner()), to_host(slope));
            for ((x, y), slope) in rounded.iter().zip(y).zip(slope) {
                let (value, derivative) = exact(kind, *x);
                let close = |a: f64, b: f64| (a - b).abs() <= 4.0 * epsilon * (1.0 + b.abs());
                assert!(close(y, value), "{name} {kind:?} at {x}: {y} for {value}");
                assert!(close(slope, derivative), "{name} {kind:?}′ at {x}: {slope}, {derivative}");
            }
        }
    }
}

#[test]
fn tensors_hold_the_suite_with_kernels() {
    holds("kernel", ops::activate);
}

#[test]
fn tensors_hold_the_suite_composed() {
    holds("composed", composed::activate);
}

/// A planted fault: a slope that forgets a term, as the suite would see it.
#[test]
#[should_panic(expected = "wrong")]
fn the_suite_rejects_a_wrong_slope() {
    holds("wrong", |kind, x| match kind {
        Activation::Silu => x.clone() * composed::activate(Activation::Sigmoid, x).detach(),
        kind => ops::activate(kind, x),
    });
}

#[test]
fn slopes_come_with_values_and_can_be_differentiated_again() {
    let [single, double] = spaces();
    let x: Vec<f64> = (-60..60).map(|k| f64::from(k) * 0.097).collect();
    for kind in Activation::ALL {
        let at = single.tensor::<1>(x.clone(), [x.len()]);
        let (value, slope) = ops::activate_with_slope(kind, at.clone());
        let (other, composed) = composed::activate_with_slope(kind, at);
        let gap = |a: Tensor<1>, b: Tensor<1>| {
            let size = b.clone().abs().add_scalar(1.0);
            ((a - b).abs() / size).max().into_scalar::<f64>()
        };
        assert!(gap(value, other) < 1e-6 && gap(slope, composed) < 1e-6, "{kind:?}");

        // ReLU's slope is a constant on either side of 0.
        if kind == Activation::Relu {
            continue;
        }
        // The slope's own derivative, against a difference of slopes in f64.
        let leaf = double.tensor::<1>(x.clone(), [x.len()]).autodiff().require_grad();
        let slope = ops::activate_with_slope(kind, leaf.clone()).1;
        let second = to_host(leaf.grad(&slope.sum().backward()).unwrap());
        for (x, second) in x.iter().zip(second).filter(|(x, _)| x.abs() > 1e-3) {
            let h = 1e-5;
            let difference = (exact(kind, x + h).1 - exact(kind, x - h).1) / (2.0 * h);
            assert!((second - difference).abs() < 1e-6 * (1.0 + difference.abs()), "{kind:?} {x}");
        }
    }
}

#[test]
fn special_values_are_those_of_the_formulas() {
    let payload = f32::from_bits(0x7fc0_1234);
    let special =
        [f32::NAN, payload, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-42, -1e-42, 3e38];
    let space = &spaces()[0];
    let x = || space.tensor::<1>(special.iter().map(|v| f64::from(*v)).collect(), [special.len()]);
    for kind in Activation::ALL {
        let kernel = to_host(ops::activate(kind, x()));
        let other = to_host(composed::activate(kind, x()));
        for ((x, a), b) in special.iter().zip(kernel).zip(other) {
            let same = a.is_nan() && b.is_nan() || a == b || (a - b).abs() < 1e-6;
            assert!(same, "{kind:?} of {x}: {a} and {b}");
        }
    }
}

/// An element's bits do not depend on where it stands, in lanes or in the tail.
#[test]
fn bits_do_not_depend_on_the_position() {
    let x: Vec<f32> =
        Noise::new(1, 1).normal_values(300).into_iter().map(|v| 3.0 * v as f32).collect();
    for kind in Activation::ALL {
        let (mut whole, mut slopes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        activation::apply_with_slope(kind, &x, &mut whole, &mut slopes);
        for (start, length) in [(0, 1), (1, 17), (3, 40), (5, 255), (31, 64), (299, 1), (7, 293)] {
            let range = start..start + length;
            let (mut part, mut slope) = (vec![0.0; length], vec![0.0; length]);
            activation::apply_with_slope(kind, &x[range.clone()], &mut part, &mut slope);
            let same =
                |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same(&part, &whole[range.clone()]), "{kind:?} at {range:?}");
            assert!(same(&slope, &slopes[range.clone()]), "{kind:?}′ at {range:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let x: Vec<f32> = (0..300_001).map(|k| (k % 4001) as f32 * 0.005 - 10.0).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut y = vec![0.0; x.len()];
        pool.install(|| activation::apply(Activation::Silu, &x, &mut y));
        y.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}
