//! The critic: a function of a point that tells data from samples.

use super::bend::Bend;
use super::error::GanError;
use super::fourier::{Band, Fourier};
use super::input_gradient::InputGradient;
use super::layer::{Layer, Normalisation, Planar};
use super::{LARGEST, Seen};
use crate::net::{Canvas, Kernel};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// The sizes of a [`Critic`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticConfig {
    /// Features of a dense hidden layer.
    pub width: usize,
    /// Dense hidden layers, at least 1.
    pub depth: usize,
    /// Convolutions before them, each of which halves the image; 0 for rows that are no images.
    pub stages: usize,
    /// Channels after the first convolution; each further one doubles them.
    pub channels: usize,
    /// Points that it judges together, side by side in a row; 1 for one that it sees as an image.
    pub pack: usize,
    /// Random Fourier features beside the coordinates of rows that are read without convolutions,
    /// in turns per unit of the scaled data.
    pub fourier: Band,
    /// What stands between the layers.
    pub bend: Bend,
    /// What keeps the layers in bounds.
    pub normalisation: Normalisation,
    /// What the output is multiplied by: with spectral normalisation a Lipschitz bound.
    pub bound: f64,
}

/// Convolutions, then dense layers; the context enters at the first dense one.
///
/// ```text
/// h₀ = x or φ(x),   hₖ = f(Aₖ hₖ₋₁ + bₖ),   k = 1 … K,     D = s (a · h_K + b)
/// ∇ₓD = A₁ᵀ f′₁ ⊙ ( A₂ᵀ f′₂ ⊙ ( … A_Kᵀ f′_K ⊙ s a ))
/// ```
///
/// `Aₖ` is a matrix or a convolution of side 4, stride 2 and border 1; `c C` is added where the
/// context enters; φ are [`Fourier`] features, through which the gradient goes on. Its output is a
/// real number: losses turn it into a probability where they need one. With spectral normalisation each `Aₖ` (and `C`) has norm 1, and `f` is 1-Lipschitz for the
/// leaky and the smooth rectifier (1.1 for SiLU), so that
/// `s` bounds `‖∇ₓD‖` (`‖∇_φ D‖` with Fourier features).
///
/// With `pack = m`, x is `m` points side by side, all data or all samples. Their law is the
/// product, whose divergence grows with `m` most where a mode is missing:
/// `TV(pᵐ, qᵐ) ≥ 1 − (1 − ε)ᵐ` when `q` lacks a mode of mass `ε`, and a critic sees at once how
/// widely points of one mode lie.
///
/// # References
/// Radford, Metz & Chintala (2016), DCGAN; Miyato et al. (2018), spectral normalisation; Lin,
/// Khetan, Fanti & Oh (2018), "PacGAN: the power of two samples in generative adversarial networks".
/// # Checked by
/// `tests/it/input_gradient.rs`, `tests/it/gan_nets.rs`
#[derive(Module, Debug)]
pub struct Critic {
    layers: Vec<Layer>,
    context: Option<Layer>,
    output: Layer,
    #[module(skip)]
    form: Form,
}

/// What of a critic is not learned.
#[derive(Clone, Debug)]
struct Form {
    bend: Bend,
    sight: Sight,
    /// The layer where the context enters.
    entry: usize,
    bound: f64,
    row_by_row: bool,
    pack: usize,
}

/// What the first layer sees of a point.
#[derive(Clone, Debug)]
enum Sight {
    Rows,
    Features(Fourier),
    Image(Canvas),
}

impl Sight {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Rows => x,
            Self::Features(fourier) => fourier.forward(x),
            Self::Image(canvas) => canvas.lift(x),
        }
    }

    fn pull_back(&self, x: Tensor<2>, g: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Rows => g,
            Self::Features(fourier) => fourier.pull_back(x, g),
            Self::Image(canvas) => canvas.lower(g),
        }
    }
}

/// Halving an image: side 4 reads each pixel as often as the others.
const HALVING: Kernel = Kernel { side: 4, stride: 2, border: 1 };

impl CriticConfig {
    /// Checks every size against what the critic will see.
    ///
    /// # Errors
    /// The first [`GanError`].
    pub fn check(&self, seen: &Seen) -> Result<(), GanError> {
        GanError::count("critic_width", self.width, 1, LARGEST)?;
        GanError::count("critic_depth", self.depth, 1, 1024)?;
        GanError::positive("critic_bound", self.bound)?;
        GanError::count("fourier", self.fourier.count, 0, LARGEST)?;
        if self.fourier.count > 0 {
            GanError::positive("turns", self.fourier.turns)?;
            GanError::not_negative("octaves", self.fourier.octaves)?;
        }
        GanError::count("pack", self.pack, 1, if self.stages > 0 { 1 } else { 1024 })?;
        if self.stages > 0 {
            GanError::count("critic_channels", self.channels, 1, LARGEST)?;
            seen.halvings(self.stages)?;
        }
        Ok(())
    }
}

