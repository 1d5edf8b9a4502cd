//! The gradient of the discrete path: discretise, then differentiate.
//!
//! ```text
//! y_{k+1} = Φ_k(y_k; θ),     a_k = (∂Φ_k/∂y)ᵀ a_{k+1},     ∂L/∂θ = Σ_k (∂Φ_k/∂θ)ᵀ a_{k+1}
//! ```

use super::parametric::vjp;
use super::{At, Differentiated, Integration, ParameterGradient, Parametric, terminal};
use crate::driver::{SolveError, check_finite, looks};
use crate::method::ode::tableau::Span;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::Field;

impl Integration {
    /// `Φ_k(y)`, in whatever graph `y` and the field are.
    fn step(&self, field: &dyn Field, y: Tensor<2>, (t, next): (f64, f64)) -> Tensor<2> {
        let span = Span::Same { t, h: next - t };
        let k1 = span.eval(field, y.clone(), 0.0);
        self.tableau.step(field, y, k1, &span)
    }

    /// The ends of step `k`.
    fn ends(&self, k: usize) -> (f64, f64) {
        let times = self.grid.times();
        (times[k], times[k + 1])
    }

    /// One graph of all steps.
    pub(super) fn plain<M: Module + Sync, P: Parametric<M>>(
        &self,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
    ) -> Result<Differentiated, SolveError> {
        let live = module.clone().train();
        let field = At { equation, module: &live };
        let leaf = y.clone().autodiff().require_grad();
        let steps = self.grid.times().len() - 1;
        let end = (0..steps).fold(leaf.clone(), |y, k| self.step(&field, y, self.ends(k)));
        let value = loss(end.clone());
        let mut gradients = value.backward();
        let start = leaf.grad_remove(&mut gradients).unwrap_or_else(|| y.zeros_like());
        let evals = steps * self.tableau.b.len();
        check_finite(&end.clone().inner(), self.grid.last(), steps, evals)?;
        check_finite(&start, self.grid.times()[0], steps, evals)?;
        let parameters = ParameterGradient::take(&live, gradients);
        Ok(Differentiated { loss: value.into_scalar::<f64>(), end: end.inner(), start, parameters })
    }

    /// A graph for each step, from states that are kept or computed again.
    pub(super) fn checkpointed<M: Module + Sync, P: Parametric<M>>(
        &self,
        segments: usize,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
    ) -> Result<Differentiated, SolveError> {
        let steps = self.grid.times().len() - 1;
        let length = steps.div_ceil(segments.clamp(1, steps));
        let mut kept = Vec::new();
        let end = self.solve(equation, module, y, |k, _, y| {
            if k % length == 0 && k < steps {
                kept.push((k, y.clone()));
            }
        })?;
        let live = module.clone().train();
        let field = At { equation, module: &live };
        let (loss, mut a) = terminal(end.clone(), loss);
        let mut parameters = ParameterGradient::zeros(module);
        while let Some((first, y)) = kept.pop() {
            let last = (first + length).min(steps);
            for (k, y) in self.replayed(equation, module, y, first..last).into_iter().rev() {
                let (_, before, part) = vjp(&live, y, a, |y| self.step(&field, y, self.ends(k)));
                if looks(&before) || k == 0 {
                    let evals = (steps + k) * self.tableau.b.len();
                    check_finite(&before, self.ends(k).0, k + 1, evals)?;
                }
                parameters.add(part, 1.0);
                a = before;
            }
        }
        Ok(Differentiated { loss, end, start: a, parameters })
    }

    /// The states at the start of each step of a segment.
    fn replayed<M: Sync, P: Parametric<M>>(
        &self,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        steps: std::ops::Range<usize>,
    ) -> Vec<(usize, Tensor<2>)> {
        let field = At { equation, module };
        let mut states = vec![(steps.start, y)];
        for k in steps.start..steps.end.saturating_sub(1) {
            let next = self.step(&field, states[states.len() - 1].1.clone(), self.ends(k));
            states.push((k + 1, next));
        }
        states
    }
}
