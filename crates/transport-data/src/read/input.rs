//! A file opened for reading, decompressed on the way.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::DataError;

/// A file opened for reading, decompressed on the way. Nothing is allocated but what was read.
pub(crate) struct Input {
    pub(super) path: PathBuf,
    pub(super) reader: Box<dyn BufRead>,
    gzip: bool,
    /// Bytes that are left, where that is known: in a plain file.
    left: Option<u64>,
}

/// What stands at the path, or the error that tells why it cannot be known.
pub(super) fn metadata(path: &Path) -> Result<Metadata, DataError> {
    std::fs::metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => DataError::Missing { path: path.to_path_buf() },
        _ => DataError::Read { path: path.to_path_buf(), source },
    })
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let metadata = metadata(path)?;
        if metadata.is_dir() {
            return Err(DataError::IsFolder { path: path.to_path_buf() });
        }
        let cannot_read = |source| DataError::Read { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(cannot_read)?;
        let len = metadata.is_file().then_some(metadata.len());
        Self::new(path, Box::new(BufReader::with_capacity(1 << 16, file)), len)
    }

    pub(crate) fn from_bytes(path: &Path, bytes: &'static [u8]) -> Result<Self, DataError> {
        Self::new(path, Box::new(bytes), Some(bytes.len() as u64))
    }

    fn new(path: &Path, mut reader: Box<dyn BufRead>, len: Option<u64>) -> Result<Self, DataError> {
        let path = path.to_path_buf();
        let start = match reader.fill_buf() {
            Ok(start) => start,
            Err(source) => return Err(DataError::Read { path, source }),
        };
        if start.is_empty() {
            return Err(DataError::Empty { path });
        }
        let ending = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        if !ending && !start.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self { path, reader, gzip: false, left: len });
        }
        let reader = Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)));
        Ok(Self { path, reader, gzip: true, left: None })
    }

    /// The error for a failed read: the gzip stream's fault or the system's.
    pub(super) fn fault(&self, source: io::Error) -> DataError {
        let path = self.path.clone();
        let content = [ErrorKind::UnexpectedEof, ErrorKind::InvalidInput, ErrorKind::InvalidData];
        match self.gzip && content.contains(&source.kind()) {
            true => DataError::Gzip { path, source },
            false => DataError::Read { path, source },
        }
    }

    /// The next `n` bytes, or fewer where the file ends.
    pub(super) fn start(&mut self, n: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match (&mut self.reader).take(n).read_to_end(&mut bytes) {
            Ok(read) => self.left = self.left.map(|left| left.saturating_sub(read as u64)),
            Err(source) => return Err(self.fault(source)),
        }
        Ok(bytes)
    }

    /// Fails if a plain file does not hold exactly so many more bytes. A compressed file tells only
    /// when it is read.
    pub(super) fn expect(&self, expected: u128) -> Result<(), DataError> {
        match self.left {
            Some(found) => self.compare(expected, found),
            None => Ok(()),
        }
    }

    /// All that is left, which must be so many bytes.
    pub(super) fn rest(&mut self, expected: usize) -> Result<Vec<u8>, DataError> {
        let bytes = self.start((expected as u64).saturating_add(1))?;
        self.compare(expected as u128, bytes.len() as u64)?;
        Ok(bytes)
    }

    fn compare(&self, expected: u128, found: u64) -> Result<(), DataError> {
        let path = self.path.clone();
        match u128::from(found) {
            n if n < expected => Err(DataError::Truncated { path, expected, found }),
            n if n > expected => Err(DataError::TrailingBytes { path, expected }),
            _ => Ok(()),
        }
    }
}
