//! Walking along the paths of a Brownian tree.

use super::branch::{Branch, Path};
use super::bridge::Real;
use super::{BrownianTree, Increment, Span};
use burn::tensor::DType;
use rayon::prelude::*;
use transport_core::Space;

/// Someone on each path of a [`BrownianTree`], who can ask for the increment from where he stands.
///
/// The branch from the root to where he stands is kept, so that a walk through `N` nodes in order
/// splits about `N` nodes. Stepping back begins again at the root: slower, with the same answer.
/// Rows stand at their own times. Steps that all rows share are walked by blocks of rows, many at
/// a time: in f64 with the same bits, and in f32 for tensors of that, with the same draws up to
/// rounding.
#[derive(Clone, Debug)]
pub struct Walk {
    tree: BrownianTree,
    rows: Vec<Branch<f64>>,
    /// Who walks the steps that all rows share, a block of rows each.
    blocks: Vec<Branch<f64>>,
    singles: Vec<Branch<f32>>,
}

/// Rows of this many numbers are worth a thread.
const GRAIN: usize = 1 << 12;
/// Numbers of a block: enough for vectors, few enough that a branch stays in a cache.
const BLOCK: usize = 1 << 10;

impl Walk {
    pub(super) fn new(tree: &BrownianTree) -> Self {
        Self { tree: tree.clone(), rows: Vec::new(), blocks: Vec::new(), singles: Vec::new() }
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &BrownianTree {
        &self.tree
    }

    /// `(ΔW, H)` over the span, of all rows; they then stand at its end.
    ///
    /// # Shapes
    /// Returns `[n, dim]` each; `H` when `area` is asked for.
    ///
    /// # Panics
    /// When a time lies outside the tree's interval, or there are not as many steps as samples.
    #[must_use]
    pub fn increment(&mut self, span: Span<'_>, area: bool, space: &Space) -> Increment {
        match span {
            Span::Same { t, h } if space.dtype == DType::F32 => {
                let paths = together(&self.tree, &mut self.singles, t, h);
                self.assembled(paths, area, space)
            }
            Span::Same { t, h } => {
                let paths = together(&self.tree, &mut self.blocks, t, h);
                self.assembled(paths, area, space)
            }
            Span::Each { t, h } => {
                let paths = self.apart(t, h);
                self.assembled(paths, area, space)
            }
        }
    }

    fn assembled<T: Real>(&self, path: [Vec<T>; 2], area: bool, space: &Space) -> Increment {
        let ([dw, dh], shape) = (path, [self.tree.samples(), self.tree.dim]);
        let area = area.then(|| T::tensor(dh, shape, space));
        Increment::new(T::tensor(dw, shape, space), area)
    }

    /// A step of each row's own.
    fn apart(&mut self, t: &[f64], h: &[f64]) -> [Vec<f64>; 2] {
        let (tree, n, d) = (&self.tree, self.tree.samples(), self.tree.dim);
        assert_eq!((t.len(), h.len()), (n, n), "a step for each sample");
        self.rows.resize_with(n, Branch::default);
        let (mut dw, mut dh) = (vec![0.0; n * d], vec![0.0; n * d]);
        let outputs = dw.par_chunks_mut(d).zip(dh.par_chunks_mut(d));
        let rows = self.rows.par_iter_mut().enumerate().zip(outputs);
        rows.with_min_len((GRAIN / d).max(1)).for_each(|((row, walker), (w, area))| {
            let ends = (tree.place(t[row]), tree.place(t[row] + h[row]));
            walker.walk(&Path::of(tree, row), ends, (w, area));
        });
        [dw, dh]
    }

    /// Puts all rows at `t`.
    pub(super) fn seek(&mut self, t: f64) {
        let tree = &self.tree;
        let place = tree.place(t);
        self.rows.resize_with(tree.samples(), Branch::default);
        self.rows.par_iter_mut().enumerate().with_min_len((GRAIN / tree.dim).max(1)).for_each(
            |(row, walker)| {
                walker.seek(&Path::of(tree, row), place);
            },
        );
    }

    /// Where a row stands, in leaves from the start.
    pub(super) fn place(&self, row: usize) -> f64 {
        self.rows[row].at()
    }

    /// The next piece of a row's path, not longer than `most` and not beyond `limit` (in leaves):
    /// its end; nothing when that would cut a leaf.
    pub(super) fn fit(&mut self, row: usize, most: f64, limit: f64) -> Option<f64> {
        self.rows[row].fit(&Path::of(&self.tree, row), most, limit)
    }

    /// `[ΔW, H]` of the piece up to `end` that [`Walk::fit`] found.
    pub(super) fn peek(&mut self, row: usize, end: f64) -> &[f64] {
        self.rows[row].look(&Path::of(&self.tree, row), end)
    }

    /// Moves a row to the end of that piece.
    pub(super) fn accept(&mut self, row: usize, end: f64) {
        self.rows[row].accept(&Path::of(&self.tree, row), end);
    }
}

/// `ΔW` and `H` over a step that all rows share.
fn together<T: Real>(
    tree: &BrownianTree,
    walkers: &mut Vec<Branch<T>>,
    t: f64,
    h: f64,
) -> [Vec<T>; 2] {
    let (n, d) = (tree.samples(), tree.dim);
    let (ends, rows) = ((tree.place(t), tree.place(t + h)), (BLOCK / d).max(1));
    walkers.resize_with(n.div_ceil(rows), Branch::default);
    let (mut dw, mut dh) = (vec![T::default(); n * d], vec![T::default(); n * d]);
    let outputs = dw.par_chunks_mut(rows * d).zip(dh.par_chunks_mut(rows * d));
    let blocks = walkers.par_iter_mut().enumerate().zip(outputs);
    blocks.for_each(|((k, walker), (w, h))| {
        let path = Path { tree, row: k * rows, count: w.len().div_euclid(d) };
        walker.walk(&path, ends, (w, h));
    });
    [dw, dh]
}
