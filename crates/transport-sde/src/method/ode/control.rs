//! Step-size control: tolerances, the error norm of each row, and the PI controller.
//!
//! ```text
//! ‖e‖ = √(mean over coordinates of (eᵢ / (atol + rtol max(|xᵢ(t)|, |xᵢ(t+h)|)))²)  ≤ 1 accepts
//! h ← h · 0.9 ‖e‖^{−α} ‖e_prev‖^{β},    α = 1/k − ¾β,  ‖e‖ = O(hᵏ)
//! ```
//!
//! `β = 1/(5k)` unless [`Tolerance::integral`] makes it 0.
//!
//! # References
//! Hairer, Nørsett & Wanner (1993), §II.4 (first step, norm); Hairer & Wanner (1996), §IV.2 (PI).

use burn::tensor::Tensor;
use transport_kernels::norms::scaled_norms;

/// How exact an adaptive solution has to be, and how long it may try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    rtol: f64,
    atol: f64,
    max_steps: usize,
    max_step: f64,
    first_step: Option<f64>,
    /// `β k`.
    memory: f64,
}

/// A tolerance that cannot be met by any step.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it has to be {expected}")]
pub struct ToleranceError {
    /// Which number.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// What it may be.
    pub expected: &'static str,
}

impl Tolerance {
    /// Steps tried for one row, unless said otherwise.
    pub const MAX_STEPS: usize = 100_000;

    /// A relative and an absolute tolerance for the error of a step.
    ///
    /// # Errors
    /// [`ToleranceError`] unless `rtol ≥ 0` and `atol > 0`, both finite.
    ///
    /// # Example
    /// ```
    /// use transport_sde::method::ode::Tolerance;
    /// assert!(Tolerance::new(1e-5, 1e-8).is_ok());
    /// assert!(Tolerance::new(1e-5, 0.0).is_err());
    /// ```
    pub fn new(rtol: f64, atol: f64) -> Result<Self, ToleranceError> {
        let refuse = |name, value, expected| Err(ToleranceError { name, value, expected });
        if !(rtol >= 0.0 && rtol.is_finite()) {
            return refuse("rtol", rtol, "finite and at least 0");
        }
        if !(atol > 0.0 && atol.is_finite()) {
            return refuse("atol", atol, "finite and above 0");
        }
        let (max_steps, max_step) = (Self::MAX_STEPS, f64::INFINITY);
        Ok(Self { rtol, atol, max_steps, max_step, first_step: None, memory: 0.2 })
    }

    /// With an integral controller: the last error alone chooses the next step, `β = 0`, as in most
    /// libraries. Where the error changes slowly the steps are longer, and the error is nearer to
    /// the tolerance; where stability limits them, more of them are refused.
    ///
    /// # Example
    /// ```
    /// use transport_sde::method::ode::Tolerance;
    /// let tolerance = Tolerance::new(1e-5, 1e-5).unwrap();
    /// assert_ne!(tolerance.integral(), tolerance);
    /// ```
    #[must_use]
    pub fn integral(self) -> Self {
        Self { memory: 0.0, ..self }
    }

    /// With a budget of steps, refused ones included, for each row.
    #[must_use]
    pub fn max_steps(self, max_steps: usize) -> Self {
        Self { max_steps, ..self }
    }

    /// With a longest step, a positive length whatever the direction.
    ///
    /// # Errors
    /// [`ToleranceError`] unless it is positive.
    pub fn max_step(self, max_step: f64) -> Result<Self, ToleranceError> {
        positive("max_step", max_step)?;
        Ok(Self { max_step, ..self })
    }

    /// With a given first step instead of an estimated one, a positive length.
    ///
    /// # Errors
    /// [`ToleranceError`] unless it is positive.
    pub fn first_step(self, first_step: f64) -> Result<Self, ToleranceError> {
        positive("first_step", first_step)?;
        Ok(Self { first_step: Some(first_step), ..self })
    }

