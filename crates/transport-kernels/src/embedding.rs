//! Sines and cosines of times.

use crate::math::sin_cos_turns;
use crate::simd::{Loop, dispatch};

struct Features<'a> {
    times: &'a [f64],
    turns: &'a [f64],
    out: &'a mut [f32],
}

impl Loop for Features<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let k = self.turns.len();
        for (t, row) in self.times.iter().zip(self.out.chunks_exact_mut(2 * k)) {
            let (sines, cosines) = row.split_at_mut(k);
            for ((turns, sin), cos) in self.turns.iter().zip(sines).zip(cosines) {
                (*sin, *cos) = sin_cos_turns::<FMA>(turns * t);
            }
        }
    }
}

/// `(sin 2πf₁t, …, sin 2πf_K t, cos 2πf₁t, …, cos 2πf_K t)` for each time, `[n, 2K]` row-major.
///
/// The phase is reduced to a turn in f64, so that high frequencies lose nothing.
///
/// # Checked by
/// `tests/it/embedding.rs`
#[must_use]
pub fn sinusoids(times: &[f64], frequencies: &[f64]) -> Vec<f32> {
    let mut out = vec![0.0; times.len() * 2 * frequencies.len()];
    if !frequencies.is_empty() {
        dispatch(Features { times, turns: frequencies, out: &mut out });
    }
    out
}
