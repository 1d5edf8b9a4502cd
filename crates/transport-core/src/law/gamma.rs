//! The gamma law.

use super::{Density, PointLaw, Score};
use crate::noise::Stream;
use burn::tensor::Tensor;

/// `d` independent gamma variables of one shape and rate, on `x > 0`.
///
/// ```text
/// p(x) = Πⱼ βᵏ xⱼ^{k−1} e^{−β xⱼ} / Γ(k),     mean k/β,  variance k/β²
/// ∇ log p(x)ⱼ = (k − 1)/xⱼ − β
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    /// The shape k > 0.
    pub shape: f64,
    /// The rate β > 0.
    pub rate: f64,
    /// The number of coordinates.
    pub dim: usize,
}

impl Gamma {
    /// One draw of Gamma(shape, 1), by squeeze-free rejection; a shape below 1 is lifted by one
    /// and brought back by a power of a uniform draw.
    ///
    /// # References
    /// Marsaglia & Tsang (2000), "A simple method for generating gamma variables".
    pub fn standard_draw(shape: f64, stream: &mut Stream) -> f64 {
        if shape < 1.0 {
            let lifted = Self::standard_draw(shape + 1.0, stream);
            return lifted * (1.0 - stream.uniform()).powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let (x, _) = stream.normal_pair();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - stream.uniform();
            if v > 0.0 && u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }
}

impl PointLaw for Gamma {
    fn dim(&self) -> usize {
        self.dim
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        out.iter_mut().for_each(|x| *x = Self::standard_draw(self.shape, stream) / self.rate);
    }
}

impl Density for Gamma {
    /// `−∞` where a coordinate is not positive.
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let constant = self.dim as f64 * (self.shape * self.rate.ln() - log_gamma(self.shape));
        let outside = x.clone().lower_equal_scalar(0.0);
        let each = x.clone().log().mul_scalar(self.shape - 1.0) - x.mul_scalar(self.rate);
        let each = each.mask_fill(outside, f64::NEG_INFINITY);
        each.sum_dim(1).squeeze_dim(1).add_scalar(constant)
    }
}

impl Score for Gamma {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x.recip().mul_scalar(self.shape - 1.0).sub_scalar(self.rate)
    }
}

/// `log Γ(z)` for z > 0: the recurrence up to z ≥ 10, then Stirling's series, whose first left-out
/// term is below 1e-15 there (Abramowitz & Stegun, 6.1.41).
fn log_gamma(mut z: f64) -> f64 {
    let mut shift = 0.0;
    while z < 10.0 {
        shift -= z.ln();
        z += 1.0;
    }
    let y = 1.0 / (z * z);
    let terms = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let series = terms.iter().rev().fold(0.0, |sum, term| sum * y + term) / z;
    shift + (z - 0.5) * z.ln() - z + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Γ(1) = Γ(2) = 1, Γ(½) = √π, Γ(11) = 10!, Γ(2.5) = ¾√π.
    #[test]
    fn log_gamma_at_known_points() {
        let root_pi = std::f64::consts::PI.sqrt();
        for (z, gamma) in
            [(1.0, 1.0), (2.0, 1.0), (0.5, root_pi), (11.0, 3_628_800.0), (2.5, 0.75 * root_pi)]
        {
            assert!((log_gamma(z) - f64::ln(gamma)).abs() < 1e-14, "{z}: {}", log_gamma(z));
        }
    }
}
