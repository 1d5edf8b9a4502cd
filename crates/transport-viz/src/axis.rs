//! An axis: the interval of values it shows, and the round values it names.

/// Beyond this a value counts as outside every axis, so that widths stay finite.
const HUGE: f64 = 1e300;

/// An interval lo < hi of values, linear or in decades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    /// The ends are then exponents of ten.
    pub(crate) log: bool,
}

/// A named value of an axis: where (0 to 1), and what it says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

impl Axis {
    /// The bulk of `values`: from the 0.5 % to the 99.5 % quantile, widened on each side by
    /// `slack` times their distance but not past the outermost value there (and a little air). None
    /// without a finite value.
    pub(crate) fn robust(values: impl Iterator<Item = f64>, slack: f64) -> Option<Self> {
        let mut v: Vec<f64> =
            values.filter(|v| v.is_finite()).map(|v| v.clamp(-HUGE, HUGE)).collect();
        v.sort_by(f64::total_cmp);
        let (min, max) = (*v.first()?, *v.last()?);
        let skip = (v.len() - 1) as f64 * 0.005;
        let (mut q0, mut q1) = (v[skip.floor() as usize], v[v.len() - 1 - skip.floor() as usize]);
        if flat(q0, q1) {
            (q0, q1) = (min, max);
        }
        let width = q1 - q0;
        let (lo, hi) = ((q0 - slack * width).max(min), (q1 + slack * width).min(max));
        // The outermost values that are shown, and a little air.
        let lo = v[v.partition_point(|v| *v < lo)] - 0.04 * width;
        let hi = v[v.partition_point(|v| *v <= hi) - 1] + 0.04 * width;
        Some(Self { lo, hi, log: false }.opened())
    }

    /// The smallest axis that shows both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi), log: self.log }
    }

    /// The axis that shows each of several, [0, 1] for none.
    pub(crate) fn shared(axes: impl Iterator<Item = Option<Self>>) -> Self {
        axes.flatten().reduce(Self::union).unwrap_or(Self { lo: 0.0, hi: 1.0, log: false })
    }

    /// An interval of constant data gets a width.
    fn opened(self) -> Self {
        if !flat(self.lo, self.hi) {
            return self;
        }
        let half = (0.05 * self.lo.abs().max(self.hi.abs())).max(0.5);
        Self { lo: self.lo - half, hi: self.hi + half, ..self }
    }

    pub(crate) fn width(&self) -> f64 {
        self.hi - self.lo
    }

    pub(crate) fn contains(&self, v: f64) -> bool {
        let v = if self.log { v.log10() } else { v };
        (self.lo..=self.hi).contains(&v)
    }

    /// Where v stands: 0 at lo, 1 at hi; kept near the page for values far outside.
    pub(crate) fn place(&self, v: f64) -> f64 {
        let v = if self.log { v.log10() } else { v };
        ((v - self.lo) / self.width()).clamp(-1e3, 1e3)
    }

    /// Widened about its middle to `width`, if that is more.
    fn widened(self, width: f64) -> Self {
        let half = ((width - self.width()) / 2.0).max(0.0);
        Self { lo: self.lo - half, hi: self.hi + half, ..self }
    }

    /// Both axes with one unit of length, and the height of their panel over its width, which
    /// follows the data from 3/5 to 5/4. Unless one spans over eight times the other: a picture of
    /// a thin line says less than two units.
    pub(crate) fn equal(x: Self, y: Self) -> (Self, Self, f64) {
        let (w, h) = (x.width(), y.width());
        if w > 8.0 * h || h > 8.0 * w {
            return (x, y, 1.0);
        }
        let aspect = (h / w).clamp(0.6, 1.25);
        let unit = w.max(h / aspect);
        (x.widened(unit), y.widened(unit * aspect), aspect)
    }

    /// About `count` round values.
    pub(crate) fn ticks(&self, count: usize) -> Vec<Tick> {
        if self.log { self.decades(count) } else { self.steps(count) }
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, count: usize) -> Vec<Tick> {
        let step = round_step(self.width() / count.max(1) as f64);
        let (first, last) = ((self.lo / step).ceil() as i64, (self.hi / step).floor() as i64);
        let label = labeller(self.lo.abs().max(self.hi.abs()), step);
        (first..=last)
            .map(|i| i as f64 * step)
            .map(|v| Tick { at: self.place(v), label: label(v) })
            .collect()
    }

    /// Powers of ten, every k-th when there are many, with 2 and 5 between when there are few.
    fn decades(&self, count: usize) -> Vec<Tick> {
        let every = (self.width() / count.max(1) as f64).ceil().max(1.0) as i64;
        let factors: &[f64] = if self.width() < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let plain = self.lo > -3.5 && self.hi < 4.5;
        let mut ticks = Vec::new();
        for decade in self.lo.floor() as i64..=self.hi.ceil() as i64 {
            for factor in factors.iter().filter(|_| decade.rem_euclid(every) == 0) {
                let exponent = decade as f64 + factor.log10();
                if (self.lo..=self.hi).contains(&exponent) {
                    let at = (exponent - self.lo) / self.width();
                    ticks.push(Tick { at, label: power(*factor, decade, plain) });
                }
            }
        }
        ticks
    }
}

