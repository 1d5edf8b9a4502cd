//! What a U-Net is built from, and what does not fit together.

use crate::net::{Dropout, TimeFeatures};
use serde::{Deserialize, Serialize};

/// How a level of a [`super::UNet`] changes the size of its planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampling {
    /// A convolution of stride 2 downwards; nearest pixels and a convolution upwards.
    Conv,
    /// A residual block around a mean of 2 × 2 pixels, or around nearest pixels (BigGAN's).
    Residual,
}

/// A level of a [`super::UNet`] on its way down or up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Whether attention follows its residual blocks.
    pub attention: bool,
    /// How it leaves for the next size.
    pub resampling: Resampling,
}

/// How the time enters a residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeShift {
    /// Added to the planes before the second norm.
    Add,
    /// As a scale and a shift after the second norm.
    ScaleShift,
}

/// The sizes of a [`super::UNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetConfig {
    /// Planes of the input.
    pub in_channels: usize,
    /// Planes of the output.
    pub out_channels: usize,
    /// Planes of each level, from the largest images to the smallest.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// The levels on the way down.
    pub down: Vec<Level>,
    /// The levels on the way up, the smallest images first.
    pub up: Vec<Level>,
    /// Whether attention stands between the two blocks in the middle.
    pub mid_attention: bool,
    /// What the sums of the middle's residual blocks are divided by.
    pub mid_scale: f64,
    /// Groups of a norm.
    pub norm_groups: usize,
    /// Groups of the norm before the middle's attention; when absent, `norm_groups` with
    /// [`TimeShift::Add`], and no norm with [`TimeShift::ScaleShift`].
    pub mid_norm_groups: Option<usize>,
    /// What is added to a variance.
    pub norm_eps: f64,
    /// Features of an attention head; one head of all planes when absent.
    pub attention_head_dim: Option<usize>,
    /// How the time enters.
    pub time_shift: TimeShift,
    /// Zeros around an image before a convolution of stride 2: 1, or 0 for one row and one column
    /// after it.
    pub downsample_padding: usize,
    /// What the network is told of the time.
    pub time: TimeFeatures,
    /// Columns of a context, 0 for none: a class as one column each, or any vector.
    pub context: usize,
    /// Dropout before the second convolution of a residual block.
    pub dropout: Dropout,
    /// Whether inputs on `[0, 1]` are moved to `[−1, 1]` first.
    pub center_input: bool,
    /// Whether the output is divided by the time, as models of a score at noise level `t` are.
    pub over_time: bool,
}

impl UNetConfig {
    /// The network for training: the time as scale and shift, attention on the levels that are
    /// `attended` and in the middle, the most groups up to 32 that hold 4 planes or more each,
    /// convolutions between the sizes ([`UNetConfig::resampled`] for others).
    ///
    /// # References
    /// Dhariwal & Nichol (2021), "Diffusion models beat GANs on image synthesis", §3.
    #[must_use]
    pub fn adm(planes: usize, channels: &[usize], layers: usize, attended: &[bool]) -> Self {
        let level =
            |attention: &bool| Level { attention: *attention, resampling: Resampling::Conv };
        let groups = channels.iter().map(|c| (c >> 2).max(1)).fold(32, gcd);
        Self {
            in_channels: planes,
            out_channels: planes,
            block_out_channels: channels.to_vec(),
            layers_per_block: layers,
            down: attended.iter().map(level).collect(),
            up: attended.iter().rev().map(level).collect(),
            mid_attention: true,
            mid_scale: 1.0,
            norm_groups: groups,
            mid_norm_groups: Some(groups),
            norm_eps: 1e-5,
            attention_head_dim: None,
            time_shift: TimeShift::ScaleShift,
            downsample_padding: 1,
            time: TimeFeatures::Geometric,
            context: 0,
            dropout: Dropout::default(),
            center_input: false,
            over_time: false,
        }
    }

    /// The same network with this resampling at every level.
    #[must_use]
    pub fn resampled(mut self, resampling: Resampling) -> Self {
        self.down.iter_mut().chain(&mut self.up).for_each(|level| level.resampling = resampling);
        self
    }

    /// Features of the time inside the network.
    #[must_use]
    pub fn embedding(&self) -> usize {
        4 * self.block_out_channels.first().copied().unwrap_or(0)
    }

    /// Groups of the norm before the middle's attention, 0 for no norm.
    pub(super) fn mid_groups(&self) -> usize {
        let default = if self.time_shift == TimeShift::Add { self.norm_groups } else { 0 };
        self.mid_norm_groups.unwrap_or(default)
    }

