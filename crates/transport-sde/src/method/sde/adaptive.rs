//! Steps as long as the tolerance allows, for each sample by itself, along its Brownian path.

use super::{BrownianTree, Embedded, Increment, Span, Walk};
use crate::driver::{SolveError, Statistics, Stepper};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::{Space, device::to_host};

/// What the error of a step is held to, and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SdeControl {
    /// Relative to the state's coordinate.
    pub rtol: f64,
    /// Added to it.
    pub atol: f64,
    /// The longest step, which is also the first that is tried.
    pub longest: f64,
    /// Steps tried, per sample.
    pub max_steps: usize,
}

/// An [`Embedded`] method that chooses its steps, sample by sample.
///
/// ```text
/// E = rms_j( error_j / (atol + rtol max(|x_j|, |x′_j|)) ),   accepted when E ≤ 1
/// h ← h · clamp(0.9 E^{−1/q}, 1/8, 4),                      q = Embedded::ESTIMATE
/// ```
///
/// A step is a node of the tree, the longest that is allowed where the sample stands; a rejected
/// node is split and tried again on its first half. The path is what it is before a step is tried
/// and stays so after: rejection conditions nothing, where redrawing the increment would favour
/// small ones. And since nodes nest, the end of a rejected step is never stepped over, which keeps
/// the limit the Itô solution.
///
/// A step of [`Stepper`] carries all samples from `t` to `t + h`; [`Stepper::evals`] counts calls of
/// the dynamics with the samples still under way. A sample's path does not depend on the others.
///
/// # References
/// Gaines & Lyons (1997), "Variable step size control in the numerical solution of stochastic
/// differential equations"; Foster & Jelinčič (2023), "On the convergence of adaptive
/// approximations for stochastic differential equations".
/// # Checked by
/// `tests/it/adaptive.rs`
pub struct AdaptiveSde<'a, M: Embedded> {
    sde: &'a M::On<'a>,
    method: M,
    control: SdeControl,
    walk: Walk,
    next: Vec<f64>,
    tried: Vec<usize>,
    done: Statistics,
}

impl<'a, M: Embedded> AdaptiveSde<'a, M> {
    /// Binds `M` to an SDE and to the paths of a tree, whose leaves are the smallest steps.
    #[must_use]
    pub fn new(sde: &'a M::On<'a>, tree: &BrownianTree, control: SdeControl) -> Self {
        let n = tree.samples();
        let (next, tried) = (vec![control.longest; n], vec![0; n]);
        let (method, walk) = (M::default(), tree.walk());
        Self { sde, method, control, walk, next, tried, done: Statistics::default() }
    }

    /// The next piece of each sample that has not reached `limit`.
    fn propose(&mut self, k: usize, limit: f64) -> Result<Vec<Piece>, SolveError> {
        let (leaf, step, evals) = (self.walk.tree().leaf(), k + 1, self.evals());
        let steps = self.control.max_steps;
        let mut pieces = Vec::new();
        for row in 0..self.next.len() {
            let (from, h) = (self.walk.place(row), self.next[row]);
            if from >= limit {
                continue;
            }
            let t = self.walk.tree().time(from);
            if self.tried[row] == steps {
                return Err(SolveError::Budget { t, row, steps, step, evals });
            }
            let Some(end) = self.walk.fit(row, h / leaf, limit) else {
                return Err(SolveError::BelowResolution { t, h, leaf, row, step, evals });
            };
            self.tried[row] += 1;
            pieces.push(Piece { row, end, t, h: (end - from) * leaf });
        }
        Ok(pieces)
    }

    /// The path over the pieces.
    fn increment(&mut self, pieces: &[Piece], space: &Space) -> Increment {
        let (d, count) = (self.walk.tree().dim, pieces.len());
        let (mut dw, mut dh) = (Vec::new(), Vec::new());
        for piece in pieces {
            let (w, area) = self.walk.peek(piece.row, piece.end).split_at(d);
            dw.extend_from_slice(w);
            dh.extend_from_slice(area);
        }
        let dh = M::AREA.then(|| space.tensor(dh, [count, d]));
        Increment::new(space.tensor(dw, [count, d]), dh)
    }

