//! Others' weights made into runs: networks of images, their chains, and runs of our own.
//!
//! | module | holds |
//! |---|---|
//! | [`rename`] | names of arrays, rewritten by the rules of a file |
//! | `adopt` | others' arrays in the places of a network's parameters |
//! | `ddpm_cnn` | the family of `ddpm_mnist_cnn` |
//! | [`unet2d`] | diffusers' `UNet2DModel` and its schedulers |

mod adopt;
mod ddpm_cnn;
pub mod rename;
pub mod unet2d;

use crate::config::{Config, ConfigError};
use crate::context::{ColumnCode, ContextCode};
use crate::export::ExportError;
use crate::problem::{NO_DATA, Schema};
use crate::registry::imported::{BETAS, Kind, NET, Settings, filled};
use crate::run::{Card, Run, RunError};
use crate::store::{Archive, Folder, StoreError, read_arrays};
use crate::weights::{Array, Misfit, Weights, WeightsError};
use rename::KeyMap;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use transport_core::Space;
use transport_core::device::DeviceError;
use transport_data::{DataError, Scaler};
use transport_models::net::UNetError;
use transport_models::tabled::Tabled;

/// What a file of weights holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The family of `ddpm_mnist_cnn`.
    DdpmMnistCnn,
    /// Diffusers' `UNet2DModel`.
    Unet2d,
    /// What [`crate::export`](fn@crate::export) wrote, or a run's own `model.safetensors`.
    Transport,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DdpmMnistCnn, Self::Unet2d, Self::Transport];

    /// Its name; that of the model too, where it holds one only.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DdpmMnistCnn => "ddpm-mnist-cnn",
            Self::Unet2d => "unet2d",
            Self::Transport => "transport",
        }
    }
}

/// What is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The file of weights, or a folder of diffusers'.
    pub path: PathBuf,
    /// What it holds.
    pub format: Format,
    /// The configuration, where it is not found beside the weights.
    pub config: Option<PathBuf>,
    /// The configuration of diffusers' scheduler, where it is not found beside the weights.
    pub scheduler: Option<PathBuf>,
    /// Rules for the names of the arrays.
    pub map: Option<PathBuf>,
    /// The data that the run will be evaluated on.
    pub data: Option<String>,
}

impl Import {
    /// That the format reads what was said.
    fn check(&self) -> Result<(), ImportError> {
        let run = self.format == Format::Transport;
        let said = [
            ("scheduler", self.scheduler.is_some(), self.format != Format::Unet2d),
            ("config", self.config.is_some(), run),
            ("map", self.map.is_some(), run),
            ("data", self.data.is_some(), run),
        ];
        match said.into_iter().find(|(_, said, unread)| *said && *unread) {
            Some((option, ..)) => Err(ImportError::Unread { option, format: self.format.name() }),
            None => Ok(()),
        }
    }

    /// A file or folder of some format, with nothing else said.
    #[must_use]
    pub fn new(path: &Path, format: Format) -> Self {
        let path = path.to_owned();
        Self { path, format, config: None, scheduler: None, map: None, data: None }
    }
}

/// Weights that cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The scaling.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run's configuration.
    #[error(transparent)]
    Run(#[from] ConfigError),
    /// A configuration that cannot be read.
    #[error("{path}: not a configuration: {reason}", path = .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that should stand beside the weights.
    #[error("{path} is missing: {what}", path = .path.display())]
    Beside {
        /// Where it was looked for.
        path: PathBuf,
        /// What it is, and how to say where it is.
        what: &'static str,
    },
    /// Rules that are none.
    #[error("{path}: not a map of names: {reason}", path = .path.display())]
    KeyMap {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A run that would not open.
    #[error(transparent)]
    Open(#[from] Box<RunError>),
    /// Something said that this format has no use for.
    #[error("--{option}: nothing of format `{format}` is read from it")]
    Unread {
        /// What was said.
        option: &'static str,
        /// The format.
        format: &'static str,
    },
    /// A file that is no export of ours.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Two arrays with one name.
    #[error("the map of names makes `{to}` of both `{first}` and `{second}`")]
    Collision {
        /// One array.
        first: String,
        /// The other.
        second: String,
        /// What both become.
        to: String,
    },
    /// An option that is not known here.
    #[error("{path}: `{option}` = {value} is not supported: {expected} is", path = .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The option.
        option: String,
        /// Its value.
        value: String,
        /// What is known here.
        expected: &'static str,
    },
    /// Sizes that do not fit together.
    #[error("the configuration makes no network: {source}")]
    Sizes {
        /// Which.
        source: UNetError,
    },
    /// A configuration that says otherwise than the weights.
    #[error(
        "the configuration contradicts the weights: {what} is {config}, the weights have {weights}"
    )]
    Contradiction {
        /// The setting.
        what: String,
        /// What the configuration says.
        config: String,
        /// What the weights say.
        weights: String,
    },
    /// Weights of something else.
    #[error("these are other weights: expected was {expected}")]
    Unrecognised {
        /// What was looked for.
        expected: String,
    },
    /// Arrays that are not those of the network, all of them.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Arrays that are not those of the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A value that is no number.
    #[error("array `{name}` holds a value that is not finite in single precision")]
    NotFinite {
        /// The array.
        name: String,
    },
}

