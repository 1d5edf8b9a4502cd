//! Walking along the paths of a Brownian tree.

use super::bridge::{bridge, drop_first, join};
use super::{BrownianTree, Increment, Span};
use rayon::prelude::*;
use transport_core::Space;

/// Someone on each path of a [`BrownianTree`], who can ask for the increment from where he stands.
///
/// The branch from the root to where he stands is kept, so that a walk through `N` nodes in order
/// splits about `N` nodes. Stepping back begins again at the root: slower, with the same answer.
/// Rows stand at their own times; steps that all rows share are walked by blocks of rows, many at
/// a time, with the same bits.
#[derive(Clone, Debug)]
pub struct Walk {
    tree: BrownianTree,
    rows: Vec<Row>,
    /// Who walks the steps that all rows share, a block of rows each.
    blocks: Vec<Row>,
}

/// Rows of this many numbers are worth a thread.
const GRAIN: usize = 1 << 12;
/// Numbers of a block: enough for vectors, few enough that a branch stays in a cache.
const BLOCK: usize = 1 << 10;

impl Walk {
    pub(super) fn new(tree: &BrownianTree) -> Self {
        let rows = (0..tree.samples()).map(|_| Row::default()).collect();
        Self { tree: tree.clone(), rows, blocks: Vec::new() }
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
        let (n, d) = (self.rows.len(), self.tree.dim);
        let (mut dw, mut dh) = (vec![0.0; n * d], vec![0.0; n * d]);
        match span {
            Span::Same { t, h } => self.together(t, h, (&mut dw, &mut dh)),
            Span::Each { t, h } => self.apart(t, h, (&mut dw, &mut dh)),
        }
        let tensor = |values: Vec<f64>| space.tensor(values, [n, d]);
        Increment { dw: tensor(dw), dh: area.then(|| tensor(dh)) }
    }

    /// A step that all rows share.
    fn together(&mut self, t: f64, h: f64, (dw, dh): (&mut [f64], &mut [f64])) {
        let (tree, d) = (&self.tree, self.tree.dim);
        let (from, to, rows) = (tree.place(t), tree.place(t + h), (BLOCK / d).max(1));
        self.blocks.resize_with(self.rows.len().div_ceil(rows), Row::default);
        let outputs = dw.par_chunks_mut(rows * d).zip(dh.par_chunks_mut(rows * d));
        let blocks = self.blocks.par_iter_mut().enumerate().zip(outputs);
        blocks.for_each(|((k, walker), (w, h))| {
            let path = Path { tree, row: k * rows, count: w.len() / d };
            walker.walk(&path, from, to, (w, h));
        });
    }

    /// A step of each row's own.
    fn apart(&mut self, t: &[f64], h: &[f64], (dw, dh): (&mut [f64], &mut [f64])) {
        let (tree, n, d) = (&self.tree, self.rows.len(), self.tree.dim);
        assert_eq!((t.len(), h.len()), (n, n), "a step for each sample");
        let outputs = dw.par_chunks_mut(d).zip(dh.par_chunks_mut(d));
        let rows = self.rows.par_iter_mut().enumerate().zip(outputs);
        rows.with_min_len((GRAIN / d).max(1)).for_each(|((row, walker), (w, area))| {
            let (from, to) = (tree.place(t[row]), tree.place(t[row] + h[row]));
            walker.walk(&Path::of(tree, row), from, to, (w, area));
        });
    }

    /// Puts all rows at `t`.
    pub(super) fn seek(&mut self, t: f64) {
        let tree = &self.tree;
        let place = tree.place(t);
        self.rows.par_iter_mut().enumerate().with_min_len((GRAIN / tree.dim).max(1)).for_each(
            |(row, walker)| {
                walker.seek(&Path::of(tree, row), place);
            },
        );
    }

    /// Where a row stands, in leaves from the start.
    pub(super) fn place(&self, row: usize) -> f64 {
        self.rows[row].at
    }