    /// The relative tolerance.
    #[must_use]
    pub fn rtol(&self) -> f64 {
        self.rtol
    }

    /// The absolute tolerance.
    #[must_use]
    pub fn atol(&self) -> f64 {
        self.atol
    }

    pub(crate) fn budget(&self) -> usize {
        self.max_steps
    }

    pub(crate) fn longest(&self) -> f64 {
        self.max_step
    }

    pub(crate) fn first(&self) -> Option<f64> {
        self.first_step
    }

    /// The exponents for errors that are `O(hᵏ)`.
    pub(crate) fn controller(&self, k: usize) -> Controller {
        let beta = self.memory / k as f64;
        Controller { alpha: 1.0 / k as f64 - 0.75 * beta, beta, longest: self.max_step }
    }

    /// `‖e‖` of each row over a step between two states.
    pub(crate) fn norms(&self, e: &Tensor<2>, ends: [&Tensor<2>; 2]) -> Vec<f64> {
        scaled_norms(e, ends, (self.atol, self.rtol))
    }

    /// `‖e‖` of each row: one estimate as it is, two as `e₁²/√(e₁² + e₂²/100)`.
    pub(crate) fn ratios(
        &self,
        (start, end): (&Tensor<2>, &Tensor<2>),
        errors: &[Tensor<2>],
    ) -> Vec<f64> {
        let norms: Vec<Vec<f64>> = errors.iter().map(|e| self.norms(e, [start, end])).collect();
        match norms.as_slice() {
            [fine, coarse] => fine.iter().zip(coarse).map(|(f, c)| blend(*f, *c)).collect(),
            _ => norms.into_iter().next().unwrap_or_default(),
        }
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), ToleranceError> {
    match value > 0.0 {
        true => Ok(()),
        false => Err(ToleranceError { name, value, expected: "above 0" }),
    }
}

fn blend(fine: f64, coarse: f64) -> f64 {
    match fine == 0.0 {
        true => 0.0,
        false => fine * fine / (fine * fine + 0.01 * coarse * coarse).sqrt(),
    }
}

/// `α` and `β`, and the longest step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controller {
    alpha: f64,
    beta: f64,
    longest: f64,
}

/// One row's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Which row of the batch it is.
    pub(crate) row: usize,
    /// The time reached.
    pub(crate) t: f64,
    /// The next step, signed.
    pub(crate) h: f64,
    /// Steps tried so far.
    pub(crate) steps: usize,
    /// `ln ‖e‖` of the last accepted step.
    pub(crate) error: f64,
    /// Whether the last step was refused.
    pub(crate) refused: bool,
}

/// A step about to be tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    /// Its length, signed.
    pub(crate) h: f64,
    /// Where it ends.
    pub(crate) end: f64,
}

/// `ln 10⁻⁴`: no error is taken to have been smaller.
const LEAST: f64 = -9.210_340_371_976_182;

impl Clock {
    pub(crate) fn new(row: usize, t: f64, h: f64) -> Self {
        Self { row, t, h, steps: 0, error: LEAST, refused: false }
    }

    /// Whether it stands at `target` or past it.
    #[inline(always)]
    pub(crate) fn reached(&self, target: f64) -> bool {
        (target - self.t) * self.h.signum() <= 0.0
    }

    /// The next step, which ends at `limit` where it would pass it or leave a crumb.
    #[inline(always)]
    pub(crate) fn stride(&self, limit: f64, longest: f64) -> Stride {
        let (rest, h) = (limit - self.t, self.h.abs());
        // The longest step may be passed by rounding, not by a crumb.
        let reach = (1.01 * h).min(longest * (1.0 + 1e-12)).max(h);
        match reach >= rest.abs() {
            true => Stride { h: rest, end: limit },
            false => Stride { h: self.h, end: self.t + self.h },
        }
    }

