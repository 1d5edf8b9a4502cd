//! Diffusers' `UNet2DModel`: its `config.json`, and the places of its arrays.

use super::adopt::{Origin, adopt};
use super::{Found, ImportError};
use crate::registry::imported::Settings;
use crate::weights::{Array, Weights};
use serde_json::{Map, Value};
use std::path::Path;
use transport_core::Space;
use transport_models::net::unet::{Level, Resampling, TimeShift};
use transport_models::net::{Dropout, TimeFeatures, UNetConfig};

/// `config.json`, each key looked up once with the default it has in diffusers; what nobody looked
/// up is an option that is not known here.
struct Options<'a> {
    path: &'a Path,
    left: Map<String, Value>,
}

impl Options<'_> {
    fn unsupported(&self, option: &str, value: &Value, expected: &'static str) -> ImportError {
        let (path, option) = (self.path.to_owned(), option.to_owned());
        ImportError::Unsupported { path, option, value: value.to_string(), expected }
    }

    /// The value of an option, `None` when it is absent or null.
    fn take(&mut self, option: &str) -> Option<Value> {
        self.left.remove(option).filter(|value| !value.is_null())
    }

    fn read<T>(
        &mut self,
        option: &str,
        default: T,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, ImportError> {
        match self.take(option) {
            None => Ok(default),
            Some(value) => read(&value).ok_or_else(|| self.unsupported(option, &value, expected)),
        }
    }

    fn size(&mut self, option: &str, default: usize) -> Result<usize, ImportError> {
        self.read(option, default, "a whole number", size)
    }

    fn number(&mut self, option: &str, default: f64) -> Result<f64, ImportError> {
        self.read(option, default, "a number", Value::as_f64)
    }

    fn truth(&mut self, option: &str, default: bool) -> Result<bool, ImportError> {
        self.read(option, default, "true or false", Value::as_bool)
    }

    /// One of several words.
    fn word<T: Copy>(
        &mut self,
        option: &str,
        default: T,
        expected: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, ImportError> {
        let find = |value: &Value| {
            let word = value.as_str()?;
            words.iter().find_map(|(known, meaning)| (*known == word).then_some(*meaning))
        };
        self.read(option, default, expected, find)
    }

    /// A list, each item of which is read.
    fn list<T>(
        &mut self,
        option: &str,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ImportError> {
        let Some(value) = self.take(option) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| self.unsupported(option, &value, "a list"))?;
        let item =
            |item: &Value| read(item).ok_or_else(|| self.unsupported(option, item, expected));
        items.iter().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// Refuses an option that is given at all.
    fn absent(&mut self, option: &str) -> Result<(), ImportError> {
        let value = self.take(option);
        value
            .map_or(Ok(()), |value| Err(self.unsupported(option, &value, "nothing else than null")))
    }

    /// What nobody looked up; names of classes and versions begin with `_`.
    fn finish(self) -> Result<(), ImportError> {
        let other =
            self.left.iter().find(|(name, value)| !name.starts_with('_') && !value.is_null());
        match other {
            Some((name, value)) => Err(self.unsupported(name, value, "an option of UNet2DModel")),
            None => Ok(()),
        }
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}

/// A block's type: attention, and its resampling where that is fixed.
type Block = (bool, Option<Resampling>);

const DOWN: [(&str, Block); 3] = [
    ("DownBlock2D", (false, Some(Resampling::Conv))),
    ("AttnDownBlock2D", (true, None)),
    ("ResnetDownsampleBlock2D", (false, Some(Resampling::Residual))),
];
const UP: [(&str, Block); 3] = [
    ("UpBlock2D", (false, Some(Resampling::Conv))),
    ("AttnUpBlock2D", (true, None)),
    ("ResnetUpsampleBlock2D", (false, Some(Resampling::Residual))),
];
const DOWN_NAMES: &str = "DownBlock2D, AttnDownBlock2D or ResnetDownsampleBlock2D";
const UP_NAMES: &str = "UpBlock2D, AttnUpBlock2D or ResnetUpsampleBlock2D";
const RESAMPLING: [(&str, Resampling); 2] =
    [("conv", Resampling::Conv), ("resnet", Resampling::Residual)];

/// What a `config.json` says: the network, the image's size, and whether its time is a noise level.
#[derive(Clone, Debug, PartialEq)]
pub struct UNet2dConfig {
    /// The network.
    pub unet: UNetConfig,
    /// Rows and columns of pixels.
    pub size: [usize; 2],
}

/// Reads the `config.json` of a `UNet2DModel`.
///
/// # Errors
/// [`ImportError::Unsupported`], which names a block type or an option that is not known here and
/// its value.
pub fn parse(text: &str, path: &Path) -> Result<UNet2dConfig, ImportError> {
    let malformed = |reason: String| ImportError::Config { path: path.to_owned(), reason };
    let left = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
    let mut options = Options { path, left };
    let class = options.left.get("_class_name").cloned().unwrap_or(Value::Null);
    if !class.is_null() && class != "UNet2DModel" {
        return Err(options.unsupported("_class_name", &class, "UNet2DModel"));
    }
    let parsed = network(&mut options)?;
    options.finish()?;
    Ok(parsed)
}

fn network(options: &mut Options<'_>) -> Result<UNet2dConfig, ImportError> {
    let expected = "a list of whole numbers";
    let channels = options.list("block_out_channels", expected, size)?;
    let channels = channels.unwrap_or_else(|| vec![224, 448, 672, 896]);
    let (down, up) = levels(options)?;
    options.word("act_fn", (), "silu", &[("silu", ()), ("swish", ())])?;
    options.word("mid_block_type", (), "UNetMidBlock2D", &[("UNetMidBlock2D", ())])?;
    ["class_embed_type", "time_embedding_dim"].iter().try_for_each(|name| options.absent(name))?;
    let (time, over_time) = time(options)?;
    options.take("num_train_timesteps");
    let size = side(options)?;
    let head = options.left.get("attention_head_dim").cloned();
    let heads = options.size("attention_head_dim", 8)?;
    let mid_groups = options.size("attn_norm_num_groups", 0)?;
    let shift = [("default", TimeShift::Add), ("scale_shift", TimeShift::ScaleShift)];
    let unet = UNetConfig {
        in_channels: options.size("in_channels", 3)?,
        out_channels: options.size("out_channels", 3)?,
        block_out_channels: channels,
        layers_per_block: options.size("layers_per_block", 2)?,
        down,
        up,
        mid_attention: options.truth("add_attention", true)?,
        mid_scale: options.number("mid_block_scale_factor", 1.0)?,
        norm_groups: options.size("norm_num_groups", 32)?,
        mid_norm_groups: (mid_groups > 0).then_some(mid_groups),
        norm_eps: options.number("norm_eps", 1e-5)?,
        // Absent is 8; null is one head of all planes.
        attention_head_dim: (!head.is_some_and(|head| head.is_null())).then_some(heads),
        time_shift: options.word(
            "resnet_time_scale_shift",
            TimeShift::Add,
            "default or scale_shift",
            &shift,
        )?,
        downsample_padding: options.size("downsample_padding", 1)?,
        time,
        context: options.size("num_class_embeds", 0)?,
        dropout: Dropout::default(),
        center_input: options.truth("center_input_sample", false)?,
        over_time,
    };
    options.number("dropout", 0.0)?;
    Ok(UNet2dConfig { unet, size })
}

fn levels(options: &mut Options<'_>) -> Result<(Vec<Level>, Vec<Level>), ImportError> {
    let expected = "conv or resnet";
    let down = options.word("downsample_type", Resampling::Conv, expected, &RESAMPLING)?;
    let up = options.word("upsample_type", Resampling::Conv, expected, &RESAMPLING)?;
    let level = |blocks: &[(&str, Block)], default: Resampling, value: &Value| {
        let name = value.as_str()?;
        let known = blocks.iter().find(|(known, _)| *known == name);
        let (attention, resampling) = known?.1;
        Some(Level { attention, resampling: resampling.unwrap_or(default) })
    };
    let usual = |attended: [bool; 4], resampling: Resampling| -> Vec<Level> {
        let level = |attention| match attention {
            true => Level { attention, resampling },
            false => Level { attention, resampling: Resampling::Conv },
        };
        attended.into_iter().map(level).collect()
    };
    let downs = options.list("down_block_types", DOWN_NAMES, |v| level(&DOWN, down, v))?;
    let ups = options.list("up_block_types", UP_NAMES, |v| level(&UP, up, v))?;
    Ok((
        downs.unwrap_or_else(|| usual([false, true, true, true], down)),
        ups.unwrap_or_else(|| usual([true, true, true, false], up)),
    ))
}

/// What the network is told of the time, and whether its output is divided by it.
fn time(options: &mut Options<'_>) -> Result<(TimeFeatures, bool), ImportError> {
    let types = [("positional", false), ("fourier", true)];
    let fourier = options.word("time_embedding_type", false, "positional or fourier", &types)?;
    let (cosines_first, shift) =
        (options.truth("flip_sin_to_cos", true)?, options.number("freq_shift", 0.0)?);
    Ok(if fourier {
        (TimeFeatures::Fourier { scale: 16.0, log: true, cosines_first: false }, true)
    } else {
        (TimeFeatures::Positional { steps: 1.0, cosines_first, shift }, false)
    })
}

/// `sample_size`: one number, or height and width.
fn side(options: &mut Options<'_>) -> Result<[usize; 2], ImportError> {
    let value = options.take("sample_size").unwrap_or(Value::Null);
    let one = size(&value).map(|side| [side; 2]);
    let two = || match value.as_array()?.as_slice() {
        [height, width] => Some([size(height)?, size(width)?]),
        _ => None,
    };
    let expected = "the size of the images: a number, or height and width";
    one.or_else(two).ok_or_else(|| options.unsupported("sample_size", &value, expected))
}

/// The names that attention had in early files.
const OLD_NAMES: [(&str, &str); 4] = [
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
];

/// The network of a parsed configuration with others' arrays, on the chain of DDPM until a
/// scheduler says otherwise.
///
/// # Errors
/// [`ImportError::Sizes`] for sizes that do not fit together, [`ImportError::Contradiction`] for
/// some that the arrays do not have, [`ImportError::Misfit`] with everything else that differs.
pub(super) fn read(theirs: Weights, config: UNet2dConfig) -> Result<Found, ImportError> {
    let UNet2dConfig { unet, size } = config;
    unet.check(size).map_err(|source| ImportError::Sizes { source })?;
    plausible(&theirs, &unet)?;
    let classes = unet.context;
    let fourier = unet.over_time;
    let mut settings = Settings::unet_2d(size, unet);
    // The logarithm of step 0 is no number.
    settings.chain.unused = usize::from(fourier);
    let space = Space::f32(&transport_core::device::select(None)?);
    let parameters = settings.parameters(&space).map_err(|source| ImportError::Sizes { source })?;
    let net = adopt(renewed(theirs), &parameters, origin)?;
    Ok(Found { settings, net, betas: None, classes })
}

/// The arrays of a file of this configuration, by diffusers' names, with their shapes.
///
/// # Errors
/// [`ImportError::Sizes`] for sizes that do not fit together.
pub fn arrays(config: &UNet2dConfig) -> Result<Vec<(String, Vec<usize>)>, ImportError> {
    let settings = Settings::unet_2d(config.size, config.unet.clone());
    let space = Space::f32(&transport_core::device::select(None)?);
    let parameters = settings.parameters(&space).map_err(|source| ImportError::Sizes { source })?;
    let arrays = parameters.0.iter().filter_map(|(name, array)| {
        let origin = origin(name, array);
        Some((origin.name()?.to_owned(), origin.shape(array)))
    });
    Ok(arrays.collect())
}

/// Early names made new; where a file has both, the new one counts and the old one is left over.
fn renewed(theirs: Weights) -> Weights {
    let renew =
        |name: &str| OLD_NAMES.iter().fold(name.to_owned(), |n, (old, new)| n.replace(old, new));
    let (new, old): (Vec<_>, Vec<_>) =
        theirs.0.into_iter().partition(|(name, _)| renew(name) == *name);
    let mut weights = Weights(new.into_iter().collect());
    for (name, array) in old {
        let free = !weights.0.contains_key(&renew(&name));
        weights.0.insert(if free { renew(&name) } else { name }, array);
    }
    weights
}

/// Sizes that no array has are refused before a network of such sizes is made.
fn plausible(theirs: &Weights, unet: &UNetConfig) -> Result<(), ImportError> {
    let lengths = || theirs.0.values().filter(|array| array.shape.len() == 1);
    let has = |length: usize| lengths().any(|array| array.shape[0] == length);
    let wrong = |what: &str, config: usize, weights: String| ImportError::Contradiction {
        what: what.to_owned(),
        config: config.to_string(),
        weights,
    };
    if let Some(planes) = unet.block_out_channels.iter().find(|planes| !has(**planes)) {
        let weights = "no bias of that many values".to_owned();
        return Err(wrong("block_out_channels", *planes, weights));
    }
    // A block of p planes has 9 p² weights: no network is made that the file could not hold.
    let total: usize = theirs.0.values().map(|array| array.values.len()).sum();
    let most = unet.block_out_channels.iter().max().copied().unwrap_or(0);
    if most.saturating_mul(most) > total.div_euclid(9) {
        return Err(wrong("block_out_channels", most, format!("{total} numbers in all")));
    }
    let blocks = theirs.0.keys().filter(|name| name.ends_with("conv1.weight")).count();
    if unet.layers_per_block > blocks {
        let weights = format!("{blocks} residual blocks");
        return Err(wrong("layers_per_block", unet.layers_per_block, weights));
    }
    let classes = theirs.0.get("class_embedding.weight").map_or(0, |array| array.shape[0]);
    if unet.context != classes {
        return Err(wrong("num_class_embeds", unet.context, format!("{classes} classes")));
    }
    let ends = [("in_channels", unet.in_channels, "conv_in.weight", 1)];
    let outs = [("out_channels", unet.out_channels, "conv_out.weight", 0)];
    for (what, config, name, side) in ends.into_iter().chain(outs) {
        let found = theirs.0.get(name).and_then(|array| array.shape.get(side));
        if let Some(found) = found.filter(|found| **found != config) {
            return Err(wrong(what, config, found.to_string()));
        }
    }
    Ok(())
}

/// Where a parameter stands in the file.
fn origin(name: &str, array: &Array) -> Origin {
    let theirs = name.replace(".residual.", ".");
    match (name, array.shape.len()) {
        // A row for each class, and no bias.
        ("class_embedding.weight", _) => Origin::Same(theirs),
        ("class_embedding.bias", _) => Origin::Zero,
        (_, 2) => Origin::Transposed(theirs),
        _ => Origin::Same(theirs),
    }
}

/// Diffusers' `scheduler_config.json`: the chain, and what the network predicts on it.
pub(super) mod scheduler {
    use super::{ImportError, Options, Path, Value};
    use crate::registry::imported::{Betas, ChainSettings, Settings};
    use crate::weights::Array;
    use transport_core::Prediction;

    /// The schedulers whose chain is DDPM's.
    const CLASSES: [&str; 8] = [
        "DDPMScheduler",
        "DDIMScheduler",
        "PNDMScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "DEISMultistepScheduler",
        "UniPCMultistepScheduler",
        "DDIMInverseScheduler",
    ];
    /// How a sampler of theirs steps, which is chosen here by name at each call.
    const OF_SAMPLERS: [&str; 14] = [
        "variance_type",
        "timestep_spacing",
        "steps_offset",
        "set_alpha_to_one",
        "skip_prk_steps",
        "solver_order",
        "algorithm_type",
        "solver_type",
        "lower_order_final",
        "dynamic_thresholding_ratio",
        "sample_max_value",
        "final_sigmas_type",
        "euler_at_final",
        "lambda_min_clipped",
    ];

    /// Puts the chain of a scheduler in the place of the default one.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`], which names what is not known here.
    pub(in crate::import) fn read(
        text: &str,
        path: &Path,
        settings: &mut Settings,
    ) -> Result<Option<Array>, ImportError> {
        let malformed = |reason: String| ImportError::Config { path: path.to_owned(), reason };
        let left = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let mut options = Options { path, left };
        let class = options.left.get("_class_name").cloned().unwrap_or(Value::Null);
        if !class.is_null() && !class.as_str().is_some_and(|class| CLASSES.contains(&class)) {
            return Err(options.unsupported("_class_name", &class, "a scheduler of DDPM's chain"));
        }
        let learned = options
            .left
            .get("variance_type")
            .filter(|value| value.as_str().is_some_and(|kind| kind.starts_with("learned")));
        if let Some(value) = learned {
            return Err(options.unsupported("variance_type", value, "a fixed variance"));
        }
        let betas = chain(&mut options, &mut settings.chain)?;
        let predictions = [
            ("epsilon", Prediction::Noise),
            ("sample", Prediction::Data),
            ("v_prediction", Prediction::V),
        ];
        let expected = "epsilon, sample or v_prediction";
        settings.reading.prediction =
            options.word("prediction_type", Prediction::Noise, expected, &predictions)?;
        let clip = (options.truth("clip_sample", true)?, options.number("clip_sample_range", 1.0)?);
        settings.reading.clip = clip.0.then_some(clip.1);
        options
            .read("thresholding", (), "false", |v| (v.as_bool() == Some(false)).then_some(()))?;
        OF_SAMPLERS.iter().for_each(|name| drop(options.take(name)));
        options.finish()?;
        Ok(betas)
    }

    fn chain(
        options: &mut Options<'_>,
        chain: &mut ChainSettings,
    ) -> Result<Option<Array>, ImportError> {
        let schedules = [
            ("linear", Betas::Linear),
            ("scaled_linear", Betas::ScaledLinear),
            ("squaredcos_cap_v2", Betas::Cosine),
        ];
        let expected = "linear, scaled_linear or squaredcos_cap_v2";
        chain.betas = options.word("beta_schedule", Betas::Linear, expected, &schedules)?;
        chain.timesteps = options.size("num_train_timesteps", 1000)?;
        chain.beta_start = options.number("beta_start", 1e-4)?;
        chain.beta_end = options.number("beta_end", 0.02)?;
        chain.zero_snr = options.truth("rescale_betas_zero_snr", false)?;
        let trained = options.list("trained_betas", "a number", Value::as_f64)?;
        Ok(trained.map(|betas| {
            (chain.betas, chain.timesteps) = (Betas::Table, betas.len());
            let values: Vec<f32> = betas.into_iter().map(|beta| beta as f32).collect();
            Array { shape: vec![values.len()], values }
        }))
    }
}
