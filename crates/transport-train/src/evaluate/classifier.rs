//! A convolutional digit classifier, as a judge of images.

use crate::problem::Schema;
use crate::registry::chunks::chunked;
use crate::run::{Request, Run, RunError};
use crate::store::{StoreError, read_arrays};
use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use std::convert::Infallible;
use std::path::Path;
use transport_core::device::{DeviceError, to_host};
use transport_core::{Noise, Space};
use transport_data::Table;
use transport_models::net::{Conv, Dense, Kernel};
use transport_ot::frechet_distance;

/// Values of an image: 28 × 28 grey pixels.
const PIXELS: usize = 28 * 28;
/// Features before the last layer.
const FEATURES: usize = 32;
const CLASSES: usize = 10;
/// What the classifier calls sure.
const SURE: f64 = 0.8;
/// Images of a chunk.
const CHUNK: usize = 100;
/// Held-out rows that enter a Fréchet distance at most.
const MOST_ROWS: usize = 10_000;

/// What can go wrong with a classifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// Its file: missing, no safetensors file, or an array that is missing or misshapen.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Rows that it cannot read.
    #[error(
        "the classifier reads images of 28×28×1 pixels with a known range; the run has {found}"
    )]
    Images {
        /// What the run's rows are.
        found: String,
    },
}

/// Batch normalisation with the statistics of training: `g (x − m)/√(v + ϵ) + b`, channel by
/// channel.
#[derive(Module, Debug)]
struct Norm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
}

const EPSILON: f64 = 1e-5;

impl Norm {
    fn blank(channels: usize, space: &Space) -> Self {
        let blank = || Param::from_tensor(space.tensor(vec![1.0; channels], [channels]));
        Self { weight: blank(), bias: blank(), running_mean: blank(), running_var: blank() }
    }

    /// The slope and the shift of each channel.
    fn affine(&self) -> (Tensor<1>, Tensor<1>) {
        let slope = self.weight.val() / self.running_var.val().add_scalar(EPSILON).sqrt();
        (slope.clone(), self.bias.val() - self.running_mean.val() * slope)
    }
}

/// Its layers, named as in the file.
#[derive(Module, Debug)]
struct Net {
    conv1: Conv,
    conv2: Conv,
    conv3: Conv,
    norm1: Norm,
    fc1: Dense,
    fc2: Dense,
    norm2: Norm,
}

impl Net {
    fn blank(space: &Space) -> Self {
        let noise = Noise::new(0, 1);
        let kernel = Kernel { side: 3, stride: 1, border: 0 };
        let conv = |from, to| Conv::new(from, to, kernel, 0.0, &noise, space);
        let dense = |from, to| Dense::new(from, to, 0.0, &noise, space);
        Self {
            conv1: conv(1, 8),
            conv2: conv(8, 16),
            conv3: conv(16, 24),
            norm1: Norm::blank(24, space),
            fc1: dense(24 * 22 * 22, FEATURES),
            fc2: dense(FEATURES, CLASSES),
            norm2: Norm::blank(CLASSES, space),
        }
    }
}

/// A convolutional classifier of MNIST digits with the weights of a file.
///
/// ```text
/// h = (x/255 − 0.1307) / 0.3081
/// h ← relu(K₃ ∗ relu(K₂ ∗ relu(K₁ ∗ h)))     3×3 kernels, no border; 8, 16, 24 channels
/// f = relu(W₁ norm₁(h) + b₁)                 the 32 features
/// log p = log softmax(norm₂(W₂ f + b₂))
/// ```
///
/// The file is a safetensors file with PyTorch's names and its `[outputs, inputs]` matrices:
/// `conv1`–`conv3`, `norm1`, `fc1`, `fc2`, `norm2`; the norms with their running statistics, in
/// evaluation mode.
///
/// # References
/// Weights of Burn's example `import-model-weights`, <https://github.com/tracel-ai/burn>.
/// # Checked by
/// `tests/it/classifier.rs`
#[derive(Debug)]
pub struct Classifier {
    net: Net,
    space: Space,
}

