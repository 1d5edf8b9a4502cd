//! Order conditions by rooted trees, for every tableau of the folder.
//!
//! ```text
//! uᵢ(•) = 1,   uᵢ([τ₁ … τₘ]) = Πₖ Σⱼ aᵢⱼ uⱼ(τₖ),   γ(τ) = |τ| Πₖ γ(τₖ)
//! order p  ⇔  Σᵢ bᵢ uᵢ(τ) = 1/γ(τ)  for all |τ| ≤ p;   a continuous extension: θ^|τ|/γ(τ)
//! ```
//!
//! # References
//! Hairer, Nørsett & Wanner (1993), thm II.2.13 and eq. (II.6.4).

use super::runge_kutta::{Embedded, RungeKutta};
use super::tableau::{Dense, Estimate, Tableau};
use super::{Bs32, Dop853, Dopri5, Euler, Heun, Midpoint, Rk4, Tsit5};

#[derive(Clone, Debug)]
struct Tree(Vec<Tree>);

/// All rooted trees of each order up to `most`, in `[order]`.
fn trees(most: usize) -> Vec<Vec<Tree>> {
    let mut by_order = vec![vec![], vec![Tree(vec![])]];
    for order in 2..=most {
        let below: Vec<(usize, Tree)> = by_order
            .iter()
            .enumerate()
            .flat_map(|(n, trees)| trees.iter().map(move |tree| (n, tree.clone())))
            .collect();
        by_order.push(forests(&below, order - 1).into_iter().map(Tree).collect());
    }
    by_order
}

/// All multisets of the trees with `size` nodes together.
fn forests(trees: &[(usize, Tree)], size: usize) -> Vec<Vec<Tree>> {
    if size == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (first, (nodes, tree)) in trees.iter().enumerate().filter(|(_, (n, _))| *n <= size) {
        for mut forest in forests(&trees[first..], size - nodes) {
            forest.push(tree.clone());
            all.push(forest);
        }
    }
    all
}

impl Tree {
    fn order(&self) -> usize {
        1 + self.0.iter().map(Self::order).sum::<usize>()
    }

    fn gamma(&self) -> f64 {
        self.order() as f64 * self.0.iter().map(Self::gamma).product::<f64>()
    }

    fn stages(&self, a: &[&[f64]]) -> Vec<f64> {
        let mut product = vec![1.0; a.len()];
        for child in &self.0 {
            let inner = child.stages(a);
            product.iter_mut().zip(a).for_each(|(p, row)| *p *= dot(row, &inner));
        }
        product
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest `|Σ bᵢ uᵢ − 1/γ|` at each order from 1 to `most`.
fn defects(a: &[&[f64]], b: &[f64], most: usize) -> Vec<f64> {
    let defect = |tree: &Tree| (dot(b, &tree.stages(a)) - 1.0 / tree.gamma()).abs();
    trees(most)[1..].iter().map(|trees| trees.iter().map(defect).fold(0.0, f64::max)).collect()
}

/// The order that the coefficients have.
fn order_of(a: &[&[f64]], b: &[f64]) -> usize {
    defects(a, b, 9).iter().position(|defect| *defect > 1e-8).unwrap_or(9)
}

/// The rows with `v(x(t+h), t+h)` as one more stage.
fn with_end(tableau: &Tableau) -> Vec<&'static [f64]> {
    tableau.a.iter().copied().chain([tableau.b]).collect()
}

fn embedded(tableau: &Tableau, estimate: &Estimate) -> Vec<usize> {
    let order = |e: &&[f64]| {
        let all = tableau.b.iter().chain([&0.0]);
        let lower: Vec<f64> = all.zip(e.iter().chain([&0.0])).map(|(b, e)| b - e).collect();
        order_of(&with_end(tableau), &lower)
    };
    estimate.rows.iter().map(order).collect()
}

/// The largest defect of the continuous extension at each order.
fn dense_defects(tableau: &Tableau, dense: &Dense, most: usize) -> Vec<f64> {
    let a: Vec<&[f64]> = with_end(tableau).into_iter().chain(dense.a.iter().copied()).collect();
    let defect = |tree: &Tree| {
        let u = tree.stages(&a);
        let (rise, end) = (dot(tableau.b, &u), u[tableau.b.len()]);
        let mut terms = vec![rise, u[0] - rise, 2.0 * rise - u[0] - end];
        terms.extend(dense.d.iter().map(|row| dot(row, &u)));
        let at = |theta: f64| {
            let factors = [theta, 1.0 - theta];
            let nested =
                terms.iter().enumerate().rev().fold(0.0, |x, (j, f)| (f + x) * factors[j % 2]);
            (nested - theta.powi(tree.order() as i32) / tree.gamma()).abs()
        };
        [0.1, 0.35, 0.6, 0.9].map(at).into_iter().fold(0.0, f64::max)
    };
    trees(most)[1..].iter().map(|trees| trees.iter().map(defect).fold(0.0, f64::max)).collect()
}

/// Row sums are the nodes.
fn rows_sum<M: RungeKutta>(c: &[f64], a: &[&[f64]]) {
    assert_eq!(a.len(), c.len(), "{:?}", M::default());
    for (c, row) in c.iter().zip(a) {
        assert!((row.iter().sum::<f64>() - c).abs() < 1e-14, "{:?}: node {c}", M::default());
    }
}

/// The orders of the method and of its continuous extension are the declared ones, no less and no
/// more.
fn consistent<M: RungeKutta>() {
    let Tableau { order, c, a, b } = M::TABLEAU;
    rows_sum::<M>(c, a);
    rows_sum::<M>(M::DENSE.c, M::DENSE.a);
    assert_eq!(b.len(), c.len(), "{:?}", M::default());
    assert_eq!(order_of(a, b), order, "{:?}", M::default());
    let defects = dense_defects(&M::TABLEAU, &M::DENSE, M::DENSE.order + 1);
    let dense = defects.iter().position(|defect| *defect > 1e-8);
    assert_eq!(dense, Some(M::DENSE.order), "{:?}: {defects:?}", M::default());
}

fn pair<M: Embedded>() {
    consistent::<M>();
    assert_eq!(embedded(&M::TABLEAU, &M::ESTIMATE), M::ESTIMATE.orders, "{:?}", M::default());
}

#[test]
fn there_are_as_many_trees_as_cayley_counted() {
    let counts: Vec<usize> = trees(8).iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 1, 1, 2, 4, 9, 20, 48, 115]);
}

#[test]
fn tableaux_have_their_declared_orders() {
    consistent::<Euler>();
    consistent::<Midpoint>();
    consistent::<Rk4>();
    pair::<Heun>();
    pair::<Bs32>();
    pair::<Dopri5>();
    pair::<Tsit5>();
    pair::<Dop853>();
}

/// Any coefficient that is wrong in its fifth digit lowers the order.
#[test]
fn a_wrong_coefficient_is_rejected() {
    let Tableau { order, a, b, .. } = Dopri5::TABLEAU;
    for i in 1..a.len() {
        let mut row = a[i].to_vec();
        row[i - 1] *= 1.00001;
        let mut wrong = a.to_vec();
        wrong[i] = &row;
        assert!(order_of(&wrong, b) < order, "row {i}");
    }
    let mut wrong = b.to_vec();
    wrong.swap(2, 3);
    assert!(order_of(a, &wrong) < order);
}
