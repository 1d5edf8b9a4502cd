//! A branch of a Brownian tree, from the root to where a walker stands.

use super::BrownianTree;
use super::bridge::{Real, bridge, drop_first, join};

/// The paths of some samples that are walked alike.
pub(super) struct Path<'a> {
    pub(super) tree: &'a BrownianTree,
    pub(super) row: usize,
    pub(super) count: usize,
}

impl<'a> Path<'a> {
    /// One sample's.
    pub(super) fn of(tree: &'a BrownianTree, row: usize) -> Self {
        Self { tree, row, count: 1 }
    }

    /// Numbers of `ΔW`.
    fn width(&self) -> usize {
        self.count * self.tree.dim
    }

    /// A node's draws `[Z, N]`; `rows` is where each sample's stand before they are put apart.
    fn draw<T: Real>(&self, node: u64, out: &mut [T], rows: &mut Vec<T>) {
        let noise = self.tree.noise.rows(self.row..self.row + self.count).at_step(node);
        if self.count == 1 {
            return noise.fill_normal(2 * self.tree.dim, out);
        }
        rows.resize(out.len(), T::default());
        noise.fill_normal(2 * self.tree.dim, rows);
        let parts = out.split_at_mut(self.width());
        match self.tree.dim {
            1 => put_apart::<T, 1>(rows, parts),
            2 => put_apart::<T, 2>(rows, parts),
            4 => put_apart::<T, 4>(rows, parts),
            d => {
                let parts = parts.0.chunks_exact_mut(d).zip(parts.1.chunks_exact_mut(d));
                for (row, (z, n)) in rows.chunks_exact(2 * d).zip(parts) {
                    z.copy_from_slice(&row[..d]);
                    n.copy_from_slice(&row[d..]);
                }
            }
        }
    }

    /// A length in leaves as a length of time.
    fn length(&self, leaves: f64) -> f64 {
        leaves * self.tree.leaf()
    }
}

/// Rows `[z, n]` of a width that the compiler knows.
fn put_apart<T: Copy, const D: usize>(rows: &[T], (z, n): (&mut [T], &mut [T])) {
    let (pairs, z, n) =
        (rows.as_chunks::<D>().0, z.as_chunks_mut::<D>().0, n.as_chunks_mut::<D>().0);
    for ((pair, z), n) in pairs.as_chunks::<2>().0.iter().zip(z).zip(n) {
        (*z, *n) = (pair[0], pair[1]);
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
pub(super) struct Branch<T> {
    at: f64,
    nodes: Vec<Node>,
    /// Node `k`'s value in place `k`; what stands beyond the nodes is of no meaning.
    values: Vec<T>,
    draws: Vec<T>,
    /// The node whose draws these are.
    drawn: u64,
    piece: Vec<T>,
    rows: Vec<T>,
}

impl<T: Real> Branch<T> {
    /// In leaves from the start.
    pub(super) fn at(&self) -> f64 {
        self.at
    }

    fn begin(&mut self, path: &Path<'_>) {
        let d = path.width();
        (self.at, self.drawn) = (0.0, 0);
        self.nodes.clear();
        self.nodes.push(Node::ROOT);
        for buffer in [&mut self.values, &mut self.draws, &mut self.piece] {
            buffer.resize(2 * d, T::default());
        }
        path.draw(0, &mut self.values, &mut self.rows);
        let length = path.tree.interval().length();
        let (w, area) = self.values.split_at_mut(d);
        w.iter_mut().for_each(|w| *w = *w * T::of(length.sqrt()));
        area.iter_mut().for_each(|h| *h = *h * T::of((length / 12.0).sqrt()));
    }

    /// Puts a node's draws into `self.draws`.
    fn draw(&mut self, path: &Path<'_>, node: Node) {
        if self.drawn != node.number() {
            path.draw(node.number(), &mut self.draws, &mut self.rows);
            self.drawn = node.number();
        }
    }

    /// Walks to `place`, from the root when that lies behind.
    pub(super) fn seek(&mut self, path: &Path<'_>, place: f64) {
        if self.piece.is_empty() || place < self.at {
            self.begin(path);
        }
        while self.at < place {
            let Some(end) = self.fit(path, f64::INFINITY, place) else { break };
            self.accept(path, end);
        }
    }

    /// `ΔW` and `H` from one place to another, and goes there.
    pub(super) fn walk(
        &mut self,
        path: &Path<'_>,
        (from, to): (f64, f64),
        (w, h): (&mut [T], &mut [T]),
    ) {
        self.seek(path, from);
        let from = self.at;
        while self.at < to {
            let Some(end) = self.fit(path, f64::INFINITY, to) else { break };
            let at = self.at;
            let piece = self.look(path, end);
            if at == from {
                w.copy_from_slice(&piece[..w.len()]);
                h.copy_from_slice(&piece[w.len()..]);
            } else {
                join(path.length(at - from), path.length(end - at), (&mut *w, &mut *h), piece);
            }
            self.accept(path, end);
        }
        if self.at == from {
            w.fill(T::default());
            h.fill(T::default());
        }
    }

    /// The end of the next piece, not longer than `most` and not beyond `limit`: nothing when that
    /// would cut a leaf.
    pub(super) fn fit(&mut self, path: &Path<'_>, most: f64, limit: f64) -> Option<f64> {
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
        let (size, Some(node)) = (2 * path.width(), self.nodes.pop()) else { return };
        self.draw(path, node);
        let half = 0.5 * path.tree.interval().length() / f64::from(1u32 << node.level);
        let top = self.nodes.len() * size;
        if self.values.len() < top + 2 * size {
            self.values.resize(top + 2 * size, T::default());
        }
        let (whole, first) = self.values[top..top + 2 * size].split_at_mut(size);
        bridge(half, half, whole, &self.draws, first);
        drop_first(half, half, first, whole);
        let child = |side: u64| Node { level: node.level + 1, index: 2 * node.index + side };
        self.nodes.extend([child(1), child(0)]);
    }

    /// `[ΔW, H]` from here to `end`, within the top node.
    pub(super) fn look(&mut self, path: &Path<'_>, end: f64) -> &[T] {
        let Some(node) = self.nodes.last().copied() else { return &self.piece };
        let (start, stop) = node.ends(path.tree.depth);
        let size = 2 * path.width();
        let top = (self.nodes.len() - 1) * size;
        if self.at == start && end == stop {
            return &self.values[top..top + size];
        }
        self.draw(path, node);
        let leaf = &self.values[top..top + size];
        let upto = |place: f64, out: &mut [T]| {
            let (a, b) = (path.length(place - start), path.length(stop - place));
            if b > 0.0 { bridge(a, b, leaf, &self.draws, out) } else { out.copy_from_slice(leaf) }
        };
        upto(end, &mut self.piece);
        if self.at > start {
            let mut before = vec![T::default(); size];
            upto(self.at, &mut before);
            let lengths = (path.length(self.at - start), path.length(end - self.at));
            drop_first(lengths.0, lengths.1, &before, &mut self.piece);
        }
        &self.piece
    }

    /// Goes to the end of a piece of the top node.
    pub(super) fn accept(&mut self, path: &Path<'_>, end: f64) {
        self.at = end;
        if self.nodes.last().is_some_and(|node| node.ends(path.tree.depth).1 <= end) {
            self.nodes.pop();
        }
    }
}
