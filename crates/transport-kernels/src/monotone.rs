//! Increasing maps of one number, with parameters of their own at every point.
//!
//! ```text
//! shift    f(x) = x + θ₁                          log f′ = 0
//! affine   f(x) = e^a x + θ₂                      log f′ = a = θ₁ / (1 + |θ₁|/s)
//! spline   rational-quadratic on [−B, B], the identity outside (see `composed::spline`)
//! c_r(θ) = θ / √(1 + θ²/r²), of a spline's parameters;    r = ln 1000, s = ln 100
//! ```
//!
//! A spline's slopes stay within `[10⁻³, 10³]`, affine scales within `[10⁻², 10²]`: they reach to
//! infinity, where a scale that a network extrapolates costs more than it gains. θ = 0 is the
//! identity.
//!
//! The derivatives of value and log-slope in the point and in the parameters are formulas of their
//! own, computed again from the point and the parameters when gradients ask for them:
//!
//! ```text
//! v = f(x; θ), ℓ = log f′(x; θ):     ẋ = v̇ f′ + ℓ̇ ∂ₓℓ,            θ̇ = v̇ ∂_θf + ℓ̇ ∂_θℓ
//! v = f⁻¹(x; θ), ℓ = −log f′(v; θ):  ẋ = a/f′,  a = v̇ − ℓ̇ ∂_vlog f′,   θ̇ = −(a/f′) ∂_θf − ℓ̇ ∂_θlog f′
//! ```
//!
//! Points are taken sixteen at a time, their parameters side by side.

mod affine;
mod spline;

use crate::math::fma;
use crate::simd::{LANES, Loop, dispatch};
use affine::{Affine, Shift};
use spline::Spline;

/// The half-width `B` of the box that a spline acts on.
pub const BOUND: f64 = 5.0;
/// `ln 1000`: the largest logarithm of a spline's slope at a knot.
pub const RANGE: f64 = 6.907_755_278_982_137;
/// `ln 100`: the largest logarithm of an affine map's scale.
pub const SCALE: f64 = 4.605_170_185_988_091;

/// An increasing map `ℝ → ℝ`.
///
/// # References
/// Dinh et al. (2015, 2017); Durkan, Bekasov, Murray & Papamakarios (2019). A spline's
/// range of slopes, and the affine scale's way to its bound, are those of zuko (Rozet et al.).
/// # Checked by
/// `tests/it/monotone.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monotone {
    /// `x + θ₁`.
    Shift,
    /// `e^a x + θ₂`.
    Affine,
    /// A rational-quadratic spline.
    Spline {
        /// The number of pieces `K`, at least 1.
        bins: usize,
    },
}

impl Monotone {
    /// Parameters of a point: 1, 2, or `3K − 1`.
    #[must_use]
    pub fn parameters(self) -> usize {
        match self {
            Self::Shift => 1,
            Self::Affine => 2,
            Self::Spline { bins } => 3 * bins - 1,
        }
    }
}

/// Which way a map is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `f`.
    Along,
    /// `f⁻¹`.
    Back,
}

pub(crate) type Lanes = [f32; LANES];

/// What comes back through a map: the derivatives by its value and by its log-slope.
#[derive(Clone, Copy, Debug)]
struct Cotangent {
    value: Lanes,
    log_slope: Lanes,
}

/// Sixteen points at once; `theta[k]` is parameter `k` of each.
trait Map {
    /// The value and its log-slope.
    fn apply<const FMA: bool>(&mut self, way: Way, x: &Lanes, theta: &[Lanes]) -> (Lanes, Lanes);

    /// The derivative by `x`; the parameters' goes to `out`.
    fn gradient<const FMA: bool>(
        &mut self,
        way: Way,
        x: &Lanes,
        theta: &[Lanes],
        g: &Cotangent,
        out: &mut [Lanes],
    ) -> Lanes;
}

/// Rows of `d` numbers, the columns that are moved, and `columns.len() · p` parameters a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Points<'a> {
    pub(crate) map: Monotone,
    pub(crate) way: Way,
    pub(crate) x: &'a [f32],
    pub(crate) theta: &'a [f32],
    pub(crate) d: usize,
    pub(crate) columns: &'a [usize],
}

impl Points<'_> {
    fn rows(&self) -> usize {
        self.x.len().checked_div(self.d).unwrap_or(0)
    }
}

/// Sixteen moved points from `first` on; past the last, the last again.
///
/// No closure stands in the loops below: one would be compiled apart, without the instructions that
/// its caller has.
#[derive(Clone, Copy)]
struct Group {
    first: usize,
    count: usize,
    rows: [usize; LANES],
    columns: [usize; LANES],
}

impl Group {
    #[inline(always)]
    fn new(points: &Points<'_>, first: usize, total: usize) -> Self {
        let m = points.columns.len();
        let count = if total - first < LANES { total - first } else { LANES };
        let (mut row, mut k) = (first.div_euclid(m), first % m);
        let (mut rows, mut columns) = ([row; LANES], [points.columns[k]; LANES]);
        for l in 1..LANES {
            if l < count {
                k += 1;
                if k == m {
                    (row, k) = (row + 1, 0);
                }
            }
            (rows[l], columns[l]) = (row, points.columns[k]);
        }
        Self { first, count, rows, columns }
    }

    /// The lanes of `values`, rows of `width`, at the points, or at one column of their rows.
    #[inline(always)]
    fn read(&self, values: &[f32], width: usize, column: Option<usize>) -> Lanes {
        let mut lanes = [0.0; LANES];
        for l in 0..LANES {
            let column = match column {
                Some(column) => column,
                None => self.columns[l],
            };
            lanes[l] = values[self.rows[l] * width + column];
        }
        lanes
    }
}

