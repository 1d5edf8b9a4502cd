//! The levels of a U-Net: on the way down, in the middle, on the way up.

use super::attention::Attention;
use super::config::{Level, UNetConfig};
use super::residual::{Change, ResidualBlock, Told};
use super::size::Resampler;
use crate::net::Dual;
use burn::module::Module;
use transport_core::{Noise, Space};

/// Residual blocks, each with attention after it or not, then a step to half the size. Every state
/// is kept for the way up.
#[derive(Module, Debug)]
pub struct DownBlock {
    resnets: Vec<ResidualBlock>,
    attentions: Vec<Attention>,
    downsamplers: Vec<Resampler>,
}

/// Where a level stands, and what its draws are called by.
pub(super) struct Place<'a> {
    pub(super) config: &'a UNetConfig,
    pub(super) level: Level,
    pub(super) name: String,
    pub(super) noise: &'a Noise,
    pub(super) space: &'a Space,
}

impl Place<'_> {
    fn block(&self, sizes: [usize; 2], k: usize) -> ResidualBlock {
        let name = format!("{}.resnets.{k}", self.name);
        ResidualBlock::new(self.config, sizes, Change::Stay, &name, self.noise, self.space)
    }

    fn attentions(&self, planes: usize, count: usize, groups: usize) -> Vec<Attention> {
        let head = self.config.attention_head_dim.unwrap_or(planes);
        let one = |k: usize| {
            let noise = self.noise.purpose(&format!("{}.attentions.{k}", self.name));
            Attention::new(planes, head, groups, self.config.norm_eps, &noise, self.space)
        };
        (0..count).map(one).collect()
    }

    fn resampler(&self, planes: usize, change: Change) -> Resampler {
        let (name, resampling) = (format!("{}.resampler", self.name), self.level.resampling);
        Resampler::new(self.config, resampling, planes, change, &name, self.noise, self.space)
    }
}

impl DownBlock {
    pub(super) fn new(place: &Place<'_>, [inputs, planes]: [usize; 2], last: bool) -> Self {
        let (layers, groups) = (place.config.layers_per_block, place.config.norm_groups);
        let from = |k: usize| if k == 0 { inputs } else { planes };
        let attended = if place.level.attention { layers } else { 0 };
        Self {
            resnets: (0..layers).map(|k| place.block([from(k), planes], k)).collect(),
            attentions: place.attentions(planes, attended, groups),
            downsamplers: (!last)
                .then(|| place.resampler(planes, Change::Halve))
                .into_iter()
                .collect(),
        }
    }

    /// The state at the end; every state on the way is pushed on `kept`.
    pub(super) fn forward(&self, x: Dual<4>, told: &Told<'_>, kept: &mut Vec<Dual<4>>) -> Dual<4> {
        let mut h = x;
        for (k, block) in self.resnets.iter().enumerate() {
            h = block.forward(h, told, [0; 2]);
            if let Some(attention) = self.attentions.get(k) {
                h = attention.forward(h);
            }
            kept.push(h.clone());
        }
        for step in &self.downsamplers {
            h = step.forward(h, told, [0; 2]);
            kept.push(h.clone());
        }
        h
    }
}

/// Two residual blocks on the smallest images, attention between them.
#[derive(Module, Debug)]
pub struct MidBlock {
    resnets: Vec<ResidualBlock>,
    attentions: Vec<Attention>,
}

impl MidBlock {
    pub(super) fn new(place: &Place<'_>, planes: usize) -> Self {
        let (config, scale) = (place.config, place.config.mid_scale);
        let attended = usize::from(config.mid_attention);
        let attentions = place.attentions(planes, attended, config.mid_groups());
        Self {
            resnets: (0..2).map(|k| place.block([planes; 2], k).scaled(scale)).collect(),
            attentions: attentions.into_iter().map(|a| a.scaled(scale)).collect(),
        }
    }

    pub(super) fn forward(&self, x: Dual<4>, told: &Told<'_>) -> Dual<4> {
        let mut h = x;
        for (k, block) in self.resnets.iter().enumerate() {
            h = block.forward(h, told, [0; 2]);
            if let Some(attention) = self.attentions.get(k) {
                h = attention.forward(h);
            }
        }
        h
    }
}

/// Residual blocks that read a state kept on the way down beside their own, each with attention
/// after it or not, then a step to double the size.
#[derive(Module, Debug)]
pub struct UpBlock {
    resnets: Vec<ResidualBlock>,
    attentions: Vec<Attention>,
    upsamplers: Vec<Resampler>,
}

impl UpBlock {
    /// `before` planes come from the level below, `beyond` from the last state kept of this one.
    pub(super) fn new(place: &Place<'_>, [before, planes, beyond]: [usize; 3], last: bool) -> Self {
        let (layers, groups) = (place.config.layers_per_block + 1, place.config.norm_groups);
        let from = |k: usize| {
            let own = if k == 0 { before } else { planes };
            own + if k + 1 == layers { beyond } else { planes }
        };
        let attended = if place.level.attention { layers } else { 0 };
        Self {
            resnets: (0..layers).map(|k| place.block([from(k), planes], k)).collect(),
            attentions: place.attentions(planes, attended, groups),
            upsamplers: (!last)
                .then(|| place.resampler(planes, Change::Double))
                .into_iter()
                .collect(),
        }
    }

    /// The state at the end; states are popped off `kept`.
    pub(super) fn forward(&self, x: Dual<4>, told: &Told<'_>, kept: &mut Vec<Dual<4>>) -> Dual<4> {
        let mut h = x;
        for (k, block) in self.resnets.iter().enumerate() {
            if let Some(beside) = kept.pop() {
                h = h.cat(beside, 1);
            }
            h = block.forward(h, told, [0; 2]);
            if let Some(attention) = self.attentions.get(k) {
                h = attention.forward(h);
            }
        }
        for step in &self.upsamplers {
            let size = kept.last().map_or([0; 2], |next| {
                let [_, _, height, width] = next.value.dims();
                [height, width]
            });
            h = step.forward(h, told, size);
        }
        h
    }
}
