//! The device and the dtype that tensors live in, picked in one place.
//!
//! Burn has no backend type parameter: a [`Device`] chosen at run time decides. Nothing else in
//! the workspace calls `Device::default()`, which would pick a GPU whether one is present or not.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Names the environment variable that chooses a device when no flag does.
pub const DEVICE_VARIABLE: &str = "TRANSPORT_DEVICE";

/// A device choice that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not a device name at all.
    #[error("unknown device `{name}`: this build has {}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The backends that this build has.
        known: Vec<&'static str>,
    },
    /// The name is a device, but its backend is not compiled in.
    #[error(
        "device `{name}` needs the Cargo feature `{name}`; this build has {}",
        .compiled.join(", ")
    )]
    NotCompiled {
        /// What was asked for.
        name: String,
        /// The backends that this build has.
        compiled: Vec<&'static str>,
    },
    /// The part after the colon is not an index that this device takes.
    #[error("device `{name}` takes an index such as `{kind}:0`, not `{index}`")]
    Index {
        /// What was asked for.
        name: String,
        /// The device kind.
        kind: &'static str,
        /// The text after the colon.
        index: String,
    },
    /// The backend is compiled in, but opening the device failed.
    #[error("device `{name}` could not be opened: {reason}")]
    Unavailable {
        /// What was asked for.
        name: String,
        /// The backend's own words.
        reason: String,
    },
    /// No backend is compiled in.
    #[error(
        "this build has no backend: enable one of the features flex, ndarray, wgpu, vulkan, cuda"
    )]
    NoBackend,
}

const KNOWN: [&str; 5] = ["cuda", "vulkan", "wgpu", "flex", "ndarray"];

/// The backends of this build, best first.
#[must_use]
pub fn compiled() -> Vec<&'static str> {
    let on = [
        cfg!(feature = "cuda"),
        cfg!(feature = "vulkan"),
        cfg!(feature = "wgpu"),
        cfg!(feature = "flex"),
        cfg!(feature = "ndarray"),
    ];
    KNOWN.into_iter().zip(on).filter_map(|(name, on)| on.then_some(name)).collect()
}

/// Picks a device: `choice` if given, else `TRANSPORT_DEVICE`, else a CPU backend when one is
/// compiled in, else the best GPU backend.
///
/// `choice` is a backend name with an optional index: `flex`, `ndarray`, `cuda:0`, `wgpu:1`,
/// `wgpu:cpu` (a software adapter), `vulkan`. A CPU backend comes first by default because a GPU
/// backend that is compiled in need not have a GPU to run on; a GPU is asked for by name.
///
/// # Errors
/// [`DeviceError`] when the name is unknown, not compiled in, or cannot be opened.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// let device = transport_core::device::select(Some("flex")).unwrap();
/// assert_eq!(transport_core::device::name(&device), "flex");
/// # }
/// assert!(transport_core::device::select(Some("abacus")).is_err());
/// ```
pub fn select(choice: Option<&str>) -> Result<Device, DeviceError> {
    let from_env = std::env::var(DEVICE_VARIABLE).ok().filter(|name| !name.is_empty());
    match choice.or(from_env.as_deref()) {
        Some(name) => open(name),
        None => {
            let compiled = compiled();
            let cpu = compiled.iter().find(|name| matches!(**name, "flex" | "ndarray"));
            open(cpu.or(compiled.first()).ok_or(DeviceError::NoBackend)?)
        }
    }
}

fn open(name: &str) -> Result<Device, DeviceError> {
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => (kind, Some(index)),
        None => (name, None),
    };
    let Some(kind) = KNOWN.into_iter().find(|known| *known == kind) else {
        return Err(DeviceError::Unknown { name: name.to_owned(), known: compiled() });
    };
    let compiled = compiled();
    if !compiled.contains(&kind) {
        return Err(DeviceError::NotCompiled { name: kind.to_owned(), compiled });
    }
    let index_error = || DeviceError::Index {
        name: name.to_owned(),
        kind,
        index: index.unwrap_or_default().to_owned(),
    };
    if matches!(kind, "flex" | "ndarray") && index.is_some() {
        return Err(index_error());
    }
    if index.is_some_and(|i| i != "cpu" && i.parse::<usize>().is_err()) {
        return Err(index_error());
    }
    // A GPU backend without a driver panics when it is first used; the user asked for a device by
    // name and is owed an answer instead.
    let opened = std::panic::catch_unwind(|| {
        let device = make(kind, index);
        if !matches!(kind, "flex" | "ndarray") {
            let probe = Tensor::<1>::zeros([1], &device).into_data();
            debug_assert_eq!(probe.shape().num_elements(), 1);
        }
        device
    });
    opened.map_err(|panic| DeviceError::Unavailable {
        name: name.to_owned(),
        reason: panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("the backend gave no reason")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    })
}

