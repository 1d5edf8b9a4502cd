//! The settings of a model made of a [`Dynamics`]: its network, what that predicts, and the loss.

use super::dynamics::Family;
use super::dynamics_net::{NetName, TimeName};
use super::unread::{Choice, unread};
use crate::batch::Rows;
use crate::config::wrong_settings;
use crate::objective::{
    ContextDropout, DenoisingScoreMatching, FiniteDifferenceScoreMatching, FlowMatching,
    ImplicitScoreMatching, Objective, ObjectiveError, SlicedScoreMatching, TimeLaw, Weighting,
    bounded, geometric,
};
use crate::optim::OptimConfig;
use crate::trainer::{LoopConfig, Trainer, Training};
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transport_core::schedule::Named;
use transport_core::{Head, Preconditioning, Prediction, Space};
use transport_models::net::unet::Resampling;
use transport_models::{Dynamics, Reading};

/// The loss that trains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Loss {
    FlowMatching,
    Denoising,
    Implicit,
    Sliced,
    FiniteDifference,
}

impl Loss {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::FlowMatching => "flow matching",
            Self::Denoising => "denoising score matching",
            Self::Implicit => "implicit score matching",
            Self::Sliced => "sliced score matching",
            Self::FiniteDifference => "finite-difference sliced score matching",
        }
    }
}

/// What the network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HeadName {
    Noise,
    Data,
    V,
    Score,
    Velocity,
    Edm,
}

/// How the noise levels are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WeightingName {
    Uniform,
    Likelihood,
    Snr,
    MinSnr,
    Edm,
    Learned,
}

/// At which noise levels it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TimesName {
    Uniform,
    LogSnr,
    LogNormal,
    Geometric,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) net: NetName,
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) frequencies: usize,
    pub(super) dropout: f64,
    /// What a network of images is told of the time.
    pub(super) time: TimeName,
    /// Planes of a U-Net's largest images, and what each level multiplies them by.
    pub(super) channels: usize,
    pub(super) multipliers: Vec<usize>,
    /// Residual blocks of a level.
    pub(super) blocks: usize,
    /// Groups of a norm; 0 for as many as hold 4 planes each.
    pub(super) groups: usize,
    /// The longest side of images on which a U-Net's pixels attend to each other, 0 for none.
    pub(super) attention: usize,
    /// Features of an attention head.
    pub(super) head_dim: usize,
    pub(super) resampling: Resampling,
    /// The side of a DiT's patches.
    pub(super) patch: usize,
    loss: Loss,
    head: HeadName,
    weighting: WeightingName,
    times: TimesName,
    /// γ of the min-SNR weighting.
    gamma: f64,
    /// σ_d of the EDM head and weighting, in the model's space.
    sigma_data: f64,
    /// The mean of `ln(σ/α)` of log-normal times.
    log_noise_mean: f64,
    /// Its standard deviation.
    log_noise_std: f64,
    /// The number of geometric levels.
    levels: usize,
    /// How often the context is replaced by the null context in training.
    context_dropout: f64,
}

impl Settings {
    /// A family's defaults.
    pub(super) fn of(family: &Family) -> Self {
        let Family { loss, head, weighting, times, .. } = *family;
        Self {
            net: NetName::Mlp,
            width: 256,
            depth: 4,
            frequencies: 16,
            dropout: 0.0,
            time: TimeName::Geometric,
            channels: 32,
            multipliers: vec![1, 2, 2],
            blocks: 1,
            groups: 0,
            attention: 8,
            head_dim: 32,
            resampling: Resampling::Conv,
            patch: 2,
            loss,
            head,
            weighting,
            times,
            gamma: 5.0,
            sigma_data: 1.0,
            log_noise_mean: -1.2,
            log_noise_std: 1.2,
            levels: 40,
            context_dropout: 0.0,
        }
    }

    /// A family's settings: its defaults where the table is silent, checked.
    pub(super) fn read(family: &Family, table: &toml::Table) -> Result<Self, String> {
        let defaults = toml::Table::try_from(Self::of(family)).map_err(|e| e.to_string())?;
        let mut all = defaults.clone();
        all.extend(table.clone());
        let settings: Self = all.try_into().map_err(|e| wrong_settings(&e))?;
        settings.check_sizes()?;
        settings.check_net()?;
        settings.check(family.schedule).map_err(|e| e.to_string())?;
        unread(table, &defaults, &settings.choices())?;
        Ok(settings)
    }

    /// The choices made, and what is not read with them.
    fn choices(&self) -> [Choice<'static>; 8] {
        const UNET: [&str; 6] =
            ["channels", "multipliers", "blocks", "groups", "attention", "resampling"];
        let edm = self.head == HeadName::Edm || self.weighting == WeightingName::Edm;
        let normal = &["log_noise_mean", "log_noise_std"];
        [
            ("net = \"mlp\"", self.net == NetName::Mlp, &["time", "head_dim", "patch"]),
            ("a net that is no U-Net", self.net != NetName::Unet, &UNET),
            ("net = \"unet\"", self.net == NetName::Unet, &["width", "depth", "patch"]),
            ("a net that is no perceptron", self.net != NetName::Mlp, &["frequencies"]),
            ("this weighting", self.weighting != WeightingName::MinSnr, &["gamma"]),
            ("this head and weighting", !edm, &["sigma_data"]),
            ("these times", self.times != TimesName::LogNormal, normal),
            ("these times", self.times != TimesName::Geometric, &["levels"]),
        ]
    }

