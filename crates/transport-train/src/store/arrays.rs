//! Weights that others wrote: a safetensors file without a card.

use super::StoreError;
use crate::weights::{Array, Weights};
use safetensors::tensor::{Dtype, SafeTensors};
use std::fs;
use std::path::Path;

/// The F32 arrays of a safetensors file; arrays of other types, such as counters, are left out.
///
/// # Errors
/// [`StoreError`] when the file cannot be read or is no safetensors file.
pub fn read_arrays(path: &Path) -> Result<Weights, StoreError> {
    let content = fs::read(path).map_err(StoreError::io(path, "reading"))?;
    let tensors = SafeTensors::deserialize(&content)
        .map_err(|e| StoreError::Malformed { path: path.to_owned(), reason: e.to_string() })?;
    let mut weights = Weights::default();
    for (name, view) in tensors.iter().filter(|(_, view)| view.dtype() == Dtype::F32) {
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        weights.0.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
    }
    Ok(weights)
}
