//! The 2-D laws that everyone draws: small, sharp, and hard in different ways.
//!
//! All are scaled to fit roughly in `[−4, 4]²`. Those with a density have it in closed form and
//! normalised; `8gaussians` and `ring8` are [`Mixture::circle`], `grid25` is [`Mixture::grid`].

pub use super::Funnel;
use super::{Density, Mixture, PointLaw};
use crate::device::Space;
use crate::noise::Stream;
use burn::tensor::Tensor;
use std::f64::consts::{PI, TAU};

/// The names of the 2-D laws, as the binary knows them.
pub const NAMES: [&str; 11] = [
    "moons",
    "8gaussians",
    "checkerboard",
    "swiss-roll",
    "pinwheel",
    "spirals",
    "rings",
    "s-curve",
    "funnel",
    "ring8",
    "grid25",
];

/// A law by its name, with its usual parameters.
///
/// # Example
/// ```
/// let moons = transport_core::law::plane::by_name("moons").unwrap();
/// assert_eq!(transport_core::law::PointLaw::dim(&*moons), 2);
/// ```
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn PointLaw>> {
    Some(match name {
        "moons" => Box::new(Moons::default()),
        "8gaussians" => Box::new(Mixture::circle(8, 3.0, 0.2)),
        "checkerboard" => Box::new(Checkerboard),
        "swiss-roll" => Box::new(SwissRoll::default()),
        "pinwheel" => Box::new(Pinwheel::default()),
        "spirals" => Box::new(Spirals::default()),
        "rings" => Box::new(Rings::default()),
        "s-curve" => Box::new(SCurve::default()),
        "funnel" => Box::new(Funnel::default()),
        "ring8" => Box::new(Mixture::circle(8, 2.0, 0.05)),
        "grid25" => Box::new(Mixture::grid(5, 2.0, 0.05)),
        _ => return None,
    })
}

/// Two interleaved half circles, centred and doubled, with Gaussian noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moons {
    /// The noise's standard deviation, in the doubled units.
    pub noise: f64,
}

impl Default for Moons {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl PointLaw for Moons {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let lower = stream.uniform() < 0.5;
        let (sin, cos) = (PI * stream.uniform()).sin_cos();
        let (x, y) = if lower { (1.0 - cos, 0.5 - sin) } else { (cos, sin) };
        let (a, b) = stream.normal_pair();
        out[0] = 2.0 * (x - 0.5) + self.noise * a;
        out[1] = 2.0 * (y - 0.25) + self.noise * b;
    }
}

/// Eight unit-density squares of side 2 on `[−4, 4]²`, uniform.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checkerboard;

impl PointLaw for Checkerboard {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let square = stream.below(8);
        let (column, half) = (square % 4, square >> 2);
        let row = 2 * half + column % 2;
        out[0] = -4.0 + 2.0 * (column as f64 + stream.uniform());
        out[1] = -4.0 + 2.0 * (row as f64 + stream.uniform());
    }
}

impl Density for Checkerboard {
    /// `log 1/32` on the eight squares, `−∞` elsewhere.
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let cell = x.clone().add_scalar(4.0).div_scalar(2.0).floor();
        let inside = x.abs().max_dim(1).lower_equal_scalar(4.0);
        let parity = cell.sum_dim(1).div_scalar(2.0);
        let even = parity.clone().floor().equal(parity.clone());
        let log_density = parity.zeros_like().sub_scalar(32f64.ln());
        log_density.mask_fill(inside.bool_and(even).bool_not(), f64::NEG_INFINITY).squeeze_dim(1)
    }
}

/// A 2-D Swiss roll: radius grows with angle over a turn and a half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwissRoll {
    /// The noise's standard deviation.
    pub noise: f64,
}

impl Default for SwissRoll {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl PointLaw for SwissRoll {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let angle = 1.5 * PI * (1.0 + 2.0 * stream.uniform());
        let radius = 4.0 * angle / (4.5 * PI);
        let (a, b) = stream.normal_pair();
        out[0] = radius * angle.cos() + self.noise * a;
        out[1] = radius * angle.sin() + self.noise * b;
    }
}

/// Five arms, bent by a rotation that grows with the radius (Johnson et al., 2016).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pinwheel {
    /// The number of arms.
    pub arms: usize,
    /// The spread along an arm.
    pub radial: f64,
    /// The spread across it.
    pub tangential: f64,
    /// The rate of rotation.
    pub rate: f64,
}

impl Default for Pinwheel {
    fn default() -> Self {
        Self { arms: 5, radial: 0.3, tangential: 0.1, rate: 0.25 }
    }
}

impl PointLaw for Pinwheel {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let arm = stream.below(self.arms);
        let (a, b) = stream.normal_pair();
        let (x, y) = (1.0 + self.radial * a, self.tangential * b);
        let angle = TAU * arm as f64 / self.arms as f64 + self.rate * x.exp();
        let (sin, cos) = angle.sin_cos();
        out[0] = 2.0 * (cos * x - sin * y);
        out[1] = 2.0 * (sin * x + cos * y);
    }
}

/// Two spiral arms through a turn and a half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spirals {
    /// The noise's standard deviation.
    pub noise: f64,
}

impl Default for Spirals {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl PointLaw for Spirals {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let sign = if stream.uniform() < 0.5 { 1.0 } else { -1.0 };
        let angle = 3.0 * PI * stream.uniform().sqrt();
        let radius = sign * 4.0 * angle / (3.0 * PI);
        let (a, b) = stream.normal_pair();
        out[0] = -radius * angle.cos() + self.noise * a;
        out[1] = radius * angle.sin() + self.noise * b;
    }
}

/// Concentric rings of equal weight with Gaussian radii.
///
/// ```text
/// p(x) = 1/K Σₖ N(|x|; Rₖ, σ²) / (2π |x|)
/// ```
///
/// exact up to the mass of a negative radius, below 10⁻²³ for the default rings.
#[derive(Clone, Debug, PartialEq)]
pub struct Rings {
    /// The radii.
    pub radii: Vec<f64>,
    /// The standard deviation of the radius.
    pub noise: f64,
}

impl Default for Rings {
    fn default() -> Self {
        Self { radii: vec![1.0, 2.0, 3.0], noise: 0.1 }
    }
}

impl PointLaw for Rings {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let radius = self.radii[stream.below(self.radii.len())] + self.noise * stream.normal();
        let (sin, cos) = (TAU * stream.uniform()).sin_cos();
        out[0] = radius * cos;
        out[1] = radius * sin;
    }
}

impl Density for Rings {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let (k, space) = (self.radii.len(), Space::of(&x));
        let radius = x.powi_scalar(2).sum_dim(1).sqrt();
        let gaps = radius.clone() - space.tensor(self.radii.clone(), [1, k]);
        let exponents = gaps.powi_scalar(2).mul_scalar(-0.5 / (self.noise * self.noise));
        let constant = (k as f64).ln() + self.noise.ln() + 0.5 * TAU.ln() + TAU.ln();
        super::mixture::log_sum_exp(exponents) - radius.log().squeeze_dim(1) - constant
    }
}

/// An S made of two arcs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SCurve {
    /// The noise's standard deviation.
    pub noise: f64,
}

impl Default for SCurve {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl PointLaw for SCurve {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let angle = 3.0 * PI * (stream.uniform() - 0.5);
        let (a, b) = stream.normal_pair();
        out[0] = 1.5 * angle.sin() + self.noise * a;
        out[1] = 1.5 * angle.signum() * (angle.cos() - 1.0) + self.noise * b;
    }
}