    fn check_sizes(&self) -> Result<(), String> {
        let Self { width, depth, frequencies, .. } = *self;
        for (name, value) in [("width", width), ("depth", depth), ("frequencies", frequencies)] {
            if value == 0 || value > 1 << 16 {
                return Err(format!("{name} is {value}: at least 1 and at most 65536"));
            }
        }
        if !(0.0..1.0).contains(&self.context_dropout) {
            let rate = self.context_dropout;
            return Err(format!("context_dropout is {rate}: at least 0 and below 1"));
        }
        match (self.loss, self.head, self.weighting) {
            (Loss::FlowMatching, head, _) if head != HeadName::Velocity => {
                Err("flow matching trains the head `velocity`; loss = \"denoising\" any".into())
            }
            (Loss::FlowMatching, _, weighting) if weighting != WeightingName::Uniform => {
                Err("flow matching has the weighting `uniform`; loss = \"denoising\" any".into())
            }
            (Loss::FlowMatching, ..) if self.times != TimesName::Uniform => {
                Err("flow matching draws times uniformly; loss = \"denoising\" by any law".into())
            }
            (loss, _, WeightingName::Learned) if loss != Loss::Denoising => {
                Err(format!("{} may be negative: it has no learned weighting", loss.title()))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, schedule: Named) -> Result<(), ObjectiveError> {
        let positive = self.sigma_data > 0.0 && self.sigma_data.is_finite();
        if !positive {
            let (what, value) = ("sigma_data", self.sigma_data);
            return Err(ObjectiveError::Setting {
                what,
                value,
                expected: "a finite number above 0",
            });
        }
        let head = match self.loss {
            Loss::FlowMatching | Loss::Denoising => self.head(),
            _ => Prediction::Score.into(),
        };
        if self.head == HeadName::Edm {
            bounded("a network that reads", schedule)?;
        }
        self.weighting().check(head, schedule, self.times())
    }

    pub(super) fn head(&self) -> Head {
        Head::Plain(match self.head {
            HeadName::Noise => Prediction::Noise,
            HeadName::Data => Prediction::Data,
            HeadName::V => Prediction::V,
            HeadName::Score => Prediction::Score,
            HeadName::Velocity => Prediction::Velocity,
            HeadName::Edm => {
                return Head::Edm(Preconditioning { sigma_data: self.sigma_data });
            }
        })
    }

    fn weighting(&self) -> Weighting {
        match self.weighting {
            WeightingName::Uniform => Weighting::Uniform,
            WeightingName::Likelihood => Weighting::Likelihood,
            WeightingName::Snr => Weighting::Snr,
            WeightingName::MinSnr => Weighting::MinSnr { gamma: self.gamma },
            WeightingName::Edm => Weighting::Edm { sigma_data: self.sigma_data },
            WeightingName::Learned => Weighting::Learned,
        }
    }

    fn times(&self) -> TimeLaw {
        match self.times {
            TimesName::Uniform => TimeLaw::Uniform,
            TimesName::LogSnr => TimeLaw::LogSnr,
            TimesName::LogNormal => {
                TimeLaw::LogNormal { mean: self.log_noise_mean, std: self.log_noise_std }
            }
            TimesName::Geometric => TimeLaw::Geometric { levels: self.levels },
        }
    }

    /// How the network's output is read.
    pub(super) fn reading(&self, schedule: Named) -> Reading {
        let uncertainty = self.weighting == WeightingName::Learned;
        Reading { schedule, head: self.head(), uncertainty }
    }

    /// The levels that annealed Langevin dynamics goes down, where the model is trained on levels.
    pub(super) fn ladder(&self, schedule: Named) -> Vec<f64> {
        match self.times {
            TimesName::Geometric => geometric(schedule, self.levels),
            _ => Vec::new(),
        }
    }

    /// Whether the network knows a null context.
    pub(super) fn nullable(&self) -> bool {
        self.context_dropout > 0.0
    }

    /// The columns of context that the network reads, where there are `context` of them.
    pub(super) fn context_columns(&self, context: usize) -> usize {
        context + usize::from(self.nullable())
    }

    /// The model with its loss, ready to train.
    pub(super) fn training(
        &self,
        (model, kept): (Dynamics, Weights),
        rows: Arc<Rows>,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Box<dyn Training> {
        fn boxed<O: Objective<Dynamics> + 'static>(
            objective: O,
            model: (Dynamics, Weights),
            rows: Arc<Rows>,
            ((train, optim), rate): ((LoopConfig, OptimConfig), f64),
            space: &Space,
        ) -> Box<dyn Training> {
            let (model, kept) = model;
            let objective = ContextDropout { objective, rate };
            Box::new(Trainer::new(model, objective, rows, train, optim, space).keeping(kept))
        }
        let model = (model, kept);
        let how = ((train, optim), self.context_dropout);
        let (times, weighting) = (self.times(), self.weighting());
        match self.loss {
            Loss::FlowMatching => boxed(FlowMatching, model, rows, how, space),
            Loss::Denoising => {
                let objective = DenoisingScoreMatching { times, weighting };
                boxed(objective, model, rows, how, space)
            }
            Loss::Implicit => {
                let objective = ImplicitScoreMatching { times, weighting };
                boxed(objective, model, rows, how, space)
            }
            Loss::Sliced => {
                let objective = SlicedScoreMatching { times, weighting, ..Default::default() };
                boxed(objective, model, rows, how, space)
            }
            Loss::FiniteDifference => {
                let rest = FiniteDifferenceScoreMatching::default();
                let objective = FiniteDifferenceScoreMatching { times, weighting, ..rest };
                boxed(objective, model, rows, how, space)
            }
        }
    }
}
