//! The schedules by name: what a configuration file can ask for.

use super::{Coefs, Noising, Rectified, Schedule, Trigonometric};
use crate::process::{Cosine, Edm, SubVp, Ve, Vp};
use crate::time::Interval;
use serde::{Deserialize, Serialize};

/// A schedule with its usual parameters, as a plain value at the configuration border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// [`Rectified`].
    Rectified,
    /// [`Trigonometric`].
    Trigonometric,
    /// [`Vp`], β from 0.1 to 20.
    Vp,
    /// [`SubVp`], β from 0.1 to 20.
    Subvp,
    /// [`Ve`], σ from 0.01 to 50.
    Ve,
    /// [`Cosine`], δ = 0.008.
    Cosine,
    /// [`Edm`], σ up to 80.
    Edm,
}

impl Named {
    fn with<T>(self, f: impl FnOnce(&dyn Schedule) -> T) -> T {
        match self {
            Self::Rectified => f(&Rectified),
            Self::Trigonometric => f(&Trigonometric),
            Self::Vp => f(&Noising::new(Vp::default())),
            Self::Subvp => f(&Noising::new(SubVp::default())),
            Self::Ve => f(&Noising::new(Ve::default())),
            Self::Cosine => f(&Noising::new(Cosine::default())),
            Self::Edm => f(&Noising::new(Edm::default())),
        }
    }
}

impl Schedule for Named {
    fn at(&self, t: f64) -> Coefs {
        self.with(|schedule| schedule.at(t))
    }

    fn domain(&self) -> Interval {
        self.with(|schedule| schedule.domain())
    }
}
