//! A spanning tree of rows and columns that carries a flow: a basis of the transport program.
//!
//! ```text
//! cost of a tree arc (i, j) = uᵢ + vⱼ;    its flow is what the two sides of the arc differ by
//! ```
//!
//! Nodes are the rows `0..n` and the columns `n..n + m`. Each but the root knows the arc to its
//! parent. A pivot takes in an arc with `c − u − v < 0`, pushes flow around the cycle that it
//! closes until an arc of it is empty, drops that one, and hangs the part cut off at the new arc.
//! A thread runs through all nodes, each before those below it: what is below a node is the piece of
//! thread from it to its `last`, so that a part is moved by relinking pieces along one path, and
//! the potentials of the smaller of the two parts shift by one number.
//!
//! # References
//! Ahuja, Magnanti & Orlin (1993), "Network flows", chapter 11 (the thread); Kovács (2015),
//! "Minimum-cost flow algorithms: an experimental evaluation", §4 (both directions of it).

/// An arc from a row to a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) cost: f64,
}

const NONE: u32 = u32::MAX;

/// A row or a column.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    /// How many nodes are below, and itself.
    size: u32,
    /// Of those, the one that the thread visits last.
    last: u32,
    /// The node before on the thread.
    before: u32,
    /// Cost and flow of the arc to the parent.
    cost: f64,
    flow: i64,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    n: usize,
    nodes: Vec<Node>,
    /// The node after each on the thread, which is a ring.
    after: Vec<u32>,
    /// `u`, then `v`.
    potential: Vec<f64>,
}

/// The arc that leaves, by its lower end; where the cycle closes.
struct Leaving {
    amount: i64,
    out: u32,
    from_row: bool,
    join: u32,
}

impl Tree {
    /// The tree of `n + m − 1` arcs with their flows.
    pub(super) fn new(n: usize, m: usize, basis: &[(Link, i64)]) -> Self {
        assert_eq!(basis.len() + 1, n + m, "a spanning tree");
        let lone = Node { parent: NONE, size: 1, last: NONE, before: 0, cost: 0.0, flow: 0 };
        let nodes = vec![lone; n + m];
        let mut tree = Self { n, nodes, after: vec![0; n + m], potential: vec![0.0; n + m] };
        let order = tree.outwards(basis);
        tree.thread(&order);
        tree.settle();
        tree
    }

    /// The thread through nodes in order, with how much is below each.
    fn thread(&mut self, order: &[u32]) {
        order.windows(2).for_each(|pair| self.follow(pair[0], pair[1]));
        self.follow(order[order.len() - 1], order[0]);
        for &x in order.iter().rev() {
            let Node { parent, size, last, .. } = *self.node(x);
            let last = if last == NONE { x } else { last };
            self.nodes[x as usize].last = last;
            if let Some(above) = self.nodes.get_mut(parent as usize) {
                above.size += size;
                above.last = if above.last == NONE { last } else { above.last };
            }
        }
    }

    /// Finds parents from the root outwards; the nodes, each before those below it.
    fn outwards(&mut self, basis: &[(Link, i64)]) -> Vec<u32> {
        let (size, n) = (self.nodes.len(), self.n);
        let ends = |link: &Link| [link.row as usize, n + link.column as usize];
        // Arcs by node, one after the other: those of node x end where those of x + 1 begin.
        let mut begin = vec![0; size + 1];
        basis.iter().flat_map(|(link, _)| ends(link)).for_each(|x| begin[x] += 1);
        (0..size).for_each(|x| begin[x + 1] += begin[x]);
        let mut arcs = vec![0; 2 * basis.len()];
        for (k, (link, _)) in basis.iter().enumerate() {
            for x in ends(link) {
                begin[x] -= 1;
                arcs[begin[x]] = k;
            }
        }
        let (mut order, mut stack) = (Vec::with_capacity(size), vec![0u32]);
        while let Some(x) = stack.pop() {
            order.push(x);
            for &k in &arcs[begin[x as usize]..begin[x as usize + 1]] {
                let (link, flow) = &basis[k];
                let [row, column] = ends(link);
                let y = if x as usize == row { column } else { row };
                if y as u32 != self.nodes[x as usize].parent {
                    let node = &mut self.nodes[y];
                    (node.parent, node.cost, node.flow) = (x, link.cost, *flow);
                    stack.push(y as u32);
                }
            }
        }
        order
    }

