//! Diagnostics against ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on chains that a formula makes.

use transport_sde::diagnostics::{
    Summary, ess_bulk, ess_mean, ess_tail, mcse_mean, mcse_mean_square, mcse_sd, normal_quantile,
    rhat,
};

/// `y ← φ y + u − ½` with `u` from the generator `s ← 1664525 s + 1013904223 mod 2³²` (Numerical
/// Recipes), seeded by `c + 1`; chain `c` is stretched by `1 + grow c` and moved by `shift c`.
fn autoregressive(m: u32, n: usize, phi: f64, shift: f64, grow: f64) -> Vec<Vec<f64>> {
    let chain = |c: u32| {
        let (mut s, mut y) = (c + 1, 0.0);
        let step = |_| {
            s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            y = phi * y + (f64::from(s) / 4_294_967_296.0 - 0.5);
            y * (1.0 + grow * f64::from(c)) + shift * f64::from(c)
        };
        (0..n).map(step).collect()
    };
    (0..m).map(chain).collect()
}

fn stuck() -> Vec<Vec<f64>> {
    let mut chains = autoregressive(4, 100, 0.0, 0.0, 0.0);
    chains[0] = vec![0.1; 100];
    chains
}

fn two_values() -> Vec<Vec<f64>> {
    let sign = |c: Vec<f64>| c.into_iter().map(|y| f64::from(u8::from(y > 0.0))).collect();
    autoregressive(3, 120, 0.5, 0.0, 0.0).into_iter().map(sign).collect()
}

/// R̂, bulk, tail and mean ESS, MCSE of mean, sd and mean square.
fn all(chains: &[Vec<f64>]) -> [f64; 7] {
    [
        rhat(chains),
        ess_bulk(chains),
        ess_tail(chains),
        ess_mean(chains),
        mcse_mean(chains),
        mcse_sd(chains),
        mcse_mean_square(chains),
    ]
}

#[test]
#[rustfmt::skip]
fn numbers_are_arviz_numbers() {
    let ar = autoregressive;
    let cases = [
        ("AR(1), 0.7", ar(4, 250, 0.7, 0.0, 0.0), [1.0073890336121352, 198.99959454385322, 392.30003483108476, 199.31286179895685, 0.028727936292356576, 0.0138417202313842, 0.011659613261685553]),
        ("antithetic", ar(4, 250, -0.6, 0.0, 0.0), [1.0003425167205118, 3000.0, 926.6737318396338, 3000.0, 0.006226795200926196, 0.008900136501878446, 0.0060726186292061465]),
        ("odd length, shifted", ar(4, 101, 0.3, 0.3, 0.0), [1.5171148627829811, 7.942164781675043, 44.142667409013285, 7.812790256405078, 0.15895752262610616, 0.044693985245789755, 0.15317207228302063]),
        ("scales differ", ar(4, 200, 0.2, 0.0, 1.0), [1.216614505194771, 515.44631411529, 99.34804786236728, 512.406715088029, 0.03559387205008398, 0.14872541871379882, 0.23933315581786888]),
        ("a stuck chain", stuck(), [1.5195271232295464, 401.03795896843945, 262.0329650044696, 341.4189066538957, 0.013457784639167537, 0.029327532416655356, 0.013502383149704412]),
        ("two values", two_values(), [1.006132801560563, 208.53401499708534, 208.53401499708528, 208.53401499708528, 0.0346639714436733, 0.0007694298630041038, 0.0346639714436733]),
        ("one chain", ar(1, 300, 0.9, 0.0, 0.0), [f64::NAN, 34.2046104004668, 106.6404791183738, 33.546916583879934, 0.09804832871121885, 0.0404343694829679, 0.04821260669874293]),
        ("short", ar(2, 5, 0.1, 0.0, 0.0), [2.0573838095641324, 7.224719895935548, 7.224719895935548, 7.224719895935548, 0.08959177935699988, 0.0338317617865378, 0.01991126849972763]),
        ("constant", vec![vec![2.5; 40]; 3], [f64::NAN, 120.0, 120.0, 120.0, 0.0, f64::NAN, 0.0]),
    ];
    for (name, chains, expected) in cases {
        for (k, (got, expected)) in all(&chains).into_iter().zip(expected).enumerate() {
            let close = (got - expected).abs() <= 1e-9 * (1.0 + expected.abs());
            assert!(close || got.is_nan() && expected.is_nan(), "{name}, {k}: {got}, not {expected}");
        }
    }
}

/// SciPy 1.17.1, `norm.ppf`.
#[test]
fn normal_quantiles() {
    let cases = [
        (1e-300, -37.0470962993612),
        (1e-12, -7.034483825301131),
        (1e-5, -4.264890793922825),
        (0.02425, -1.972961051311885),
        (0.07, -1.4757910281791706),
        (0.3, -0.5244005127080409),
        (0.5, 0.0),
        (0.9, 1.2815515655446004),
        (0.975, 1.959963984540054),
        (0.99999, 4.264890793923841),
    ];
    for (p, expected) in cases {
        let got = normal_quantile(p);
        assert!((got - expected).abs() <= 2e-15 * (1.0 + expected.abs()), "{p}: {got}");
    }
    assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(normal_quantile(1.5).is_nan() && normal_quantile(f64::NAN).is_nan());
}

#[test]
fn what_cannot_be_diagnosed_is_nan() {
    let good = autoregressive(2, 50, 0.2, 0.0, 0.0);
    let mut holed = good.clone();
    holed[1][7] = f64::NAN;
    let uneven = vec![good[0].clone(), good[1][..40].to_vec()];
    let short: Vec<Vec<f64>> = good.iter().map(|c| c[..3].to_vec()).collect();
    for chains in [holed, uneven, short, vec![]] {
        assert!(all(&chains).iter().all(|v| v.is_nan()), "{:?}", all(&chains));
    }
    let summary = Summary::of(&good);
    assert_eq!((summary.rhat, summary.ess_tail), (rhat(&good), ess_tail(&good)));
}