/// No width that a tick could divide.
fn flat(lo: f64, hi: f64) -> bool {
    hi - lo <= 1e-11 * lo.abs().max(hi.abs()) || hi - lo < 1e-290
}

/// The least of 1, 2, 5 times a power of ten that is no less than `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10.0_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * decade).into_iter().find(|s| *s >= least).unwrap_or(least)
}

/// How the multiples of `step` up to `largest` are written, all with the same decimals.
fn labeller(largest: f64, step: f64) -> impl Fn(f64) -> String {
    let exponent = |v: f64| (v.log10() + 1e-9).floor() as i64;
    let plain = largest < 1e5 && step > 0.9e-4;
    let digits = if plain { -exponent(step) } else { exponent(largest) - exponent(step) };
    let digits = digits.clamp(0, 12) as usize;
    move |v: f64| {
        if v == 0.0 {
            "0".to_owned()
        } else if plain {
            minus(&format!("{v:.digits$}"))
        } else {
            minus(&format!("{v:.digits$e}"))
        }
    }
}

/// A hyphen is no minus.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// factor · 10^decade.
fn power(factor: f64, decade: i64, plain: bool) -> String {
    if plain {
        let digits = (-decade).max(0) as usize;
        return format!("{:.digits$}", factor * 10.0_f64.powi(decade as i32));
    }
    let raised: String = decade.to_string().chars().map(superscript).collect();
    if factor == 1.0 { format!("10{raised}") } else { format!("{factor}×10{raised}") }
}

fn superscript(c: char) -> char {
    match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, log: bool) -> Vec<String> {
        Axis { lo, hi, log }.ticks(5).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(-1.1, 2.1, false), ["−1", "0", "1", "2"]);
        assert_eq!(labels(0.0, 0.25, false), ["0", "0.05", "0.10", "0.15", "0.20", "0.25"]);
        assert_eq!(labels(0.0, 2.4e6, false), ["0", "5.0e5", "1.0e6", "1.5e6", "2.0e6"]);
        assert_eq!(labels(-3.1, 0.1, true), ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(-0.8, 0.4, true), ["0.2", "0.5", "1", "2"]);
        assert_eq!(labels(-6.0, 0.0, true), ["10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]);
    }

    #[test]
    fn robust_axes_forget_outliers_and_open_constants() {
        let mut v: Vec<f64> = (0..1000).map(f64::from).collect();
        v.push(1e9);
        v.push(f64::NAN);
        let axis = Axis::robust(v.into_iter(), 0.2).unwrap();
        assert!(axis.lo < 0.0 && axis.lo > -50.0 && axis.hi > 999.0 && axis.hi < 1300.0);
        for c in [0.0, 3.0, -1e300, f64::MAX, 5e-324] {
            let axis = Axis::robust([c].into_iter(), 0.2).unwrap();
            assert!(axis.width() > 0.0 && axis.width().is_finite() && !axis.ticks(5).is_empty());
        }
        let wide = Axis::robust([-f64::MAX, f64::MAX].into_iter(), 0.2).unwrap();
        assert!(wide.width().is_finite() && !wide.ticks(5).is_empty());
        assert_eq!(Axis::robust([f64::NAN].into_iter(), 0.2), None);
    }

    #[test]
    fn equal_axes_share_their_unit() {
        let axis = |lo, hi| Axis { lo, hi, log: false };
        for (w, h) in [(4.0, 4.0), (4.0, 1.0), (4.0, 3.0), (1.0, 4.0), (1e300, 1e300)] {
            let (x, y, aspect) = Axis::equal(axis(0.0, w), axis(0.0, h));
            assert!((y.width() / x.width() / aspect - 1.0).abs() < 1e-12);
            assert!(x.width() >= w && y.width() >= h && (0.6..=1.25).contains(&aspect));
        }
        let (x, y, aspect) = Axis::equal(axis(0.0, 9.0), axis(0.0, 1.0));
        assert_eq!((x, y, aspect), (axis(0.0, 9.0), axis(0.0, 1.0), 1.0));
    }
}
