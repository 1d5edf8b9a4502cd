//! The models: each registered in one place, with its name, settings, objective and capabilities.
//!
//! The binary, the evaluation and the documentation read this list. A new model is a row of
//! [`MODELS`] and, when it is of a new kind, a file beside this one that implements [`Entry`].

mod along;
mod annealing;
pub(crate) mod chunks;
mod continuous;
mod dynamics;
mod dynamics_net;
mod dynamics_settings;
mod entry;
mod flow;
mod gan;
mod gaussian;
mod generator;
mod image_flow;
pub mod imported;
mod integrated;
mod one_step;
mod unread;
mod vae;

pub use along::Estimated;
pub use entry::{Capabilities, Entry, OpenError};
pub(crate) use gaussian::RIDGE;
pub use generator::{Bound, Conditions, Generator, Seen, Way};

use crate::config::{ConfigError, SampleConfig, nearest};
use dynamics_settings::{HeadName, Loss, TimesName, WeightingName};
use transport_core::schedule::Named;
use transport_models::flow::Reading;
use transport_models::flow::image::Architecture;
use transport_sde::Solver;

/// Every model, in the order in which they are listed.
pub static MODELS: &[&dyn Entry] = &[
    &dynamics::Family {
        name: "flow-matching",
        summary: "velocity of straight lines from noise to data (conditional flow matching)",
        schedule: Named::Rectified,
        head: HeadName::Velocity,
        loss: Loss::FlowMatching,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 50 },
    },
    &dynamics::Family {
        name: "score-vp",
        summary: "score of the variance-preserving diffusion (denoising score matching)",
        schedule: Named::Vp,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-subvp",
        summary: "score of the sub-variance-preserving diffusion",
        schedule: Named::Subvp,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-ve",
        summary: "score of the variance-exploding diffusion",
        schedule: Named::Ve,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-cosine",
        summary: "v-prediction on the cosine diffusion",
        schedule: Named::Cosine,
        head: HeadName::V,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "edm",
        summary: "preconditioned denoiser with EDM's noise levels and weights",
        schedule: Named::Edm,
        head: HeadName::Edm,
        loss: Loss::Denoising,
        weighting: WeightingName::Edm,
        times: TimesName::LogNormal,
        sample: SampleConfig { solver: Solver::EdmHeun, steps: 50 },
    },
    &dynamics::Family {
        name: "ncsn",
        summary: "noise-conditional score network, sampled by annealed Langevin dynamics",
        schedule: Named::Ve,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Snr,
        times: TimesName::Geometric,
        sample: SampleConfig { solver: Solver::EulerMaruyama, steps: 800 },
    },
    &flow::Family {
        name: "nice",
        summary: "additive coupling layers",
        reading: Reading::Coupling,
        transform: flow::Transform::Additive,
    },
    &flow::Family {
        name: "realnvp",
        summary: "affine coupling layers",
        reading: Reading::Coupling,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf",
        summary: "rational-quadratic spline coupling layers (RQ-NSF (C))",
        reading: Reading::Coupling,
        transform: flow::Transform::Spline,
    },
    &flow::Family {
        name: "maf",
        summary: "affine autoregressive layers",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf-ar",
        summary: "rational-quadratic spline autoregressive layers (RQ-NSF (AR))",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Spline,
    },
    &flow::Family {
        name: "iaf",
        summary: "affine inverse autoregressive layers: samples in one pass",
        reading: Reading::Inverse,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf-circular",
        summary: "circular spline autoregressive layers, for angles in radians within ±π",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Circular,
    },
    &flow::Family {
        name: "residual-flow",
        summary: "residual layers with a bounded Lipschitz constant",
        reading: Reading::Residual,
        transform: flow::Transform::Additive,
    },
    &continuous::Family,
    &vae::Family,
    &image_flow::Family {
        name: "glow",
        summary: "1×1 convolutions and affine couplings of images, at several scales",
        architecture: Architecture::Glow,
    },
    &image_flow::Family {
        name: "realnvp-image",
        summary: "affine checkerboard and channel couplings of images, at several scales",
        architecture: Architecture::RealNvp,
    },
    &gan::Family { name: "gan", summary: "the minimax game of the theory", preset: gan::MINIMAX },
    &gan::Family {
        name: "fgan",
        summary: "the variational form of an f-divergence (`loss`)",
        preset: gan::F_DIVERGENCE,
    },
    &gan::Family {
        name: "sngan",
        summary: "hinge loss, critic with spectral normalisation",
        preset: gan::SPECTRAL,
    },
    &gan::Family {
        name: "wgan",
        summary: "Wasserstein loss, critic with clipped weights",
        preset: gan::CLIPPED,
    },
    &gan::Family {
        name: "wgan-gp",
        summary: "Wasserstein loss with gradient penalty",
        preset: gan::GRADIENT_PENALTY,
    },
    &gan::Family {
        name: "r1-gan",
        summary: "non-saturating loss with the R1 penalty",
        preset: gan::R1,
    },
    &gan::Family {
        name: "r3gan",
        summary: "relativistic pairs with the R1 and R2 penalties",
        preset: gan::R3,
    },
    &gan::Family {
        name: "dcgan",
        summary: "convolutional players for images, non-saturating loss with R1",
        preset: gan::DCGAN,
    },
    &gaussian::Family,
];

/// The models that are read from others' weights ([`crate::import`]) and not trained here.
pub static IMPORTED: &[&dyn Entry] = &[&imported::DDPM_CNN, &imported::UNET_2D];

/// The model of that name.
///
/// # Errors
/// [`ConfigError::UnknownModel`] with the nearest name.
pub fn model(name: &str) -> Result<&'static dyn Entry, ConfigError> {
    let all = || MODELS.iter().chain(IMPORTED).copied();
    all().find(|entry| entry.name() == name).ok_or_else(|| {
        let known: Vec<&'static str> = all().map(|entry| entry.name()).collect();
        ConfigError::UnknownModel { name: name.to_owned(), nearest: nearest(name, &known), known }
    })
}
