//! A spiking neuron.

use super::{LINE, Simulator};
use crate::noise::Stream;
use crate::time::Interval;

/// A generalised linear model of a neuron that spikes or does not in each of 100 bins, seen through
/// its sufficient statistics.
///
/// ```text
/// b ~ N(0, 2),   f ~ N(0, (FᵀF)⁻¹) on 9 lags,   F = D² + diag √(j/9),   D = 1 − shift
/// yₜ ~ Bernoulli(sigmoid(b + Σⱼ fⱼ I_{t−j})),   θ = (b, f)
/// x = (Σ yₜ,  Σₜ yₜ I_{t−j}, j = 0 … 8)
/// ```
///
/// The stimulus I is fixed white noise, zero before the first bin; the prior keeps the filter
/// smooth.
///
/// # References
/// De Nicolao, Sparacino & Cobelli (1997); Lueckmann et al. (2021), T.5, with the stimulus of their
/// code (NumPy's normal draws for seed 42).
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BernoulliGlm;

const LAGS: usize = 9;
const BINS: usize = 100;

/// What stands before the parameters in bin `t`.
fn design(t: usize) -> [f64; LAGS + 1] {
    let lag = |j: usize| if t >= j { STIMULUS[t - j] } else { 0.0 };
    std::array::from_fn(|j| if j == 0 { 1.0 } else { lag(j - 1) })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Simulator for BernoulliGlm {
    fn parameters(&self) -> usize {
        LAGS + 1
    }

    fn data(&self) -> usize {
        LAGS + 1
    }

    fn support(&self) -> Interval {
        LINE
    }

    /// The filter solves `F f = ε`; `F` is lower triangular with `1, −2` on its two lower diagonals.
    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        stream.fill_normal(theta);
        theta[0] *= 2f64.sqrt();
        let filter = &mut theta[1..];
        for j in 0..LAGS {
            let back = |lag: usize| if j >= lag { filter[j - lag] } else { 0.0 };
            let rest = filter[j] + 2.0 * back(1) - back(2);
            filter[j] = rest / (1.0 + (j as f64 / LAGS as f64).sqrt());
        }
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        x.fill(0.0);
        for row in (0..BINS).map(design) {
            if stream.uniform() < 1.0 / (1.0 + (-dot(&row, theta)).exp()) {
                x.iter_mut().zip(row).for_each(|(x, v)| *x += v);
            }
        }
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let softplus = |v: f64| v.max(0.0) + (-v.abs()).exp().ln_1p();
        dot(x, theta) - (0..BINS).map(|t| softplus(dot(&design(t), theta))).sum::<f64>()
    }
}

#[rustfmt::skip]
const STIMULUS: [f64; BINS] = [
    0.49671414, -0.1382643, 0.64768857, 1.5230298, -0.23415338, -0.23413695, 1.5792128, 0.76743472,
    -0.46947438, 0.54256004, -0.46341768, -0.46572974, 0.24196227, -1.9132802, -1.7249179, -0.56228751,
    -1.0128311, 0.31424734, -0.90802407, -1.4123037, 1.4656488, -0.2257763, 0.067528203, -1.4247482,
    -0.54438275, 0.11092259, -1.1509936, 0.37569803, -0.60063869, -0.29169375, -0.60170662, 1.8522782,
    -0.013497225, -1.0577109, 0.82254493, -1.2208437, 0.2088636, -1.9596701, -1.328186, 0.19686124,
    0.73846656, 0.17136829, -0.11564828, -0.30110368, -1.4785219, -0.71984422, -0.46063876, 1.0571222,
    0.3436183, -1.7630402, 0.32408398, -0.38508227, -0.67692202, 0.61167628, 1.0309995, 0.93128014,
    -0.83921754, -0.30921239, 0.33126342, 0.97554511, -0.47917423, -0.18565898, -1.1063349, -1.1962066,
    0.81252581, 1.35624, -0.072010122, 1.0035329, 0.36163601, -0.64511973, 0.3613956, 1.5380366,
    -0.035826039, 1.5646436, -2.619745, 0.82190251, 0.08704707, -0.29900736, 0.091760777, -1.9875689,
    -0.21967189, 0.35711256, 1.4778941, -0.51827019, -0.80849361, -0.50175703, 0.91540211, 0.32875112,
    -0.52976018, 0.51326746, 0.097077549, 0.96864498, -0.70205307, -0.32766214, -0.39210814, -1.4635149,
    0.29612029, 0.26105526, 0.0051134569, -0.23458713,
];
