//! RODAS4P: a Rosenbrock method of order 4(3) for stiff fields of few dimensions.

use super::OdeMethod;
use super::adaptive::{AdaptiveMethod, Attempt};
use super::jacobian::{FiniteDifferences, JacobianRule, time_derivative};
use super::lu::Lu;
use super::tableau::{Span, weighted};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Space};

/// Order 4, six evaluations beside the Jacobian's and one for ∂v/∂t; L-stable and stiffly
/// accurate, with an embedded method of order 3 and a continuous extension of order 3.
///
/// ```text
/// (I/(γh) − J) uᵢ = v(x + Σⱼ aᵢⱼ uⱼ, t + αᵢ h) + Σⱼ cᵢⱼ uⱼ/h + γᵢ h ∂v/∂t
/// x(t+h) = x + Σⱼ a₆ⱼ uⱼ + u₆,    error ≈ u₆
/// ```
///
/// The `d × d` systems are solved row by row on the host, in f64. A Jacobian by differences costs
/// one evaluation on `2 n d` rows.
///
/// # References
/// Steinebach (1995), "Order reduction of ROW methods for DAEs and method of lines applications",
/// TH Darmstadt, preprint 1741; Hairer & Wanner (1996), §IV.7 and VI.4.
/// # Checked by
/// `tests/it/ode_orders.rs`, `tests/it/ode_stiff.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Rodas4<J = FiniteDifferences> {
    /// Where the Jacobian comes from.
    pub jacobian: J,
}

const GAMMA: f64 = 0.25;

const ALPHA: [f64; 6] = [0.0, 0.75, 0.21, 0.63, 1.0, 1.0];

const GAMMA_SUM: [f64; 6] = [0.25, -0.5, -0.023504, -0.0362, 0.0, 0.0];

#[rustfmt::skip]
const A: [&[f64]; 6] = [
    &[],
    &[3.0],
    &[1.831036793486759, 0.4955183967433795],
    &[2.304376582692669, -0.05249275245743001, -1.176798761832782],
    &[-7.170454962423024, -4.741636671481785, -16.31002631330971, -1.062004044111401],
    &[-7.170454962423024, -4.741636671481785, -16.31002631330971, -1.062004044111401, 1.0],
];

#[rustfmt::skip]
const C: [&[f64]; 6] = [
    &[],
    &[-12.0],
    &[-8.791795173947035, -2.207865586973518],
    &[10.81793056857153, 6.780270611428266, 19.5348594464241],
    &[34.19095006749676, 15.49671153725963, 54.7476087596413, 14.16005392148534],
    &[34.62605830930532, 15.30084976114473, 56.99955578662667, 18.40807009793095,
      -5.714285714285717],
];

/// The rows of the continuous extension.
const DENSE: [&[f64]; 2] = [
    &[25.09876703708589, 11.62013104361867, 28.49148307714626, -5.664021568594133],
    &[
        1.638054557396973,
        -0.7373619806678748,
        8.47791821923899,
        15.9925314877952,
        -1.882352941176471,
    ],
];

impl<J: JacobianRule> Rodas4<J> {
    /// `I/(γh) − J` of each row, factored.
    fn factors(&self, jacobian: Tensor<3>, h: &[f64], d: usize) -> Vec<Lu> {
        let matrices = to_host(jacobian);
        let factor = |(j, h): (&[f64], &f64)| {
            let diagonal = |k: usize| if k.is_multiple_of(d + 1) { 1.0 / (GAMMA * h) } else { 0.0 };
            Lu::new(j.iter().enumerate().map(|(k, j)| diagonal(k) - j).collect(), d)
        };
        matrices.chunks_exact(d * d).zip(h).map(factor).collect()
    }
}

/// `a⁻¹ b`, row by row.
fn solve(factors: &[Lu], b: Tensor<2>) -> Tensor<2> {
    let ([n, d], space) = (b.dims(), Space::of(&b));
    let values = to_host(b);
    let rows = factors.iter().zip(values.chunks_exact(d));
    space.tensor(rows.flat_map(|(lu, b)| lu.solve(b)).collect(), [n, d])
}

impl<J: JacobianRule> AdaptiveMethod for Rodas4<J> {
    const EXPONENT: usize = 4;
    const EMBEDDED: &'static [usize] = &[3];
    const DENSE_ORDER: usize = 3;

    fn attempt(
        &self,
        field: &dyn Field,
        x: &Tensor<2>,
        slope: &Tensor<2>,
        span: &Span<'_>,
    ) -> Attempt {
        let [n, d] = x.dims();
        let (t, h) = span.rows(n);
        let jacobian = self.jacobian.jacobian(field, x, slope, &t);
        let factors = self.factors(jacobian, &h, d);
        let rate = span.scale(time_derivative(field, x, slope, &t, &h));
        let mut u = vec![solve(&factors, slope.clone() + rate.clone().mul_scalar(GAMMA_SUM[0]))];
        let mut at = x.clone();
        for i in 1..6 {
            at = x.clone() + weighted(A[i], &u);
            let v = span.eval(field, at.clone(), ALPHA[i]);
            let right = v + span.divide(weighted(C[i], &u)) + rate.clone().mul_scalar(GAMMA_SUM[i]);
            u.push(solve(&factors, right));
        }
        let (end, errors) = (at + u[5].clone(), vec![u[5].clone()]);
        Attempt { start: x.clone(), end, end_slope: None, stages: u, errors }
    }

    fn dense(
        &self,
        _field: &dyn Field,
        step: Attempt,
        _end_slope: Tensor<2>,
        _span: &Span<'_>,
    ) -> Vec<Tensor<2>> {
        let [second, third] = DENSE.map(|row| weighted(row, &step.stages));
        vec![step.end - step.start, second, third]
    }
}

impl<J: JacobianRule + Default> OdeMethod for Rodas4<J> {
    const ORDER: usize = 4;
    const STAGES: usize = 6;
    type Memory = ();

    fn step(&self, field: &dyn Field, x: Tensor<2>, t: f64, h: f64, (): &mut ()) -> Tensor<2> {
        let span = Span::Same { t, h };
        let slope = span.eval(field, x.clone(), 0.0);
        self.attempt(field, &x, &slope, &span).end
    }
}
