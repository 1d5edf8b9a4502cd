//! What a flow is built from, and what cannot be one.

use super::{Element, Reference};
use crate::net::ConditionerConfig;
use serde::{Deserialize, Serialize};

/// How a layer's networks read the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// [`super::Coupling`]: one half reads the other.
    Coupling,
    /// [`super::Autoregressive`]: a coordinate reads those before it; densities in one pass.
    Autoregressive,
    /// [`super::Autoregressive`], the other way around: a coordinate reads those before it on the
    /// reference's side; samples in one pass (IAF).
    Inverse,
    /// [`super::Residual`]: every coordinate reads all of them. Its element is
    /// [`Element::Additive`].
    Residual,
}

/// What a [`super::Flow`] is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowConfig {
    /// How the layers read.
    pub reading: Reading,
    /// How they transform.
    pub element: Element,
    /// How many of them.
    pub layers: usize,
    /// The network of each.
    pub net: ConditionerConfig,
    /// What is pushed forward.
    #[serde(default)]
    pub reference: Reference,
}

/// A configuration that is no invertible map, or whose law does not fit its map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A coupling on one coordinate.
    #[error(
        "a coupling on one column is not an invertible map of it: what is read must not be moved, and nothing else is there; use an autoregressive flow (`maf`, `nsf-ar`)"
    )]
    OneColumn,
    /// A bounded reference under a map that leaves its box.
    #[error(
        "a uniform reference needs layers that keep its box: splines in coupling or autoregressive form, not {found}"
    )]
    LeavesTheBox {
        /// What leaves it.
        found: &'static str,
    },
    /// Angles from a reference that has none.
    #[error("circular splines are maps of the torus: their reference is uniform on it")]
    NotOnTheTorus,
    /// A residual layer with an element of one variable.
    #[error("a residual layer adds a network of all coordinates: its element is additive")]
    ResidualElement,
    /// A size that makes no layer.
    #[error("{what} is {value}: at least 1 and at most {most}")]
    Size {
        /// Which size.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The largest that is possible.
        most: usize,
    },
}

/// The most bins of a spline: each has at least a thousandth of the box.
const MOST_BINS: usize = 500;

impl FlowConfig {
    /// Whether it makes a flow on `dim` coordinates.
    ///
    /// # Errors
    /// [`FlowError`] that says what does not fit.
    pub fn check(&self, dim: usize) -> Result<(), FlowError> {
        self.check_sizes(dim)?;
        let circular = matches!(self.element, Element::Circular { .. });
        let bounded = self.reference == Reference::Uniform;
        let found = match (self.reading, self.element) {
            (Reading::Residual, Element::Additive) => Some("a residual network"),
            (Reading::Residual, _) => return Err(FlowError::ResidualElement),
            (_, Element::Additive) => Some("a shift"),
            (_, Element::Affine) => Some("a scale and a shift"),
            (_, Element::Spline { .. } | Element::Circular { .. }) => None,
        };
        match found {
            _ if self.reading == Reading::Coupling && dim == 1 => Err(FlowError::OneColumn),
            _ if circular && !bounded => Err(FlowError::NotOnTheTorus),
            Some(found) if bounded => Err(FlowError::LeavesTheBox { found }),
            _ => Ok(()),
        }
    }

    fn check_sizes(&self, dim: usize) -> Result<(), FlowError> {
        let bins = match self.element {
            Element::Spline { bins } | Element::Circular { bins } => bins,
            Element::Additive | Element::Affine => 1,
        };
        let most = usize::MAX;
        let sizes = [
            ("the number of columns", dim, most),
            ("width", self.net.width, most),
            ("depth", self.net.depth, most),
            ("bins", bins, MOST_BINS),
            ("components", self.reference.components().unwrap_or(1), most),
        ];
        match sizes.into_iter().find(|(_, value, most)| *value == 0 || value > most) {
            Some((what, value, most)) => Err(FlowError::Size { what, value, most }),
            None => Ok(()),
        }
    }
}
