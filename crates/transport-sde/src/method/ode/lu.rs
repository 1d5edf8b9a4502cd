//! `P a = L U` of a small dense matrix, with partial pivoting.

/// A factored matrix of order `d`. A singular one gives solutions that are not finite.
#[derive(Clone, Debug)]
pub(crate) struct Lu {
    d: usize,
    a: Vec<f64>,
    order: Vec<usize>,
}

impl Lu {
    /// Factors a row-major `[d, d]` matrix.
    pub(crate) fn new(mut a: Vec<f64>, d: usize) -> Self {
        let mut order: Vec<usize> = (0..d).collect();
        for k in 0..d {
            let size = |i: &usize| a[i * d + k].abs();
            let pivot = (k..d).max_by(|i, j| size(i).total_cmp(&size(j))).unwrap_or(k);
            (0..d).for_each(|j| a.swap(k * d + j, pivot * d + j));
            order.swap(k, pivot);
            for i in k + 1..d {
                a[i * d + k] /= a[k * d + k];
                let factor = a[i * d + k];
                (k + 1..d).for_each(|j| a[i * d + j] -= factor * a[k * d + j]);
            }
        }
        Self { d, a, order }
    }

    /// Solves `a y = b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (d, a) = (self.d, &self.a);
        let mut y: Vec<f64> = self.order.iter().map(|i| b[*i]).collect();
        for i in 0..d {
            let known: f64 = (0..i).map(|j| a[i * d + j] * y[j]).sum();
            y[i] -= known;
        }
        for i in (0..d).rev() {
            let known: f64 = (i + 1..d).map(|j| a[i * d + j] * y[j]).sum();
            y[i] = (y[i] - known) / a[i * d + i];
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    #[test]
    fn solutions_solve() {
        let d = 7;
        let a = Noise::new(5, d).normal_values(d);
        let y = Lu::new(a.clone(), d).solve(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        for (i, row) in a.chunks_exact(d).enumerate() {
            let b: f64 = row.iter().zip(&y).map(|(a, y)| a * y).sum();
            assert!((b - (i + 1) as f64).abs() < 1e-11, "{b}");
        }
    }

    #[test]
    fn a_zero_on_the_diagonal_is_pivoted_and_a_singular_matrix_shows() {
        assert_eq!(Lu::new(vec![0.0, 1.0, 1.0, 0.0], 2).solve(&[3.0, 4.0]), [4.0, 3.0]);
        let singular = Lu::new(vec![1.0, 2.0, 2.0, 4.0], 2).solve(&[1.0, 1.0]);
        assert!(singular.iter().any(|y| !y.is_finite()));
    }
}
