//! Box–Muller in single precision: the draws of the block that [`double`](super::double) reads,
//! rounded.
//!
//! ```text
//! u = 2⁻⁵³ ⌊(w₁ : w₀)/2¹¹⌋,   v = 1 − u,   r = √(−2 ln v),   (r cos 2πp, r sin 2πp),   p = 2⁻³² w₃
//! ```
//!
//! The same words at the same place make `u`, so that a path in f32 is the path in f64. The radius
//! keeps its relative precision everywhere: far out, where `v` is the complement of the bits in two
//! parts and is never a difference from 1, and near 0, where `ln` is of `1 − u` and `u` is at hand.
//! The angle drops its last 21 bits, 2⁻³² of a turn.
//!
//! A draw is within `5 · 2⁻²⁴ r` of that in double precision, `r` the length of its pair: three
//! units in the last place of a number near 1. As there: IEEE operations in a fixed order.

/// 2⁻²¹: a low word's last bits, in units of the high word.
const LOW: f32 = 1.0 / (1u32 << 21) as f32;
/// 2⁻³².
const UNIT: f32 = 1.0 / (1u64 << 32) as f32;

/// The two normal draws of a block, each word the low half of its lane.
#[inline(always)]
pub(super) fn pair(words: [u64; 4]) -> (f32, f32) {
    let radius = radius(words[0] as u32, words[1] as u32);
    let (sin, cos) = sin_cos_turns(words[3] as u32);
    (radius * cos, radius * sin)
}

/// `√(−2 ln v)`.
///
/// ```text
/// 2³² v = 2ᵏ (1 + f),  √½ ≤ 1 + f < √2,   s = f/(2 + f),   ln(1 + f) = s (2 + s² R(s²))
/// ```
#[inline(always)]
fn radius(low: u32, high: u32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    const ONE: u32 = 0x3f80_0000;
    let u = high as f32 + (low >> 11) as f32 * LOW;
    // 2⁵³ − ⌊bits/2¹¹⌋ is the complement and 1, at most 2⁵³.
    let v = !high as f32 + ((!low >> 11) + 1) as f32 * LOW;
    let shifted = v.to_bits() + (ONE - ROOT_HALF);
    let k = (shifted >> 23) as f32 - (127 + 32) as f32;
    let rest = f32::from_bits((shifted & 0x7f_ffff) + ROOT_HALF) - 1.0;
    // The rounding of v would be all that is left of a small u.
    let f = if k == 0.0 { u * -UNIT } else { rest };
    let s = f / (2.0 + f);
    let z = s * s;
    let series = 2.0 + z * (0.666_667_76 + z * (0.399_775_4 + z * 0.298_718_36));
    (-2.0 * (s * series + k * std::f32::consts::LN_2)).sqrt()
}

/// `(sin 2πp, cos 2πp)`: the quarter turn nearest to `p` is taken off exactly.
///
/// ```text
/// sin 2πt = t S(t²),   cos 2πt = 1 + t² C(t²),   |t| ≤ ⅛
/// ```
#[inline(always)]
fn sin_cos_turns(word: u32) -> (f32, f32) {
    let quarter = ((word >> 29) + 1) >> 1;
    let t = word.wrapping_sub(quarter << 30) as i32 as f32 * UNIT;
    let z = t * t;
    let sin = t * (6.283_185_5 + z * (-41.341_663 + z * (81.592_36 + z * -75.393_74)));
    let cos = 1.0 + z * (-19.739_208 + z * (64.939_32 + z * (-85.443_74 + z * 59.245_968)));
    let swap = quarter & 1 == 1;
    let (s, c) = if swap { (cos, sin) } else { (sin, cos) };
    let signed = |v: f32, sign: u32| f32::from_bits(v.to_bits() ^ (sign << 30));
    (signed(s, quarter & 2), signed(c, (quarter + 1) & 2))
}

#[cfg(test)]
mod tests {
    use super::super::double;
    use super::*;

    const ULP: f64 = 1.0 / (1u32 << 24) as f64;

    /// The largest distance of both draws, in 2⁻²⁴ of the radius.
    fn distance(words: [u64; 4]) -> f64 {
        let ((a, b), (c, s)) = (pair(words), double::pair(words));
        let gap = (f64::from(a) - c).abs().max((f64::from(b) - s).abs());
        gap / (ULP * c.hypot(s)).max(f64::MIN_POSITIVE)
    }

    /// Words whose bits are spread over all lengths, from all zeros to all ones.
    fn spread(k: u64) -> [u64; 4] {
        let bits = |k: u64| k.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (k << 17);
        let word = |j: u64| (bits(4 * k + j).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32;
        let (shift, flip) = (k % 33, k.is_multiple_of(2));
        let high = (u64::from(word(1)) >> shift) as u32;
        let high = if flip { !high } else { high };
        [word(0), high, word(2), word(3)].map(u64::from)
    }

    #[test]
    fn draws_are_those_of_double_precision_rounded() {
        let worst = (0..2_000_000).map(|k| distance(spread(k))).fold(0.0, f64::max);
        assert!((2.0..5.0).contains(&worst), "{worst} units of 2⁻²⁴ r");
    }

    /// The farthest draw of all is `√(106 ln 2) = 8.57`, the next ones follow, and near 0 there is
    /// no gap either.
    #[test]
    fn the_ends_of_the_radius_are_kept() {
        let ones = 0xffff_ffff;
        for (low, high) in [
            (ones, ones),
            (ones - (1 << 11), ones),
            (0x7fff_ffff, ones),
            (5 << 20, ones),
            (0, ones),
            (0, 0),
            (1 << 11, 0),
            (ones, 0),
            (77, 1 << 20),
        ] {
            for angle in [0, 1 << 28, 0x1fff_ffff, 0x2000_0000, 3 << 30, ones] {
                let words = [low, high, 0, angle];
                assert!(distance(words) < 5.0, "{words:x?}: {}", distance(words));
            }
        }
        assert_eq!(pair([0; 4]), (0.0, 0.0));
        let farthest = pair([ones, ones, 0, 0]).0;
        assert!((farthest - 8.571_674).abs() < 1e-6, "{farthest}");
        // 2⁻³²: what a complement taken after rounding would have to say.
        assert!(pair([0, ones, 0, 0]).0 > 6.6 && pair([ones, ones, 0, 0]).0 > 8.5);
    }

    /// A quarter of the turns is off by a sign or a swap in no quadrant.
    #[test]
    fn quadrants_are_those_of_double_precision() {
        for eighth in 0..8u32 {
            for step in [0, 1, 12_345, (1 << 29) - 1] {
                let words = [0, 1 << 31, ones_above(step), u64::from((eighth << 29) + step)];
                assert!(distance(words) < 5.0, "{words:x?}: {}", distance(words));
            }
        }
    }

    fn ones_above(step: u32) -> u64 {
        u64::from(!step)
    }
}
