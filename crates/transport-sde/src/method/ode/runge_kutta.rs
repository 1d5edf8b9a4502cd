//! Explicit Runge–Kutta methods, and the embedded pairs among them, from their tableaux.

use super::OdeMethod;
use super::adaptive::{AdaptiveMethod, Attempt};
use super::segment::{hermite, interpolate};
use super::tableau::{Dense, Estimate, Span, Tableau, extend};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::Field;

/// An explicit Runge–Kutta method: an [`OdeMethod`] by its tableau.
pub trait RungeKutta: Debug + Default + Send + Sync {
    /// The coefficients.
    const TABLEAU: Tableau;
    /// The continuous extension.
    const DENSE: Dense = Dense::HERMITE;
}

/// A Runge–Kutta method with an embedded one of lower order: an [`AdaptiveMethod`].
pub trait Embedded: RungeKutta {
    /// The weights of the error estimate.
    const ESTIMATE: Estimate;
}

impl<M: RungeKutta> OdeMethod for M {
    const ORDER: usize = M::TABLEAU.order;
    const STAGES: usize = M::TABLEAU.b.len();
    type Memory = ();

    fn step(&self, field: &dyn Field, x: Tensor<2>, t: f64, h: f64, (): &mut ()) -> Tensor<2> {
        let span = Span::Same { t, h };
        let k1 = span.eval(field, x.clone(), 0.0);
        M::TABLEAU.step(field, x, k1, &span)
    }

    fn between(
        &self,
        field: &dyn Field,
        (start, end): (&Tensor<2>, &Tensor<2>),
        (t, h): (f64, f64),
        theta: f64,
    ) -> Tensor<2> {
        let span = Span::Same { t, h };
        let k1 = span.eval(field, start.clone(), 0.0);
        // Hermite's cubic reads the first stage alone.
        let stages = match M::DENSE.d.is_empty() {
            true => vec![k1],
            false => M::TABLEAU.stages(field, start, k1, &span),
        };
        let end_slope = span.eval(field, end.clone(), 1.0);
        let terms = extended::<M>(field, (start, end.clone()), stages, end_slope, &span);
        interpolate(start, &terms, &vec![theta; start.dims()[0]])
    }
}

/// The terms of the continuous extension of a step.
fn extended<M: RungeKutta>(
    field: &dyn Field,
    (start, end): (&Tensor<2>, Tensor<2>),
    mut stages: Vec<Tensor<2>>,
    end_slope: Tensor<2>,
    span: &Span<'_>,
) -> Vec<Tensor<2>> {
    let slope = stages[0].clone();
    stages.push(end_slope.clone());
    extend(&mut stages, (M::DENSE.c, M::DENSE.a), field, start, span);
    let mut terms = hermite(end - start.clone(), (slope, end_slope), span);
    terms.extend(M::DENSE.d.iter().map(|row| span.combine(None, row, &stages)));
    terms
}

impl<M: Embedded> AdaptiveMethod for M {
    const EXPONENT: usize = match M::ESTIMATE.orders {
        // e₁²/√(e₁² + e₂²/100) has the order of e₁²/e₂.
        [first, second, ..] => 2 * (*first + 1) - (*second + 1),
        [first] => *first + 1,
        [] => panic!("an embedded pair has an estimate"),
    };
    const EMBEDDED: &'static [usize] = M::ESTIMATE.orders;
    const DENSE_ORDER: usize = M::DENSE.order;

    fn attempt(
        &self,
        field: &dyn Field,
        x: &Tensor<2>,
        slope: &Tensor<2>,
        span: &Span<'_>,
    ) -> Attempt {
        let mut stages = M::TABLEAU.stages(field, x, slope.clone(), span);
        let end = M::TABLEAU.advance(x.clone(), &stages, span);
        let needs_slope = M::ESTIMATE.rows.iter().any(|row| row.len() > M::TABLEAU.b.len());
        let end_slope = needs_slope.then(|| span.eval(field, end.clone(), 1.0));
        stages.extend(end_slope.clone());
        let errors = M::ESTIMATE.rows.iter().map(|e| span.combine(None, e, &stages)).collect();
        stages.truncate(M::TABLEAU.b.len());
        Attempt { start: x.clone(), end, end_slope, stages, errors }
    }

    fn dense(
        &self,
        field: &dyn Field,
        step: Attempt,
        end_slope: Tensor<2>,
        span: &Span<'_>,
    ) -> Vec<Tensor<2>> {
        let Attempt { start, end, stages, .. } = step;
        extended::<M>(field, (&start, end), stages, end_slope, span)
    }
}
