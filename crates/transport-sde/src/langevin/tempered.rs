//! Parallel tempering: replicas at several temperatures that trade places.

use super::mala::{adjusted_step, evaluate};
use super::{Move, Preconditioner, State, Target, Transition, Tuning};
use burn::tensor::{Int, Tensor};
use transport_core::{Noise, Space};

/// MALA on `π^{β₁} ⊗ … ⊗ π^{β_K}`, `1 = β₁ > … > β_K > 0`, with swaps of neighbours.
///
/// ```text
/// swap j and j+1 with probability min(1, exp((βⱼ − βⱼ₊₁)(log p̃(xⱼ₊₁) − log p̃(xⱼ))))
/// ```
///
/// The hot replicas cross between modes, and the swaps carry them to the cold one, whose law is
/// exactly π: unlike a descent through temperatures, tempering gets the modes' weights right from
/// the density alone. Replica `j` takes steps `ε/βⱼ`. The even pairs may swap after even steps, the
/// odd ones after odd steps. A state has `K` blocks of rows, the cold one first.
///
/// # References
/// Swendsen & Wang (1986); Geyer (1991).
/// # Checked by
/// `tests/it/langevin.rs::tempering_finds_the_weights_from_the_density_alone`
#[derive(Clone)]
pub struct Tempered<'a> {
    /// What is sampled.
    pub target: &'a dyn Target,
    /// Inverse temperatures, decreasing from 1.
    pub betas: Vec<f64>,
}

impl std::fmt::Debug for Tempered<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tempered").field("betas", &self.betas).finish_non_exhaustive()
    }
}

/// `π^β`, with a β for each row.
struct Heated<'a> {
    target: &'a dyn Target,
    betas: Vec<f64>,
}

impl Target for Heated<'_> {
    fn log_density_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let column = Space::of(&x).column(&self.betas);
        let (log_density, score) = self.target.log_density_and_score(x);
        (log_density * column.clone().squeeze_dim(1), score * column)
    }
}

impl<'a> Tempered<'a> {
    /// `replicas` geometric temperatures from 1 to `hottest`.
    ///
    /// # Panics
    /// When there are no replicas.
    #[must_use]
    pub fn geometric(target: &'a dyn Target, hottest: f64, replicas: usize) -> Self {
        assert!(replicas > 0, "parallel tempering needs a replica");
        let part = |j: usize| j as f64 / (replicas.max(2) - 1) as f64;
        Self { target, betas: (0..replicas).map(|j| hottest.powf(-part(j))).collect() }
    }

    fn each_row(&self, n: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
        self.betas.iter().flat_map(|b| std::iter::repeat_n(f(*b), n)).collect()
    }

    fn heated(&self, n: usize) -> Heated<'_> {
        Heated { target: self.target, betas: self.each_row(n, |b| b) }
    }

    /// Which row each row becomes: swaps of neighbouring replicas, chain by chain.
    fn swaps(&self, k: usize, log_density: &[f64], noise: &Noise) -> Vec<usize> {
        let (n, uniforms) = (noise.len(), noise.purpose("swap").uniform_values(self.betas.len()));
        let mut from: Vec<usize> = (0..log_density.len()).collect();
        for j in (k % 2..self.betas.len().saturating_sub(1)).step_by(2) {
            for i in 0..n {
                let (a, b) = (j * n + i, (j + 1) * n + i);
                // The state holds β log p̃.
                let plain = log_density[b] / self.betas[j + 1] - log_density[a] / self.betas[j];
                let log_ratio = (self.betas[j] - self.betas[j + 1]) * plain;
                if uniforms[i * self.betas.len() + j] < log_ratio.exp() {
                    from.swap(a, b);
                }
            }
        }
        from
    }

    /// The rows rearranged, with densities and scores at their new temperatures.
    fn rearranged(&self, state: &State, from: &[usize], n: usize) -> State {
        let index: Vec<i32> = from.iter().map(|i| *i as i32).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &state.x.device());
        let betas = self.each_row(n, |b| b);
        let gain: Vec<f64> = from.iter().zip(&betas).map(|(i, b)| b / betas[*i]).collect();
        let column = Space::of(&state.x).column(&gain);
        State {
            x: state.x.clone().select(0, index.clone()),
            score: state.score.clone().select(0, index) * column,
            log_density: from.iter().zip(gain).map(|(i, g)| g * state.log_density[*i]).collect(),
            velocity: None,
        }
    }
}

/// One draw for each row of each replica; a chain's draws do not depend on how many chains run.
fn by_replica<T>(noise: &Noise, replicas: usize, draw: impl Fn(Noise) -> T) -> Vec<T> {
    (0..replicas).map(|j| draw(noise.purpose(&format!("replica {j}")))).collect()
}

impl Transition for Tempered<'_> {
    fn begin(&self, x: Tensor<2>, _noise: &Noise) -> State {
        let n = x.dims()[0];
        evaluate(&self.heated(n), x.repeat_dim(0, self.betas.len()))
    }

    fn step(&self, k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let (n, replicas) = (noise.len(), self.betas.len());
        let (d, space) = (state.x.dims()[1], Space::of(&state.x));
        let xi = Tensor::cat(by_replica(noise, replicas, |z| z.normal(d, &space)), 0);
        let uniforms = by_replica(noise, replicas, |z| z.purpose("accept").uniform_values(1));
        let scales = self.each_row(n, |b| b.powf(-0.5));
        let inner = Box::new(tuning.preconditioner.clone());
        let preconditioner = Preconditioner::Rows { scales, inner };
        let hot = Tuning { step: tuning.step, preconditioner };
        let mut moved = adjusted_step(&self.heated(n), state, &hot, xi, &uniforms.concat());
        let from = self.swaps(k, &moved.state.log_density, noise);
        moved.state = self.rearranged(&moved.state, &from, n);
        moved.acceptance.truncate(n);
        moved.divergent.truncate(n);
        Move { evals: replicas, ..moved }
    }

    fn goal(&self) -> Option<f64> {
        Some(0.574)
    }

    fn visible(&self, state: &State) -> Tensor<2> {
        let rows = state.x.dims()[0].checked_div(self.betas.len()).unwrap_or(0);
        state.x.clone().narrow(0, 0, rows)
    }
}