/// A network found in others' weights.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) settings: Settings,
    /// Its parameters, under the names that they have here.
    pub(crate) net: Weights,
    /// Its table, where the chain has no name.
    pub(crate) betas: Option<Array>,
    /// The classes of its context, 0 for none.
    pub(crate) classes: usize,
}

/// Makes a finished run of others' weights in an empty folder.
///
/// Pixels of 0 to 255 are the run's units; what they are to the network stands in its scaling and in
/// `state_range`.
///
/// With `overwrite` a run that is there already is replaced.
///
/// # Errors
/// [`ImportError`], before anything is written.
pub fn import(what: &Import, folder: &Folder, overwrite: bool) -> Result<(), ImportError> {
    what.check()?;
    if what.format == Format::Transport {
        let (text, archive) = crate::export::restored(&what.path)?;
        return finish(folder, overwrite, &text, &archive);
    }
    let Found { settings, net, betas, classes } = found(what)?;
    let name = what.format.name();
    let mut config = Config::new(what.data.as_deref().unwrap_or(NO_DATA), name)?;
    config.model.settings = toml::Table::try_from(&settings)
        .map_err(|e| ConfigError::Syntax { reason: e.to_string() })?;
    let mut weights = Weights::default();
    weights.put(NET, net);
    if let Some(betas) = betas {
        weights.0.insert(BETAS.to_owned(), betas);
    }
    let mut contexts = Vec::new();
    if classes > 0 {
        config.data.context = vec![LABEL.to_owned()];
        contexts = (0..classes * classes)
            .map(|k| f32::from(u8::from(k % classes == k.div_euclid(classes))))
            .collect();
    }
    config.check()?;
    let schema = schema(&settings, classes)?;
    let source = format!("weights of {}", what.path.display());
    let card = Card {
        config: config.clone(),
        schema,
        source,
        rows: classes,
        steps: 0,
        best: None,
        data: None,
    };
    finish(folder, overwrite, &config.to_toml()?, &Run::archive(&card, weights, &contexts)?)
}

fn finish(
    folder: &Folder,
    overwrite: bool,
    config: &str,
    archive: &Archive,
) -> Result<(), ImportError> {
    // A run that is there goes when this one is known to open.
    Run::of(archive.clone(), &folder.file("model.safetensors"), None).map_err(Box::new)?;
    if overwrite {
        folder.replace()?;
    }
    folder.begin()?;
    folder.write_config(config)?;
    Ok(folder.finish(archive)?)
}

/// The model of others' weights, without a run: what a program of one's own samples from.
///
/// # Errors
/// As [`import`].
///
/// # Example
/// ```no_run
/// use std::path::Path;
/// use transport_core::{Space, Times, device};
/// use transport_train::import::{Format, Import, load};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let space = Space::f32(&device::select(None)?);
/// let path = Path::new("ddpm_mnist_100ep.safetensors");
/// let model = load(&Import::new(path, Format::DdpmMnistCnn), &space)?;
/// let x = space.tensor(vec![0.1; 784], [1, 784]);
/// let noise = model.output(x, Times::Same(model.table.time(500.0)), None);
/// # Ok(())
/// # }
/// ```
pub fn load(what: &Import, space: &Space) -> Result<Tabled, ImportError> {
    let Found { settings, net, betas, .. } = found(what)?;
    let sizes = |source| ImportError::Sizes { source };
    let net = filled(settings.blank(space).map_err(sizes)?, &net)?;
    let betas = betas.as_ref().map(|array| array.values.as_slice());
    settings.model(net, betas).map_err(|expected| ImportError::Unrecognised { expected })
}

/// The context of a network of classes.
const LABEL: &str = "label";

