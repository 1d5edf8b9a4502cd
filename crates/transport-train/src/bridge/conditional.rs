//! The path that joins a pair.

use burn::tensor::Tensor;
use std::f64::consts::FRAC_PI_2;
use transport_core::{Space, Times};
use transport_sde::bridge::Blur;

/// A Gaussian path between two given points, and its velocity:
///
/// ```text
/// x_t = a(t) x₀ + b(t) x₁ + s(t) z,   z ~ N(0, I)
/// u_t = a′ x₀ + b′ x₁ + s′ z
/// ```
///
/// Regressing on `u_t` over any coupling of `x₀` and `x₁` gives a velocity that carries the law of
/// `x₀` (blurred by `s(0)`) to that of `x₁` (blurred by `s(1)`); `−E[z | x_t]/s` is the score.
///
/// | path | a, b | s |
/// |---|---|---|
/// | `Straight` | `1 − t, t` | `σ` |
/// | `Lipman` | `1 − (1 − σ) t, t` | 0 |
/// | `Trigonometric` | `cos πt/2, sin πt/2` | `σ` |
/// | `Brownian` | `1 − t, t` | `σ √(t (1 − t))` |
/// | `Interpolant` | straight or trigonometric | a [`Blur`]: `a √(t(1−t))`, `a t(1−t)`, `a sin² πt` |
///
/// `Lipman` is flow matching from noise: `x₀` is the noise itself. Under `Brownian` the coupling of
/// entropic transport with `ε = σ²` for the cost `½|x − y|²` makes the law of paths the Schrödinger
/// bridge.
///
/// # References
/// Lipman et al. (2023); Albergo & Vanden-Eijnden (2023); Tong et al. (2024a, b).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Conditional {
    /// Straight lines blurred by a constant.
    Straight {
        /// `σ ≥ 0`.
        sigma: f64,
    },
    /// Straight lines from noise to a point of width `σ`.
    Lipman {
        /// `σ ≥ 0`.
        sigma: f64,
    },
    /// Quarter circles blurred by a constant.
    Trigonometric {
        /// `σ ≥ 0`.
        sigma: f64,
    },
    /// Brownian bridges.
    Brownian {
        /// `σ > 0`.
        sigma: f64,
    },
    /// Stochastic interpolants.
    Interpolant {
        /// The way between the ends.
        mean: Mean,
        /// `s`.
        blur: Blur,
    },
}

/// The way between the ends of an interpolant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// `a, b = 1 − t, t`.
    Straight,
    /// `a, b = cos πt/2, sin πt/2`.
    Trigonometric,
}

/// The factors of a path at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Factors {
    on_start: [f64; 2],
    on_end: [f64; 2],
    on_noise: [f64; 2],
}

/// Points of paths with their velocities.
#[derive(Clone, Debug)]
pub struct Draw {
    /// `x_t`, `[n, d]`.
    pub point: Tensor<2>,
    /// `u_t`, `[n, d]`.
    pub velocity: Tensor<2>,
    /// `z`, `[n, d]`.
    pub noise: Tensor<2>,
    /// `t` of each row.
    pub times: Vec<f64>,
    /// `s(t)` of each row.
    pub spread: Vec<f64>,
    /// `s′(t)` of each row, in the units of the velocity.
    pub spread_rate: Vec<f64>,
    /// The context of each end, `[n, c]`.
    pub context: Option<Tensor<2>>,
}

impl Draw {
    /// The same pairs with `−z` for `z`.
    #[must_use]
    pub fn antithetic(&self) -> Self {
        let twice = |x: &Tensor<2>, by: &[f64]| {
            x.clone() - Times::Each(by).scale(self.noise.clone(), |s| 2.0 * s)
        };
        Self {
            point: twice(&self.point, &self.spread),
            velocity: twice(&self.velocity, &self.spread_rate),
            noise: self.noise.clone().neg(),
            ..self.clone()
        }
    }
}

/// How near to its ends a Brownian bridge is looked at: `s′` is infinite there, and integrable.
const MARGIN: f64 = 1e-4;

impl Conditional {
    /// `s(t)`.
    #[must_use]
    pub fn spread(&self, t: f64) -> f64 {
        self.factors(t).on_noise[0]
    }

    /// Values and derivatives of `a`, `b` and `s`.
    fn factors(&self, t: f64) -> Factors {
        let straight = |on_noise| Factors { on_start: [1.0 - t, -1.0], on_end: [t, 1.0], on_noise };
        match *self {
            Self::Straight { sigma } => straight([sigma, 0.0]),
            Self::Lipman { sigma } => {
                let on_start = [1.0 - (1.0 - sigma) * t, sigma - 1.0];
                Factors { on_start, on_end: [t, 1.0], on_noise: [0.0; 2] }
            }
            Self::Trigonometric { sigma } => circular(t, [sigma, 0.0]),
            Self::Brownian { sigma } => straight(Blur::Root(sigma).at(t)),
            Self::Interpolant { mean: Mean::Straight, blur } => straight(blur.at(t)),
            Self::Interpolant { mean: Mean::Trigonometric, blur } => circular(t, blur.at(t)),
        }
    }

    /// The part of the clock that is looked at: all of it, less a margin of 10⁻⁴ at the ends of
    /// Brownian bridges.
    fn inside(&self, t: f64) -> f64 {
        match self {
            Self::Brownian { .. } | Self::Interpolant { blur: Blur::Root(_), .. } => {
                t.clamp(MARGIN, 1.0 - MARGIN)
            }
            _ => t,
        }
    }

    /// A point of each pair's path at its time.
    ///
    /// # Shapes
    /// `x0`, `x1`, `noise`: `[n, d]`; `times`: `[n]` in `[0, 1]`.
    ///
    /// # Panics
    /// When there is not one time for each row.
    #[must_use]
    pub fn draw(&self, x0: Tensor<2>, x1: Tensor<2>, noise: Tensor<2>, times: Vec<f64>) -> Draw {
        assert_eq!(times.len(), x0.dims()[0], "one time for each row");
        let times: Vec<f64> = times.into_iter().map(|t| self.inside(t)).collect();
        let factors: Vec<Factors> = times.iter().map(|t| self.factors(*t)).collect();
        let space = Space::of(&x0);
        let column = |pick: &dyn Fn(&Factors) -> f64| {
            space.column(&factors.iter().map(pick).collect::<Vec<_>>())
        };
        let combine = |k: usize| {
            x0.clone() * column(&|f| f.on_start[k])
                + x1.clone() * column(&|f| f.on_end[k])
                + noise.clone() * column(&|f| f.on_noise[k])
        };
        let [spread, spread_rate] = [0, 1].map(|k| factors.iter().map(|f| f.on_noise[k]).collect());
        Draw {
            point: combine(0),
            velocity: combine(1),
            noise: noise.clone(),
            times,
            spread,
            spread_rate,
            context: None,
        }
    }
}

/// A quarter circle.
fn circular(t: f64, on_noise: [f64; 2]) -> Factors {
    let (sin, cos) = (FRAC_PI_2 * t).sin_cos();
    Factors { on_start: [cos, -FRAC_PI_2 * sin], on_end: [sin, FRAC_PI_2 * cos], on_noise }
}
