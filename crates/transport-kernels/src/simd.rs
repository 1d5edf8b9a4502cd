//! Run-time dispatch: one loop, compiled for each instruction set, picked when it runs.
//!
//! A [`Loop`] is written over plain slices and scalars. Its body is inlined into a function that
//! has the instruction set enabled, where the compiler turns it into vectors; lanes and tails
//! carry out the same IEEE operations, so that an element's bits do not depend on its position.

/// A loop over slices.
pub(crate) trait Loop {
    /// What it returns.
    type Output;

    /// Runs it; `FMA` says whether a fused multiply–add is one instruction.
    ///
    /// Implementations are `#[inline(always)]`, as is everything that they call.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Runs a loop with the widest instructions that this machine has.
pub(crate) fn dispatch<L: Loop>(task: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("fma")
        {
            // SAFETY: the features were detected on the line above.
            return unsafe { with_avx512(task) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were detected on the line above.
            return unsafe { with_avx2(task) };
        }
    }
    // Every 64-bit ARM has the instruction; elsewhere the library's would be slow.
    if cfg!(target_arch = "aarch64") { task.run::<true>() } else { task.run::<false>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn with_avx512<L: Loop>(task: L) -> L::Output {
    task.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<L: Loop>(task: L) -> L::Output {
    task.run::<true>()
}

/// Sums side by side, so that additions need not wait for each other.
pub(crate) const LANES: usize = 16;

/// Elements from which a loop is worth handing to several threads.
const WORTH_THREADS: usize = 1 << 17;

/// Elements of one piece. A constant, so that pieces do not depend on the threads.
pub(crate) const PIECE: usize = 1 << 14;

/// Whether a loop over `n` elements should be split: not where all threads are already at work
/// on pieces of their own (shards of a batch, chunks of particles).
pub(crate) fn worth_threads(n: usize) -> bool {
    n >= WORTH_THREADS && helpers()
}

/// Whether there are threads that could help: a worker of a pool of two has its own share, and
/// the other worker has its.
pub(crate) fn helpers() -> bool {
    let threads = rayon::current_num_threads();
    threads > if rayon::current_thread_index().is_some() { 2 } else { 1 }
}