    /// The next piece of a row's path, not longer than `most` and not beyond `limit` (in leaves):
    /// its end; nothing when that would cut a leaf.
    pub(super) fn fit(&mut self, row: usize, most: f64, limit: f64) -> Option<f64> {
        self.rows[row].fit(&Path::of(&self.tree, row), most, limit)
    }

    /// `[ΔW, H]` of the piece up to `end` that [`Walk::fit`] found.
    pub(super) fn peek(&mut self, row: usize, end: f64) -> &[f64] {
        let walker = &mut self.rows[row];
        walker.look(&Path::of(&self.tree, row), end);
        &walker.piece
    }

    /// Moves a row to the end of that piece.
    pub(super) fn accept(&mut self, row: usize, end: f64) {
        self.rows[row].accept(self.tree.depth, end);
    }
}

/// The paths of some samples that are walked alike.
struct Path<'a> {
    tree: &'a BrownianTree,
    row: usize,
    count: usize,
}

impl<'a> Path<'a> {
    /// One sample's.
    fn of(tree: &'a BrownianTree, row: usize) -> Self {
        Self { tree, row, count: 1 }
    }

    /// Numbers of `ΔW`.
    fn width(&self) -> usize {
        self.count * self.tree.dim
    }

    /// A node's draws `[Z, N]`.
    fn draw(&self, node: u64, out: &mut [f64]) {
        let (noise, d) = (self.tree.noise.at_step(node), self.tree.dim);
        if self.count == 1 {
            return noise.stream(self.row).fill_normal(out);
        }
        let draws = noise.rows(self.row..self.row + self.count).normal_values(2 * d);
        let (z, n) = out.split_at_mut(self.count * d);
        let parts = z.chunks_exact_mut(d).zip(n.chunks_exact_mut(d));
        for (row, (z, n)) in draws.chunks_exact(2 * d).zip(parts) {
            z.copy_from_slice(&row[..d]);
            n.copy_from_slice(&row[d..]);
        }
    }

    /// A length in leaves as a length of time.
    fn length(&self, leaves: f64) -> f64 {
        leaves * self.tree.leaf()
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    level: u32,
    index: u64,
}

impl Node {
    const ROOT: Self = Self { level: 0, index: 0 };

    /// Its number among all nodes, from 1; 0 is left for the root's own draws.
    fn number(self) -> u64 {
        (1 << self.level) + self.index
    }

    /// Its ends in leaves.
    fn ends(self, depth: u32) -> (f64, f64) {
        let width = 1u64 << (depth - self.level);
        ((self.index * width) as f64, ((self.index + 1) * width) as f64)
    }
}

/// Where a row, or a block of rows side by side, stands, and the nodes ahead of it on its branch:
/// the next on top, each with its `[ΔW, H]`. The top node may have been walked through in part when
/// it is a leaf, whose draws are then still at hand for the next cut.
#[derive(Clone, Debug, Default)]
struct Row {
    at: f64,
    nodes: Vec<Node>,
    values: Vec<f64>,
    draws: Vec<f64>,
    /// The node whose draws these are.
    drawn: u64,
    piece: Vec<f64>,
    sum: Vec<f64>,
}

impl Row {
    fn begin(&mut self, path: &Path<'_>) {
        let d = path.width();
        self.at = 0.0;
        self.nodes.clear();
        self.values.clear();
        for buffer in [&mut self.values, &mut self.draws, &mut self.piece, &mut self.sum] {
            buffer.resize(2 * d, 0.0);
        }
        self.nodes.push(Node::ROOT);
        path.draw(0, &mut self.values);
        let length = path.tree.interval().length();
        let (w, area) = self.values.split_at_mut(d);
        w.iter_mut().for_each(|w| *w *= length.sqrt());
        area.iter_mut().for_each(|h| *h *= (length / 12.0).sqrt());
    }

