//! `eˣ` in f32 and f64 for x ≤ 0, without branches, so that loops over it become vectors.
//!
//! ```text
//! x = n ln 2 + r,  |r| ≤ ½ ln 2:    eˣ = 2ⁿ Σₖ rᵏ / k!
//! ```
//!
//! The series is cut where the rest is below a unit in the last place: after r¹² in f64, after r⁷
//! in f32. Below the smallest normal number the result is 0.
//!
//! # References
//! Cody & Waite (1980), "Software manual for the elementary functions".

/// Values side by side: a panel of points, a vector of sums.
pub(crate) const LANES: usize = 32;

/// f32 or f64, as the kernels need them.
pub trait Real: Copy + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Rounded from f64.
    fn of(value: f64) -> Self;
    /// To f64, exactly.
    fn wide(self) -> f64;
    /// `a − b`.
    fn minus(self, other: Self) -> Self;
    /// `a + b`.
    fn plus(self, other: Self) -> Self;
    /// `a b + c`, in one rounding where that is one instruction.
    fn fused<const FMA: bool>(self, b: Self, c: Self) -> Self;
    /// The smaller; the second where they cannot be compared.
    fn smaller(self, other: Self) -> Self;
    /// The larger; the second where they cannot be compared.
    fn larger(self, other: Self) -> Self;
    /// `eˣ` for x ≤ 0.
    fn exp_nonpositive<const FMA: bool>(self) -> Self;
    /// `eˣ` for any x; infinite from 709.4 in f64 and from 88.3 in f32, a little early.
    #[inline(always)]
    fn exp_bounded<const FMA: bool>(self) -> Self {
        self.smaller(Self::of(Self::HIGHEST)).exp_nonpositive::<FMA>()
    }
    /// An exponent whose power of two is infinite.
    const HIGHEST: f64;
    /// `a b`.
    fn times(self, other: Self) -> Self;
    /// The exponent below which a term cannot change a sum whose largest term is 1.
    const NEGLIGIBLE: f64;
}

/// `c₀ + c₁ x + …` by Horner's rule.
macro_rules! horner {
    ($t:ty, $x:expr, $c:expr) => {{
        let c = $c;
        let mut sum: $t = c[c.len() - 1];
        let mut k = c.len() - 1;
        while k > 0 {
            k -= 1;
            sum = sum.fused::<FMA>($x, c[k]);
        }
        sum
    }};
}

/// What both types share.
macro_rules! arithmetic {
    () => {
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }

        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            self - other
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self + other
        }

        #[inline(always)]
        fn fused<const FMA: bool>(self, b: Self, c: Self) -> Self {
            if FMA { self.mul_add(b, c) } else { self * b + c }
        }

        #[inline(always)]
        fn smaller(self, other: Self) -> Self {
            if self < other { self } else { other }
        }

        #[inline(always)]
        fn larger(self, other: Self) -> Self {
            if self > other { self } else { other }
        }
    };
}

impl Real for f64 {
    arithmetic!();
    const NEGLIGIBLE: f64 = -45.0;
    const HIGHEST: f64 = 709.75;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exp_nonpositive<const FMA: bool>(self) -> Self {
        /// 1.5 · 2⁵²: adding it leaves the nearest whole number in the low bits.
        const ROUNDER: f64 = 6_755_399_441_055_744.0;
        /// ln 2 in two parts; products of the first with small whole numbers are exact.
        const HIGH: f64 = 0.693_147_180_369_123_8;
        const LOW: f64 = 1.908_214_929_270_587_7e-10;
        let x = self.larger(-708.0);
        let shifted = x.fused::<FMA>(std::f64::consts::LOG2_E, ROUNDER);
        let n = shifted - ROUNDER;
        let r = n.fused::<FMA>(-LOW, n.fused::<FMA>(-HIGH, x));
        let series = horner!(
            f64,
            r,
            [
                1.0,
                1.0,
                0.5,
                1.0 / 6.0,
                1.0 / 24.0,
                1.0 / 120.0,
                1.0 / 720.0,
                1.0 / 5_040.0,
                1.0 / 40_320.0,
                1.0 / 362_880.0,
                1.0 / 3_628_800.0,
                1.0 / 39_916_800.0,
                1.0 / 479_001_600.0,
            ]
        );
        // The shift drops all of the rounder but the whole number in its low bits.
        let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
        if self < -708.0 { 0.0 } else { series * power }
    }
}

impl Real for f32 {
    arithmetic!();
    const NEGLIGIBLE: f64 = -25.0;
    const HIGHEST: f64 = 88.7;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn exp_nonpositive<const FMA: bool>(self) -> Self {
        /// 1.5 · 2²³.
        const ROUNDER: f32 = 12_582_912.0;
        const HIGH: f32 = 355.0 / 512.0;
        const LOW: f32 = -2.121_944_4e-4;
        let x = self.larger(-87.0);
        let shifted = x.fused::<FMA>(std::f32::consts::LOG2_E, ROUNDER);
        let n = shifted - ROUNDER;
        let r = n.fused::<FMA>(-LOW, n.fused::<FMA>(-HIGH, x));
        let series = horner!(
            f32,
            r,
            [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5_040.0]
        );
        let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
        if self < -87.0 { 0.0 } else { series * power }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_exponential() {
        for k in 0..=7_000 {
            let x = -0.1 * f64::from(k);
            let (got, exact) = (x.exp_nonpositive::<true>(), x.exp());
            assert!((got - exact).abs() <= 1e-15 * exact, "{x}: {got} against {exact}");
            assert!((x.exp_nonpositive::<false>() - exact).abs() <= 2e-15 * exact);
            let y = -0.0121f32 * k as f32;
            let (got, exact) = (f64::from(y.exp_nonpositive::<true>()), f64::from(y).exp());
            assert!((got - exact).abs() <= 3e-7 * exact, "{y}: {got} against {exact}");
        }
        for k in 0..=700 {
            let x = f64::from(k);
            let (got, exact) = (x.exp_bounded::<true>(), x.exp());
            assert!((got - exact).abs() <= 2e-15 * exact, "{x}: {got} against {exact}");
        }
        assert_eq!(1e4f64.exp_bounded::<true>(), f64::INFINITY);
        assert_eq!(1e4f32.exp_bounded::<false>(), f32::INFINITY);
        assert!(f64::NAN.exp_bounded::<true>() > 1e300);
        assert_eq!(f64::NEG_INFINITY.exp_nonpositive::<true>(), 0.0);
        assert_eq!(f32::NEG_INFINITY.exp_nonpositive::<false>(), 0.0);
        assert_eq!(0f64.exp_nonpositive::<true>(), 1.0);
    }
}