    /// Potentials afresh from the arcs, without what the shifts of many pivots have rounded; that of
    /// the root is 0.
    pub(super) fn settle(&mut self) {
        self.potential[0] = 0.0;
        let mut x = self.after[0];
        while x != 0 {
            let Node { parent, cost, .. } = self.nodes[x as usize];
            self.potential[x as usize] = cost - self.potential[parent as usize];
            x = self.after[x as usize];
        }
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
        self.nodes.iter().enumerate().skip(1).map(|(x, node)| {
            let (a, b) = (x as u32, node.parent);
            let (row, column) = (a.min(b), a.max(b) - self.n as u32);
            (Link { row, column, cost: node.cost }, node.flow)
        })
    }

    /// Takes `link` in; its reduced cost is negative.
    pub(super) fn pivot(&mut self, link: &Link) {
        let reduced = self.reduced(link);
        let (p, q) = (link.row, self.n as u32 + link.column);
        let Leaving { amount, out, from_row, join } = self.leaving(p, q);
        self.push(p, q, join, amount);
        let (new, onto) = if from_row { (p, q) } else { (q, p) };
        let end = self.move_part(new, onto, out, join);
        self.turn(new, onto, out, (link.cost, amount), end);
        // The new end takes up what was negative: a row's potential falls, a column's too.
        self.shift(new, if from_row { reduced } else { -reduced });
    }

    fn is_row(&self, node: u32) -> bool {
        (node as usize) < self.n
    }

    fn node(&self, x: u32) -> &Node {
        &self.nodes[x as usize]
    }

    /// How much the cycle carries, the lower end of the arc that is then empty, and on which side.
    ///
    /// Flow runs p → q: arcs from a row up lose it on p's side, arcs from a column up on q's.
    fn leaving(&self, mut p: u32, mut q: u32) -> Leaving {
        let mut least = Leaving { amount: i64::MAX, out: NONE, from_row: true, join: NONE };
        while p != q {
            // What is above a node is larger: the smaller goes up.
            let (a, b) = (self.node(p), self.node(q));
            if a.size <= b.size {
                if self.is_row(p) && a.flow < least.amount {
                    least = Leaving { amount: a.flow, out: p, from_row: true, join: NONE };
                }
                p = a.parent;
            } else {
                if !self.is_row(q) && b.flow < least.amount {
                    least = Leaving { amount: b.flow, out: q, from_row: false, join: NONE };
                }
                q = b.parent;
            }
        }
        Leaving { join: p, ..least }
    }

    fn push(&mut self, p: u32, q: u32, join: u32, amount: i64) {
        for (end, sign) in [(p, -amount), (q, amount)] {
            let mut x = end;
            while x != join {
                let up = if self.is_row(x) { sign } else { -sign };
                let node = &mut self.nodes[x as usize];
                node.flow += up;
                x = node.parent;
            }
        }
    }

    /// Sets `y` after `x` on the thread.
    fn follow(&mut self, x: u32, y: u32) {
        self.after[x as usize] = y;
        self.nodes[y as usize].before = x;
    }

    /// Takes what is below `out` from its place on the thread and lays it behind `onto`, `new` first;
    /// with it the sizes and last nodes of those above. Returns the part's last node.
    fn move_part(&mut self, new: u32, onto: u32, out: u32, join: u32) -> u32 {
        let Node { parent: above, last: old_last, size: moved, .. } = *self.node(out);
        let (before, after, end) = self.rethread(new, out);
        self.follow(before, after);
        let next = self.after[onto as usize];
        self.follow(onto, new);
        self.follow(end, next);
        self.replace_last(above, old_last, before);
        self.replace_last(onto, onto, end);
        self.resize(above, join, moved.wrapping_neg());
        self.resize(onto, join, moved);
        end
    }

    /// Threads what is below `out` as it is seen from `new`, where the path up from `new` runs down:
    /// below a node of the path comes all that was below it but not below the one before.
    ///
    /// Returns the nodes before and after the part, and its last node then.
    fn rethread(&mut self, new: u32, out: u32) -> (u32, u32, u32) {
        let Node { mut before, mut last, .. } = *self.node(new);
        let mut after = self.after[last as usize];
        let (mut x, mut end) = (new, last);
        while x != out {
            x = self.node(x).parent;
            let up = *self.node(x);
            self.follow(end, x);
            end = before;
            if up.last != last {
                self.follow(before, after);
                (end, last) = (up.last, up.last);
                after = self.after[last as usize];
            }
            before = up.before;
        }
        (before, after, end)
    }

    /// From `x` up: where the last node was `old`, it is `new`.
    fn replace_last(&mut self, mut x: u32, old: u32, new: u32) {
        while x != NONE && self.node(x).last == old {
            self.nodes[x as usize].last = new;
            x = self.node(x).parent;
        }
    }

    fn resize(&mut self, mut x: u32, join: u32, by: u32) {
        while x != join {
            let node = &mut self.nodes[x as usize];
            node.size = node.size.wrapping_add(by);
            x = node.parent;
        }
    }

