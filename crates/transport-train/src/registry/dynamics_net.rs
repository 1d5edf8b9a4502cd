//! The network of a model made of a [`Dynamics`]: which one, its sizes, and what it is built on.

use super::dynamics_settings::Settings;
use crate::canvas;
use crate::problem::Shape;
use crate::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use transport_core::schedule::Named;
use transport_core::{Noise, Space};
use transport_models::net::{
    Canvas, DitConfig, Dropout, ImageNetworkConfig, MlpConfig, TimeFeatures, UNetConfig,
};
use transport_models::{Dynamics, DynamicsConfig};

/// The kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NetName {
    Mlp,
    Unet,
    Dit,
}

/// What a network of images is told of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TimeName {
    Geometric,
    Positional,
    Fourier,
}

impl TimeName {
    /// Positions count a thousandth of the clock each; Fourier's frequencies lie about one turn a
    /// unit of it.
    fn features(self) -> TimeFeatures {
        match self {
            Self::Geometric => TimeFeatures::Geometric,
            Self::Positional => {
                TimeFeatures::Positional { steps: 1000.0, cosines_first: true, shift: 0.0 }
            }
            Self::Fourier => TimeFeatures::Fourier { scale: 1.0, log: false, cosines_first: false },
        }
    }
}

/// What a network is built for.
#[derive(Clone, Debug)]
pub(super) struct Net {
    /// Columns of a state.
    pub(super) dim: usize,
    /// Columns of a context, 0 for none.
    pub(super) context: usize,
    /// How a state stands in an image.
    pub(super) canvas: Option<Canvas>,
}

impl Net {
    /// What a saved model was built for.
    pub(super) fn kept(shape: &Shape, weights: &Weights) -> Result<Self, WeightsError> {
        let Shape { dim, context, .. } = *shape;
        Ok(Self { dim, context, canvas: canvas::kept(shape, weights)? })
    }
}

/// Why there is no network.
pub(super) enum Missing {
    /// The data are no images.
    Images,
    /// The sizes do not fit together.
    Sizes(String),
}

impl Settings {
    fn dropping(&self) -> Dropout {
        Dropout { rate: self.dropout }
    }

    fn unet(&self, planes: usize, context: usize, [height, width]: [usize; 2]) -> UNetConfig {
        let channels: Vec<usize> = self.multipliers.iter().map(|m| m * self.channels).collect();
        let mut side = height.max(width);
        let attended: Vec<bool> = channels
            .iter()
            .map(|_| {
                let attended = side <= self.attention;
                side = side.div_ceil(2);
                attended
            })
            .collect();
        let narrowest = channels.iter().copied().min().unwrap_or(0);
        let base = UNetConfig::adm(planes, &channels, self.blocks, &attended);
        let groups = if self.groups == 0 { base.norm_groups } else { self.groups };
        UNetConfig {
            norm_groups: groups,
            mid_norm_groups: Some(groups),
            mid_attention: self.attention > 0,
            attention_head_dim: Some(self.head_dim.min(narrowest)),
            time: self.time.features(),
            context,
            dropout: self.dropping(),
            ..base
        }
        .resampled(self.resampling)
    }

    fn on_images(
        &self,
        planes: usize,
        context: usize,
        size: [usize; 2],
    ) -> Option<ImageNetworkConfig> {
        match self.net {
            NetName::Mlp => None,
            NetName::Unet => Some(ImageNetworkConfig::UNet(self.unet(planes, context, size))),
            NetName::Dit => Some(ImageNetworkConfig::Dit(DitConfig {
                channels: planes,
                patch: self.patch,
                width: self.width,
                depth: self.depth,
                head: self.head_dim,
                time: self.time.features(),
                context,
                dropout: self.dropping(),
            })),
        }
    }

    /// The sizes that do not depend on the data, checked on an image that suits them.
    pub(super) fn check_net(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("dropout is {}: at least 0, below 1", self.dropout));
        }
        let sizes = [self.channels, self.blocks, self.head_dim, self.patch];
        let names = ["channels", "blocks", "head_dim", "patch"];
        if let Some((name, value)) =
            names.into_iter().zip(sizes).find(|(_, value)| *value == 0 || *value > 1 << 16)
        {
            return Err(format!("{name} is {value}: at least 1 and at most 65536"));
        }
        if self.multipliers.len() > 16 {
            return Err(format!("multipliers: {} levels, at most 16", self.multipliers.len()));
        }
        if let Some(m) = self.multipliers.iter().find(|m| **m == 0 || **m > 1 << 16) {
            return Err(format!("multipliers: {m}, at least 1 and at most 65536 each"));
        }
        let side = match self.net {
            NetName::Dit => self.patch,
            _ => 1 << self.multipliers.len(),
        };
        let config = self.on_images(1, 0, [side; 2]);
        config.map_or(Ok(()), |config| config.check([side; 2])).map_err(|e| e.to_string())
    }

    /// The model with fresh weights.
    pub(super) fn model(
        &self,
        schedule: Named,
        net: &Net,
        noise: &Noise,
        space: &Space,
    ) -> Result<Dynamics, Missing> {
        let reading = self.reading(schedule);
        let Net { dim, context, canvas } = net;
        if self.net == NetName::Mlp {
            let Self { width, depth, frequencies, .. } = *self;
            let net = MlpConfig { width, depth, frequencies };
            let (head, uncertainty) = (reading.head, reading.uncertainty);
            let config = DynamicsConfig { schedule, head, net, uncertainty };
            let model = Dynamics::new(&config, *dim, *context, noise, space);
            return Ok(model.dropping(self.dropping()));
        }
        let canvas = canvas.clone().ok_or(Missing::Images)?;
        let pixels = canvas.pixels;
        let size = [pixels.height, pixels.width];
        let config = self.on_images(pixels.channels, *context, size).ok_or(Missing::Images)?;
        Dynamics::on_images(reading, &config, canvas, noise, space)
            .map_err(|e| Missing::Sizes(e.to_string()))
    }

    /// Activations of a layer for each row.
    pub(super) fn activations(&self, net: &Net) -> usize {
        let pixels =
            net.canvas.as_ref().map_or(1, |canvas| canvas.pixels.height * canvas.pixels.width);
        match self.net {
            NetName::Mlp => self.width,
            NetName::Unet => self.channels * pixels,
            NetName::Dit => self.width * pixels.div_ceil(self.patch * self.patch),
        }
    }
}
