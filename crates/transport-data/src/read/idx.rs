//! IDX arrays, the format of MNIST.
//!
//! ```text
//! 00 00 | type | number of dimensions k | k sizes, u32 big-endian | values, big-endian, row-major
//! ```
//!
//! # References
//! LeCun, Cortes & Burges, *The MNIST database of handwritten digits*.

use std::path::{Path, PathBuf};

use super::{Input, Layout, byte_count, file_name, name_of, source_of};
use crate::{DataError, Dataset, Table};

/// Read an IDX array: `[n]`, `[n, columns]`, `[n, height, width]` or `[n, height, width, channels]`,
/// the last two as images. Columns are `x0`, `x1`, ... or, for images, `p<row><column>`. With
/// labels, their column `label` comes last and is no default feature.
///
/// # Errors
/// The faults of a file, [`DataError::IdxMagic`], [`DataError::Shape`], [`DataError::Truncated`],
/// [`DataError::TrailingBytes`], [`DataError::TooLarge`], [`DataError::NotFinite`], and
/// [`DataError::LabelCount`] if there is not one label per row.
pub fn read_idx(path: &Path, labels: Option<&Path>) -> Result<Dataset, DataError> {
    let array = Array::read(path)?;
    let labels = labels.map(|labels_path| labels_of(path, array.layout.rows, labels_path));
    let (layout, range) = (&array.layout, array.range());
    let mut names = layout.names();
    let values = match labels.transpose()? {
        None => array.values(),
        Some(labels) => {
            names.push("label".to_string());
            let width = layout.cols + 1;
            let mut values = Vec::with_capacity(layout.rows * width);
            for (i, label) in labels.iter().enumerate() {
                values.extend(array.row(i));
                values.push(*label);
            }
            values
        }
    };
    let table = super::finite(path, Table::new(names, values)?)?;
    Ok(Dataset {
        features: (0..layout.cols).collect(),
        image: layout.image,
        range,
        ..Dataset::from_table(name_of(path), table, source_of(path, "IDX"))
    })
}

/// The labels that stand beside images by MNIST's names: `train-images-idx3-ubyte` and
/// `train-labels-idx1-ubyte`, either compressed or not.
pub(super) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = file_name(images);
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let labels = plain.replace("images", "labels").replace("idx3", "idx1");
    (labels != plain && plain.contains("images"))
        .then(|| [labels.clone(), format!("{labels}.gz")].map(|name| images.with_file_name(name)))
        .and_then(|paths| paths.into_iter().find(|path| path.is_file()))
}

fn labels_of(images: &Path, rows: usize, path: &Path) -> Result<Vec<f64>, DataError> {
    let array = Array::read(path)?;
    let labels = array.layout.rows;
    if array.layout.cols != 1 {
        return Err(DataError::Shape {
            path: path.to_path_buf(),
            shape: vec![labels, array.layout.cols],
        });
    }
    if labels != rows {
        return Err(DataError::LabelCount {
            images_path: images.to_path_buf(),
            labels_path: path.to_path_buf(),
            images: rows,
            labels,
        });
    }
    Ok(array.values())
}

/// The element types of IDX.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Self::U8,
            0x09 => Self::I8,
            0x0b => Self::I16,
            0x0c => Self::I32,
            0x0d => Self::F32,
            0x0e => Self::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
        }
        match self {
            Self::U8 => bytes.iter().map(|b| f64::from(*b)).collect(),
            Self::I8 => each(bytes, |b| i8::from_be_bytes(b).into()),
            Self::I16 => each(bytes, |b| i16::from_be_bytes(b).into()),
            Self::I32 => each(bytes, |b| i32::from_be_bytes(b).into()),
            Self::F32 => each(bytes, |b| f32::from_be_bytes(b).into()),
            Self::F64 => each(bytes, f64::from_be_bytes),
        }
    }
}

/// An array as the file holds it.
struct Array {
    layout: Layout,
    element: Element,
    bytes: Vec<u8>,
}

impl Array {
    fn read(path: &Path) -> Result<Self, DataError> {
        let mut input = Input::open(path)?;
        let found = input.start(4)?;
        let (element, dimensions) = match found[..] {
            [0, 0, code, k @ 1..=4] => (Element::of(code), usize::from(k)),
            _ => (None, 0),
        };
        let Some(element) = element else {
            return Err(DataError::IdxMagic { path: path.to_path_buf(), found });
        };
        let sizes = input.start(4 * dimensions as u64)?;
        if sizes.len() < 4 * dimensions {
            let (expected, found) = (4 * dimensions as u128, sizes.len() as u64);
            return Err(DataError::Truncated { path: path.to_path_buf(), expected, found });
        }
        let shape: Vec<usize> =
            sizes.as_chunks::<4>().0.iter().map(|b| u32::from_be_bytes(*b) as usize).collect();
        input.expect(byte_count(&shape, element.size()))?;
        let layout = Layout::new(path, &shape)?;
        let bytes = input.rest(layout.rows * layout.cols * element.size())?;
        Ok(Self { layout, element, bytes })
    }

    /// All elements.
    fn values(&self) -> Vec<f64> {
        self.element.decode(&self.bytes)
    }

    /// The elements of row `i`.
    fn row(&self, i: usize) -> Vec<f64> {
        let size = self.layout.cols * self.element.size();
        self.element.decode(&self.bytes[i * size..(i + 1) * size])
    }

    /// Images of bytes are bounded by 0 and 255.
    fn range(&self) -> Option<(f64, f64)> {
        (self.layout.image.is_some() && self.element == Element::U8).then_some((0.0, 255.0))
    }
}
