//! `(I − h L) x = b` for the generator `L` of a Markov chain, without a subtraction.

use super::Generator;

/// The factors of `I − h L`, an M-matrix whose columns each sum to 1.
///
/// Gaussian elimination with the diagonal never formed: the pivot of column `k` is its column sum
/// plus the magnitudes below it, and both are updated by additions only,
///
/// ```text
/// p_k = s_k + Σ_{i>k} a_ik,   a_ij ← a_ij + a_ik a_kj / p_k,   s_j ← s_j + s_k a_kj / p_k
/// ```
///
/// with `a_ij ≥ 0` the magnitudes off the diagonal and `s` the column sums. No digits cancel, so
/// every entry of the solution is accurate relative to itself: positive where it should be, and the
/// mass is kept to rounding, whatever `h`.
///
/// # References
/// Grassmann, Taksar & Heyman (1985); O'Cinneide (1993).
/// # Checked by
/// `tests/it/fokker_planck.rs::mass_is_kept_and_densities_stay_positive`
#[derive(Clone, Debug)]
pub(super) struct Factors {
    /// Neighbours are at most this far apart.
    band: usize,
    /// Row `i` holds columns `i − band ..= i + band`; its middle is not used.
    rows: Vec<f64>,
    pivots: Vec<f64>,
}

impl Factors {
    /// Factors `I − h L`.
    pub(super) fn new(generator: &Generator, h: f64) -> Self {
        let (n, band) = (generator.mesh().len(), generator.mesh().stride(0));
        let width = 2 * band + 1;
        let mut rows = vec![0.0; n * width];
        for face in generator.faces() {
            let gap = face.high - face.low;
            rows[face.high * width + band - gap] = h * face.forward;
            rows[face.low * width + band + gap] = h * face.backward;
        }
        let mut factors = Self { band, rows, pivots: vec![0.0; n] };
        factors.eliminate();
        factors
    }

    fn eliminate(&mut self) {
        let (n, band, width) = (self.pivots.len(), self.band, 2 * self.band + 1);
        let mut sums = vec![1.0; n];
        for k in 0..n {
            let last = (k + band).min(n - 1);
            let below = |i: usize| i * width + k + band - i;
            let pivot = sums[k] + (k + 1..=last).map(|i| self.rows[below(i)]).sum::<f64>();
            self.pivots[k] = pivot;
            let (done, rest) = self.rows.split_at_mut((k + 1) * width);
            let right = &done[k * width + band + 1..];
            for (gap, entry) in right.iter().enumerate().take(last - k) {
                sums[k + 1 + gap] += sums[k] * entry / pivot;
            }
            for (i, row) in (k + 1..=last).zip(rest.chunks_exact_mut(width)) {
                let start = k + band - i;
                let factor = row[start] / pivot;
                row[start] = factor;
                if factor != 0.0 {
                    let target = &mut row[start + 1..start + 1 + band];
                    target.iter_mut().zip(right).for_each(|(a, u)| *a += factor * u);
                }
            }
        }
    }

    /// Solves in place.
    pub(super) fn solve(&self, x: &mut [f64]) {
        let (n, band, width) = (self.pivots.len(), self.band, 2 * self.band + 1);
        for i in 0..n {
            let first = i.saturating_sub(band);
            let row = &self.rows[i * width + band + first - i..i * width + band];
            x[i] += row.iter().zip(&x[first..i]).map(|(a, x)| a * x).sum::<f64>();
        }
        for k in (0..n).rev() {
            let last = (k + band).min(n - 1);
            let row = &self.rows[k * width + band + 1..k * width + band + 1 + last - k];
            let ahead: f64 = row.iter().zip(&x[k + 1..=last]).map(|(a, x)| a * x).sum();
            x[k] = (x[k] + ahead) / self.pivots[k];
        }
    }
}
