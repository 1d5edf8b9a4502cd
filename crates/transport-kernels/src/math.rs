//! Elementary functions in f32, as polynomials: no branches, no tables, no calls.
//!
//! ```text
//! x = n ln 2 + r,  |r| ≤ ½ ln 2:   eˣ = 2ⁿ (1 + r + r² P(r))
//! tanh x = x + x³ P(x²)                 |x| < ⅝,   (1 − e^{−2|x|})/(1 + e^{−2|x|}) beyond
//! ln(1+f) = f − f²/2 + f³ P(f)          √½ ≤ 1 + f ≤ √2
//! erfc(z) = e^{−z²} P(u)/(1 + 2z),      u = (z − 2)/(z + 2),  z ≥ 0
//! sin 2πr = r P(r²)                     |r| ≤ ¼
//! ```
//!
//! The polynomials are minimax fits of their own (relative error, Lawson's iteration, rounded to
//! f32); the reductions are those of Cody & Waite. Errors are a few units in the last place.
//!
//! # References
//! Cody & Waite (1980), "Software manual for the elementary functions".
//! # Checked by
//! `tests/it/activations.rs`, against f64.

/// `a b + c`, in one rounding where that is one instruction.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `c₀ + c₁ x + …` by Horner's rule.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut sum = c[N - 1];
    let mut k = N - 1;
    while k > 0 {
        k -= 1;
        sum = fma::<FMA>(sum, x, c[k]);
    }
    sum
}

/// 1.5 · 2²³: adding it leaves the nearest whole number in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// ln 2 in two parts; products of the first with small whole numbers are exact.
const LN2_HIGH: f32 = 355.0 / 512.0;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `(n, r²P(r) + r)` with `eˣ = 2ⁿ (1 + that)`, for x between −104 and 89; NaN goes through.
#[inline(always)]
fn reduced<const FMA: bool>(x: f32) -> (i32, f32) {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = fma::<FMA>(n, -LN2_LOW, fma::<FMA>(n, -LN2_HIGH, x));
    let p = polynomial::<FMA, 6>(
        r,
        [0.5, 0.166_666_66, 0.041_666_348, 0.008_333_391_5, 0.001_394_165_3, 0.000_198_459_57],
    );
    let bits = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32;
    (bits, fma::<FMA>(r * r, p, r))
}

/// 2ⁿ for n between −126 and 127.
#[inline(always)]
fn power(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `eˣ`.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    let (n, q) = reduced::<FMA>(x);
    // In two steps, so that results near the ends of the range are rounded once.
    let half = n >> 1;
    (1.0 + q) * power(half) * power(n.wrapping_sub(half))
}

/// `eˣ` for x ≤ 0, by fewer operations: 0 below e⁻⁸⁷, about the smallest normal number.
#[inline(always)]
pub(crate) fn exp_nonpositive<const FMA: bool>(x: f32) -> f32 {
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = fma::<FMA>(n, -LN2_LOW, fma::<FMA>(n, -LN2_HIGH, x));
    let p = polynomial::<FMA, 5>(
        r,
        [0.499_999_97, 0.166_665_39, 0.041_667_223, 0.008_367_181, 0.001_388_239_3],
    );
    let q = fma::<FMA>(r * r, p, r);
    // The shift drops all of the rounder but the whole number in its low bits.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let e = (1.0 + q) * power;
    if x < -87.0 { 0.0 } else { e }
}

/// `eˣ − 1` for x ≤ 0.
#[inline(always)]
pub(crate) fn expm1_negative<const FMA: bool>(x: f32) -> f32 {
    let (n, q) = reduced::<FMA>(if x < -30.0 { -30.0 } else { x });
    let scale = power(n);
    fma::<FMA>(scale, q, scale - 1.0)
}

/// `(σ(x), σ(−x), σ′(x))`, each accurate in both tails.
#[inline(always)]
pub(crate) fn logistic<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    let e = exp_nonpositive::<FMA>(-x.abs());
    let r = 1.0 / (1.0 + e);
    let small = e * r;
    let (up, down) = if x < 0.0 { (small, r) } else { (r, small) };
    (up, down, small * r)
}

