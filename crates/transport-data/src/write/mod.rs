//! Writers: a file appears whole or not at all.

mod csv;
mod npy;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;

pub use self::csv::write_csv;
pub use self::npy::{write_npy, write_npy_array};
use crate::DataError;

/// What puts the content into an open file.
type Content<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// Write a file whole or not at all: under another name in the same folder, flushed to the disk,
/// then renamed. A link is followed. A device or a pipe is written to directly. With the ending
/// `.gz` the content is compressed.
fn write(path: &Path, content: Content<'_>) -> Result<(), DataError> {
    let fault = |source| DataError::Write { path: path.to_path_buf(), source };
    let standing = match std::fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(fault(e)),
    };
    if standing.as_ref().is_some_and(|m| m.is_dir()) {
        return Err(DataError::IsFolder { path: path.to_path_buf() });
    }
    let gzip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let device = path.starts_with("/dev") || path.starts_with("/proc");
    match standing {
        Some(metadata) if device || !metadata.is_file() => direct(path, gzip, content),
        Some(metadata) if metadata.permissions().readonly() => {
            Err(io::Error::from(ErrorKind::PermissionDenied))
        }
        Some(metadata) => {
            let keep = |file: &File| file.set_permissions(metadata.permissions());
            std::fs::canonicalize(path).and_then(|target| replace(&target, gzip, content, &keep))
        }
        None => replace(path, gzip, content, &|_| Ok(())),
    }
    .map_err(fault)
}

fn direct(path: &Path, gzip: bool, content: Content<'_>) -> io::Result<()> {
    fill(OpenOptions::new().write(true).open(path)?, gzip, content).map(drop)
}

fn replace(
    path: &Path,
    gzip: bool,
    content: Content<'_>,
    prepare: &dyn Fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let (file, temporary) = temporary_beside(path)?;
    let written = prepare(&file)
        .and_then(|()| fill(file, gzip, content))
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first fault is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A new file in the same folder, under a name that no one uses.
fn temporary_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    loop {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        hidden.push(format!(".{}-{count}.tmp", std::process::id()));
        let temporary = path.with_file_name(hidden);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            file => return Ok((file?, temporary)),
        }
    }
}

fn fill(file: File, gzip: bool, content: Content<'_>) -> io::Result<File> {
    let mut buffered = BufWriter::with_capacity(1 << 16, file);
    if gzip {
        let mut encoder = GzEncoder::new(&mut buffered, Compression::default());
        content(&mut encoder)?;
        encoder.finish()?;
    } else {
        content(&mut buffered)?;
    }
    buffered.into_inner().map_err(|e| e.into_error())
}
