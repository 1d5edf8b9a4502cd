//! Generative adversarial networks: a map in one pass, trained by the divergence that a second
//! network measures.
//!
//! ```text
//! min_G max_D  E ln D(x) + E ln(1 − D(G(z)))  =  min_G  −ln 4 + 2 JS(p_data, p_G)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`generator`], [`dcgan`] | `G`: a residual network on rows; doubling convolutions for images |
//! | [`mod@reference`] | what `G` reads, in pieces where modes lie apart |
//! | [`critic`] | `D`: dense or strided convolutions, with its input gradient |
//! | [`input_gradient`] | `∇ₓD` as ordinary operations: the trait and its suite |
//! | [`spectral`], [`batch_norm`], [`layer`] | what keeps a layer in bounds |
//! | [`bend`] | activations whose slope can be differentiated again |
//! | [`fourier`] | Fourier features of states |
//! | [`divergence`], [`game`] | f-divergences; the game between known densities |
//!
//! # References
//! Goodfellow et al. (2014), "Generative adversarial nets".

pub mod batch_norm;
pub mod bend;
pub mod critic;
pub mod dcgan;
pub mod divergence;
pub mod error;
pub mod fourier;
pub mod game;
pub mod generator;
pub mod input_gradient;
pub mod layer;
pub mod reference;
pub mod spectral;

pub use batch_norm::Moments;
pub use bend::Bend;
pub use critic::{Critic, CriticConfig, GivenCritic};
pub use dcgan::DcganConfig;
pub use divergence::Divergence;
pub use error::GanError;
pub use fourier::Band;
pub use game::{Game, Optimal};
pub use generator::{Generator, GeneratorConfig, GeneratorNet, GivenGenerator};
pub use input_gradient::InputGradient;
pub use layer::Normalisation;
pub use reference::{Pieces, Reference};

use crate::net::Canvas;

/// The largest number of features or channels that is taken for meant.
const LARGEST: usize = 1 << 16;

/// What both players see.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Columns of a state.
    pub dim: usize,
    /// Columns of a context, 0 for none.
    pub context: usize,
    /// How a state is an image, if it is.
    pub canvas: Option<Canvas>,
}

impl Seen {
    /// Rows of `dim` columns without context.
    #[must_use]
    pub fn rows(dim: usize) -> Self {
        Self { dim, context: 0, canvas: None }
    }

    /// Whether the image can be halved so often.
    fn halvings(&self, stages: usize) -> Result<(), GanError> {
        let canvas = self.canvas.as_ref().ok_or(GanError::NoImage)?;
        let (height, width) = (canvas.pixels.height, canvas.pixels.width);
        let most = height.min(width).max(1).ilog2() as usize;
        if stages <= most {
            return Ok(());
        }
        Err(GanError::TooSmall { height, width, stages, most })
    }
}
