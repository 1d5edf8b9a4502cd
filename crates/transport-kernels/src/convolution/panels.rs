//! Kernels in panels: the outputs of a block side by side.
//!
//! ```text
//! panel_b[tap, c, l] = K[32 b + l, c, tap]         l < 16 or 32, zeros beyond the last output
//! ```

use super::planes::filled_up;
use super::sums::{COLUMNS, Lanes, Products, Steps, Tap};
use crate::simd::LANES;

/// Blocks of one or two vectors that cover `outputs`: where each begins, and how wide it is.
pub(crate) fn blocks(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = move |first: usize| filled_up(outputs - first).min(COLUMNS);
    (0..outputs).step_by(COLUMNS).map(move |first| (first, columns(first)))
}

/// A kernel, or its transpose: the taps between two planes stand side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a> {
    values: &'a [f32],
    outputs: usize,
    inner: usize,
    taps: usize,
    transposed: bool,
}

impl<'a> Weights<'a> {
    /// `K[o, c, tap]`.
    pub(crate) fn new(values: &'a [f32], [outputs, inner, taps]: [usize; 3]) -> Self {
        assert_eq!(values.len(), outputs * inner * taps, "[{outputs}, {inner}, {taps}]");
        Self { values, outputs, inner, taps, transposed: false }
    }

    /// With inputs and outputs exchanged.
    pub(crate) fn t(self) -> Self {
        let Self { outputs, inner, transposed, .. } = self;
        Self { outputs: inner, inner: outputs, transposed: !transposed, ..self }
    }

    /// The taps of 16 outputs from `o` on; zeros beyond the last.
    pub(crate) fn lanes(&self, [o, c]: [usize; 2], lanes: &mut [Lanes]) {
        lanes.fill([0.0; LANES]);
        for l in 0..LANES.min(self.outputs - o) {
            let pair = match self.transposed {
                false => (o + l) * self.inner + c,
                true => c * self.outputs + o + l,
            };
            let taps = &self.values[pair * self.taps..][..self.taps];
            lanes.iter_mut().zip(taps).for_each(|(lanes, tap)| lanes[l] = *tap);
        }
    }
}

/// The panels of a kernel.
#[derive(Debug)]
pub(crate) struct Panels {
    values: Vec<f32>,
    outputs: usize,
    inner: usize,
    taps: usize,
}

impl Panels {
    /// Of the kernel itself.
    pub(crate) fn new(weights: Weights<'_>) -> Self {
        Self::of(weights, weights.taps, |_| {})
    }

    /// Of `taps` numbers that `map` makes of a kernel's taps; `map` finds the latter in front.
    pub(crate) fn of(weights: Weights<'_>, taps: usize, map: impl Fn(&mut [Lanes])) -> Self {
        let Weights { outputs, inner, .. } = weights;
        let mut values = vec![0.0; filled_up(outputs) * inner * taps];
        let mut lanes = vec![[0.0; LANES]; taps];
        for (first, columns) in blocks(outputs) {
            let panel = &mut values[first * inner * taps..];
            let vectors = (0..columns).step_by(LANES);
            for (vector, c) in vectors.flat_map(|v| (0..inner).map(move |c| (v, c))) {
                weights.lanes([first + vector, c], &mut lanes);
                map(&mut lanes);
                for (tap, lanes) in lanes.iter().enumerate() {
                    let place = (tap * inner + c) * columns + vector;
                    panel[place..][..LANES].copy_from_slice(lanes);
                }
            }
        }
        Self { values, outputs, inner, taps }
    }

    /// Blocks of outputs.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        blocks(self.outputs)
    }

    /// Where the panel of a block begins.
    pub(crate) fn start(&self, first: usize) -> usize {
        first * self.inner * self.taps
    }

    /// Where a tap begins in a panel.
    pub(crate) fn tap(&self, tap: usize, columns: usize) -> usize {
        tap * self.inner * columns
    }

    /// Sums over the planes of `a`, whose rows lie `row` apart, at some taps.
    pub(crate) fn products<'a>(
        &'a self,
        a: &'a [f32],
        row: usize,
        taps: &'a [Tap],
        columns: usize,
    ) -> Products<'a> {
        let steps = Steps { row, a: 1, b: columns, terms: self.inner };
        Products { a, b: &self.values, taps, steps }
    }
}
