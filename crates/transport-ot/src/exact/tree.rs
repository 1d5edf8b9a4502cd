//! A spanning tree of rows and columns that carries a flow: a basis of the transport program.
//!
//! ```text
//! cost of a tree arc (i, j) = uᵢ + vⱼ;    its flow is what the two sides of the arc differ by
//! ```
//!
//! Nodes are the rows `0..n` and the columns `n..n + m`. Each but the root knows the arc to its
//! parent. A pivot takes in an arc with `c − u − v < 0`, pushes flow around the cycle that it
//! closes until an arc of it is empty, drops that one, and hangs the part cut off at the new arc.
//!
//! # References
//! Ahuja, Magnanti & Orlin (1993), "Network flows", chapter 11.

/// An arc from a row to a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) cost: f64,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    n: usize,
    parent: Vec<u32>,
    depth: Vec<u32>,
    /// Cost and flow of the arc to the parent.
    cost: Vec<f64>,
    flow: Vec<i64>,
    neighbours: Vec<Vec<u32>>,
    /// `u`, then `v`.
    potential: Vec<f64>,
    stack: Vec<u32>,
}

impl Tree {
    /// The tree of `n + m − 1` arcs with their flows.
    pub(super) fn new(n: usize, m: usize, basis: &[(Link, i64)]) -> Self {
        assert_eq!(basis.len() + 1, n + m, "a spanning tree");
        let mut neighbours = vec![Vec::new(); n + m];
        for (k, (link, _)) in basis.iter().enumerate() {
            let (row, column) = (link.row as usize, n + link.column as usize);
            neighbours[row].push(k as u32);
            neighbours[column].push(k as u32);
        }
        let size = n + m;
        let mut tree = Self {
            n,
            parent: vec![u32::MAX; size],
            depth: vec![0; size],
            cost: vec![0.0; size],
            flow: vec![0; size],
            neighbours: vec![Vec::new(); size],
            potential: vec![0.0; size],
            stack: vec![0],
        };
        // From the root outwards; `neighbours` holds arcs here and nodes afterwards.
        while let Some(x) = tree.stack.pop() {
            for &k in &neighbours[x as usize] {
                let (link, flow) = &basis[k as usize];
                let (row, column) = (link.row, n as u32 + link.column);
                let y = if x == row { column } else { row };
                tree.neighbours[x as usize].push(y);
                if y != tree.parent[x as usize] {
                    tree.parent[y as usize] = x;
                    (tree.cost[y as usize], tree.flow[y as usize]) = (link.cost, *flow);
                    tree.stack.push(y);
                }
            }
        }
        tree.hang(0);
        tree
    }

    /// `c − u − v`.
    pub(super) fn reduced(&self, link: &Link) -> f64 {
        link.cost - self.potential[link.row as usize] - self.v()[link.column as usize]
    }

    /// The rows' potentials.
    pub(super) fn u(&self) -> &[f64] {
        &self.potential[..self.n]
    }

    /// The columns' potentials.
    pub(super) fn v(&self) -> &[f64] {
        &self.potential[self.n..]
    }

    /// The arcs with their flows.
    pub(super) fn links(&self) -> impl Iterator<Item = (Link, i64)> + '_ {
        (1..self.parent.len()).map(|x| {
            let (a, b) = (x as u32, self.parent[x]);
            let (row, column) = (a.min(b), a.max(b) - self.n as u32);
            (Link { row, column, cost: self.cost[x] }, self.flow[x])
        })
    }

    /// Takes `link` in; its reduced cost is negative.
    pub(super) fn pivot(&mut self, link: &Link) {
        let (p, q) = (link.row, self.n as u32 + link.column);
        let (amount, out, from_row) = self.leaving(p, q);
        self.push(p, q, amount);
        let (new, onto) = if from_row { (p, q) } else { (q, p) };
        let above = self.parent[out as usize];
        self.forget(out, above);
        self.forget(above, out);
        self.neighbours[p as usize].push(q);
        self.neighbours[q as usize].push(p);
        self.turn(new, onto, out, (link.cost, amount));
        self.hang(new);
    }

    fn is_row(&self, node: u32) -> bool {
        (node as usize) < self.n
    }

    /// How much the cycle carries, the lower end of the arc that is then empty, and on which side.
    ///
    /// Flow runs p → q: arcs from a row up lose it on p's side, arcs from a column up on q's.
    fn leaving(&self, mut p: u32, mut q: u32) -> (i64, u32, bool) {
        let mut least = (i64::MAX, u32::MAX, true);
        while p != q {
            if self.depth[p as usize] >= self.depth[q as usize] {
                if self.is_row(p) && self.flow[p as usize] < least.0 {
                    least = (self.flow[p as usize], p, true);
                }
                p = self.parent[p as usize];
            } else {
                if !self.is_row(q) && self.flow[q as usize] < least.0 {
                    least = (self.flow[q as usize], q, false);
                }
                q = self.parent[q as usize];
            }
        }
        least
    }

    fn push(&mut self, mut p: u32, mut q: u32, amount: i64) {
        while p != q {
            if self.depth[p as usize] >= self.depth[q as usize] {
                self.flow[p as usize] += if self.is_row(p) { -amount } else { amount };
                p = self.parent[p as usize];
            } else {
                self.flow[q as usize] += if self.is_row(q) { amount } else { -amount };
                q = self.parent[q as usize];
            }
        }
    }

    fn forget(&mut self, node: u32, neighbour: u32) {
        let list = &mut self.neighbours[node as usize];
        if let Some(at) = list.iter().position(|x| *x == neighbour) {
            list.swap_remove(at);
        }
    }

    /// Turns the parents between `x` and `out` round, and hangs `x` onto its new parent.
    fn turn(&mut self, mut x: u32, mut onto: u32, out: u32, mut arc: (f64, i64)) {
        loop {
            let k = x as usize;
            let above = std::mem::replace(&mut self.parent[k], onto);
            let old = std::mem::replace(&mut self.cost[k], arc.0);
            arc = (old, std::mem::replace(&mut self.flow[k], arc.1));
            if x == out {
                return;
            }
            (onto, x) = (x, above);
        }
    }

    /// Depths and potentials of a node (not the root) and of all below it, from its parent's.
    fn hang(&mut self, top: u32) {
        self.stack.push(top);
        while let Some(x) = self.stack.pop() {
            let k = x as usize;
            let above = self.parent[k] as usize;
            if above < self.parent.len() {
                self.depth[k] = self.depth[above] + 1;
                self.potential[k] = self.cost[k] - self.potential[above];
            }
            let below = self.neighbours[k].iter().filter(|y| self.parent[**y as usize] == x);
            self.stack.extend(below);
        }
    }
}
