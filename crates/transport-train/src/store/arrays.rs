//! Weights that others wrote: tensors by name out of a safetensors file or one of PyTorch's.

use super::{StoreError, torch};
use crate::weights::{Array, Weights};
use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors};
use std::fs;
use std::path::Path;

/// The arrays of floating-point numbers in a file of weights, as F32; arrays of other types, such
/// as counters, are left out.
///
/// What the file is, its first bytes tell: safetensors, or a `.pt`/`.pth` of PyTorch, whose pickle
/// is read and never run. F16, BF16 and F64 are converted.
///
/// # Errors
/// [`StoreError`] when the file cannot be read, or is no such file or a damaged one.
///
/// # Checked by
/// `tests/it/torch_files.rs`, `tests/it/import.rs`
pub fn read_arrays(path: &Path) -> Result<Weights, StoreError> {
    let content = fs::read(path).map_err(StoreError::io(path, "reading"))?;
    if torch::is_one(&content) {
        return torch::read(&content)
            .map_err(|source| StoreError::Torch { path: path.to_owned(), source });
    }
    let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
    let tensors = SafeTensors::deserialize(&content).map_err(|e| malformed(e.to_string()))?;
    let mut weights = Weights::default();
    for (name, view) in tensors.iter() {
        if let Some(values) = floats(view.dtype(), view.data()) {
            weights.0.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
        }
    }
    Ok(weights)
}

/// The numbers of some bytes as F32, little endian; `None` when they are of another type, or not
/// whole.
pub(super) fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Option<Vec<f32>> {
        let (numbers, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| numbers.iter().map(|number| f(*number)).collect())
    }
    match dtype {
        Dtype::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        _ => None,
    }
}
