//! DPM-Solver++ singlestep with the stages on the grid's own times.

use super::exponential::{History, adams, correct, euler};
use super::{DiffusionMethod, Ends, Leap, Scales, SecondOrder};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// A [`Singlestep`](super::Singlestep) of order `ORDER`, 2 or 3, that takes `ORDER` steps of the
/// grid as its stages.
///
/// ```text
/// step 1 of a group   x₁ = 1S from x
/// step 2              x₂ = (σ₂/σ) x + α₂ I₀(h) [ D + (h/2u) (D(x₁) − D) ],      u = λ₁ − λ
/// step 3              x₃ = (σ₃/σ) x + α₃ Σᵢ wᵢ Dᵢ through D, D(x₁), D(x₂)
/// ```
///
/// Each starts again from the group's first state `x`, over the whole `h` from there: one
/// evaluation a step of the grid. The order is that of the groups, so the steps should be a multiple
/// of `ORDER`; a group that the grid's end cuts short, or a last step to σ = 0, has the order of what
/// there is of it.
///
/// # References
/// Lu et al. (2022), "DPM-Solver++", alg. 1, with r where the grid puts it.
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnGrid<const ORDER: usize>;

/// What an [`OnGrid`] carries: where its group began, and the evaluations since.
#[derive(Debug, Default)]
pub struct Group {
    start: Option<(Tensor<2>, Scales)>,
    /// The evaluations, newest first.
    history: History,
    done: usize,
}

impl<const ORDER: usize> DiffusionMethod for OnGrid<ORDER> {
    type Memory = Group;

    fn order(&self) -> usize {
        const { assert!(ORDER == 2 || ORDER == 3, "groups of 2 or 3") };
        ORDER
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        false
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        group: &mut Group,
    ) -> Tensor<2> {
        let data = denoiser.data(x.clone(), Times::Same(leap.t));
        let started = group.start.take().filter(|(_, scales)| {
            group.done < self.order()
                && leap.ends.log_snr_gap().is_finite()
                && scales.log_snr().is_finite()
        });
        let (x, from) = started.unwrap_or_else(|| {
            *group = Group::default();
            (x, leap.ends.from)
        });
        group.done += 1;
        group.history.push(leap.ends.from.log_snr(), data, ORDER);
        group.start = Some((x.clone(), from));
        finish(x, Ends { from, to: leap.ends.to }, &group.history, group.done)
    }
}

/// The step from the group's start, the latest of `count` evaluations being at the last stage.
fn finish(x: Tensor<2>, ends: Ends, history: &History, count: usize) -> Tensor<2> {
    let (mut nodes, mut values) = history.latest(count, ends.from.log_snr());
    // Oldest first: the differences are from the evaluation at the group's start.
    nodes.reverse();
    values.reverse();
    let h = ends.log_snr_gap();
    let weights = match nodes[..] {
        [_] => vec![1.0],
        [_, u] => SecondOrder::Midpoint.weights(-u, h, 0.0),
        _ => adams(&nodes, h, 0.0),
    };
    let x = euler(x, values[0].clone(), ends, 0.0);
    correct(x, ends.to.alpha, &weights, &values)
}