    /// Whether the sizes fit together, for images of `height × width`.
    ///
    /// # Errors
    /// [`UNetError`] that names what does not.
    pub fn check(&self, [height, width]: [usize; 2]) -> Result<(), UNetError> {
        let levels = self.block_out_channels.len();
        for (what, count) in [("down", self.down.len()), ("up", self.up.len())] {
            if count != levels {
                return Err(UNetError::Levels { what, count, levels });
            }
        }
        let counts = [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("levels", levels),
            ("layers_per_block", self.layers_per_block),
            ("height", height),
            ("width", width),
        ];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(UNetError::Empty { what });
        }
        self.check_numbers()?;
        self.check_planes()?;
        self.check_sides([height, width])
    }

    fn check_numbers(&self) -> Result<(), UNetError> {
        let Self { dropout, norm_eps, mid_scale, downsample_padding, .. } = self;
        let numbers = [
            ("dropout", dropout.rate, (0.0..1.0).contains(&dropout.rate), "at least 0, below 1"),
            ("norm_eps", *norm_eps, *norm_eps > 0.0 && norm_eps.is_finite(), "above 0"),
            ("mid_scale", *mid_scale, *mid_scale != 0.0 && mid_scale.is_finite(), "not 0"),
            ("downsample_padding", *downsample_padding as f64, *downsample_padding < 2, "0 or 1"),
        ];
        match numbers.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((what, value, _, expected)) => Err(UNetError::Number { what, value, expected }),
            None => Ok(()),
        }
    }

    fn check_planes(&self) -> Result<(), UNetError> {
        let (levels, last) = (self.block_out_channels.len(), self.block_out_channels.len() - 1);
        let divides = |groups: usize, planes: usize| groups > 0 && planes.is_multiple_of(groups);
        let mut summed = Vec::new();
        for (level, planes) in self.block_out_channels.iter().enumerate() {
            if *planes == 0 {
                return Err(UNetError::Empty { what: "planes of a level" });
            }
            if self.attention_head_dim.is_some_and(|d| d == 0 || d > *planes) {
                let head = self.attention_head_dim.unwrap_or(0);
                return Err(UNetError::Heads { level, planes: *planes, head });
            }
            summed.push((level, *planes));
            // What stands beside what on the way up.
            let below = self.block_out_channels[(level + 1).min(last)];
            let above = self.block_out_channels[level.saturating_sub(1)];
            summed.extend([below + planes, 2 * planes, planes + above].map(|sum| (level, sum)));
        }
        let groups = self.norm_groups;
        if let Some((level, planes)) = summed.into_iter().find(|(_, p)| !divides(groups, *p)) {
            return Err(UNetError::Groups { level, planes, groups });
        }
        let (mid, planes) = (self.mid_groups(), self.block_out_channels[last]);
        if self.mid_attention && mid > 0 && !divides(mid, planes) {
            return Err(UNetError::Groups { level: levels, planes, groups: mid });
        }
        Ok(())
    }

    fn check_sides(&self, mut sides: [usize; 2]) -> Result<(), UNetError> {
        let levels = self.block_out_channels.len();
        for level in 0..levels - 1 {
            let [height, width] = sides;
            let residual = self.down[level].resampling == Resampling::Residual;
            let odd = sides.iter().any(|side| side % 2 == 1);
            if residual && odd || sides.contains(&1) {
                return Err(UNetError::Sides { level, height, width });
            }
            sides = sides.map(|side| side.div_ceil(2));
        }
        Ok(())
    }
}

/// The greatest number that divides both.
fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A U-Net whose sizes do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UNetError {
    /// Lists of unequal lengths.
    #[error("`{what}` describes {count} levels where the channels have {levels}")]
    Levels {
        /// The list.
        what: &'static str,
        /// Its length.
        count: usize,
        /// The number of levels.
        levels: usize,
    },
    /// A count that is 0.
    #[error("{what}: at least 1 is needed")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A number outside its range.
    #[error("{what} is {value}: {expected}")]
    Number {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// Groups that do not divide the planes.
    #[error("{planes} planes at level {level} cannot be normalised in {groups} equal groups")]
    Groups {
        /// The level, from 0; one past the last for the middle.
        level: usize,
        /// Its planes.
        planes: usize,
        /// The groups.
        groups: usize,
    },
    /// Attention heads of more features than there are, or of none.
    #[error("{planes} planes at level {level} have no attention heads of {head} features")]
    Heads {
        /// The level, from 0.
        level: usize,
        /// Its planes.
        planes: usize,
        /// Features of a head.
        head: usize,
    },
    /// Images that a level cannot halve.
    #[error(
        "images of {height}×{width} pixels at level {level} cannot be halved: residual resampling needs even sides, convolutions at least 2 pixels; take fewer levels"
    )]
    Sides {
        /// The level, from 0.
        level: usize,
        /// Rows of pixels there.
        height: usize,
        /// Columns of pixels there.
        width: usize,
    },
}
