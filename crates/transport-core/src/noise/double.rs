//! Box–Muller: two standard normal draws from one block of bits, without branches.
//!
//! ```text
//! u₁, u₂ ∈ [0, 1) with 53 bits each,   r = √(−2 ln(1 − u₁)),   (r cos 2πu₂, r sin 2πu₂)
//! ```
//!
//! The logarithm and the circular functions are polynomials on a reduced argument, within 1 ulp,
//! made of additions, multiplications, one division and one square root: IEEE operations in a
//! fixed order, so that a compiler may run many blocks at once and every CPU gives the same bits.
//!
//! # References
//! Box & Muller (1958). The coefficients are those of Sun's fdlibm (`e_log.c`, `k_sin.c`,
//! `k_cos.c`; 1993).

use std::f64::consts::TAU;

const FRACTION: u64 = (1 << 52) - 1;
const UNIT: f64 = 1.0 / (1u64 << 53) as f64;

/// The two normal draws of a block, each word the low half of its lane.
#[inline(always)]
pub(super) fn pair(words: [u64; 4]) -> (f64, f64) {
    let bits = |low: u64, high: u64| (low & 0xffff_ffff) | (high << 32);
    let (first, second) = (bits(words[0], words[1]), bits(words[2], words[3]));
    // 1 − u lies in (0, 1], so the logarithm is finite.
    let radius = (-2.0 * ln(1.0 - (first >> 11) as f64 * UNIT)).sqrt();
    let (sin, cos) = sin_cos_turns(second);
    (radius * cos, radius * sin)
}

/// `ln v` for `v` in (0, 1], normal numbers only.
///
/// ```text
/// v = 2ᵏ (1 + f),  √½ ≤ 1 + f < √2,   s = f/(2 + f),   ln(1 + f) = f − ½f² + s (½f² + R(s²))
/// ```
#[inline(always)]
fn ln(v: f64) -> f64 {
    const LN2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
    const ROOT_HALF: u64 = 0x3fe6_a09e_0000_0000;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    let shifted = v.to_bits() + (ONE - ROOT_HALF);
    // 2⁵² + an integer below 2⁵² has the integer in its fraction.
    let k = f64::from_bits(0x4330_0000_0000_0000 | (shifted >> 52)) - 4_503_599_627_371_519.0;
    let f = f64::from_bits((shifted & FRACTION) + ROOT_HALF) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w
        * (3.999_999_999_940_942e-1
            + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1
                + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    s * (half_square + (even + odd)) + k * LN2.1 - half_square + f + k * LN2.0
}

/// `(sin 2πu, cos 2πu)` for the `u` in the upper 53 bits of `bits`: the quarter turn nearest to
/// `u` is taken off exactly.
#[inline(always)]
fn sin_cos_turns(bits: u64) -> (f64, f64) {
    let quarter = ((bits >> 61) + 1) >> 1;
    let turns = f64::from_bits(0x4330_0000_0000_0000 | quarter) - 4_503_599_627_370_496.0;
    let x = TAU * ((bits >> 11) as f64 * UNIT - 0.25 * turns);
    let z = x * x;
    let sin = x + x * z * sin_tail(z);
    let cos = 1.0 - (0.5 * z - z * z * cos_tail(z));
    let swap = quarter & 1 == 1;
    let (s, c) = if swap { (cos, sin) } else { (sin, cos) };
    let signed = |v: f64, sign: u64| f64::from_bits(v.to_bits() ^ (sign << 62));
    (signed(s, quarter & 2), signed(c, (quarter + 1) & 2))
}

#[inline(always)]
fn sin_tail(z: f64) -> f64 {
    -1.666_666_666_666_663_2e-1
        + z * (8.333_333_333_322_49e-3
            + z * (-1.984_126_982_985_795e-4
                + z * (2.755_731_370_707_006_8e-6
                    + z * (-2.505_076_025_340_686_3e-8 + z * 1.589_690_995_211_55e-10))))
}

#[inline(always)]
fn cos_tail(z: f64) -> f64 {
    4.166_666_666_666_66e-2
        + z * (-1.388_888_888_887_411e-3
            + z * (2.480_158_728_947_673e-5
                + z * (-2.755_731_435_139_066_3e-7
                    + z * (2.087_572_321_298_175e-9 + z * -1.135_964_755_778_819_5e-11))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_is_the_librarys() {
        for k in 0..200_000u64 {
            // Small, middling and near 1, down to the smallest 1 − u.
            let v = (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (11 + k % 42)) as f64 * UNIT;
            for v in [v, 1.0 - v].into_iter().filter(|v| *v > 0.0) {
                let (got, exact) = (ln(v), v.ln());
                assert!((got - exact).abs() <= 4.5e-16 * exact.abs(), "ln {v}: {got}, {exact}");
            }
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn circular_functions_are_the_librarys() {
        for k in 0..200_000u64 {
            let bits = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (sin, cos) = sin_cos_turns(bits);
            // The library's argument is itself rounded: 2π · 2⁻⁵³.
            let (s, c) = (TAU * ((bits >> 11) as f64 * UNIT)).sin_cos();
            assert!((sin - s).abs() < 1e-15 && (cos - c).abs() < 1e-15, "{bits:x}");
            assert!((sin * sin + cos * cos - 1.0).abs() < 4e-16);
        }
        assert_eq!(sin_cos_turns(0), (0.0, 1.0));
        assert_eq!(sin_cos_turns(1 << 62), (1.0, -0.0));
        assert_eq!(sin_cos_turns(1 << 63), (-0.0, -1.0));
    }
}
