//! ZIP archives of stored entries, the container of PyTorch's files.

use super::torch::TorchError;
use std::collections::BTreeMap;

/// The entries of an archive by name, each a slice of its bytes.
///
/// ```text
/// entry:       PK\3\4 … name, extra, content        central directory: PK\1\2 … name, offset of entry
/// at the end:  PK\5\6 … number of entries, offset of the directory; PK\6\6 where 32 bits do not do
/// ```
///
/// PyTorch stores without compression, so that nothing here is larger than the file; a compressed
/// entry is refused. Names and offsets are taken from the directory; every offset is checked.
///
/// # References
/// PKWARE, APPNOTE.TXT 6.3, §§4.3.6–4.3.16, 4.5.3.
/// # Checked by
/// `tests/it/torch_files.rs`
#[derive(Debug)]
pub(super) struct Zip<'a> {
    entries: BTreeMap<String, &'a [u8]>,
}

const ENTRY: &[u8] = b"PK\x03\x04";
const DIRECTORY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
/// The end record without its comment, and the longest comment.
const END_SIZE: usize = 22;
const LONGEST_COMMENT: usize = u16::MAX as usize;
const FULL_32: u64 = u32::MAX as u64;

/// Numbers at places of a slice, little endian.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// `count` bytes from `at` on.
    pub(super) fn slice(self, at: usize, count: usize) -> Result<&'a [u8], TorchError> {
        let end = at.checked_add(count);
        end.and_then(|end| self.0.get(at..end)).ok_or(TorchError::Truncated { at })
    }

    /// An unsigned number of `width` bytes, 8 at most.
    pub(super) fn number(self, at: usize, width: usize) -> Result<u64, TorchError> {
        let bytes = self.slice(at, width)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn place(self, at: usize, width: usize) -> Result<usize, TorchError> {
        place(self.number(at, width)?, at)
    }
}

/// A number of the file as a place or a size in memory.
pub(super) fn place(value: u64, at: usize) -> Result<usize, TorchError> {
    usize::try_from(value).map_err(|_| TorchError::Truncated { at })
}

impl<'a> Zip<'a> {
    /// Whether a file begins like an archive.
    pub(super) fn is_one(content: &[u8]) -> bool {
        content.starts_with(ENTRY)
    }

    /// Reads the directory.
    pub(super) fn new(content: &'a [u8]) -> Result<Self, TorchError> {
        let bytes = Bytes(content);
        let (count, mut at) = directory(bytes)?;
        let (mut entries, mut room) = (BTreeMap::new(), content.len());
        for _ in 0..count {
            let ((name, data), size) = header(bytes, at)?;
            // Entries do not overlap in an honest archive, and so are no longer than the file.
            room = room.checked_sub(data.len()).ok_or(TorchError::Large)?;
            checked(bytes, at, &name, data)?;
            entries.insert(name, data);
            at = at.checked_add(size).ok_or(TorchError::Truncated { at })?;
        }
        Ok(Self { entries })
    }

    /// The first entry whose name ends so, and what stands before the ending.
    pub(super) fn ending(&self, ending: &str) -> Option<(&str, &'a [u8])> {
        self.entries.iter().find_map(|(name, data)| Some((name.strip_suffix(ending)?, *data)))
    }

    /// The entry of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.entries.get(name).copied()
    }
}

/// The number of entries, and where the directory begins.
fn directory(bytes: Bytes<'_>) -> Result<(u64, usize), TorchError> {
    let content = bytes.0;
    let first = content.len().saturating_sub(END_SIZE + LONGEST_COMMENT);
    let tail = content.get(first..).unwrap_or_default();
    let end = tail.windows(END.len()).rposition(|window| window == END);
    let end = first + end.ok_or(TorchError::NoDirectory)?;
    let (count, at) = (bytes.number(end + 10, 2)?, bytes.number(end + 16, 4)?);
    if count < u64::from(u16::MAX) && at < FULL_32 {
        return Ok((count, place(at, end)?));
    }
    let locator = end.checked_sub(20).ok_or(TorchError::NoDirectory)?;
    if bytes.slice(locator, 4)? != LOCATOR_64 {
        return Ok((count, place(at, end)?));
    }
    let end = bytes.place(locator + 8, 8)?;
    if bytes.slice(end, 4)? != END_64 {
        return Err(TorchError::NoDirectory);
    }
    // The record's signature was inside the file, so that these sums do not overflow.
    Ok((bytes.number(end + 32, 8)?, bytes.place(end + 48, 8)?))
}

type Entry<'a> = (String, &'a [u8]);

/// The entry that the directory names at `at`, and the size of that record.
fn header(bytes: Bytes<'_>, at: usize) -> Result<(Entry<'_>, usize), TorchError> {
    if bytes.slice(at, 46)?.get(..4) != Some(DIRECTORY) {
        return Err(TorchError::NoDirectory);
    }
    let [name, extra, comment] = [28, 30, 32].map(|place| bytes.place(at + place, 2));
    let (name_size, extra_size, comment_size) = (name?, extra?, comment?);
    let name = String::from_utf8_lossy(bytes.slice(at + 46, name_size)?).into_owned();
    if bytes.number(at + 10, 2)? != 0 {
        return Err(TorchError::Compressed { entry: name });
    }
    let mut wide = Bytes(bytes.slice(at + 46 + name_size, extra_size)?);
    let [full, stored, offset] = [24, 20, 42].map(|place| bytes.number(at + place, 4));
    let mut sizes = [full?, stored?, offset?];
    widen(&mut sizes, &mut wide)?;
    let (size, offset) = (place(sizes[1], at)?, place(sizes[2], at)?);
    if bytes.slice(offset, 30)?.get(..4) != Some(ENTRY) {
        return Err(TorchError::Truncated { at: offset });
    }
    let skipped = bytes.place(offset + 26, 2)? + bytes.place(offset + 28, 2)?;
    let data = bytes.slice(offset + 30 + skipped, size)?;
    Ok(((name, data), 46 + name_size + extra_size + comment_size))
}

/// Compares an entry with the checksum in the directory's record at `at`.
fn checked(bytes: Bytes<'_>, at: usize, name: &str, data: &[u8]) -> Result<(), TorchError> {
    let expected = bytes.number(at + 16, 4)? as u32;
    let found = crc32fast::hash(data);
    if found == expected {
        return Ok(());
    }
    Err(TorchError::Checksum { entry: name.to_owned(), expected, found })
}

/// Sizes that did not fit 32 bits, from the extra field 1.
fn widen(sizes: &mut [u64; 3], extra: &mut Bytes<'_>) -> Result<(), TorchError> {
    while extra.0.len() >= 4 && sizes.contains(&FULL_32) {
        let (kind, size) = (extra.number(0, 2)?, extra.place(2, 2)?);
        let field = Bytes(extra.slice(4, size)?);
        if kind == 1 {
            let mut at = 0;
            for value in sizes.iter_mut().filter(|value| **value == FULL_32) {
                *value = field.number(at, 8)?;
                at += 8;
            }
            return Ok(());
        }
        *extra = Bytes(extra.0.get(4 + size..).unwrap_or_default());
    }
    Ok(())
}
