//! NPY arrays, the format of NumPy.
//!
//! ```text
//! 93 N U M P Y | version, 0 | header length, u16 or (from version 2) u32, little-endian | header | values
//! ```
//!
//! The header is a Python dictionary with the keys `descr`, `fortran_order` and `shape`.
//!
//! # References
//! NumPy, `numpy.lib.format`.

use std::path::Path;

use super::{Input, Layout, byte_count, name_of, source_of};
use crate::{DataError, Dataset, Table};

/// The first bytes of every NPY file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// A header of a plain array takes some hundred bytes.
const MAX_HEADER: usize = 1 << 16;

/// Read an NPY array: `[n]`, `[n, columns]`, `[n, height, width]` or `[n, height, width, channels]`,
/// the last two as images. Elements are f4, f8, integers or booleans, in C or Fortran order and
/// either byte order; integers beyond 2⁵³ are rounded to `f64`.
///
/// # Errors
/// The faults of a file, [`DataError::NpyMagic`], [`DataError::NpyHeader`], [`DataError::NpyType`],
/// [`DataError::Shape`], [`DataError::Truncated`], [`DataError::TrailingBytes`],
/// [`DataError::TooLarge`], and [`DataError::NotFinite`].
pub fn read_npy(path: &Path) -> Result<Dataset, DataError> {
    let mut input = Input::open(path)?;
    let text = header(path, &mut input)?;
    let wrong = || DataError::NpyHeader {
        path: path.to_path_buf(),
        header: text.trim().chars().take(120).collect(),
    };
    let Header { descr, fortran_order, shape } = Header::parse(&text).ok_or_else(wrong)?;
    let element = Element::parse(&descr)
        .ok_or_else(|| DataError::NpyType { path: path.to_path_buf(), descr: descr.clone() })?;
    if shape.is_empty() {
        return Err(DataError::Shape { path: path.to_path_buf(), shape });
    }
    input.expect(byte_count(&shape, element.size))?;
    let layout = Layout::new(path, &shape)?;
    let values = element.decode(&input.rest(layout.rows * layout.cols * element.size)?);
    let values = if fortran_order { c_order(&values, &shape) } else { values };
    let table = super::finite(path, Table::new(layout.names(), values)?)?;
    Ok(Dataset {
        image: layout.image,
        range: layout.image.and_then(|_| element.range()),
        ..Dataset::from_table(name_of(path), table, source_of(path, "NPY"))
    })
}

/// The header's text.
fn header(path: &Path, input: &mut Input) -> Result<String, DataError> {
    let found = input.start(8)?;
    let width = match found.strip_prefix(MAGIC) {
        Some([1, 0]) => 2,
        Some([2 | 3, 0]) => 4,
        _ => return Err(DataError::NpyMagic { path: path.to_path_buf(), found }),
    };
    let truncated = |expected: usize, found: usize| DataError::Truncated {
        path: path.to_path_buf(),
        expected: expected as u128,
        found: found as u64,
    };
    let mut len = input.start(width)?;
    if (len.len() as u64) < width {
        return Err(truncated(width as usize, len.len()));
    }
    len.resize(4, 0);
    let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
    let text = input.start(len.min(MAX_HEADER) as u64)?;
    let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if len > MAX_HEADER {
        let header = text_of(&text).chars().take(120).collect();
        return Err(DataError::NpyHeader { path: path.to_path_buf(), header });
    }
    if text.len() < len { Err(truncated(len, text.len())) } else { Ok(text_of(&text)) }
}

/// What the header says.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// The dictionary, its keys in any order. A `descr` that is no string (fields) is kept as text.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            let end = value_end(value)?;
            let (value, after) = value.split_at(end);
            let value = value.trim();
            match key {
                "descr" => descr = Some(quoted(value).map_or(value, |(text, _)| text).to_string()),
                "fortran_order" => fortran_order = Some(boolean(value)?),
                "shape" => shape = Some(tuple(value)?),
                _ => return None,
            }
            rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// The text in quotes with which this starts, and what follows them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Where a value ends: at a comma outside of quotes and brackets, or with the text.
