//! The adjoint equation, by the same method on the same steps, walked back.
//!
//! ```text
//! (y, a)˙ = (f, −(∂f/∂y)ᵀ a),     ∂L/∂θ = −Σ_k h_k Σᵢ bᵢ (∂f/∂θ)ᵀ a |_{stage i of step k},   h_k < 0
//! ```
//!
//! The parameters' part feeds nothing back, so the weights `bᵢ` of the stages are all that it
//! needs: memory holds one state, its adjoint, the stages of a step and one gradient.

use super::parametric::vjp;
use super::{At, Differentiated, Integration, ParameterGradient, Parametric, terminal};
use crate::driver::{SolveError, check_finite, looks};
use crate::method::ode::tableau::weighted;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// A state and its adjoint, or their slopes.
struct Pair {
    y: Tensor<2>,
    a: Tensor<2>,
}

/// `x + h Σⱼ aᵢⱼ kⱼ`, the first stage's row being empty.
fn ahead(x: &Tensor<2>, row: &[f64], slopes: &[Tensor<2>], h: f64) -> Tensor<2> {
    match row.iter().all(|weight| *weight == 0.0) {
        true => x.clone(),
        false => x.clone() + weighted(row, slopes).mul_scalar(h),
    }
}

impl Integration {
    /// The path forwards without a graph, then back with its adjoint.
    pub(super) fn adjoint<M: Module + Sync, P: Parametric<M>>(
        &self,
        equation: &P,
        module: &M,
        y: Tensor<2>,
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
    ) -> Result<Differentiated, SolveError> {
        let end = self.solve(equation, module, y, |_, _, _| {})?;
        let live = module.clone().train();
        let field = At { equation, module: &live };
        let (loss, a) = terminal(end.clone(), loss);
        let mut parameters = ParameterGradient::zeros(module);
        let mut pair = Pair { y: end.clone(), a };
        let (times, stages) = (self.grid.times(), self.tableau.b.len());
        let steps = times.len() - 1;
        for (k, ends) in times.windows(2).enumerate().rev() {
            let span = (ends[1], ends[0] - ends[1]);
            pair = self.backwards(&field, &live, pair, span, &mut parameters);
            if looks(&pair.a) || k == 0 {
                let evals = (2 * steps - k) * stages;
                check_finite(&pair.y, ends[0], k + 1, evals)?;
                check_finite(&pair.a, ends[0], k + 1, evals)?;
            }
        }
        Ok(Differentiated { loss, end, start: pair.a, parameters })
    }

    /// One step of the pair from `t` by `h`.
    fn backwards<M: Module>(
        &self,
        field: &dyn Field,
        live: &M,
        pair: Pair,
        (t, h): (f64, f64),
        parameters: &mut ParameterGradient,
    ) -> Pair {
        let tableau = &self.tableau;
        let (mut in_y, mut in_a) = (Vec::new(), Vec::new());
        for ((row, c), b) in tableau.a.iter().zip(tableau.c).zip(tableau.b) {
            let (y, a) = (ahead(&pair.y, row, &in_y, h), ahead(&pair.a, row, &in_a, h));
            let at = Times::Same(t + c * h);
            let (value, pull, part) = vjp(live, y, a, |y| field.eval(y, at));
            in_y.push(value);
            in_a.push(-pull);
            if *b != 0.0 {
                parameters.add(part, -h * b);
            }
        }
        let (y, a) = (ahead(&pair.y, tableau.b, &in_y, h), ahead(&pair.a, tableau.b, &in_a, h));
        Pair { y, a }
    }
}
