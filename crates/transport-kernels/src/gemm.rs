//! Matrix products on slices.
//!
//! An element of a product is summed in an order that the number of threads does not change, and
//! in [`add_rows`] neither does the number of rows: rows keep their bits in any chunk.

use crate::fresh::filled;
use crate::simd::helpers;
use gemm::Parallelism;
use std::ops::Range;

/// A matrix view: element `(i, j)` stands at `i · row + j · column`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    shape: [usize; 2],
    row: usize,
    column: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix.
    pub(crate) fn new(data: &'a [f32], shape: [usize; 2]) -> Self {
        assert_eq!(data.len(), shape[0] * shape[1], "a matrix of shape {shape:?}");
        Self { data, shape, row: shape[1], column: 1 }
    }

    /// Its elements, row after row.
    fn values(self) -> impl Iterator<Item = f32> {
        let [m, n] = self.shape;
        let at = move |i: usize, j: usize| self.data[i * self.row + j * self.column];
        (0..m).flat_map(move |i| (0..n).map(move |j| at(i, j)))
    }

    /// Its transpose.
    pub(crate) fn t(self) -> Self {
        let [m, n] = self.shape;
        Self { shape: [n, m], row: self.column, column: self.row, ..self }
    }
}

impl Matrix<'_> {
    /// Some of its rows.
    fn rows(self, rows: Range<usize>) -> Self {
        let data = &self.data[rows.start * self.row..];
        Self { data, shape: [rows.len(), self.shape[1]], ..self }
    }

    /// Some of its columns.
    fn columns(self, columns: Range<usize>) -> Self {
        self.t().rows(columns).t()
    }
}

/// The longest sums that are taken in one piece whatever the sizes: longer ones are cut by `gemm`
/// where the other sides say.
const PIECE: usize = 512;

/// `out += a b` with bits of a row that do not depend on the others.
///
/// Long sums are cut here, always alike. A single row or a single column is multiplied as one of
/// two: alone it would be summed in another order; and so would a few elements, where the columns
/// of `b` are contiguous.
pub(crate) fn add_rows(out: &mut Vec<f32>, a: Matrix<'_>, b: Matrix<'_>) {
    let [m, k, n] = sizes(a, b);
    if m == 0 {
    } else if m == 1 {
        let row: Vec<f32> = a.values().collect();
        out.extend_from_within(..);
        add_rows(out, Matrix::new(&row.repeat(2), [2, k]), b);
        out.truncate(n);
    } else if n == 1 {
        let twice = |x: &mut dyn Iterator<Item = f32>| x.flat_map(|x| [x; 2]).collect::<Vec<f32>>();
        let mut both = twice(&mut out.iter().copied());
        add_rows(&mut both, a, Matrix::new(&twice(&mut b.values()), [k, 2]));
        out.iter_mut().zip(both.iter().step_by(2)).for_each(|(o, b)| *o = *b);
    } else if dotted(b, m) {
        add_rows(out, a, Matrix::new(&b.values().collect::<Vec<f32>>(), [k, n]));
    } else {
        for start in (0..k).step_by(PIECE) {
            let piece = start..k.min(start + PIECE);
            add_product(out, a.columns(piece.clone()), b.rows(piece));
        }
    }
}

/// `a b` with bits of a row that do not depend on the others, as in [`add_rows`].
pub(crate) fn rows_product(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
    let [m, k, n] = sizes(a, b);
    if m > 1 && n > 1 && k <= PIECE && !dotted(b, m) {
        return product(a, b);
    }
    let mut out = vec![0.0; m * n];
    add_rows(&mut out, a, b);
    out
}

/// Whether `gemm` takes products of `m` contiguous rows with `b` as scalar products: of few
/// elements, where the columns of `b` are contiguous too.
fn dotted(b: Matrix<'_>, m: usize) -> bool {
    b.row == 1 && m * b.shape[1] <= 16 * 16
}

/// Products from which several threads pay.
const WORTH_THREADS: usize = 192 * 192 * 192;

fn parallelism(products: usize) -> Parallelism {
    if products >= WORTH_THREADS && helpers() { Parallelism::Rayon(0) } else { Parallelism::None }
}

/// `out += a b`; `out` row-major.
pub(crate) fn add_product(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>) {
    let [m, k, n] = sizes(a, b);
    assert_eq!(out.len(), m * n, "a product of shape [{m}, {n}]");
    // SAFETY: `out` has m n elements and is borrowed alone.
    unsafe { multiply(out.as_mut_ptr(), n, true, a, b, [m, k, n]) };
}

/// Writes `a b` over `out`, row-major.
pub(crate) fn write_product(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>) {
    let [m, k, n] = sizes(a, b);
    assert_eq!(out.len(), m * n, "a product of shape [{m}, {n}]");
    // SAFETY: `out` has m n elements and is borrowed alone.
    unsafe { multiply(out.as_mut_ptr(), n, false, a, b, [m, k, n]) };
}

/// `a b`, row-major.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
    let [m, k, n] = sizes(a, b);
    // SAFETY: the slice has m n elements, and a product that is not added onto anything writes
    // each of them.
    unsafe { filled(m * n, |out| multiply(out.as_mut_ptr().cast(), n, false, a, b, [m, k, n])) }
}

fn sizes(a: Matrix<'_>, b: Matrix<'_>) -> [usize; 3] {
    let ([m, k], [inner, n]) = (a.shape, b.shape);
    assert_eq!(k, inner, "[{m}, {k}] times [{inner}, {n}]");
    [m, k, n]
}

/// # Safety
/// `out` points to m rows of n elements, one every `pitch`, that nobody else sees; they are read
/// only when `onto`.
unsafe fn multiply(
    out: *mut f32,
    pitch: usize,
    onto: bool,
    a: Matrix<'_>,
    b: Matrix<'_>,
    [m, k, n]: [usize; 3],
) {
    // SAFETY: a `Matrix` lies inside its slice, row by row or transposed, so that every index below
    // its shape does too; the caller vouches for `out`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            pitch as isize,
            onto,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism(m * n * k),
        );
    }
}
