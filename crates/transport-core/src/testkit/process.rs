//! Suites for schedules and linear SDEs.

use super::{Violation, close};
use crate::process::LinearSde;
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
/// by Gauss–Legendre on `panels` panels up to `end`, a fraction of the horizon.
///
/// # Errors
/// The first time at which they differ by more than `tolerance`, relatively.
pub fn marginal_solves_the_moment_equations(
    process: &dyn LinearSde,
    end: f64,
    panels: usize,
    tolerance: f64,
) -> Result<(), Violation> {
    let width = end * process.horizon() / panels as f64;
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
        close("α solves α′ = −λα", alpha, (-rate).exp(), tolerance, place)?;
        let property = "σ² solves (σ²)′ = g² − 2λσ²";
        close(property, sigma * sigma, variance, tolerance, place)?;
    }
    Ok(())
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
