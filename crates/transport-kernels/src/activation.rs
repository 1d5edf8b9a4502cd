//! Activations: a function of one number, and its derivative.

use crate::fresh::places;
use crate::math;
use crate::simd::{Loop, PIECE, dispatch, worth_threads};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// A function applied to each element.
///
/// ```text
/// exp       eˣ                         eˣ
/// sigmoid   σ(x) = 1/(1 + e⁻ˣ)         σ(x) σ(−x)
/// silu      x σ(x)                     σ(x) (1 + x σ(−x))
/// tanh      tanh x                     1 − tanh² x
/// softplus  ln(1 + eˣ)                 σ(x)
/// gelu      x Φ(x)                     Φ(x) + x φ(x)
/// relu      max(x, 0)                  0, or 1                for x ≤ 0, or x > 0
/// selu      λ x, or λ α (eˣ − 1)       λ, or λ α eˣ         for x > 0, or x ≤ 0
/// ```
///
/// # References
/// Elfwing, Uchibe & Doya (2018), SiLU; Hendrycks & Gimpel (2016), GELU; Klambauer et al. (2017),
/// SELU.
/// # Checked by
/// `tests/it/activations.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `eˣ`.
    Exp,
    /// The logistic function.
    Sigmoid,
    /// `x σ(x)`.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
    /// `ln(1 + eˣ)`.
    Softplus,
    /// `x Φ(x)`, Φ the normal distribution function.
    Gelu,
    /// The self-normalising exponential linear unit.
    Selu,
    /// `max(x, 0)`, with slope 0 at 0.
    Relu,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Exp,
        Self::Sigmoid,
        Self::Silu,
        Self::Tanh,
        Self::Softplus,
        Self::Gelu,
        Self::Selu,
        Self::Relu,
    ];
}

/// λ of SELU.
pub(crate) const SELU_LAMBDA: f64 = 1.050_700_987_355_480_5;
/// α of SELU.
pub(crate) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

/// Value and derivative at one point.
#[inline(always)]
fn both<const FMA: bool>(kind: Activation, x: f32) -> (f32, f32) {
    match kind {
        Activation::Exp => {
            let e = math::exp::<FMA>(x);
            (e, e)
        }
        Activation::Sigmoid => {
            let (up, _, slope) = math::logistic::<FMA>(x);
            (up, slope)
        }
        Activation::Silu => {
            let (up, down, _) = math::logistic::<FMA>(x);
            let value = x * up;
            (value, math::fma::<FMA>(value, down, up))
        }
        Activation::Tanh => math::tanh::<FMA>(x),
        Activation::Softplus => {
            let e = math::exp_nonpositive::<FMA>(-x.abs());
            let over = if x < 0.0 { 0.0 } else { x };
            let r = 1.0 / (1.0 + e);
            (over + math::ln_1p_unit::<FMA>(e), if x < 0.0 { e * r } else { r })
        }
        Activation::Gelu => {
            let (distribution, density) = math::normal::<FMA>(x);
            (x * distribution, math::fma::<FMA>(x, density, distribution))
        }
        Activation::Selu => {
            let (lambda, both) = (SELU_LAMBDA as f32, (SELU_LAMBDA * SELU_ALPHA) as f32);
            let below = if x > 0.0 { 0.0 } else { x };
            let (value, slope) =
                (both * math::expm1_negative::<FMA>(below), both * math::exp::<FMA>(below));
            if x > 0.0 { (lambda * x, lambda) } else { (value, slope) }
        }
        // NaN is not below 0, and stays.
        Activation::Relu => {
            if x <= 0.0 {
                (0.0, 0.0)
            } else {
                (x, 1.0)
            }
        }
    }
}