impl Critic {
    /// A critic of what is seen.
    ///
    /// # Errors
    /// [`GanError`] when a size is out of range, or convolutions meet rows that are no images.
    pub fn new(
        config: &CriticConfig,
        seen: &Seen,
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, GanError> {
        config.check(seen)?;
        let noise = noise.purpose("critic");
        let (mut layers, features) = convolutions(config, seen, &noise, space);
        let entry = layers.len();
        // √3 makes the variance of a uniform draw on ±gain/√n equal to 1/n.
        let dense = |name: &str, sizes: [usize; 2], normalisation| {
            Layer::dense(sizes, 3f64.sqrt(), normalisation, &noise.purpose(name), space)
        };
        let unbatched = match config.normalisation {
            Normalisation::Batch => Normalisation::None,
            other => other,
        };
        for k in 0..config.depth {
            let inputs = if k == 0 { features } else { config.width };
            let first = k == 0 && config.stages == 0;
            let normalisation = if first { unbatched } else { config.normalisation };
            layers.push(dense(&format!("hidden.{k}"), [inputs, config.width], normalisation));
        }
        let context = (seen.context > 0)
            .then(|| dense("context", [config.pack * seen.context, config.width], unbatched));
        let form = Form {
            bend: config.bend,
            sight: sight(config, seen, &noise, space),
            entry,
            bound: config.bound,
            row_by_row: config.normalisation != Normalisation::Batch,
            pack: config.pack,
        };
        Ok(Self { layers, context, output: dense("output", [config.width, 1], unbatched), form })
    }

    /// The critic after one more power iteration of each spectral normalisation.
    #[must_use]
    pub fn iterated(self) -> Self {
        let layers = self.layers.into_iter().map(Layer::iterated).collect();
        let context = self.context.map(Layer::iterated);
        Self { layers, context, output: self.output.iterated(), ..self }
    }

    /// Whether a row's value depends on that row alone.
    #[must_use]
    pub fn row_by_row(&self) -> bool {
        self.form.row_by_row
    }

    /// Points that it judges together, side by side in a row.
    #[must_use]
    pub fn pack(&self) -> usize {
        self.form.pack
    }

    /// The critic with the context bound: one row for each row that it judges.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenCritic<'_> {
        GivenCritic { critic: self, context }
    }

    /// `A x + b`, with the context where it enters.
    fn linear(&self, k: usize, h: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<2> {
        let linear = self.layers[k].linear(h);
        let linear = match (&self.context, context) {
            (Some(layer), Some(c)) if k == self.form.entry => linear + layer.linear(c.clone()),
            _ => linear,
        };
        self.layers[k].standardised(linear)
    }
}

fn sight(config: &CriticConfig, seen: &Seen, noise: &Noise, space: &Space) -> Sight {
    match &seen.canvas {
        Some(canvas) if config.stages > 0 => Sight::Image(canvas.clone()),
        _ if config.fourier.count == 0 => Sight::Rows,
        _ => Sight::Features(Fourier::new(seen.dim, &config.fourier, noise, space)),
    }
}

/// The convolutions, the first without a batch norm, and the number of features after them.
fn convolutions(
    config: &CriticConfig,
    seen: &Seen,
    noise: &Noise,
    space: &Space,
) -> (Vec<Layer>, usize) {
    let Some(canvas) = seen.canvas.as_ref().filter(|_| config.stages > 0) else {
        return (Vec::new(), config.pack * (seen.dim + 2 * config.fourier.count));
    };
    let mut planes = [canvas.pixels.channels, canvas.pixels.height, canvas.pixels.width];
    let mut layers = Vec::with_capacity(config.stages + config.depth);
    for k in 0..config.stages {
        let noise = noise.purpose(&format!("conv.{k}"));
        let outputs = config.channels << k;
        let map = Planar::new(planes, outputs, HALVING, 3f64.sqrt(), &noise, space);
        planes = map.outputs();
        let plain = k == 0 && config.normalisation == Normalisation::Batch;
        let normalisation = if plain { Normalisation::None } else { config.normalisation };
        layers.push(Layer::planar(map, normalisation, &noise, space));
    }
    (layers, planes.iter().product())
}

/// A [`Critic`] with its context bound.
#[derive(Clone, Debug)]
pub struct GivenCritic<'a> {
    critic: &'a Critic,
    context: Option<Tensor<2>>,
}

impl GivenCritic<'_> {
    fn context(&self) -> Option<&Tensor<2>> {
        let (expected, given) = (self.critic.context.is_some(), self.context.is_some());
        assert_eq!(expected, given, "a critic takes a context if it was built with one");
        self.context.as_ref()
    }
}

impl InputGradient for GivenCritic<'_> {
    /// # Panics
    /// When a context is given to a critic without one, or not given to one with it.
    fn value(&self, x: Tensor<2>) -> Tensor<2> {
        let (critic, form) = (self.critic, &self.critic.form);
        let layer = |h, k| form.bend.value(critic.linear(k, h, self.context()));
        let h = (0..critic.layers.len()).fold(form.sight.forward(x), layer);
        critic.output.linear(h).mul_scalar(form.bound)
    }

    /// # Panics
    /// As [`GivenCritic::value`], and when the critic has a batch norm.
    fn value_and_gradient(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (critic, form) = (self.critic, &self.critic.form);
        let mut slopes = Vec::with_capacity(critic.layers.len());
        let mut h = form.sight.forward(x.clone());
        for k in 0..critic.layers.len() {
            let (value, slope) = form.bend.with_slope(critic.linear(k, h, self.context()));
            slopes.push(slope);
            h = value;
        }
        let one = Space::of(&h).tensor(vec![form.bound], [1, 1]);
        let mut g = critic.output.pull_back(one);
        for (layer, slope) in critic.layers.iter().zip(slopes).rev() {
            g = layer.pull_back(slope * g);
        }
        (critic.output.linear(h).mul_scalar(form.bound), form.sight.pull_back(x, g))
    }
}
