//! Vectors that are written once: no zeros under what is about to be stored.

use std::mem::MaybeUninit;

/// A vector of `n` values that `fill` writes.
///
/// # Safety
/// `fill` writes every element of the slice it is given.
#[cfg(feature = "flex")]
pub(crate) unsafe fn filled(n: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(n);
    fill(&mut values.spare_capacity_mut()[..n]);
    // SAFETY: the capacity is at least `n`, and the caller vouches for the elements.
    unsafe { values.set_len(n) };
    values
}

/// Values seen as places to write to.
///
/// The loops of this crate store numbers into the slice and nothing else, so that it holds numbers
/// afterwards as before.
pub(crate) fn places(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layouts agree; see above for what is stored.
    unsafe { &mut *(std::ptr::from_mut(values) as *mut [MaybeUninit<f32>]) }
}
