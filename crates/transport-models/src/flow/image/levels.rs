//! The values of a pixel, on the way to a flow.
//!
//! A pixel that takes one of `L` whole-number levels `v = low … low + L − 1` stands for the box
//! `[v − ½, v + ½]`, of volume 1. Boxes fill an interval, which is brought to `[0, 1]` and, with a
//! logit, to the line:
//!
//! ```text
//! s = (v − low + ½) / L                     levels            log ds/dv = −log L
//! s = (v − low) / (high − low)              an interval       log ds/dv = −log (high − low)
//! y = logit(p),  p = α + (1 − 2α) s         logit             log dy/ds = log(1 − 2α) − log p − log(1 − p)
//! ```
//!
//! so that for a model `p_y` of `y`, per unit of a pixel's own value,
//!
//! ```text
//! log p(v) = log p_y(y) + Σ_i [ log(1 − 2α) − log p_i − log(1 − p_i) ] − d log L
//! ```
//!
//! The probability of an image is the integral over its box, and its cost in bits per dimension
//!
//! ```text
//! P(v) = ∫ p(v + u) du,  u ∈ [−½, ½]ᵈ        bits/dim = −E log P(v) / (d log 2)
//! −E log P(v) ≤ −E [ log p(v + u) − log q(u | v) ],   u ~ q(· | v)
//! ```
//!
//! With uniform `q` the second term is 0. The offset is `−d log L` alone: the uniform law on `L`
//! levels, `p_s = 1`, costs log₂ L bits.
//!
//! # References
//! Theis, van den Oord & Bethge (2016), "A note on the evaluation of generative models", §3.1; Dinh
//! et al. (2017), §4.1.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The interval that a pixel's values fill, `start … start + width`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The lower end.
    pub start: f64,
    /// Its length: for whole numbers their count.
    pub width: f64,
    /// Whether values are whole numbers, each in the middle of a box of length 1.
    pub whole: bool,
}

impl Levels {
    /// The whole numbers from `low` to `high`.
    #[must_use]
    pub fn whole(low: f64, high: f64) -> Self {
        Self { start: low - 0.5, width: high - low + 1.0, whole: true }
    }

    /// The interval from `low` to `high`.
    #[must_use]
    pub fn interval(low: f64, high: f64) -> Self {
        Self { start: low, width: high - low, whole: false }
    }

    /// `s`, from a pixel's value.
    #[must_use]
    pub fn unit<const D: usize>(&self, v: Tensor<D>) -> Tensor<D> {
        v.sub_scalar(self.start).div_scalar(self.width)
    }

    /// A pixel's value from `s`: the level in whose box it falls, for whole numbers.
    #[must_use]
    pub fn value(&self, s: f64) -> f64 {
        let v = s * self.width + self.start;
        if !self.whole {
            return v;
        }
        v.round().clamp(self.start + 0.5, self.start + self.width - 0.5)
    }
}

/// What happens to the unit interval before the flow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preprocessing {
    /// Nothing: `y = s`.
    None,
    /// `y = logit(α + (1 − 2α) s)`.
    Logit {
        /// How far from the ends of the interval the logit is taken, `0 < α < ½`.
        alpha: f64,
    },
}

impl Preprocessing {
    /// `y` and `log |det dy/ds|`.
    ///
    /// # Shapes
    /// `s`: `[n, d]` within [`Preprocessing::support`]; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn forward(self, s: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let [n, d] = s.dims();
        match self {
            Self::None => {
                let flat = Tensor::zeros([n], (&s.device(), s.dtype()));
                (s, flat)
            }
            Self::Logit { alpha } => {
                let inner = 1.0 - 2.0 * alpha;
                let log = |s: Tensor<2>| s.mul_scalar(inner).add_scalar(alpha).log();
                // 1 − p from 1 − s: a difference from 1 would lose a small α.
                let (log_p, log_q) = (log(s.clone()), log(s.neg().add_scalar(1.0)));
                let log_det = (log_p.clone() + log_q.clone()).sum_dim(1).squeeze_dim(1).neg();
                (log_p - log_q, log_det.add_scalar(d as f64 * inner.ln()))
            }
        }
    }

    /// `s` from `y`, a value at a time.
    #[must_use]
    pub fn inverse(self, y: f64) -> f64 {
        match self {
            Self::None => y,
            Self::Logit { alpha } => ((1.0 + (-y).exp()).recip() - alpha) / (1.0 - 2.0 * alpha),
        }
    }

    /// Whether `s` is where the law lives: anywhere without a logit, an interval with it.
    #[must_use]
    pub fn support(self, s: f64) -> bool {
        match self {
            Self::None => s.is_finite(),
            Self::Logit { alpha } => {
                let margin = alpha / (1.0 - 2.0 * alpha);
                s > -margin && s < 1.0 + margin
            }
        }
    }
}
