//! What a DiT is built from, and what does not fit together.

use crate::net::{Dropout, TimeFeatures};
use serde::{Deserialize, Serialize};

/// The sizes of a [`super::Dit`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DitConfig {
    /// Planes of the images.
    pub channels: usize,
    /// The side of a patch in pixels.
    pub patch: usize,
    /// Features of a token.
    pub width: usize,
    /// Blocks.
    pub depth: usize,
    /// Features of an attention head.
    pub head: usize,
    /// What the network is told of the time.
    pub time: TimeFeatures,
    /// Columns of a context, 0 for none.
    pub context: usize,
    /// Dropout inside the blocks' second half.
    pub dropout: Dropout,
}

impl DitConfig {
    /// Whether the sizes fit together, for images of `height × width`.
    ///
    /// # Errors
    /// [`DitError`] that names what does not.
    pub fn check(&self, [height, width]: [usize; 2]) -> Result<(), DitError> {
        let Self { channels, patch, head, depth, .. } = *self;
        let counts = [("channels", channels), ("patch", patch), ("head", head), ("depth", depth)];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(DitError::Empty { what });
        }
        if self.width == 0 || !self.width.is_multiple_of(4) || !self.width.is_multiple_of(head) {
            return Err(DitError::Width { width: self.width, head });
        }
        let whole = |side: usize| side > 0 && side.is_multiple_of(patch);
        if !whole(height) || !whole(width) {
            return Err(DitError::Patches { height, width, patch });
        }
        if !(0.0..1.0).contains(&self.dropout.rate) {
            return Err(DitError::Dropout { rate: self.dropout.rate });
        }
        Ok(())
    }
}

/// A DiT whose sizes do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DitError {
    /// A count that is 0.
    #[error("{what}: at least 1 is needed")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A token that cannot hold whole heads and two coordinates' sines and cosines.
    #[error("tokens of {width} features: a multiple of 4 and of the heads' {head} is needed")]
    Width {
        /// Features of a token.
        width: usize,
        /// Features of a head.
        head: usize,
    },
    /// An image that is no whole number of patches.
    #[error("images of {height}×{width} pixels are no whole number of patches of side {patch}")]
    Patches {
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
        /// The side of a patch.
        patch: usize,
    },
    /// A rate of dropout outside its range.
    #[error("dropout is {rate}: at least 0, below 1")]
    Dropout {
        /// The rate.
        rate: f64,
    },
}
