//! Rows in chunks, a thread each on host devices: a row's result does not depend on its chunk.

use rayon::prelude::*;
use std::ops::Range;
use transport_core::Space;
use transport_core::device::is_host;

/// `f` on chunks of at most `size` of `0..n`, smaller where there are threads to spare; results in
/// order. Other devices get all rows at once.
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
    let size = if host { size.min(share) } else { n.max(1) };
    let chunks: Vec<Range<usize>> =
        (0..n).step_by(size).map(|first| first..(first + size).min(n)).collect();
    if host {
        chunks.into_par_iter().map(&f).collect()
    } else {
        chunks.into_iter().map(&f).collect()
    }
}