/// Calls an inlined function with the kind as a constant, so that its loop has no branch.
macro_rules! with_constant {
    ($kind:expr, $function:ident::<FMA>($($argument:expr),*)) => {
        match $kind {
            Activation::Exp => $function::<FMA>(Activation::Exp, $($argument),*),
            Activation::Sigmoid => $function::<FMA>(Activation::Sigmoid, $($argument),*),
            Activation::Silu => $function::<FMA>(Activation::Silu, $($argument),*),
            Activation::Tanh => $function::<FMA>(Activation::Tanh, $($argument),*),
            Activation::Softplus => $function::<FMA>(Activation::Softplus, $($argument),*),
            Activation::Gelu => $function::<FMA>(Activation::Gelu, $($argument),*),
            Activation::Selu => $function::<FMA>(Activation::Selu, $($argument),*),
            Activation::Relu => $function::<FMA>(Activation::Relu, $($argument),*),
        }
    };
}

struct Values<'a> {
    kind: Activation,
    x: &'a [f32],
    value: &'a mut [MaybeUninit<f32>],
}

#[inline(always)]
fn values<const FMA: bool>(kind: Activation, x: &[f32], value: &mut [MaybeUninit<f32>]) {
    for (x, value) in x.iter().zip(value) {
        value.write(both::<FMA>(kind, *x).0);
    }
}

impl Loop for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { kind, x, value } = self;
        with_constant!(kind, values::<FMA>(x, value));
    }
}

struct ValuesAndSlopes<'a> {
    kind: Activation,
    x: &'a [f32],
    value: &'a mut [MaybeUninit<f32>],
    slope: &'a mut [MaybeUninit<f32>],
}

#[inline(always)]
fn values_and_slopes<const FMA: bool>(
    kind: Activation,
    x: &[f32],
    value: &mut [MaybeUninit<f32>],
    slope: &mut [MaybeUninit<f32>],
) {
    for ((x, value), slope) in x.iter().zip(value).zip(slope) {
        let (f, derivative) = both::<FMA>(kind, *x);
        value.write(f);
        slope.write(derivative);
    }
}

impl Loop for ValuesAndSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { kind, x, value, slope } = self;
        with_constant!(kind, values_and_slopes::<FMA>(x, value, slope));
    }
}

/// `f(x)`, element by element, on several threads when there are many.
///
/// # Panics
/// When the lengths differ.
pub fn apply(kind: Activation, x: &[f32], value: &mut [f32]) {
    write(kind, x, places(value));
}

/// `f(x)` and `f′(x)`, at the price of one.
///
/// # Panics
/// When the lengths differ.
pub fn apply_with_slope(kind: Activation, x: &[f32], value: &mut [f32], slope: &mut [f32]) {
    write_with_slope(kind, x, places(value), places(slope));
}

/// [`apply`] into memory that holds nothing yet; writes all of it.
pub(crate) fn write(kind: Activation, x: &[f32], value: &mut [MaybeUninit<f32>]) {
    assert_eq!(x.len(), value.len(), "as many values as arguments");
    if !worth_threads(x.len()) {
        return dispatch(Values { kind, x, value });
    }
    let pieces = x.par_chunks(PIECE).zip(value.par_chunks_mut(PIECE));
    pieces.for_each(|(x, value)| dispatch(Values { kind, x, value }));
}

/// [`apply_with_slope`] into memory that holds nothing yet; writes all of it.
pub(crate) fn write_with_slope(
    kind: Activation,
    x: &[f32],
    value: &mut [MaybeUninit<f32>],
    slope: &mut [MaybeUninit<f32>],
) {
    assert_eq!(x.len(), value.len(), "as many values as arguments");
    assert_eq!(x.len(), slope.len(), "as many slopes as arguments");
    if !worth_threads(x.len()) {
        return dispatch(ValuesAndSlopes { kind, x, value, slope });
    }
    let out = value.par_chunks_mut(PIECE).zip(slope.par_chunks_mut(PIECE));
    x.par_chunks(PIECE)
        .zip(out)
        .for_each(|(x, (value, slope))| dispatch(ValuesAndSlopes { kind, x, value, slope }));
}