fn schema(settings: &Settings, classes: usize) -> Result<Schema, ImportError> {
    let unsized_image = || ImportError::Unrecognised { expected: "the size of an image".into() };
    let image = settings.image().ok_or_else(unsized_image)?;
    let [low, high] = settings.state_range;
    // (x − mean)/scale takes 0 to low and 255 to high.
    let scale = WHITE / (high - low);
    let scaler = Scaler::known(image.len(), -low * scale, scale, Some((0.0, WHITE)))?;
    let values = (0..classes).map(|class| class as f64).collect();
    let column = ColumnCode::Classes { name: LABEL.to_owned(), values };
    Ok(Schema {
        names: image.pixel_names(),
        image: Some(image),
        range: Some((0.0, WHITE)),
        scaler,
        context: ContextCode { columns: (classes > 0).then_some(column).into_iter().collect() },
    })
}

const WHITE: f64 = 255.0;

fn found(what: &Import) -> Result<Found, ImportError> {
    let places = Places::of(what)?;
    let map = what.map.as_deref().map(KeyMap::read).transpose()?.unwrap_or_default();
    let theirs = map.apply(read_arrays(&places.weights)?)?;
    let bad = theirs.0.iter().find(|(_, array)| array.values.iter().any(|v| !v.is_finite()));
    if let Some((name, _)) = bad {
        return Err(ImportError::NotFinite { name: name.clone() });
    }
    if let Some((name, _)) = theirs.0.iter().find(|(_, array)| array.values.is_empty()) {
        let expected = format!("arrays with values; `{name}` has none");
        return Err(ImportError::Unrecognised { expected });
    }
    let found = read(what, &places, theirs)?;
    let kind = if what.format == Format::Unet2d { Kind::UNet } else { Kind::Cnn };
    let wrong = |reason| ConfigError::Settings { model: what.format.name().to_owned(), reason };
    found.settings.check(kind).map_err(wrong)?;
    Ok(found)
}

fn read(what: &Import, places: &Places, theirs: Weights) -> Result<Found, ImportError> {
    match what.format {
        Format::Transport => {
            let expected = "others' weights; a run of our own is opened as a run".to_owned();
            Err(ImportError::Unrecognised { expected })
        }
        Format::DdpmMnistCnn => {
            let given = places.config.as_deref().map(overrides).transpose()?.unwrap_or_default();
            ddpm_cnn::read(theirs, &given)
        }
        Format::Unet2d => {
            let path = places.config.as_deref().ok_or_else(|| ImportError::Beside {
                path: places.weights.with_file_name("config.json"),
                what: "the sizes of a UNet2DModel stand in it (--config says where it is)",
            })?;
            let mut found = unet2d::read(theirs, unet2d::parse(&text(path)?, path)?)?;
            if let Some(path) = &places.scheduler {
                let betas = unet2d::scheduler::read(&text(path)?, path, &mut found.settings)?;
                found.betas = betas;
            }
            Ok(found)
        }
    }
}

fn text(path: &Path) -> Result<String, StoreError> {
    std::fs::read_to_string(path).map_err(StoreError::io(path, "reading"))
}

/// TOML or JSON.
fn overrides<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, ImportError> {
    let text = text(path)?;
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let read = match json {
        true => serde_json::from_str(&text).map_err(|e| e.to_string()),
        false => toml::from_str(&text).map_err(|e| e.to_string()),
    };
    read.map_err(|reason| ImportError::Config { path: path.to_owned(), reason })
}

/// Where the parts are.
struct Places {
    weights: PathBuf,
    config: Option<PathBuf>,
    scheduler: Option<PathBuf>,
}

/// Weights in a folder of diffusers', by preference.
const WEIGHTS: [&str; 2] = ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"];

impl Places {
    /// What was said, and what stands where diffusers puts it: in the folder or its `unet`, the
    /// scheduler in `scheduler` beside either.
    fn of(what: &Import) -> Result<Self, ImportError> {
        let existing = |path: PathBuf| path.is_file().then_some(path);
        let mut weights = what.path.clone();
        if what.path.is_dir() {
            let places = [what.path.clone(), what.path.join("unet")];
            let found = places.iter().flat_map(|place| WEIGHTS.map(|name| place.join(name)));
            weights = found.into_iter().find_map(existing).ok_or_else(|| ImportError::Beside {
                path: what.path.join(WEIGHTS[0]),
                what: "the folder holds no weights of diffusers'",
            })?;
        }
        let (mut config, mut scheduler) = (what.config.clone(), what.scheduler.clone());
        if what.format == Format::Unet2d {
            let home = weights.parent().unwrap_or(Path::new("")).to_owned();
            config = config.or_else(|| existing(home.join("config.json")));
            let name = "scheduler_config.json";
            let near = [name.into(), PathBuf::from("scheduler").join(name)];
            let above = home.join("..").join("scheduler").join(name);
            let mut places = near.into_iter().map(|p| home.join(p)).chain([above]);
            scheduler = scheduler.or_else(|| places.find_map(existing));
        }
        Ok(Self { weights, config, scheduler })
    }
}