    /// Puts a node's draws into `self.draws`.
    fn draw(&mut self, path: &Path<'_>, node: Node) {
        if self.drawn != node.number() {
            path.draw(node.number(), &mut self.draws);
            self.drawn = node.number();
        }
    }

    /// Walks to `place`, from the root when that lies behind.
    fn seek(&mut self, path: &Path<'_>, place: f64) {
        if self.sum.is_empty() || place < self.at {
            self.begin(path);
        }
        if place > self.at {
            self.advance(path, place);
        }
    }

    /// `ΔW` and `H` from one place to another.
    fn walk(&mut self, path: &Path<'_>, from: f64, to: f64, (w, h): (&mut [f64], &mut [f64])) {
        self.seek(path, from);
        let (total_w, total_h) = self.advance(path, to).split_at(path.width());
        w.copy_from_slice(total_w);
        h.copy_from_slice(total_h);
    }

    /// `[ΔW, H]` from here to `to`, and goes there.
    fn advance(&mut self, path: &Path<'_>, to: f64) -> &[f64] {
        self.sum.fill(0.0);
        let from = self.at;
        while self.at < to {
            let Some(end) = self.fit(path, f64::INFINITY, to) else { break };
            self.look(path, end);
            let lengths = (path.length(self.at - from), path.length(end - self.at));
            join(lengths.0, lengths.1, &mut self.sum, &self.piece);
            self.accept(path.tree.depth, end);
        }
        &self.sum
    }

    fn fit(&mut self, path: &Path<'_>, most: f64, limit: f64) -> Option<f64> {
        let depth = path.tree.depth;
        loop {
            let node = *self.nodes.last()?;
            let (start, end) = node.ends(depth);
            if self.at == start && end <= limit && end - start <= most {
                return Some(end);
            }
            if node.level == depth {
                return Some(end.min(limit)).filter(|end| end - self.at <= most);
            }
            self.split(path);
        }
    }

    /// Replaces the top node by its halves.
    fn split(&mut self, path: &Path<'_>) {
        let (d, Some(node)) = (path.width(), self.nodes.pop()) else { return };
        self.draw(path, node);
        let half = 0.5 * path.tree.interval().length() / f64::from(1u32 << node.level);
        let top = self.values.len() - 2 * d;
        self.values.resize(top + 4 * d, 0.0);
        let (whole, first) = self.values[top..].split_at_mut(2 * d);
        bridge(half, half, whole, &self.draws, first);
        drop_first(half, half, first, whole);
        let child = |side: u64| Node { level: node.level + 1, index: 2 * node.index + side };
        self.nodes.extend([child(1), child(0)]);
    }

    /// Puts `[ΔW, H]` from here to `end`, within the top node, into `self.piece`.
    fn look(&mut self, path: &Path<'_>, end: f64) {
        let Some(node) = self.nodes.last().copied() else { return };
        let (start, stop) = node.ends(path.tree.depth);
        let top = self.values.len() - 2 * path.width();
        if self.at == start && end == stop {
            self.piece.copy_from_slice(&self.values[top..]);
            return;
        }
        self.draw(path, node);
        let leaf = &self.values[top..];
        let upto = |place: f64, out: &mut [f64]| {
            let (a, b) = (path.length(place - start), path.length(stop - place));
            if b > 0.0 { bridge(a, b, leaf, &self.draws, out) } else { out.copy_from_slice(leaf) }
        };
        upto(end, &mut self.piece);
        if self.at > start {
            let mut before = vec![0.0; self.piece.len()];
            upto(self.at, &mut before);
            let lengths = (path.length(self.at - start), path.length(end - self.at));
            drop_first(lengths.0, lengths.1, &before, &mut self.piece);
        }
    }

    fn accept(&mut self, depth: u32, end: f64) {
        self.at = end;
        if self.nodes.last().is_some_and(|node| node.ends(depth).1 <= end) {
            self.nodes.pop();
            self.values.truncate(self.values.len() - self.draws.len());
        }
    }
}
