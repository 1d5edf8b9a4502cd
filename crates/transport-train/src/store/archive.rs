//! One file of arrays with a JSON card: safetensors, written so that equal content is equal bytes.
//!
//! The card stands under the single metadata key `transport`. It carries a CRC-32 of the arrays'
//! names, shapes and values and of the card itself, so that damage anywhere is noticed.

use super::StoreError;
use crate::weights::{Array, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const KEY: &str = "transport";
const CHECKSUM: &str = "crc32";
const FORMAT: &str = "format";
const KNOWN_FORMAT: u64 = 1;

/// Arrays and the card that explains them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Archive {
    /// What the arrays are: configuration, scaling, step.
    pub card: Map<String, Value>,
    /// The arrays.
    pub weights: Weights,
}

impl Archive {
    fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let mut card = self.card.clone();
        card.remove(CHECKSUM);
        hasher.update(Value::Object(card).to_string().as_bytes());
        for (name, array) in &self.weights.0 {
            hasher.update(name.as_bytes());
            array.shape.iter().for_each(|n| hasher.update(&(*n as u64).to_le_bytes()));
            hasher.update(&bytes(array));
        }
        hasher.finalize()
    }
}

fn bytes(array: &Array) -> Vec<u8> {
    array.values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Writes an archive: to a temporary name, synced, then renamed.
///
/// # Errors
/// [`StoreError::Io`] when the system refuses; what stood there before is then untouched.
pub fn write(path: &Path, archive: &Archive) -> Result<(), StoreError> {
    let mut card = archive.card.clone();
    card.insert(FORMAT.to_owned(), KNOWN_FORMAT.into());
    let mut stamped = Archive { card, weights: archive.weights.clone() };
    let checksum = stamped.checksum();
    stamped.card.insert(CHECKSUM.to_owned(), checksum.into());
    let data: Vec<(&String, &Array, Vec<u8>)> =
        stamped.weights.0.iter().map(|(name, array)| (name, array, bytes(array))).collect();
    let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
    let mut views = Vec::with_capacity(data.len());
    for (name, array, bytes) in &data {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes)
            .map_err(|e| malformed(e.to_string()))?;
        views.push((name.as_str(), view));
    }
    let card = Value::Object(stamped.card.clone()).to_string();
    let metadata = HashMap::from([(KEY.to_owned(), card)]);
    let content =
        safetensors::serialize(views, Some(metadata)).map_err(|e| malformed(e.to_string()))?;
    replace(path, &content)
}

/// Writes a small text file the same careful way.
///
/// # Errors
/// [`StoreError::Io`] when the system refuses.
pub fn write_text(path: &Path, text: &str) -> Result<(), StoreError> {
    replace(path, text.as_bytes())
}

/// A link is followed; a device or a pipe is written to as it is.
fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let io = |action| StoreError::io(path, action);
    match fs::metadata(path) {
        Ok(standing) if !standing.is_file() && !standing.is_dir() => {
            let file = fs::OpenOptions::new().write(true).open(path);
            file.and_then(|mut file| file.write_all(content)).map_err(io("writing"))
        }
        Ok(_) => whole(&fs::canonicalize(path).map_err(io("finding"))?, content),
        Err(_) => whole(path, content),
    }
}

/// Whole or not at all.
fn whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = temporary(path);
    let io = |action| StoreError::io(path, action);
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(io("writing"))
        .and_then(|()| fs::rename(&temporary, path).map_err(io("renaming into place")));
    if written.is_err() {
        // The write's own error is what the user needs; a leftover is tidied if it can be.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // So that the rename itself survives a crash.
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder, "syncing"))?;
    }
    Ok(())
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// Reads an archive and checks it.
///
/// # Errors
/// [`StoreError`] when the file cannot be read, is not one of ours, is cut short, or its checksum
/// does not match.
pub fn read(path: &Path) -> Result<Archive, StoreError> {
    let content = fs::read(path).map_err(StoreError::io(path, "reading"))?;
    let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
    let (_, header) = SafeTensors::read_metadata(&content).map_err(|e| malformed(e.to_string()))?;
    let tensors = SafeTensors::deserialize(&content).map_err(|e| malformed(e.to_string()))?;
    let card = header.metadata().as_ref().and_then(|m| m.get(KEY));
    let card = card.ok_or_else(|| malformed(format!("its metadata has no `{KEY}` card")))?;
    let card: Map<String, Value> =
        serde_json::from_str(card).map_err(|e| malformed(format!("its card: {e}")))?;
    let number = |key: &str| card.get(key).and_then(Value::as_u64);
    let found = number(FORMAT).unwrap_or(0);
    if found > KNOWN_FORMAT {
        return Err(StoreError::Version { path: path.to_owned(), found, known: KNOWN_FORMAT });
    }
    let mut weights = Weights::default();
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(malformed(format!("array `{name}` is {:?}, not F32", view.dtype())));
        }
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        weights.0.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
    }
    let expected = number(CHECKSUM).ok_or_else(|| malformed("its card has no checksum".into()))?;
    let archive = Archive { card, weights };
    let found = archive.checksum();
    if u64::from(found) != expected {
        let expected = expected as u32;
        return Err(StoreError::Checksum { path: path.to_owned(), expected, found });
    }
    Ok(archive)
}
