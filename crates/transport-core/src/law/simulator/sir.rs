//! An epidemic.

use super::{HALF_LINE, Simulator, runge_kutta};
use crate::noise::Stream;
use crate::time::Interval;

/// Susceptible, infected, recovered: ten counts of infected among a thousand people.
///
/// ```text
/// β ~ LogNormal(log 0.4, 0.5),   γ ~ LogNormal(log 0.125, 0.2)
/// S′ = −β S I/N,   I′ = β S I/N − γ I,   R′ = γ I,   N = 10⁶,  I(0) = 1
/// xᵢ ~ Binomial(1000, I(tᵢ)/N),   tᵢ = 0, 17, …, 153 days
/// ```
///
/// # References
/// Kermack & McKendrick (1927); Lueckmann et al. (2021), T.9.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sir;

const PEOPLE: f64 = 1e6;
const COUNTED: u32 = 1000;
const OBSERVED: usize = 10;
/// Classical Runge–Kutta steps between observations, four a day.
const STEPS: usize = 68;
const DAYS: f64 = 17.0;
const PRIOR: [(f64, f64); 2] = [(0.4, 0.5), (0.125, 0.2)];

/// The infected share at the observed times.
fn infected(theta: &[f64]) -> [f64; OBSERVED] {
    let (beta, gamma) = (theta[0], theta[1]);
    let slope = |[s, i]: [f64; 2]| [-beta * s * i, beta * s * i - gamma * i];
    let mut state = [1.0 - 1.0 / PEOPLE, 1.0 / PEOPLE];
    let mut shares = [state[1]; OBSERVED];
    for share in &mut shares[1..] {
        (0..STEPS).for_each(|_| state = runge_kutta(slope, state, DAYS / STEPS as f64));
        *share = state[1].clamp(0.0, 1.0);
    }
    shares
}

/// A count out of `n`, by inversion of its distribution function.
fn binomial(stream: &mut Stream, n: u32, p: f64) -> f64 {
    if p > 0.5 {
        return f64::from(n) - binomial(stream, n, 1.0 - p);
    }
    let odds = p / (1.0 - p);
    let (mut rest, mut mass) = (stream.uniform(), (1.0 - p).powi(n as i32));
    let mut k = 0;
    while rest > mass && k < n {
        rest -= mass;
        mass *= odds * f64::from(n - k) / f64::from(k + 1);
        k += 1;
    }
    f64::from(k)
}

impl Simulator for Sir {
    fn parameters(&self) -> usize {
        2
    }

    fn data(&self) -> usize {
        OBSERVED
    }

    fn support(&self) -> Interval {
        HALF_LINE
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        let (a, b) = stream.normal_pair();
        for ((t, z), (median, spread)) in theta.iter_mut().zip([a, b]).zip(PRIOR) {
            *t = median * (spread * z).exp();
        }
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        for (x, share) in x.iter_mut().zip(infected(theta)) {
            *x = binomial(stream, COUNTED, share);
        }
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let n = f64::from(COUNTED);
        let term = |k: f64, log: f64| if k > 0.0 { k * log } else { 0.0 };
        let one = |(x, p): (&f64, f64)| term(*x, p.ln()) + term(n - x, (-p).ln_1p());
        x.iter().zip(infected(theta)).map(one).sum()
    }
}