/// Parameters `[point][k]` to `[k][lane]`.
#[inline(always)]
fn gather(theta: &[f32], group: &Group, out: &mut [Lanes]) {
    let p = out.len();
    for l in 0..LANES {
        let last = group.count - 1;
        let from = &theta[(group.first + if l < last { l } else { last }) * p..][..p];
        for k in 0..p {
            out[k][l] = from[k];
        }
    }
}

struct Forward<'a> {
    points: Points<'a>,
    out: &'a mut [f32],
}

#[inline(always)]
fn forward<const FMA: bool>(points: Points<'_>, mut map: impl Map, out: &mut [f32]) {
    let (d, total) = (points.d, points.rows() * points.columns.len());
    for (row, x) in out.chunks_mut(d + 1).zip(points.x.chunks(d)) {
        row[..d].copy_from_slice(x);
        row[d] = 0.0;
    }
    let mut theta = vec![[0.0; LANES]; points.map.parameters()];
    let mut first = 0;
    while first < total {
        let group = Group::new(&points, first, total);
        gather(points.theta, &group, &mut theta);
        let x = group.read(points.x, d, None);
        let (value, log_slope) = map.apply::<FMA>(points.way, &x, &theta);
        for l in 0..group.count {
            let row = &mut out[group.rows[l] * (d + 1)..][..d + 1];
            row[group.columns[l]] = value[l];
            row[d] += log_slope[l];
        }
        first += LANES;
    }
}

impl Loop for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.points.map {
            Monotone::Shift => forward::<FMA>(self.points, Shift, self.out),
            Monotone::Affine => forward::<FMA>(self.points, Affine, self.out),
            Monotone::Spline { bins } => {
                forward::<FMA>(self.points, Spline::new(bins), self.out);
            }
        }
    }
}

/// Rows of `d + 1`: `x` with its columns moved, and the sum of their log-slopes.
pub(crate) fn apply(points: Points<'_>) -> Vec<f32> {
    let n = points.rows();
    check(&points, n);
    let mut out = vec![0.0; n * (points.d + 1)];
    dispatch(Forward { points, out: &mut out });
    out
}

fn check(points: &Points<'_>, n: usize) {
    let (m, p) = (points.columns.len(), points.map.parameters());
    assert_eq!(points.theta.len(), n * m * p, "{p} parameters for each of {m} columns, {n} rows");
    assert!(points.columns.iter().all(|c| *c < points.d), "columns below {}", points.d);
    assert!(m > 0, "columns to move");
}

struct Backward<'a> {
    points: Points<'a>,
    g: &'a [f32],
    by_x: &'a mut [f32],
    by_theta: &'a mut [f32],
}

#[inline(always)]
fn backward<const FMA: bool>(task: Backward<'_>, mut map: impl Map) {
    let Backward { points, g, by_x, by_theta } = task;
    let (d, p, total) = (points.d, points.map.parameters(), points.rows() * points.columns.len());
    for (x, g) in by_x.chunks_mut(d).zip(g.chunks(d + 1)) {
        x.copy_from_slice(&g[..d]);
    }
    let (mut theta, mut out) = (vec![[0.0; LANES]; p], vec![[0.0; LANES]; p]);
    let mut first = 0;
    while first < total {
        let group = Group::new(&points, first, total);
        gather(points.theta, &group, &mut theta);
        let x = group.read(points.x, d, None);
        let g = Cotangent {
            value: group.read(g, d + 1, None),
            log_slope: group.read(g, d + 1, Some(d)),
        };
        let dx = map.gradient::<FMA>(points.way, &x, &theta, &g, &mut out);
        for l in 0..group.count {
            by_x[group.rows[l] * d + group.columns[l]] = dx[l];
            let to = &mut by_theta[(first + l) * p..][..p];
            for k in 0..p {
                to[k] = out[k][l];
            }
        }
        first += LANES;
    }
}

impl Loop for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.points.map {
            Monotone::Shift => backward::<FMA>(self, Shift),
            Monotone::Affine => backward::<FMA>(self, Affine),
            Monotone::Spline { bins } => backward::<FMA>(self, Spline::new(bins)),
        }
    }
}

/// The derivatives of `Σ g ⊙ apply(points)` by `x` and by θ.
pub(crate) fn gradient(points: Points<'_>, g: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let n = points.rows();
    check(&points, n);
    assert_eq!(g.len(), n * (points.d + 1), "a cotangent for each result");
    let (mut by_x, mut by_theta) = (vec![0.0; points.x.len()], vec![0.0; points.theta.len()]);
    dispatch(Backward { points, g, by_x: &mut by_x, by_theta: &mut by_theta });
    (by_x, by_theta)
}

/// `c_r(θ)`, `1/r` given.
#[inline(always)]
fn bounded<const FMA: bool>(theta: f32, inverse_range: f32) -> f32 {
    let share = theta * inverse_range;
    theta / fma::<FMA>(share, share, 1.0).sqrt()
}

/// `c_r′(θ) = (1 + θ²/r²)^{−3/2}`.
#[inline(always)]
fn bounded_slope<const FMA: bool>(theta: f32, inverse_range: f32) -> f32 {
    let share = theta * inverse_range;
    let square = fma::<FMA>(share, share, 1.0);
    1.0 / (square * square.sqrt())
}