impl Classifier {
    /// Opens a file of weights, on the device that `TRANSPORT_DEVICE` names or the best CPU
    /// backend.
    ///
    /// # Errors
    /// [`ClassifierError`] when the file cannot be read, an array is missing or has another shape,
    /// or no device opens.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ClassifierError> {
        Self::open_on(path, None)
    }

    /// Opens a file of weights on a device by name.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn open_on(path: impl AsRef<Path>, device: Option<&str>) -> Result<Self, ClassifierError> {
        let path = path.as_ref();
        let space = Space::f32(&transport_core::device::select(device)?);
        let mut weights = read_arrays(path)?;
        ["fc1.weight", "fc2.weight"].iter().for_each(|name| weights.transpose(name));
        let net = weights
            .fill(Net::blank(&space))
            .map_err(|source| StoreError::Weights { path: path.to_owned(), source })?;
        Ok(Self { net, space })
    }

    /// The probabilities of the ten digits.
    ///
    /// # Shapes
    /// `images`: `[n, 784]` row-major, pixels from 0 to 255; returns `[n, 10]`.
    ///
    /// # Panics
    /// When the values do not fill images.
    #[must_use]
    pub fn probabilities(&self, images: &[f64]) -> Vec<f64> {
        self.log_probabilities(images).into_iter().map(f64::exp).collect()
    }

    /// Their logarithms.
    ///
    /// # Shapes
    /// As [`Classifier::probabilities`].
    ///
    /// # Panics
    /// As [`Classifier::probabilities`].
    #[must_use]
    pub fn log_probabilities(&self, images: &[f64]) -> Vec<f64> {
        let (slope, shift) = self.net.norm2.affine();
        let (slope, shift) = (slope.unsqueeze::<2>(), shift.unsqueeze::<2>());
        self.in_chunks(images, |f| {
            log_softmax(self.net.fc2.forward(f) * slope.clone() + shift.clone(), 1)
        })
    }

    /// The features before the last layer.
    ///
    /// # Shapes
    /// `images`: `[n, 784]`; returns `[n, 32]`.
    ///
    /// # Panics
    /// As [`Classifier::probabilities`].
    #[must_use]
    pub fn features(&self, images: &[f64]) -> Vec<f64> {
        self.in_chunks(images, |f| f)
    }

    fn in_chunks(&self, images: &[f64], last: impl Fn(Tensor<2>) -> Tensor<2> + Sync) -> Vec<f64> {
        assert!(images.len().is_multiple_of(PIXELS), "{} values: images of {PIXELS}", images.len());
        let parts: Result<Vec<Vec<f64>>, Infallible> =
            chunked(&self.space, images.len() / PIXELS, CHUNK, |rows| {
                let part = &images[rows.start * PIXELS..rows.end * PIXELS];
                Ok(to_host(last(self.hidden(part))))
            });
        parts.unwrap_or_default().concat()
    }

    fn hidden(&self, images: &[f64]) -> Tensor<2> {
        let n = images.len().div_euclid(PIXELS);
        let standard: Vec<f32> =
            images.iter().map(|x| ((x / 255.0 - 0.1307) / 0.3081) as f32).collect();
        let data = TensorData::new(standard, [n, 1, 28, 28]);
        let x = Tensor::<4>::from_data(data, (&self.space.device, self.space.dtype));
        let net = &self.net;
        let h = [&net.conv1, &net.conv2, &net.conv3].iter().fold(x, |h, k| relu(k.forward(h)));
        let (slope, shift) = net.norm1.affine();
        let h = h * slope.reshape([1, 24, 1, 1]) + shift.reshape([1, 24, 1, 1]);
        relu(net.fc1.forward(h.reshape([n as i32, -1])))
    }

    /// What the classifier says of images, beside a reference sample for the Fréchet distance.
    ///
    /// # Shapes
    /// Both `[·, 784]`, pixels from 0 to 255.
    ///
    /// # Panics
    /// As [`Classifier::probabilities`], and when there are fewer than two images on a side.
    #[must_use]
    pub fn judge(&self, images: &[f64], reference: &[f64]) -> Judgement {
        assert!(images.len().min(reference.len()) >= 2 * PIXELS, "too few images to judge");
        let probabilities = self.probabilities(images);
        let rows = || probabilities.chunks_exact(CLASSES);
        let mut counts = [0usize; CLASSES];
        rows().for_each(|p| counts[winner(p)] += 1);
        let n = rows().len() as f64;
        let sure = rows().filter(|p| p[winner(p)] >= SURE).count() as f64 / n;
        let smallest = counts.into_iter().min().unwrap_or(0) as f64 / n;
        let (found, expected) = (self.features(images), self.features(reference));
        let frechet = frechet_distance(&found, &expected, FEATURES);
        Judgement { sure, smallest_share: smallest, frechet }
    }

    /// Judges `n` samples of a run, and as many training rows in their place, against its held-out
    /// data; `None` when nothing was held out.
    ///
    /// # Errors
    /// [`ClassifierError`] when the run's rows are no such images, or its data or samples fail.
    pub fn judge_run(
        &self,
        run: &Run,
        n: usize,
        seed: u64,
    ) -> Result<Option<Classified>, ClassifierError> {
        let schema = &run.card().schema;
        let range = pixel_range(schema)?;
        let problem = run.problem()?;
        if problem.test.rows() == 0 {
            return Ok(None);
        }
        let count = n.clamp(2, problem.train.rows());
        let samples = run.draw(&Request { n: count, seed, ..Request::default() })?;
        let images = |table: &Table, most: usize| -> Vec<f64> {
            let (low, high) = range;
            let values = &table.values()[..table.rows().min(most) * PIXELS];
            values.iter().map(|v| 255.0 * (v - low) / (high - low)).collect()
        };
        let held_out = images(&problem.test, MOST_ROWS);
        Ok(Some(Classified {
            samples: count,
            held_out: held_out.len().div_euclid(PIXELS),
            model: self.judge(&images(&samples, count), &held_out),
            floor: self.judge(&images(&problem.train, count), &held_out),
        }))
    }
}

fn pixel_range(schema: &Schema) -> Result<(f64, f64), ClassifierError> {
    let fits = |h, w, c| (h, w, c) == (28, 28, 1);
    match (schema.image, schema.range) {
        (Some(i), Some(range)) if fits(i.height, i.width, i.channels) => Ok(range),
        (image, _) => {
            let columns = || format!("{} columns that are no image", schema.names.len());
            let found =
                image.map_or_else(columns, |i| format!("{}×{}×{}", i.height, i.width, i.channels));
            Err(ClassifierError::Images { found })
        }
    }
}

fn winner(p: &[f64]) -> usize {
    (0..p.len()).rev().max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap_or(0)
}

/// What a classifier says of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// The fraction whose likeliest digit has probability 0.8 or more.
    pub sure: f64,
    /// The share of the digit that is seen least.
    pub smallest_share: f64,
    /// The Fréchet distance between Gaussians fitted to the features of images and reference.
    pub frechet: f64,
}

/// A run judged by a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Classified {
    /// Samples, and training rows in their place.
    pub samples: usize,
    /// Held-out rows.
    pub held_out: usize,
    /// Of the samples.
    pub model: Judgement,
    /// Of the training rows.
    pub floor: Judgement,
}
