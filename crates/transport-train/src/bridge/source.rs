//! Where a transport starts.

use crate::batch::Rows;
use std::sync::Arc;
use transport_core::Noise;
use transport_core::law::PointLaw;

/// The law at `t = 0`, to be drawn from.
#[derive(Clone)]
pub enum Source {
    /// A law in closed form: each draw is new.
    Law(Arc<dyn PointLaw>),
    /// Rows of data: each draw is one of them.
    Rows(Arc<Rows>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Law(law) => f.debug_tuple("Law").field(&law.dim()).finish(),
            Self::Rows(rows) => f.debug_tuple("Rows").field(&rows.len()).finish(),
        }
    }
}

impl Source {
    /// Coordinates of a point.
    #[must_use]
    pub fn dim(&self) -> usize {
        match self {
            Self::Law(law) => law.dim(),
            Self::Rows(rows) => rows.dim,
        }
    }

    /// One point for each sample of `noise`, row-major.
    #[must_use]
    pub fn draws(&self, noise: &Noise) -> Vec<f64> {
        match self {
            Self::Law(law) => law.draws(noise),
            Self::Rows(rows) => {
                let row = |i: usize| {
                    let chosen = noise.stream(i).below(rows.len());
                    rows.states[chosen * rows.dim..(chosen + 1) * rows.dim].iter()
                };
                (0..noise.len()).flat_map(row).map(|v| f64::from(*v)).collect()
            }
        }
    }
}
