//! The fused optimiser step: gradients in, moments, parameters and their average out, in one pass.

use crate::math::fma;
use crate::simd::{LANES, Loop, PIECE, dispatch};
use rayon::prelude::*;

/// The numbers of one step of AdamW with a moving average.
///
/// ```text
/// g ← c g                               c: clipping
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← θ − η ( m a₁/(√(v a₂) + ϵ) + w θ )
/// θ̄ ← θ̄ + f (θ − θ̄)
/// ```
///
/// # References
/// Loshchilov & Hutter (2019), "Decoupled weight decay regularization".
/// # Checked by
/// `tests/it/adamw.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// `c`, what gradients are multiplied by.
    pub scale: f32,
    /// `η`.
    pub rate: f32,
    /// `β₁`.
    pub beta1: f32,
    /// `β₂`.
    pub beta2: f32,
    /// `a₁ = 1/(1 − β₁ᵏ)`.
    pub correct1: f32,
    /// `a₂ = 1/(1 − β₂ᵏ)`.
    pub correct2: f32,
    /// `ϵ`.
    pub epsilon: f32,
    /// `w`.
    pub decay: f32,
    /// `f`.
    pub follow: f32,
}

/// One parameter's arrays, of one length.
#[derive(Debug)]
pub struct Slot<'a> {
    /// `θ`.
    pub theta: &'a mut [f32],
    /// `m`.
    pub m: &'a mut [f32],
    /// `v`.
    pub v: &'a mut [f32],
    /// `θ̄`.
    pub average: &'a mut [f32],
    /// `g`.
    pub gradient: &'a [f32],
}

/// Parameters from which an update is worth several threads.
const WORTH_THREADS: usize = 1 << 16;

struct Pass<'a> {
    numbers: AdamW,
    slot: Slot<'a>,
}

impl Loop for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let a = self.numbers;
        let Slot { theta, m, v, average, gradient } = self.slot;
        let states = theta.iter_mut().zip(m).zip(v.iter_mut().zip(average));
        for (((theta, m), (v, average)), g) in states.zip(gradient) {
            let g = a.scale * g;
            *m = fma::<FMA>(1.0 - a.beta1, g - *m, *m);
            *v = fma::<FMA>(1.0 - a.beta2, fma::<FMA>(g, g, -*v), *v);
            let direction = *m * a.correct1 / ((*v * a.correct2).sqrt() + a.epsilon);
            *theta = fma::<FMA>(-a.rate, fma::<FMA>(a.decay, *theta, direction), *theta);
            *average = fma::<FMA>(a.follow, *theta - *average, *average);
        }
    }
}

impl AdamW {
    /// Takes the step, on several threads for a large parameter.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn step(self, slot: Slot<'_>) {
        let n = slot.theta.len();
        let lengths = [slot.m.len(), slot.v.len(), slot.average.len(), slot.gradient.len()];
        assert!(lengths.iter().all(|l| *l == n), "{n} parameters and arrays of {lengths:?}");
        // An update comes after the shards, when every thread is free.
        if n < WORTH_THREADS || rayon::current_num_threads() == 1 {
            return dispatch(Pass { numbers: self, slot });
        }
        let states = slot.theta.par_chunks_mut(PIECE).zip(slot.m.par_chunks_mut(PIECE));
        let others = slot.v.par_chunks_mut(PIECE).zip(slot.average.par_chunks_mut(PIECE));
        states.zip(others).zip(slot.gradient.par_chunks(PIECE)).for_each(
            |(((theta, m), (v, average)), gradient)| {
                let slot = Slot { theta, m, v, average, gradient };
                dispatch(Pass { numbers: self, slot });
            },
        );
    }
}

/// `a ← a + w b`, and `a ← w a`: sums of shards' gradients.
struct Combine<'a> {
    sum: &'a mut [f32],
    other: Option<&'a [f32]>,
    weight: f32,
}

impl Loop for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let w = self.weight;
        match self.other {
            None => self.sum.iter_mut().for_each(|a| *a *= w),
            Some(b) => self.sum.iter_mut().zip(b).for_each(|(a, b)| *a = fma::<FMA>(w, *b, *a)),
        }
    }
}

/// `sum ← sum + weight · other`.
///
/// # Panics
/// When the lengths differ.
pub fn add_scaled(sum: &mut [f32], other: &[f32], weight: f32) {
    assert_eq!(sum.len(), other.len(), "as many terms as sums");
    dispatch(Combine { sum, other: Some(other), weight });
}

/// `values ← factor · values`.
pub fn scale(values: &mut [f32], factor: f32) {
    dispatch(Combine { sum: values, other: None, weight: factor });
}

struct Squares<'a>(&'a [f32]);

impl Loop for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let mut sums = [0.0f64; LANES];
        let pieces = self.0.chunks_exact(LANES);
        let rest = pieces.remainder();
        for piece in pieces {
            for (sum, x) in sums.iter_mut().zip(piece) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        let rest: f64 = rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        sums.iter().sum::<f64>() + rest
    }
}

/// `Σ x²` in f64, in an order that the length alone fixes.
#[must_use]
pub fn sum_of_squares(x: &[f32]) -> f64 {
    dispatch(Squares(x))
}
