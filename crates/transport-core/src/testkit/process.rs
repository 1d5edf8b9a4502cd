//! Suites for schedules and linear SDEs.

use super::{Violation, close};
use crate::process::{GaussianKernel, LinearSde};
use crate::schedule::Schedule;

/// `α′` and `σ′` equal central differences of `α` and `σ` inside the declared domain.
///
/// # Errors
/// The first time at which they differ by more than `tolerance`, relatively.
pub fn schedule_derivatives_are_derivatives(
    schedule: &dyn Schedule,
    tolerance: f64,
) -> Result<(), Violation> {
    let domain = schedule.domain();
    for k in 1..200 {
        let t = domain.start + domain.length() * f64::from(k) / 200.0;
        let h = 1e-6 * domain.length();
        let (before, at, after) = (schedule.at(t - h), schedule.at(t), schedule.at(t + h));
        let slope = |a: f64, b: f64| (b - a) / (2.0 * h);
        let place = || format!("t = {t}");
        let d_alpha = slope(before.alpha, after.alpha);
        close("α′ is the derivative of α", at.d_alpha, d_alpha, tolerance, place)?;
        let d_sigma = slope(before.sigma, after.sigma);
        close("σ′ is the derivative of σ", at.d_sigma, d_sigma, tolerance, place)?;
    }
    Ok(())
}

/// The closed-form marginal equals quadrature of the moment equations,
///
/// ```text
/// α(s) = exp(−∫₀ˢ λ),    σ²(s) = ∫₀ˢ g²(r) (α(s)/α(r))² dr
/// ```
///
/// by Gauss–Legendre on `panels` panels over the declared domain, up to the end of what is
/// followed ([`crate::process::Domain::followed`]).
///
/// # Errors
/// The first time at which α or σ² differs by more than `tolerance` times itself.
pub fn marginal_solves_the_moment_equations(
    process: &dyn LinearSde,
    panels: usize,
    tolerance: f64,
) -> Result<(), Violation> {
    let width = process.domain().followed().end / panels as f64;
    let (mut rate, mut variance) = (0.0, 0.0);
    for panel in 0..panels {
        let start = panel as f64 * width;
        let panel_rate = quadrature(start, start + width, |s| process.lambda(s));
        // Within a panel, α(s)/α(r) comes from the inner integral of λ.
        let added = quadrature(start, start + width, |r| {
            let decay = quadrature(r, start + width, |q| process.lambda(q));
            process.g(r).powi(2) * (-2.0 * decay).exp()
        });
        variance = variance * (-2.0 * panel_rate).exp() + added;
        rate += panel_rate;
        let (alpha, sigma) = process.marginal(start + width);
        let place = || format!("s = {}", start + width);
        relatively_close("α solves α′ = −λα", alpha, (-rate).exp(), tolerance, place)?;
        let property = "σ² solves (σ²)′ = g² − 2λσ²";
        relatively_close(property, sigma * sigma, variance, tolerance, place)?;
    }
    Ok(())
}

/// The exact kernels are those of the marginal, and compose (Chapman–Kolmogorov):
///
/// ```text
/// P(0, s) = (α(s), σ(s)),     P(s, u) after P(r, s) = P(r, u)
/// ```
///
/// # Errors
/// The first pair of times at which they differ by more than `tolerance`, relatively.
pub fn transitions_compose(process: &dyn LinearSde, tolerance: f64) -> Result<(), Violation> {
    const TIMES: u32 = 12;
    let end = process.domain().followed().end;
    let at = |k: u32| end * f64::from(k) / f64::from(TIMES);
    let check = |got: GaussianKernel, exact: GaussianKernel, from: f64, to: f64| {
        let place = || format!("from {from} to {to}");
        relatively_close("kernels scale alike", got.scale, exact.scale, tolerance, place)?;
        relatively_close("kernels scatter alike", got.std, exact.std, tolerance, place)
    };
    for k in 1..=TIMES {
        let (scale, std) = process.marginal(at(k));
        check(process.transition(0.0, at(k)), GaussianKernel { scale, std }, 0.0, at(k))?;
        for j in 0..k {
            let whole = process.transition(at(j), at(k));
            let middle = 0.3 * at(j) + 0.7 * at(k);
            let first = process.transition(at(j), middle);
            check(first.then(&process.transition(middle, at(k))), whole, at(j), at(k))?;
        }
    }
    Ok(())
}

/// `Err` when `got` and `expected` differ by more than `tolerance |expected|`.
fn relatively_close(
    property: &'static str,
    got: f64,
    expected: f64,
    tolerance: f64,
    place: impl FnOnce() -> String,
) -> Result<(), Violation> {
    // Written so that NaN is a violation too.
    if (got - expected).abs() <= tolerance * expected.abs() {
        return Ok(());
    }
    Err(Violation { property, got, expected, place: place() })
}

/// Ten-point Gauss–Legendre quadrature (nodes and weights: Abramowitz & Stegun, table 25.4).
fn quadrature(a: f64, b: f64, f: impl Fn(f64) -> f64) -> f64 {
    const RULE: [(f64, f64); 5] = [
        (0.148_874_338_981_631_22, 0.295_524_224_714_752_87),
        (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
        (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
        (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
        (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
    ];
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
    half * RULE.iter().map(|(x, w)| w * (f(middle - half * x) + f(middle + half * x))).sum::<f64>()
}
