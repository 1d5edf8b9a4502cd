//! The generator: the map that pushes the reference onto the data in one pass.

use super::batch_norm::Moments;
use super::dcgan::{Dcgan, DcganConfig};
use super::error::GanError;
use super::reference::{Pieces, Reference};
use super::{LARGEST, Seen};
use crate::net::{Conditioner, ConditionerConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, PushForward, Space};

/// The network of a [`Generator`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GeneratorNet {
    /// A residual network on rows.
    Mlp(ConditionerConfig),
    /// Convolutions that double an image, see [`Dcgan`].
    Conv(DcganConfig),
}

/// What a [`Generator`] is built from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorConfig {
    /// What it reads.
    pub reference: Reference,
    /// Its network.
    pub net: GeneratorNet,
}

impl GeneratorConfig {
    /// Checks every size against what the generator will make.
    ///
    /// # Errors
    /// The first [`GanError`].
    pub fn check(&self, seen: &Seen) -> Result<(), GanError> {
        self.reference.check()?;
        match &self.net {
            GeneratorNet::Mlp(ConditionerConfig { width, depth }) => {
                GanError::count("width", *width, 1, LARGEST)?;
                GanError::count("depth", *depth, 1, 1024)
            }
            GeneratorNet::Conv(config) => {
                GanError::count("channels", config.channels, 1, LARGEST)?;
                GanError::count("stages", config.stages, 1, 16)?;
                seen.halvings(config.stages)
            }
        }
    }
}

// There is one of it, and a box is no module.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Net {
    Mlp(Conditioner),
    Conv(Dcgan),
}

/// `G(z, c)`: a network from the reference to the data.
#[derive(Module, Debug)]
pub struct Generator {
    net: Net,
    pieces: Option<Pieces>,
    #[module(skip)]
    reference: Reference,
}

impl Generator {
    /// A generator of what is to be seen.
    ///
    /// # Errors
    /// [`GanError`] when a size is out of range, or convolutions shall make rows that are no images.
    pub fn new(
        config: &GeneratorConfig,
        seen: &Seen,
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, GanError> {
        config.check(seen)?;
        let (noise, reference) = (noise.purpose("generator"), config.reference);
        let (inputs, context) = (reference.dim(), seen.context);
        let net = match (&config.net, &seen.canvas) {
            (GeneratorNet::Mlp(net), _) => {
                Net::Mlp(Conditioner::new(net, inputs, seen.dim, context, &noise, space))
            }
            (GeneratorNet::Conv(net), Some(canvas)) => {
                Net::Conv(Dcgan::new(net, inputs, context, canvas, &noise, space))
            }
            (GeneratorNet::Conv(_), None) => return Err(GanError::NoImage),
        };
        Ok(Self { net, pieces: reference.start(space), reference })
    }

    /// What it reads: one point of the reference for each sample that `noise` names.
    ///
    /// # Shapes
    /// Returns `[noise.len(), reference.dim()]`.
    #[must_use]
    pub fn latent(&self, noise: &Noise, space: &Space) -> Tensor<2> {
        self.reference.sample(self.pieces.as_ref(), noise, space)
    }

    /// The pieces of its reference, if there are any.
    #[must_use]
    pub fn pieces(&self) -> Option<&Pieces> {
        self.pieces.as_ref()
    }

    /// Whether a row's value depends on that row alone, even in training.
    #[must_use]
    pub fn row_by_row(&self) -> bool {
        match &self.net {
            Net::Mlp(_) => true,
            Net::Conv(net) => net.row_by_row(),
        }
    }

    /// `G(z, c)`.
    ///
    /// # Shapes
    /// `z`: `[n, reference.dim()]`; `context`: `[n, c]`; returns `[n, d]`.
    ///
    /// # Panics
    /// When a context is given to a generator without one, or not given to one with it.
    #[must_use]
    pub fn forward(
        &self,
        z: Tensor<2>,
        context: Option<&Tensor<2>>,
        moments: Moments,
    ) -> Tensor<2> {
        match &self.net {
            Net::Mlp(net) => net.forward(z, context),
            Net::Conv(net) => net.forward(z, context, moments),
        }
    }

    /// The generator that keeps the moments of this batch in its batch norms, if it has any.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    #[must_use]
    pub fn settled(self, z: Tensor<2>, context: Option<&Tensor<2>>) -> Self {
        let net = match self.net {
            Net::Mlp(net) => Net::Mlp(net),
            Net::Conv(net) => Net::Conv(net.settled(z, context)),
        };
        Self { net, ..self }
    }

    /// The map with the context bound: one row for all, or one for each point.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenGenerator<'_> {
        GivenGenerator { generator: self, context }
    }
}

/// A [`Generator`] with its context bound.
#[derive(Clone, Debug)]
pub struct GivenGenerator<'a> {
    generator: &'a Generator,
    context: Option<Tensor<2>>,
}

impl PushForward for GivenGenerator<'_> {
    /// `G(z, c)`; `z` has the reference's dimension, the result the data's.
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        self.generator.forward(z, self.context.as_ref(), Moments::Kept)
    }
}
