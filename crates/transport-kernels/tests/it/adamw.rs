//! The fused step against the formulas in f64.

use transport_kernels::adamw::{AdamW, Slot, add_scaled, scale, sum_of_squares};

const NUMBERS: AdamW = AdamW {
    scale: 0.5,
    rate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    correct1: 10.0,
    correct2: 1000.0,
    epsilon: 1e-8,
    decay: 0.1,
    follow: 0.2,
};

fn arrays(n: usize) -> [Vec<f32>; 5] {
    let wave = |s: f32| (0..n).map(|k| (k as f32 * s).sin()).collect::<Vec<f32>>();
    [wave(0.3), wave(0.7), wave(0.2).iter().map(|v| v * v).collect(), wave(0.5), wave(1.1)]
}

fn stepped(n: usize) -> [Vec<f32>; 4] {
    let [mut theta, mut m, mut v, mut average, gradient] = arrays(n);
    NUMBERS.step(Slot {
        theta: &mut theta,
        m: &mut m,
        v: &mut v,
        average: &mut average,
        gradient: &gradient,
    });
    [theta, m, v, average]
}

#[test]
fn the_step_is_the_formula() {
    let [theta, m, v, average, gradient] = arrays(77);
    let after = stepped(77);
    for k in 0..77 {
        let w = |a: &[f32]| f64::from(a[k]);
        let g = 0.5 * w(&gradient);
        let m = 0.9 * w(&m) + 0.1 * g;
        let v = 0.999 * w(&v) + 0.001 * g * g;
        let direction = 10.0 * m / ((1000.0 * v).sqrt() + 1e-8);
        let theta = w(&theta) - 0.01 * (direction + 0.1 * w(&theta));
        let average = w(&average) + 0.2 * (theta - w(&average));
        for (got, right) in after.iter().zip([theta, m, v, average]) {
            assert!((f64::from(got[k]) - right).abs() < 2e-6 * (1.0 + right.abs()), "{k}");
        }
    }
}

#[test]
fn threads_and_length_do_not_change_a_bit() {
    let n = 200_003;
    let pool = |t: usize| rayon::ThreadPoolBuilder::new().num_threads(t).build().unwrap();
    let one = pool(1).install(|| stepped(n));
    assert_eq!(one, pool(3).install(|| stepped(n)));
    assert_eq!(one[0][..50], stepped(50)[0]);
}

#[test]
fn sums_of_gradients() {
    let (mut a, b): (Vec<f32>, Vec<f32>) = ((0..100).map(|k| k as f32).collect(), vec![2.0; 100]);
    assert!((sum_of_squares(&a) - 328_350.0).abs() < 1e-9);
    add_scaled(&mut a, &b, 0.5);
    assert!(a.iter().enumerate().all(|(k, v)| *v == k as f32 + 1.0));
    scale(&mut a, 2.0);
    assert_eq!(a[10], 22.0);
}