    /// Whether a step is lost in the rounding of the time.
    #[inline(always)]
    pub(crate) fn is_stuck(&self) -> bool {
        self.t + 0.1 * self.h == self.t
    }

    /// After a step that is kept. One that was cut short by the limit does not shorten the next.
    #[inline(always)]
    pub(crate) fn accept(
        &self,
        stride: Stride,
        ratio: f64,
        Controller { alpha, beta, longest }: Controller,
    ) -> Self {
        let (most, error) = (if self.refused { 1.0 } else { 10.0 }, ratio.max(1e-10).ln());
        let factor = (0.9 * (beta * self.error - alpha * error).exp()).clamp(0.2, most);
        let cut = stride.h.abs() < self.h.abs();
        let length = (factor * stride.h).abs().max(if cut { self.h.abs() } else { 0.0 });
        Self {
            t: stride.end,
            h: length.min(longest).copysign(self.h),
            error: error.max(LEAST),
            refused: false,
            steps: self.steps + 1,
            ..*self
        }
    }

    /// After a step that is refused; `ratio` need not be finite.
    pub(crate) fn refuse(&self, stride: Stride, ratio: f64, exponent: usize) -> Self {
        let factor = match ratio.is_finite() {
            true => (0.9 * (-ratio.ln() / exponent as f64).exp()).clamp(0.2, 0.9),
            false => 0.1,
        };
        Self { h: factor * stride.h, refused: true, steps: self.steps + 1, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_checked() {
        assert_eq!(Tolerance::new(-1.0, 1.0).unwrap_err().name, "rtol");
        assert_eq!(Tolerance::new(1e-3, f64::NAN).unwrap_err().name, "atol");
        let tolerance = Tolerance::new(0.0, 1.0).unwrap();
        assert_eq!(tolerance.max_step(0.0).unwrap_err().name, "max_step");
        assert_eq!(tolerance.first_step(-1.0).unwrap_err().name, "first_step");
    }

    fn tolerance() -> Tolerance {
        Tolerance::new(1e-3, 1e-3).unwrap()
    }

    #[test]
    fn a_step_cut_by_the_limit_does_not_shorten_the_next() {
        let clock = Clock::new(0, 0.9, 0.5);
        let stride = clock.stride(1.0, f64::INFINITY);
        assert_eq!(stride.end, 1.0);
        assert!(clock.accept(stride, 1e-6, tolerance().controller(5)).h >= 0.5);
        assert!(clock.refuse(stride, 10.0, 5).h < 0.1);
    }

    #[test]
    fn the_controller_aims_at_the_tolerance_in_both_directions() {
        for sign in [1.0, -1.0] {
            let clock = Clock { error: 0.0, ..Clock::new(0, 0.0, 0.1 * sign) };
            let stride = clock.stride(10.0 * sign, f64::INFINITY);
            // ‖e‖ = 2⁻⁵ at order 5: twice the step, within the safety factor and the PI term.
            let next = clock.accept(stride, 1.0 / 32.0, tolerance().controller(5));
            assert!((0.15..0.2).contains(&next.h.abs()) && next.h.signum() == sign, "{}", next.h);
            // Without that term 0.9 of it, whatever the step before.
            for error in [0.0, LEAST] {
                let clock = Clock { error, ..clock };
                let next = clock.accept(stride, 1.0 / 32.0, tolerance().integral().controller(5));
                assert!((next.h - 0.18 * sign).abs() < 1e-15, "{}", next.h);
            }
            assert!((clock.refuse(stride, f64::NAN, 5).h - 0.01 * sign).abs() < 1e-15);
            let short = tolerance().max_step(0.05).unwrap();
            assert!(clock.accept(stride, 1.0, short.controller(5)).h.abs() <= 0.05);
        }
    }

    #[test]
    fn the_least_error_is_1e_4() {
        assert!((LEAST.exp() - 1e-4).abs() < 1e-18);
    }
}