    /// Turns the parents between `x` and `out` round, and hangs `x` onto its new parent; the thread
    /// of each ends at `end` now.
    fn turn(&mut self, mut x: u32, mut onto: u32, out: u32, mut arc: (f64, i64), end: u32) {
        let (whole, mut below) = (self.node(out).size, 0);
        loop {
            let node = &mut self.nodes[x as usize];
            let above = std::mem::replace(&mut node.parent, onto);
            node.last = end;
            let old = (node.cost, node.flow, node.size);
            (node.cost, node.flow, node.size) = (arc.0, arc.1, whole - below);
            (arc, below) = ((old.0, old.1), old.2);
            if x == out {
                return;
            }
            (onto, x) = (x, above);
        }
    }

    /// Shifts the potentials of rows by `by` and of columns by `−by`: below `top`, or the opposite
    /// on all other nodes where these are fewer.
    fn shift(&mut self, top: u32, by: f64) {
        let Node { size, last, before, .. } = *self.node(top);
        let (mut x, end, by) = if 2 * size as usize <= self.nodes.len() {
            (top, last, by)
        } else {
            (self.after[last as usize], before, -by)
        };
        loop {
            self.potential[x as usize] += if self.is_row(x) { by } else { -by };
            if x == end {
                return;
            }
            x = self.after[x as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    /// A path through all rows and columns, with a flow on each arc that no other has.
    fn zigzag(n: usize, costs: &[f64]) -> Vec<(Link, i64)> {
        let flows = Noise::new(8, 2 * n - 1).uniform_values(1);
        let arc = |(k, flow): (usize, &f64)| {
            let (row, column) = (k.div_ceil(2), k / 2);
            let cost = costs[row * n + column];
            (Link { row: row as u32, column: column as u32, cost }, (flow * 1e15) as i64 + 1)
        };
        flows.iter().enumerate().map(arc).collect()
    }

    /// What sizes, last nodes and the thread should be, from the parents alone.
    fn check(tree: &Tree) {
        let all = tree.nodes.len();
        let (mut order, mut x) = (vec![0u32], tree.after[0]);
        while x != 0 {
            assert_eq!(tree.after[tree.node(x).before as usize], x);
            order.push(x);
            x = tree.after[x as usize];
        }
        assert_eq!(order.len(), all, "the thread visits every node once");
        let mut at = vec![usize::MAX; all];
        for (k, &x) in order.iter().enumerate() {
            at[x as usize] = k;
        }
        let mut size = vec![1; all];
        for &x in order.iter().skip(1).rev() {
            let parent = tree.node(x).parent as usize;
            assert!(at[parent] < at[x as usize], "a node comes after its parent");
            size[parent] += size[x as usize];
        }
        for (x, node) in tree.nodes.iter().enumerate() {
            assert_eq!(
                (node.size, at[node.last as usize] + 1),
                (size[x], at[x] + size[x] as usize)
            );
        }
        for (link, flow) in tree.links() {
            assert!(flow > 0 && tree.reduced(&link).abs() < 1e-12);
        }
    }

    fn balance(tree: &Tree, n: usize) -> Vec<i64> {
        let mut sums = vec![0; 2 * n];
        for (link, flow) in tree.links() {
            sums[link.row as usize] += flow;
            sums[n + link.column as usize] += flow;
        }
        sums
    }

    /// Pivots, whatever they gain, leave a spanning tree that is threaded, tight and carries the
    /// same masses.
    #[test]
    fn pivots_keep_the_tree() {
        let n = 23;
        let costs = Noise::new(9, n * n).uniform_values(1);
        let mut tree = Tree::new(n, n, &zigzag(n, &costs));
        check(&tree);
        let masses = balance(&tree, n);
        let mut pivots = 0;
        for k in 0..40 * n * n {
            let (row, column) = (k * 7 % n, k * 11 / n % n);
            let link =
                Link { row: row as u32, column: column as u32, cost: costs[row * n + column] };
            if tree.reduced(&link) < -1e-12 {
                tree.pivot(&link);
                check(&tree);
                pivots += 1;
            }
        }
        assert!(pivots > 4 * n, "{pivots}");
        assert_eq!(balance(&tree, n), masses);
        let (u, v) = (tree.u().to_vec(), tree.v().to_vec());
        tree.settle();
        // But for one number that goes from the rows to the columns.
        let gauge = u[0];
        assert!(u.iter().zip(tree.u()).all(|(x, y)| (x - gauge - y).abs() < 1e-12));
        assert!(v.iter().zip(tree.v()).all(|(x, y)| (x + gauge - y).abs() < 1e-12));
    }
}
