//! DPM-Solver++ with its stages inside the step.

use super::exponential::{euler, rising_moments};
use super::{DiffusionMethod, Ends, Leap, Scales};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// DPM-Solver++ of `ORDER` 1, 2 or 3, which remembers nothing.
///
/// ```text
/// 1S  x' = (σ'/σ) x + α' I₀(h) D
/// 2S  u = 1S to λ + h/2,     x' = 1S with D(u)
/// 3S  u = 1S to λ + h/3,     w = 1S to λ + 2h/3, + 2 α_w I₁(2h/3)/(2h/3) (D(u) − D)
///     x' = 1S + (3/2) α' I₁(h)/h (D(w) − D)
/// I₀(h) = 1 − e^{−h},     I₁(h)/h = 1 − I₀(h)/h
/// ```
///
/// The stages stand at equal parts of λ, whose times the schedule is asked for.
///
/// # References
/// Lu et al. (2022), "DPM-Solver++", alg. 1 and app. B, with r = ½ and (⅓, ⅔).
/// # Checked by
/// `tests/it/diffusion_order.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Singlestep<const ORDER: usize>;

/// The exponential Euler step, DDIM(0).
pub type Dpmpp1S = Singlestep<1>;
/// The exponential midpoint rule.
pub type Dpmpp2S = Singlestep<2>;
/// Three stages.
pub type Dpmpp3S = Singlestep<3>;

impl<const ORDER: usize> DiffusionMethod for Singlestep<ORDER> {
    type Memory = ();

    fn order(&self) -> usize {
        const { assert!(ORDER >= 1 && ORDER <= 3, "orders 1 to 3 are known") };
        ORDER
    }

    fn stages(&self) -> usize {
        ORDER
    }

    fn is_stochastic(&self) -> bool {
        false
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        (): &mut (),
    ) -> Tensor<2> {
        let data = denoiser.data(x.clone(), Times::Same(leap.t));
        advance(self.order(), denoiser, x, data, leap)
    }
}

/// A step of the given order from an evaluation that has been made already.
pub(super) fn advance(
    order: usize,
    denoiser: &dyn Denoiser,
    x: Tensor<2>,
    data: Tensor<2>,
    leap: &Leap<'_>,
) -> Tensor<2> {
    match leap.allowed_order(order, false) {
        1 => euler(x, data, leap.ends, 0.0),
        2 => second(denoiser, x, data, leap),
        _ => third(denoiser, x, data, leap),
    }
}

fn second(denoiser: &dyn Denoiser, x: Tensor<2>, data: Tensor<2>, leap: &Leap<'_>) -> Tensor<2> {
    let half = part(denoiser, leap, 0.5);
    let u = euler(x.clone(), data, half.ends, 0.0);
    let middle = denoiser.data(u, Times::Same(half.next));
    euler(x, middle, leap.ends, 0.0)
}

fn third(denoiser: &dyn Denoiser, x: Tensor<2>, data: Tensor<2>, leap: &Leap<'_>) -> Tensor<2> {
    let (one, two) = (part(denoiser, leap, 1.0 / 3.0), part(denoiser, leap, 2.0 / 3.0));
    let u = euler(x.clone(), data.clone(), one.ends, 0.0);
    let rise = denoiser.data(u, Times::Same(one.next)) - data.clone();
    let w = euler(x.clone(), data.clone(), two.ends, 0.0) + rise.mul_scalar(2.0 * slope(two.ends));
    let rise = denoiser.data(w, Times::Same(two.next)) - data.clone();
    euler(x, data, leap.ends, 0.0) + rise.mul_scalar(1.5 * slope(leap.ends))
}

/// `α' I₁(h)/h`.
fn slope(ends: Ends) -> f64 {
    let h = ends.log_snr_gap();
    ends.to.alpha * rising_moments(h, 2)[1] / h
}

/// The step from the same start to `λ + r h`.
fn part<'a>(denoiser: &dyn Denoiser, leap: &Leap<'a>, r: f64) -> Leap<'a> {
    let schedule = denoiser.schedule();
    let next = schedule.time_of_log_snr(leap.ends.from.log_snr() + r * leap.ends.log_snr_gap());
    let ends = Ends { to: Scales::at(schedule, next), ..leap.ends };
    Leap { next, ends, ..leap.clone() }
}