#[allow(unused_variables)]
fn make(kind: &'static str, index: Option<&str>) -> Device {
    #[cfg(any(feature = "wgpu", feature = "vulkan"))]
    let adapter = || {
        use burn::tensor::DeviceKind;
        match index {
            None => DeviceKind::DefaultDevice,
            Some("cpu") => DeviceKind::Cpu,
            Some(i) => DeviceKind::DiscreteGpu(i.parse().unwrap_or(0)),
        }
    };
    match kind {
        #[cfg(feature = "flex")]
        "flex" => Device::flex(),
        #[cfg(feature = "ndarray")]
        "ndarray" => Device::ndarray(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(adapter()),
        #[cfg(feature = "vulkan")]
        "vulkan" => Device::vulkan(adapter()),
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(index.and_then(|i| i.parse::<usize>().ok()).unwrap_or(0)),
        other => unreachable!("`{other}` was checked against the compiled backends"),
    }
}

/// A short name for a device: `flex`, `ndarray`, `wgpu`, …
#[must_use]
pub fn name(device: &Device) -> String {
    let text = format!("{device:?}").to_lowercase();
    KNOWN.into_iter().find(|known| text.contains(known)).map_or(text.clone(), str::to_owned)
}

/// Whether the device computes on the host's own cores, so that chunks of particles can be
/// handed to threads and a look at the values costs no transfer.
#[must_use]
pub fn is_host(device: &Device) -> bool {
    matches!(name(device).as_str(), "flex" | "ndarray")
}

/// A device and the float dtype of the tensors made on it.
///
/// Burn casts host data to the device's default float, so the dtype has to travel with the device
/// for f64 to stay f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Where tensors are made.
    pub device: Device,
    /// Their element type.
    pub dtype: DType,
}

impl Space {
    /// Single precision on `device`: what models train and sample in.
    #[must_use]
    pub fn f32(device: &Device) -> Self {
        Self { device: device.clone(), dtype: DType::F32 }
    }

    /// Double precision on `device`: what formulas are checked in.
    #[must_use]
    pub fn f64(device: &Device) -> Self {
        Self { device: device.clone(), dtype: DType::F64 }
    }

    /// The space a tensor lives in, outside autodiff.
    #[must_use]
    pub fn of<const D: usize>(x: &Tensor<D>) -> Self {
        Self { device: x.device().without_autodiff(), dtype: x.dtype() }
    }

    /// The same dtype with autodiff on.
    #[must_use]
    pub fn autodiff(&self) -> Self {
        Self { device: self.device.clone().autodiff(), dtype: self.dtype }
    }

    /// A tensor from row-major host values.
    ///
    /// # Panics
    /// When `values` does not have the shape's number of elements.
    #[must_use]
    pub fn tensor<const D: usize>(&self, values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
        let data = match self.dtype {
            DType::F64 => TensorData::new(values, shape),
            _ => TensorData::new(values.iter().map(|v| *v as f32).collect::<Vec<f32>>(), shape),
        };
        Tensor::from_data(data, (&self.device, self.dtype))
    }

    /// A tensor from row-major host values in f32, without a detour where that is the dtype.
    ///
    /// # Panics
    /// When `values` does not have the shape's number of elements.
    #[must_use]
    pub fn tensor_f32<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }

    /// A `[n, 1]` column from host values.
    #[must_use]
    pub fn column(&self, values: &[f64]) -> Tensor<2> {
        self.tensor(values.to_vec(), [values.len(), 1])
    }
}

/// Reads a tensor back to the host in double precision, row-major.
///
/// # Panics
/// When the device fails to give the values back.
#[must_use]
pub fn to_host<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    let data = x.into_data();
    match data.dtype() {
        DType::F64 => data.try_into_vec::<f64>().expect("an f64 tensor reads as f64"),
        _ => data.iter::<f64>().collect(),
    }
}