    /// Tries the pieces from `state`, and keeps those that are good enough.
    fn attempt(&mut self, pieces: &[Piece], state: &mut [f64], space: &Space) {
        let d = self.walk.tree().dim;
        let path = self.increment(pieces, space);
        let rows = pieces.iter().flat_map(|p| &state[p.row * d..(p.row + 1) * d]);
        let x = space.tensor(rows.copied().collect(), [pieces.len(), d]);
        let t: Vec<f64> = pieces.iter().map(|p| p.t).collect();
        let h: Vec<f64> = pieces.iter().map(|p| p.h).collect();
        self.done.evals += M::STAGES;
        self.done.rows += M::STAGES * pieces.len();
        let span = Span::Each { t: &t, h: &h };
        let (ahead, error) = self.method.step_with_error(self.sde, x, span, &path);
        let (ahead, error) = (to_host(ahead), to_host(error));
        for (k, piece) in pieces.iter().enumerate() {
            let x = &mut state[piece.row * d..(piece.row + 1) * d];
            let (ahead, error) = (&ahead[k * d..(k + 1) * d], &error[k * d..(k + 1) * d]);
            self.judge(piece, x, ahead, error);
        }
    }

    fn judge(&mut self, piece: &Piece, x: &mut [f64], ahead: &[f64], error: &[f64]) {
        let size = self.control.size(x, ahead, error);
        let factor = (0.9 * size.powf(-1.0 / M::ESTIMATE)).clamp(0.125, 4.0);
        // Written so that NaN is rejected too.
        if size <= 1.0 {
            x.copy_from_slice(ahead);
            self.walk.accept(piece.row, piece.end);
            self.done.accepted += 1;
            // A piece cut short by the tree or by the limit says nothing against longer ones.
            let kept = if factor >= 1.0 { self.next[piece.row] } else { 0.0 };
            self.next[piece.row] = (piece.h * factor).max(kept).min(self.control.longest);
        } else {
            self.done.rejected += 1;
            let factor = if factor.is_finite() { factor.min(0.5) } else { 0.125 };
            self.next[piece.row] = piece.h * factor;
        }
    }
}

impl SdeControl {
    /// `E` of [`AdaptiveSde`].
    fn size(&self, x: &[f64], ahead: &[f64], error: &[f64]) -> f64 {
        let terms = x.iter().zip(ahead).zip(error).map(|((x, ahead), error)| {
            (error / (self.atol + self.rtol * x.abs().max(ahead.abs()))).powi(2)
        });
        (terms.sum::<f64>() / x.len() as f64).sqrt()
    }
}

/// A step under trial: the sample, its end in leaves, its time and its length.
struct Piece {
    row: usize,
    end: f64,
    t: f64,
    h: f64,
}

impl<M: Embedded> Debug for AdaptiveSde<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("AdaptiveSde");
        debug.field("method", &self.method).field("control", &self.control).finish_non_exhaustive()
    }
}

impl<M: Embedded> Stepper for AdaptiveSde<'_, M> {
    /// # Panics
    /// When `h ≤ 0`, or the state's shape is not the tree's.
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        assert!(h > 0.0, "an SDE steps forwards, not by {h}");
        let (shape, space) = (x.dims(), Space::of(&x));
        let tree = self.walk.tree();
        assert_eq!(shape, [tree.samples(), tree.dim], "the state's shape is the tree's");
        let limit = tree.place(t + h);
        self.walk.seek(t);
        let mut state = to_host(x);
        loop {
            let pieces = self.propose(k, limit)?;
            if pieces.is_empty() {
                return Ok(space.tensor(state, shape));
            }
            self.attempt(&pieces, &mut state, &space);
        }
    }

    fn evals(&self) -> usize {
        self.done.evals
    }

    fn statistics(&self) -> Statistics {
        self.done
    }
}
