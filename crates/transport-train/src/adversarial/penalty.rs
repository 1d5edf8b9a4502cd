//! What keeps a critic's slope in bounds.

use super::loss::mean;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use transport_models::gan::{GanError, InputGradient};

/// A term of the critic's loss, or a bound on its weights.
///
/// ```text
/// gradient    λ E (‖∇D(x̂)‖ − 1)²,   x̂ = u x + (1 − u) y,  u uniform, x data, y a sample
/// lipschitz   λ E max(0, ‖∇D(x̂)‖ − 1)²
/// r1          ½ λ E ‖∇D(x)‖²         on data
/// r2          ½ λ E ‖∇D(y)‖²         on samples
/// r1-r2       both
/// clip        every parameter to [−λ, λ] after each step
/// ```
///
/// The best Wasserstein critic is flat where the laws agree: `gradient` forbids that and keeps
/// pushing samples about, `lipschitz` allows it.
///
/// # References
/// Gulrajani et al. (2017), WGAN-GP; Petzka, Fischer & Lukovnicov (2018), the one-sided form, WGAN-LP;
/// Mescheder, Geiger & Nowozin (2018), R1 and R2; Arjovsky,
/// Chintala & Bottou (2017), clipping.
/// # Checked by
/// `tests/it/adversarial_penalties.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Penalty {
    /// Nothing.
    None,
    /// Slope 1 between data and samples.
    Gradient(f64),
    /// Slope at most 1 between them.
    Lipschitz(f64),
    /// Slope 0 on data.
    R1(f64),
    /// Slope 0 on samples.
    R2(f64),
    /// Slope 0 on both.
    R1R2(f64),
    /// Small weights.
    Clip(f64),
}

/// The critic on a batch: its outputs on data and on samples, and the penalty.
#[derive(Debug)]
pub struct Seen {
    /// `D(x)`, `[n, 1]`.
    pub real: Tensor<2>,
    /// `D(y)`, `[n, 1]`.
    pub fake: Tensor<2>,
    /// The penalty, `[1]`.
    pub penalty: Option<Tensor<1>>,
}

fn square(gradient: Tensor<2>) -> Tensor<2> {
    gradient.powi_scalar(2).sum_dim(1)
}

impl Penalty {
    /// The names in a configuration.
    pub const NAMES: [&'static str; 7] =
        ["none", "gradient", "lipschitz", "r1", "r2", "r1-r2", "clip"];

    /// The penalty of that name and weight.
    ///
    /// # Errors
    /// [`GanError::Number`] when the weight is not above 0; `None` for an unknown name.
    pub fn by_name(name: &str, weight: f64) -> Option<Result<Self, GanError>> {
        let penalty = match name {
            "none" => return Some(Ok(Self::None)),
            "gradient" => Self::Gradient(weight),
            "lipschitz" => Self::Lipschitz(weight),
            "r1" => Self::R1(weight),
            "r2" => Self::R2(weight),
            "r1-r2" => Self::R1R2(weight),
            "clip" => Self::Clip(weight),
            _ => return None,
        };
        Some(GanError::positive("penalty_weight", weight).map(|()| penalty))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gradient(_) => "gradient",
            Self::Lipschitz(_) => "lipschitz",
            Self::R1(_) => "r1",
            Self::R2(_) => "r2",
            Self::R1R2(_) => "r1-r2",
            Self::Clip(_) => "clip",
        }
    }

    /// The penalty with its weight times `factor`; a bound on weights stays what it is.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::None | Self::Clip(_) => self,
            Self::Gradient(weight) => Self::Gradient(factor * weight),
            Self::Lipschitz(weight) => Self::Lipschitz(factor * weight),
            Self::R1(weight) => Self::R1(factor * weight),
            Self::R2(weight) => Self::R2(factor * weight),
            Self::R1R2(weight) => Self::R1R2(factor * weight),
        }
    }

    /// Checks the weight, and that the critic has a gradient at each row where one is needed.
    ///
    /// # Errors
    /// [`GanError::Number`], [`GanError::BatchNormPenalty`].
    pub fn check(self, row_by_row: bool) -> Result<(), GanError> {
        match self {
            Self::None => Ok(()),
            Self::Clip(bound) => GanError::positive("penalty_weight", bound),
            Self::Gradient(weight)
            | Self::Lipschitz(weight)
            | Self::R1(weight)
            | Self::R2(weight)
            | Self::R1R2(weight) => {
                GanError::positive("penalty_weight", weight)?;
                if row_by_row {
                    return Ok(());
                }
                Err(GanError::BatchNormPenalty { penalty: self.name() })
            }
        }
    }

    /// The critic's outputs and its penalty, with as few passes as that takes.
    ///
    /// # Shapes
    /// `data`, `samples`: `[n, d]`; `u`: `[n, 1]`, read by [`Penalty::Gradient`] and
    /// [`Penalty::Lipschitz`] alone.
    ///
    /// # Panics
    /// When the critic has no gradient at each row; [`Penalty::check`] tells before.
    #[must_use]
    pub fn see(
        self,
        critic: &impl InputGradient,
        data: Tensor<2>,
        samples: Tensor<2>,
        u: impl FnOnce() -> Tensor<2>,
    ) -> Seen {
        let half = |square: Tensor<2>, weight: f64| Some(mean(square).mul_scalar(0.5 * weight));
        match self {
            Self::None | Self::Clip(_) => {
                let (real, fake) = (critic.value(data), critic.value(samples));
                Seen { real, fake, penalty: None }
            }
            Self::Gradient(weight) | Self::Lipschitz(weight) => {
                let between = samples.clone() + u() * (data.clone() - samples.clone());
                let norm = square(critic.value_and_gradient(between).1).add_scalar(TINY).sqrt();
                let excess = match self {
                    Self::Lipschitz(_) => norm.sub_scalar(1.0).clamp_min(0.0),
                    _ => norm.sub_scalar(1.0),
                };
                let penalty = Some(mean(excess.powi_scalar(2)).mul_scalar(weight));
                Seen { real: critic.value(data), fake: critic.value(samples), penalty }
            }
            Self::R1(weight) => {
                let (real, slope) = critic.value_and_gradient(data);
                Seen { real, fake: critic.value(samples), penalty: half(square(slope), weight) }
            }
            Self::R2(weight) => {
                let (fake, slope) = critic.value_and_gradient(samples);
                Seen { real: critic.value(data), fake, penalty: half(square(slope), weight) }
            }
            Self::R1R2(weight) => {
                let (real, on_data) = critic.value_and_gradient(data);
                let (fake, on_samples) = critic.value_and_gradient(samples);
                let penalty = half(square(on_data) + square(on_samples), weight);
                Seen { real, fake, penalty }
            }
        }
    }

    /// The critic within the bounds of [`Penalty::Clip`].
    #[must_use]
    pub fn clipped<M: Module>(self, critic: M) -> M {
        match self {
            Self::Clip(bound) => critic.map(&mut Clamp(bound)),
            _ => critic,
        }
    }
}

/// Under the root of a norm, whose derivative at 0 is none.
const TINY: f64 = 1e-12;

struct Clamp(f64);

impl ModuleMapper for Clamp {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| value.clamp(-self.0, self.0))
    }
}
