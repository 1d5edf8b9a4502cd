//! Matrix products on slices.
//!
//! An element of a product is summed in an order that its position in the matrix and the number
//! of threads do not change: rows keep their bits in any chunk.

use crate::fresh::filled;
use crate::simd::helpers;
use gemm::Parallelism;

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

    /// Its transpose.
    pub(crate) fn t(self) -> Self {
        let [m, n] = self.shape;
        Self { shape: [n, m], row: self.column, column: self.row, ..self }
    }
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
