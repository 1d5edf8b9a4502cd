//! One scale of a flow: steps, a squeeze, more steps, a split.

use super::coupling::ImageCoupling;
use super::squeeze;
use crate::flow::{ActNorm, LuLinear};
use crate::net::Pixels;
use burn::module::Module;
use burn::tensor::Tensor;

/// Actnorm, for Glow a 1×1 convolution, and a coupling, on `[n, h, w, c]`.
#[derive(Module, Debug)]
pub(super) struct Step {
    pub(super) norm: ActNorm,
    pub(super) mix: Option<LuLinear>,
    pub(super) coupling: ImageCoupling,
}

impl Step {
    pub(super) fn pull(&self, x: Tensor<4>, c: Option<&Tensor<2>>) -> (Tensor<4>, Tensor<1>) {
        let (x, log_det) = at_each_pixel(x, |x| {
            let (x, log_det) = self.norm.pull(x);
            let Some(mix) = &self.mix else { return (x, log_det) };
            let (x, log_mix) = mix.pull(x);
            (x, log_det + log_mix)
        });
        let (z, log_step) = self.coupling.pull(x, None, c);
        (z, log_det + log_step)
    }

    pub(super) fn push(&self, z: Tensor<4>, c: Option<&Tensor<2>>) -> (Tensor<4>, Tensor<1>) {
        let (z, log_step) = self.coupling.push(z, None, c);
        let (x, log_det) = at_each_pixel(z, |z| match &self.mix {
            None => self.norm.push(z),
            Some(mix) => {
                let (z, log_mix) = mix.push(z);
                let (x, log_det) = self.norm.push(z);
                (x, log_det + log_mix)
            }
        });
        (x, log_det + log_step)
    }

    pub(super) fn started(self, x: &Tensor<4>) -> Self {
        let [n, h, w, c] = x.dims();
        Self { norm: self.norm.started(&x.clone().reshape([n * h * w, c])), ..self }
    }
}

/// A map of one pixel's channels at every pixel; the log-determinants of an image's pixels add.
fn at_each_pixel(
    x: Tensor<4>,
    f: impl FnOnce(Tensor<2>) -> (Tensor<2>, Tensor<1>),
) -> (Tensor<4>, Tensor<1>) {
    let [n, h, w, c] = x.dims();
    let (y, log_det) = f(x.reshape([n * h * w, c]));
    (y.reshape([n, h, w, c]), log_det.reshape([n, h * w]).sum_dim(1).squeeze_dim(1))
}

/// One scale, from the data's side: steps, a squeeze, more steps, a split.
#[derive(Module, Debug)]
pub(super) struct Level {
    pub(super) before: Vec<Step>,
    pub(super) after: Vec<Step>,
    /// Makes the half that leaves Gaussian, given the half that stays.
    pub(super) split: Option<ImageCoupling>,
    #[module(skip)]
    pub(super) squeezes: bool,
    /// The image that is split, or left at the end.
    #[module(skip)]
    pub(super) shape: Pixels,
}

impl Level {
    /// Channels that leave.
    pub(super) fn leaving(&self) -> usize {
        self.split.as_ref().map_or(0, |_| self.shape.channels / 2)
    }

    /// What stays, what leaves, and the log-determinant.
    pub(super) fn pull(
        &self,
        x: Tensor<4>,
        c: Option<&Tensor<2>>,
    ) -> (Tensor<4>, Option<Tensor<4>>, Tensor<1>) {
        let start = zeros(&x);
        let (x, log_det) = pull_all(&self.before, x, start, c);
        let x = if self.squeezes { squeeze::squeeze(x) } else { x };
        let (x, log_det) = pull_all(&self.after, x, log_det, c);
        let Some(split) = &self.split else { return (x, None, log_det) };
        let (x, log_step) = split.pull(x, None, c);
        let stays = self.shape.channels - self.leaving();
        let part = |from, count| x.clone().narrow(3, from, count);
        (part(0, stays), Some(part(stays, self.leaving())), log_det + log_step)
    }

    /// The inverse of [`Level::pull`].
    pub(super) fn push(
        &self,
        x: Tensor<4>,
        left: Option<Tensor<4>>,
        c: Option<&Tensor<2>>,
    ) -> (Tensor<4>, Tensor<1>) {
        let log_det = zeros(&x);
        let (x, log_det) = match (&self.split, left) {
            (Some(split), Some(left)) => {
                let (x, log_step) = split.push(Tensor::cat(vec![x, left], 3), None, c);
                (x, log_det + log_step)
            }
            _ => (x, log_det),
        };
        let (x, log_det) = push_all(&self.after, x, log_det, c);
        let x = if self.squeezes { squeeze::unsqueeze(x) } else { x };
        push_all(&self.before, x, log_det, c)
    }
}

pub(super) fn zeros(x: &Tensor<4>) -> Tensor<1> {
    let n = x.dims()[0];
    Tensor::zeros([n], (&x.device(), x.dtype()))
}

fn pull_all(
    steps: &[Step],
    x: Tensor<4>,
    log_det: Tensor<1>,
    c: Option<&Tensor<2>>,
) -> (Tensor<4>, Tensor<1>) {
    steps.iter().fold((x, log_det), |(x, total), step| {
        let (z, log_step) = step.pull(x, c);
        (z, total + log_step)
    })
}

fn push_all(
    steps: &[Step],
    z: Tensor<4>,
    log_det: Tensor<1>,
    c: Option<&Tensor<2>>,
) -> (Tensor<4>, Tensor<1>) {
    steps.iter().rev().fold((z, log_det), |(z, total), step| {
        let (x, log_step) = step.push(z, c);
        (x, total + log_step)
    })
}
