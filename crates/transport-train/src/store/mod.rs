//! What stands on disk: model files, checkpoints, and the run's folder.

mod archive;
mod arrays;
mod folder;
mod pickle;
mod torch;
mod zip;

pub use archive::{Archive, read, write, write_text};
pub use arrays::read_arrays;
pub(crate) use folder::MODEL;
pub use folder::{Folder, RunState};
pub use torch::TorchError;

use crate::weights::WeightsError;
use std::path::PathBuf;

/// A file of a run that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("{path}: {action} failed: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not a file of ours, or cut short.
    #[error("{path}: not a readable model file: {reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a file of PyTorch's that can be read.
    #[error("{path}: {source}", path = .path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TorchError,
    },
    /// The content is not what was written.
    #[error(
        "{path}: the checksum is {found:08x} where {expected:08x} was written: the file is damaged",
        path = .path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The checksum in its card.
        expected: u32,
        /// The checksum of its content.
        found: u32,
    },
    /// The checkpoint is damaged and the one before it is whole.
    #[error("{damage}\nthe previous checkpoint {previous} is whole: to go on from it, move it to {target}",
        previous = .previous.display(), target = .target.display())]
    PreviousWhole {
        /// What is wrong with the newest.
        damage: Box<StoreError>,
        /// The one before.
        previous: PathBuf,
        /// Where the newest stands.
        target: PathBuf,
    },
    /// The folder holds a run already.
    #[error(
        "{path} already holds a {state}: continue it with --resume, replace it with --overwrite, or choose another folder",
        path = .path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        state: &'static str,
    },
    /// Another session is at work in the folder.
    #[error("{path} is in use: another training writes there", path = .path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no finished run.
    #[error("{path} holds no trained model ({expected} is missing){hint}", path = .path.display())]
    NoModel {
        /// The folder.
        path: PathBuf,
        /// The file that was looked for.
        expected: &'static str,
        /// What can be done.
        hint: &'static str,
    },
    /// A file made by a newer version.
    #[error("{path} was written in format {found}; this version reads up to {known}", path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// Arrays that do not fit.
    #[error("{path}: {source}", path = .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Which array.
        source: WeightsError,
    },
}

impl StoreError {
    pub(crate) fn io(
        path: &std::path::Path,
        action: &'static str,
    ) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), action, source }
    }
}