/// `(tanh x, 1 − tanh² x)`.
#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f32) -> (f32, f32) {
    let a = x.abs();
    let e = exp_nonpositive::<FMA>(-2.0 * a);
    let r = 1.0 / (1.0 + e);
    let s = x * x;
    let p = polynomial::<FMA, 5>(
        s,
        [-0.333_332_8, 0.133_314_42, -0.053_739_715, 0.020_639_09, -0.005_704_990_6],
    );
    let near = fma::<FMA>(a * s, p, a);
    let value = if a < 0.625 { near } else { (1.0 - e) * r };
    (value.copysign(x), 4.0 * e * r * r)
}

/// `ln(1 + u)` for u in [0, 1].
#[inline(always)]
pub(crate) fn ln_1p_unit<const FMA: bool>(u: f32) -> f32 {
    let w = 1.0 + u;
    let lost = u - (w - 1.0);
    let high = w > std::f32::consts::SQRT_2;
    let f = if high { 0.5 * w - 1.0 } else { w - 1.0 };
    let k = if high { std::f32::consts::LN_2 } else { 0.0 };
    let p = logarithm::<FMA>(f);
    let s = f * f;
    let tail = fma::<FMA>(f * s, p, -0.5 * s);
    k + (f + (tail + lost / w))
}

/// `ln x` for a normal number `x > 0`; NaN goes through.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f32) -> f32 {
    // x = 2ⁿ m with √½ ≤ m < √2.
    let bits = x.to_bits();
    let n = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((n as u32) << 23));
    let (f, n) = (m - 1.0, n as f32);
    let s = f * f;
    let tail = fma::<FMA>(f * s, logarithm::<FMA>(f), -0.5 * s);
    // 0 x is 0, or NaN where x is.
    fma::<FMA>(n, LN2_HIGH, f + fma::<FMA>(n, LN2_LOW, tail)) + 0.0 * x
}

/// `P(f)` of `ln(1+f)`.
#[inline(always)]
fn logarithm<const FMA: bool>(f: f32) -> f32 {
    polynomial::<FMA, 8>(
        f,
        [
            0.333_333_3,
            -0.250_008_23,
            0.200_012_27,
            -0.166_233_57,
            0.142_017_62,
            -0.131_601_94,
            0.127_615_5,
            -0.076_344_3,
        ],
    )
}

/// `(Φ(x), φ(x))`: the normal distribution function and its density.
#[inline(always)]
pub(crate) fn normal<const FMA: bool>(x: f32) -> (f32, f32) {
    // Beyond 17 both tails are 0 in f32.
    let a = x.abs();
    let a = if a > 17.0 { 17.0 } else { a };
    let s = a * a;
    // What the square lost in rounding matters in the tail.
    let lost = if FMA { a.mul_add(a, -s) } else { 0.0 };
    let e = exp_nonpositive::<FMA>(-0.5 * s);
    let e = fma::<FMA>(e, -0.5 * lost, e);
    let z = a * std::f32::consts::FRAC_1_SQRT_2;
    let p = polynomial::<FMA, 11>(
        (z - 2.0) / (z + 2.0),
        [
            1.276_978_4,
            -0.092_763_85,
            -0.166_031_82,
            0.164_051_68,
            -0.054_200_4,
            -0.008_031_556,
            0.008_625_309,
            0.001_230_703_2,
            -0.001_253_158_1,
            -0.000_318_567_6,
            0.000_050_091_097,
        ],
    );
    let tail = 0.5 * e * p / fma::<FMA>(2.0, z, 1.0);
    let distribution = if x < 0.0 { tail } else { 1.0 - tail };
    // 1/√(2π).
    (distribution, 0.398_942_3 * e)
}

/// `(sin 2πp, cos 2πp)` of a phase in turns. The reduction is exact in f64.
#[inline(always)]
pub(crate) fn sin_cos_turns<const FMA: bool>(p: f64) -> (f32, f32) {
    // 1.5 · 2⁵²: rounds to the nearest whole number, for phases below 2⁵¹.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    let r = p - ((p + ROUNDER) - ROUNDER);
    let a = r.abs();
    // sin is folded about a quarter turn; cos 2πr = sin 2π(¼ − |r|).
    let folded = if a > 0.25 { 0.5 - a } else { a };
    let sin = sine::<FMA>((folded as f32).copysign(r as f32));
    (sin, sine::<FMA>((0.25 - a) as f32))
}

/// `sin 2πr`, |r| ≤ ¼.
#[inline(always)]
fn sine<const FMA: bool>(r: f32) -> f32 {
    let p = polynomial::<FMA, 6>(
        r * r,
        [6.283_185_5, -41.341_7, 81.605_225, -76.704_17, 42.007_805, -14.381_434],
    );
    r * p
}
