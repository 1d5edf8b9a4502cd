//! Networks: `[n, d]` in, `[n, d]` out, with the time and an optional context beside them.
//!
//! Each layer carries its derivative along a direction (`jvp`), written as ordinary tensor
//! operations: Burn's autodiff is first order, and what needs a derivative of a derivative goes
//! through these. Parameters are drawn from counter-based noise at construction, so that a seed
//! fixes them whatever else runs.

pub mod activation;
mod canvas;
mod conditioner;
mod contraction;
mod conv;
mod ddpm_cnn;
mod dense;
pub mod dit;
mod dropout;
mod dual;
mod embedding;
mod group_norm;
mod image;
mod image_network;
mod mlp;
mod norm;
mod rows;
mod time_features;
mod time_mlp;
pub mod unet;

pub use canvas::Canvas;
pub use conditioner::{Conditioner, ConditionerConfig};
pub use contraction::{Bounded, Contraction, Derivative};
pub use conv::{Conv, Kernel};
pub use ddpm_cnn::{DdpmCnn, DdpmCnnConfig};
pub use dense::Dense;
pub use dit::{Dit, DitConfig, DitError};
pub use dropout::Dropout;
pub use dual::Dual;
pub use embedding::Embedding;
pub use group_norm::{GroupNorm, Then};
pub use image::Pixels;
use image_network::told;
pub use image_network::{ImageNetwork, ImageNetworkConfig, ImageNetworkError};
pub use mlp::{Mlp, MlpConfig};
pub use norm::operator_norm_bound;
pub use time_features::{TimeEmbedding, TimeFeatures, TimeProjection};
pub use time_mlp::{TimeMlp, TimeMlpConfig};
pub use unet::{UNet, UNetConfig, UNetError};
