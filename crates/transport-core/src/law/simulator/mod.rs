//! Simulators: a prior law of parameters θ, and data x drawn given them.
//!
//! ```text
//! θ ~ p(θ),   x ~ p(x | θ)        a model of θ given x is the posterior, for every x at once
//! ```
//!
//! The eight tasks of a benchmark of simulation-based inference, with its constants:
//!
//! | name | θ, x | what it is |
//! |---|---|---|
//! | [`two-moons`](TwoMoons) | 2, 2 | two crescents of posterior |
//! | [`gaussian-linear`](GaussianLinear) | 10, 10 | conjugate |
//! | [`gaussian-linear-uniform`](GaussianLinear) | 10, 10 | the same with a box prior |
//! | [`gaussian-mixture`](GaussianMixture) | 2, 2 | a common mean, two scales |
//! | [`slcp`](Slcp) | 5, 8 | a simple likelihood with a complex posterior |
//! | [`bernoulli-glm`](BernoulliGlm) | 10, 10 | a spiking neuron's filter |
//! | [`sir`](Sir) | 2, 10 | an epidemic |
//! | [`lotka-volterra`](LotkaVolterra) | 4, 20 | predator and prey |
//!
//! # References
//! Lueckmann, Boelts, Greenberg, Gonçalves & Macke (2021), "Benchmarking simulation-based
//! inference", appendix T.

mod bernoulli_glm;
mod gaussian_linear;
mod gaussian_mixture;
mod lotka_volterra;
mod sir;
mod slcp;
mod two_moons;

pub use bernoulli_glm::BernoulliGlm;
pub use gaussian_linear::GaussianLinear;
pub use gaussian_mixture::GaussianMixture;
pub use lotka_volterra::LotkaVolterra;
pub use sir::Sir;
pub use slcp::Slcp;
pub use two_moons::TwoMoons;

use super::PointLaw;
use crate::noise::Stream;
use crate::time::Interval;
use std::f64::consts::TAU;

/// Parameters with a prior, and data given them.
pub trait Simulator: Send + Sync {
    /// The number of parameters.
    fn parameters(&self) -> usize;

    /// The number of data.
    fn data(&self) -> usize;

    /// What each parameter lies in: the line, a half-line from 0, or a box.
    fn support(&self) -> Interval;

    /// Draws parameters into `theta`.
    fn prior(&self, stream: &mut Stream, theta: &mut [f64]);

    /// Draws data given parameters into `x`.
    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]);

    /// `log p(x | θ)`, up to a constant that may depend on x.
    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64;
}

/// The names of the simulators.
pub const NAMES: [&str; 8] = [
    "two-moons",
    "gaussian-linear",
    "gaussian-linear-uniform",
    "gaussian-mixture",
    "slcp",
    "bernoulli-glm",
    "sir",
    "lotka-volterra",
];

/// A simulator by its name.
///
/// # Example
/// ```
/// use transport_core::law::simulator::{Simulator, by_name};
/// let moons = by_name("two-moons").unwrap();
/// assert_eq!((moons.parameters(), moons.data()), (2, 2));
/// ```
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Simulator>> {
    Some(match name {
        "two-moons" => Box::new(TwoMoons),
        "gaussian-linear" => Box::new(GaussianLinear { boxed: false }),
        "gaussian-linear-uniform" => Box::new(GaussianLinear { boxed: true }),
        "gaussian-mixture" => Box::new(GaussianMixture),
        "slcp" => Box::new(Slcp),
        "bernoulli-glm" => Box::new(BernoulliGlm),
        "sir" => Box::new(Sir),
        "lotka-volterra" => Box::new(LotkaVolterra),
        _ => return None,
    })
}

/// The joint law of parameters and data, `(θ, x)`.
pub struct Joint(pub Box<dyn Simulator>);

impl std::fmt::Debug for Joint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (parameters, data) = (self.0.parameters(), self.0.data());
        f.debug_struct("Joint").field("parameters", &parameters).field("data", &data).finish()
    }
}

impl PointLaw for Joint {
    fn dim(&self) -> usize {
        self.0.parameters() + self.0.data()
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let (theta, x) = out.split_at_mut(self.0.parameters());
        self.0.prior(stream, theta);
        self.0.simulate(theta, stream, x);
    }
}

/// Each of `theta` uniform between `−bound` and `bound`, the ends left out.
fn uniform(stream: &mut Stream, bound: f64, theta: &mut [f64]) {
    for t in theta {
        // An end has a chance of 2⁻⁵³.
        *t = bound * (2.0 * stream.uniform().max(f64::EPSILON) - 1.0);
    }
}

/// `log N(x; m, v)`.
fn log_normal_density(x: f64, mean: f64, variance: f64) -> f64 {
    -0.5 * ((x - mean).powi(2) / variance + (TAU * variance).ln())
}

/// One classical Runge–Kutta step.
fn runge_kutta(slope: impl Fn([f64; 2]) -> [f64; 2], x: [f64; 2], h: f64) -> [f64; 2] {
    let along = |k: [f64; 2], h: f64| [x[0] + h * k[0], x[1] + h * k[1]];
    let k1 = slope(x);
    let k2 = slope(along(k1, 0.5 * h));
    let k3 = slope(along(k2, 0.5 * h));
    let k4 = slope(along(k3, h));
    let mean = |i: usize| (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]) / 6.0;
    along([mean(0), mean(1)], h)
}

const LINE: Interval = Interval { start: f64::NEG_INFINITY, end: f64::INFINITY };
const HALF_LINE: Interval = Interval { start: 0.0, end: f64::INFINITY };
