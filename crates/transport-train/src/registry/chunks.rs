//! Rows in chunks, a thread each on host devices: a row's result does not depend on its chunk.

use burn::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;
use transport_core::Space;
use transport_core::device::is_host;

/// How much more of a batch a device holds at a time than a cache of the host.
const ON_DEVICE: usize = 64;

/// `f` on chunks of at most `size` of `0..n`, smaller where there are threads to spare; results in
/// order. Other devices get [`ON_DEVICE`] times as many rows, one chunk after the other.
///
/// # Errors
/// The first that a chunk fails with.
pub(crate) fn chunked<T: Send, E: Send>(
    space: &Space,
    n: usize,
    size: usize,
    f: impl Fn(Range<usize>) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let host = is_host(&space.device);
    let share = n.div_ceil(rayon::current_num_threads()).max(1);
    let size = if host { size.min(share) } else { size * ON_DEVICE };
    let chunks: Vec<Range<usize>> =
        (0..n).step_by(size).map(|first| first..(first + size).min(n)).collect();
    if host {
        chunks.into_par_iter().map(&f).collect()
    } else {
        chunks.into_iter().map(&f).collect()
    }
}

/// The contexts of some rows, `[rows, columns]`, out of those of all.
pub(super) fn contexts(
    all: Option<&[f32]>,
    columns: usize,
    rows: &Range<usize>,
    space: &Space,
) -> Option<Tensor<2>> {
    let part = &all?[rows.start * columns..rows.end * columns];
    Some(space.tensor_f32(part.to_vec(), [rows.len(), columns]))
}

/// Some rows, `[rows, d]`, of states that stand row after row.
pub(super) fn states(x: &[f64], d: usize, rows: &Range<usize>, space: &Space) -> Tensor<2> {
    space.tensor(x[rows.start * d..rows.end * d].to_vec(), [rows.len(), d])
}

/// All rows at each of `count` times, from the times of each chunk.
pub(super) fn by_time(chunks: Vec<Vec<Vec<f64>>>, count: usize) -> Vec<Vec<f64>> {
    let numbers = |k: usize| chunks.iter().filter_map(|part| part.get(k)).map(Vec::len).sum();
    let mut whole: Vec<_> = (0..count).map(|k| Vec::with_capacity(numbers(k))).collect();
    for chunk in chunks {
        whole.iter_mut().zip(chunk).for_each(|(all, part)| all.extend(part));
    }
    whole
}
