//! The methods and their settings.

use serde::{Deserialize, Serialize};
use transport_ot::Coupling;

/// How tables are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Flow matching on independent pairs.
    ICfm,
    /// Flow matching on optimal pairs of each batch.
    OtCfm,
    /// A stochastic interpolant: a velocity and a denoiser.
    Interpolant,
    /// Score and flow matching on optimal pairs joined by Brownian bridges: near the Schrödinger
    /// bridge where `sigma` is small; on entropic pairs the bridge itself.
    Sf2m,
    /// Iterated Markovian fitting of the Schrödinger bridge.
    Dsbm,
    /// The same by proportional fitting, from the reference.
    DsbmIpf,
    /// The diffusion Schrödinger bridge: proportional fitting on whole paths.
    Dsb,
    /// A light Schrödinger bridge: mixture potentials, no network.
    LightSb,
    /// The same by optimal bridge matching.
    LightSbM,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ICfm,
        Self::OtCfm,
        Self::Interpolant,
        Self::Sf2m,
        Self::Dsbm,
        Self::DsbmIpf,
        Self::Dsb,
        Self::LightSb,
        Self::LightSbM,
    ];

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ICfm => "i-cfm",
            Self::OtCfm => "ot-cfm",
            Self::Interpolant => "interpolant",
            Self::Sf2m => "sf2m",
            Self::Dsbm => "dsbm",
            Self::DsbmIpf => "dsbm-ipf",
            Self::Dsb => "dsb",
            Self::LightSb => "light-sb",
            Self::LightSbM => "light-sb-m",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether it has mixture potentials instead of networks.
    #[must_use]
    pub fn light(&self) -> bool {
        matches!(self, Self::LightSb | Self::LightSbM)
    }

    /// Whether it takes more than two snapshots.
    #[must_use]
    pub fn through_many(&self) -> bool {
        !self.light()
    }

    /// Whether it is a flow along straight lines, which can be rectified.
    #[must_use]
    pub fn straight(&self) -> bool {
        matches!(self, Self::ICfm | Self::OtCfm)
    }

    /// How its batches are paired where nothing else is asked for; `None` where it makes its own
    /// pairs, or needs none.
    #[must_use]
    pub fn pairs(&self) -> Option<Pairs> {
        match self {
            Self::ICfm | Self::Interpolant | Self::LightSbM => Some(Pairs::Independent),
            Self::OtCfm | Self::Sf2m => Some(Pairs::Exact),
            Self::Dsbm | Self::DsbmIpf | Self::Dsb | Self::LightSb => None,
        }
    }

    /// Fits of both directions together, where they are fitted in turn.
    pub(super) fn fits(&self) -> u64 {
        match self {
            Self::Dsbm => 10,
            Self::DsbmIpf | Self::Dsb => 20,
            _ => 1,
        }
    }
}

/// How the rows of a batch are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// At random.
    Independent,
    /// By optimal transport.
    Exact,
    /// By entropic transport with the regularisation `2σ²` of the reference.
    Sinkhorn,
    /// By unbalanced entropic transport: mass may grow or vanish.
    Unbalanced,
}

impl Pairs {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Independent, Self::Exact, Self::Sinkhorn, Self::Unbalanced];

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Exact => "exact",
            Self::Sinkhorn => "sinkhorn",
            Self::Unbalanced => "unbalanced",
        }
    }

    /// The pairs of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// The coupling beside a reference of standard deviation `sigma`.
    pub(super) fn coupling(&self, sigma: f64) -> Coupling {
        match self {
            Self::Independent => Coupling::Independent,
            Self::Exact => Coupling::Exact,
            Self::Sinkhorn | Self::Unbalanced => {
                Coupling::Sinkhorn { epsilon: 2.0 * sigma * sigma }
            }
        }
    }
}

/// The default price.
fn unit() -> f64 {
    1.0
}

/// The settings of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitConfig {
    /// The method.
    pub method: Method,
    /// Optimiser steps.
    pub steps: u64,
    /// Rows of a step.
    pub batch_size: usize,
    /// The peak learning rate.
    pub lr: f64,
    /// The reference's standard deviation over the whole clock, in standardised units.
    pub sigma: f64,
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// Components of the light bridge.
    pub components: usize,
    /// How batches are paired, where it is not the method's own way.
    #[serde(default)]
    pub pairs: Option<Pairs>,
    /// The price of mass that grows or vanishes, for unbalanced pairs, in standardised squared units.
    #[serde(default = "unit")]
    pub rho: f64,
    /// How often a straight flow is rectified: learned anew on the pairs that it makes.
    #[serde(default)]
    pub reflow: u64,
    /// What every draw derives from.
    pub seed: u64,
}

impl FitConfig {
    /// The defaults of a method.
    #[must_use]
    pub fn new(method: Method) -> Self {
        let (steps, lr) = if method.light() { (3000, 1e-2) } else { (5000, 2e-3) };
        let sigma = if method.light() { 0.3 } else { 0.5 };
        Self {
            method,
            steps,
            batch_size: 256,
            lr,
            sigma,
            width: 128,
            depth: 3,
            components: 20,
            pairs: None,
            rho: unit(),
            reflow: 0,
            seed: 0,
        }
    }

    /// The steps that are taken: a multiple of the fits where two directions are fitted in turn, and
    /// as many again for every time that a flow is rectified.
    #[must_use]
    pub fn total(&self) -> u64 {
        let fits = self.method.fits();
        self.steps.div_ceil(fits).saturating_mul(fits).saturating_mul(self.reflow.saturating_add(1))
    }

    pub(super) fn coupling(&self) -> Coupling {
        let pairs = self.pairs.or(self.method.pairs()).unwrap_or(Pairs::Independent);
        pairs.coupling(self.sigma)
    }
}