fn value_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => return Some(i),
            _ => {}
        }
    }
    (depth == 0 && quote.is_none()).then_some(text.len())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// `()`, `(3,)`, `(3, 4)`; Python 2 wrote `3L`.
fn tuple(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inner = inner.strip_suffix(',').unwrap_or(inner).trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let number = |n: &str| {
        let n = n.trim();
        n.strip_suffix('L').unwrap_or(n).parse().ok()
    };
    inner.split(',').map(number).collect()
}

/// An element type, such as `<f8`.
struct Element {
    big_endian: bool,
    kind: char,
    size: usize,
}

impl Element {
    fn parse(descr: &str) -> Option<Self> {
        let mut chars = descr.chars();
        let order = chars.next()?;
        let (kind, size) = (chars.next()?, chars.as_str());
        let size = match (kind, size) {
            ('b' | 'i' | 'u', "1") => 1,
            ('i' | 'u', "2") => 2,
            ('i' | 'u' | 'f', "4") => 4,
            ('i' | 'u' | 'f', "8") => 8,
            _ => return None,
        };
        let big_endian = match order {
            '<' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            '|' if size == 1 => false,
            _ => return None,
        };
        Some(Self { big_endian, kind, size })
    }

    fn decode(&self, bytes: &[u8]) -> Vec<f64> {
        match (self.kind, self.size) {
            ('f', 4) => self.each(bytes, |b| f32::from_le_bytes(b).into()),
            ('f', _) => self.each(bytes, f64::from_le_bytes),
            ('i', 1) => self.each(bytes, |b| i8::from_le_bytes(b).into()),
            ('i', 2) => self.each(bytes, |b| i16::from_le_bytes(b).into()),
            ('i', 4) => self.each(bytes, |b| i32::from_le_bytes(b).into()),
            ('i', _) => self.each(bytes, |b| i64::from_le_bytes(b) as f64),
            ('u', 2) => self.each(bytes, |b| u16::from_le_bytes(b).into()),
            ('u', 4) => self.each(bytes, |b| u32::from_le_bytes(b).into()),
            ('u', 8) => self.each(bytes, |b| u64::from_le_bytes(b) as f64),
            _ => self.each(bytes, |[b]: [u8; 1]| b.into()),
        }
    }

    fn each<const N: usize>(&self, bytes: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let little = |mut b: [u8; N]| {
            if self.big_endian {
                b.reverse();
            }
            b
        };
        bytes.as_chunks::<N>().0.iter().map(|b| f(little(*b))).collect()
    }

    /// What images of bytes or of bits are bounded by.
    fn range(&self) -> Option<(f64, f64)> {
        match (self.kind, self.size) {
            ('u', 1) => Some((0.0, 255.0)),
            ('b', _) => Some((0.0, 1.0)),
            _ => None,
        }
    }
}

/// Values from Fortran order, the first index fastest, to C order, the last index fastest.
fn c_order(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let strides: Vec<usize> =
        shape.iter().scan(1, |stride, &k| Some(std::mem::replace(stride, *stride * k))).collect();
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()]);
        for (i, &k) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < k {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_parsed() {
        let h = Header::parse("{'shape': (3L, 4), \"descr\":'<f8','fortran_order' : True, }\n")
            .unwrap();
        assert_eq!((h.descr.as_str(), h.fortran_order, h.shape), ("<f8", true, vec![3, 4]));
        let h = Header::parse(
            "{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': ()}",
        );
        let h = h.unwrap();
        assert_eq!((h.descr.as_str(), h.shape), ("[('a', '<f8'), ('b', '<i4')]", vec![]));
    }

    #[test]
    fn broken_headers_are_none() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f8'}",
            "{'descr': '<f8', 'fortran_order': maybe, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': 1}",
            "{'descr': '<f8, 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'other': 1}",
            "{'é",
        ] {
            assert!(Header::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        // The 2 × 3 × 2 array 0..12 in C order; element (i, j, k) is 6i + 2j + k.
        let fortran: Vec<f64> = (0..2)
            .flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| 6 * i + 2 * j + k)))
            .map(f64::from)
            .collect();
        let c: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(c_order(&fortran, &[2, 3, 2]), c);
    }
}
