//! Sums of products that stay in registers.
//!
//! ```text
//! y[r, l] = s[l] + Σ_taps Σ_k a[tap + k A + r R] b[tap + k B + l]        r < rows, l < 16 V
//! ```
//!
//! Some rows of one or two vectors fill the registers; each product loads one number, spread over a
//! vector, and each `b` serves every row. The order of a sum is that of the taps and of `k`, alone.

use crate::math::fma;
use crate::simd::{LANES, Loop, dispatch};

/// Rows of a block of so many columns, at most: all sums and what is added to them fit the registers.
fn tallest(columns: usize) -> usize {
    if columns > LANES { 8 } else { 14 }
}

/// Columns of a block, at most.
pub(crate) const COLUMNS: usize = 2 * LANES;

/// Numbers side by side, such as those of 16 planes.
pub(crate) type Lanes = [f32; LANES];

/// Where the terms of a tap begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    pub(crate) a: usize,
    pub(crate) b: usize,
}

/// How the terms of a sum follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    /// From a row to the next, in `a`.
    pub(crate) row: usize,
    /// From a term to the next, in `a`.
    pub(crate) a: usize,
    /// From a term to the next, in `b`.
    pub(crate) b: usize,
    /// Terms of a tap.
    pub(crate) terms: usize,
}

/// What is summed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Products<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
    pub(crate) taps: &'a [Tap],
    pub(crate) steps: Steps,
}

/// What a block of sums starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    Zero,
    /// The same for every row.
    Columns(&'a [f32]),
    /// What is there.
    Out,
}

impl Products<'_> {
    /// Writes `rows × columns` sums at the beginning of rows that lie `pitch` apart; `a` and `b` are
    /// read from `from` on. The columns are one vector or two.
    pub(crate) fn write(
        self,
        from: [usize; 2],
        [rows, columns]: [usize; 2],
        start: Start<'_>,
        out: &mut [f32],
        pitch: usize,
    ) {
        let (a, b) = (&self.a[from[0]..], &self.b[from[1]..]);
        let products = Products { a, b, ..self };
        macro_rules! block {
            ($(($rows:literal, $vectors:literal))*) => {
                match (rows, columns.div_ceil(LANES)) {
                    $(
                        ($rows, $vectors) => {
                            dispatch(Block::<$rows, $vectors> { products, start, out, pitch });
                        }
                    )*
                    (rows, vectors) => panic!("a block of {rows} rows and {vectors} vectors"),
                }
            };
        }
        block! {
            (1, 1) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1) (7, 1)
            (8, 1) (9, 1) (10, 1) (11, 1) (12, 1) (13, 1) (14, 1)
            (1, 2) (2, 2) (3, 2) (4, 2) (5, 2) (6, 2) (7, 2) (8, 2)
        }
    }
}

/// Rows cut into blocks for so many columns, as equal as can be: where each begins, and its rows.
pub(crate) fn pieces(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(tallest(columns)).max(1);
    (0..count).map(move |k| (k * rows / count, (k + 1) * rows / count - k * rows / count))
}

struct Block<'a, const R: usize, const V: usize> {
    products: Products<'a>,
    start: Start<'a>,
    out: &'a mut [f32],
    pitch: usize,
}

impl<const R: usize, const V: usize> Loop for Block<'_, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { products: Products { a, b, taps, steps }, start, out, pitch } = self;
        // Loops and no closures: all of it has to end up in a function with the vector instructions.
        let mut sums = [[[0.0; LANES]; V]; R];
        let (first, pitch_in) = match start {
            Start::Zero => (None, 0),
            Start::Columns(columns) => (Some(columns), 0),
            Start::Out => (Some(&*out), pitch),
        };
        if let Some(first) = first {
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = &first[r * pitch_in..][..V * LANES];
                sums.as_flattened_mut().copy_from_slice(row);
            }
        }
        let last = steps.terms.saturating_sub(1);
        for tap in if steps.terms > 0 { taps } else { &[] } {
            assert!(tap.a + (R - 1) * steps.row + last * steps.a < a.len(), "the last term of a");
            assert!(tap.b + last * steps.b + V * LANES <= b.len(), "the last terms of b");
            for k in 0..steps.terms {
                // SAFETY: the largest index was checked above; arrays of numbers may stand anywhere.
                let b = unsafe { b.as_ptr().add(tap.b + k * steps.b).cast::<[Lanes; V]>().read() };
                for (r, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: as above.
                    let a = unsafe { *a.get_unchecked(tap.a + k * steps.a + r * steps.row) };
                    for v in 0..V {
                        for l in 0..LANES {
                            sums[v][l] = fma::<FMA>(a, b[v][l], sums[v][l]);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            out[r * pitch..][..V * LANES].copy_from_slice(sums.as_flattened());
        }
    }
}
