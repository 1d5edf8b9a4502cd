//! Readers: the kind of a file is told by its ending, and by its content where the ending is silent.

pub(crate) mod csv;
mod idx;
mod input;
mod lines;
mod npy;
mod png;

use std::path::Path;

pub use self::csv::{read_csv, read_csv_with_gaps};
pub use self::idx::read_idx;
pub(crate) use self::input::Input;
pub use self::lines::MAX_LINE;
pub use self::npy::read_npy;
pub use self::png::read_png_folder;
use crate::{DataError, Dataset, ImageShape, Table};

/// The most values that are read into one table: 2³⁰, which take 8 GiB. It bounds what a small
/// compressed file can ask for.
pub const MAX_VALUES: usize = 1 << 30;

/// The most columns that are read into one table: 2²⁴, as many as an image of 4096 × 4096 has pixels.
pub const MAX_COLUMNS: usize = 1 << 24;

/// Rows below which nothing can be learned.
const NEEDED: usize = 2;

enum Kind {
    Text,
    Npy,
    Idx,
}

/// Read a file or a folder.
///
/// | what | told by |
/// |---|---|
/// | delimited text | `.csv`, `.tsv`, `.txt`, `.dat`, `.data` |
/// | NPY array | `.npy`, or its first bytes |
/// | IDX array | `*-ubyte`, `.idx`, or its first bytes; the labels beside `*-images-idx3-ubyte` come along as `label` |
/// | MNIST's folder | `train-images-idx3-ubyte` in it |
/// | images | any `*.png` in it |
///
/// Files may be compressed with gzip, told by `.gz` or by the first bytes.
///
/// # Errors
/// One [`DataError`] per fault, with the path; [`DataError::TooFewRows`] below two rows.
pub fn read(path: &Path) -> Result<Dataset, DataError> {
    read_at_least(path, NEEDED)
}

/// [`read`] with another least number of rows: a single one can be scored or carried.
///
/// # Errors
/// As [`read`]; no rows at all are always too few.
pub fn read_at_least(path: &Path, needed: usize) -> Result<Dataset, DataError> {
    let data = if input::metadata(path)?.is_dir() {
        read_folder(path)?
    } else {
        match kind(path)? {
            Kind::Text => csv::read(path)?,
            Kind::Npy => read_npy(path)?,
            Kind::Idx => read_idx(path, idx::labels_beside(path).as_deref())?,
        }
    };
    match data.table.rows() {
        rows if rows < needed => {
            Err(DataError::TooFewRows { path: Some(path.to_path_buf()), rows, needed })
        }
        _ => Ok(data),
    }
}

fn read_folder(path: &Path) -> Result<Dataset, DataError> {
    let train = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"];
    match train.map(|name| path.join(name)).into_iter().find(|images| images.is_file()) {
        Some(images) => {
            let data = read_idx(&images, idx::labels_beside(&images).as_deref())?;
            Ok(Dataset { name: name_of(path), ..data })
        }
        None => read_png_folder(path),
    }
}

fn kind(path: &Path) -> Result<Kind, DataError> {
    let name = file_name(path).to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "csv" | "tsv" | "txt" | "dat" | "data" => Ok(Kind::Text),
        "npy" => Ok(Kind::Npy),
        "idx" => Ok(Kind::Idx),
        _ if name.ends_with("-ubyte") => Ok(Kind::Idx),
        _ => kind_of_content(path),
    }
}

fn kind_of_content(path: &Path) -> Result<Kind, DataError> {
    let start = Input::open(path)?.start(npy::MAGIC.len() as u64)?;
    match start[..] {
        _ if start == npy::MAGIC => Ok(Kind::Npy),
        [0, 0, 0x08..=0x0e, 1..=4, ..] => Ok(Kind::Idx),
        _ => Err(DataError::UnknownKind { path: path.to_path_buf() }),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The file's or folder's name without its endings.
fn name_of(path: &Path) -> String {
    let name = file_name(path);
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && !path.is_dir() => stem.to_string(),
        _ => name.to_string(),
    }
}

fn source_of(path: &Path, kind: &str) -> String {
    format!("{} ({kind})", path.display())
}

/// How an array with its first axis over the samples is laid out as a table.
struct Layout {
    rows: usize,
    cols: usize,
    image: Option<ImageShape>,
}

impl Layout {
    /// `[n]`, `[n, columns]`, `[n, height, width]` or `[n, height, width, channels]`; a row must hold
    /// something.
    fn new(path: &Path, shape: &[usize]) -> Result<Self, DataError> {
        let images = |height, width, channels| Some(ImageShape { height, width, channels });
        let image = match *shape {
            [_] | [_, _] => None,
            [_, height, width] => images(height, width, 1),
            [_, height, width, channels] => images(height, width, channels),
            _ => return Err(DataError::Shape { path: path.to_path_buf(), shape: shape.to_vec() }),
        };
        let cols = shape[1..].iter().try_fold(1, |n: usize, &k| n.checked_mul(k));
        let values = cols.and_then(|cols| cols.checked_mul(shape[0])).unwrap_or(usize::MAX);
        let path = path.to_path_buf();
        match (shape[0], cols.unwrap_or(usize::MAX)) {
            (_, 0) => Err(DataError::Shape { path, shape: shape.to_vec() }),
            (0, _) => Err(DataError::TooFewRows { path: Some(path), rows: 0, needed: NEEDED }),
            (_, cols) if cols > MAX_COLUMNS => {
                Err(DataError::TooLarge { path, what: "columns", limit: MAX_COLUMNS })
            }
            _ if values > MAX_VALUES => {
                Err(DataError::TooLarge { path, what: "values", limit: MAX_VALUES })
            }
            (rows, cols) => Ok(Self { rows, cols, image }),
        }
    }

    fn names(&self) -> Vec<String> {
        match self.image {
            Some(image) => image.pixel_names(),
            None => crate::table::unnamed(self.cols),
        }
    }
}

/// Bytes that an array of this shape takes, beyond any overflow.
fn byte_count(shape: &[usize], size: usize) -> u128 {
    shape.iter().fold(size as u128, |n, &k| n.saturating_mul(k as u128))
}

/// The table, if all of it is finite.
fn finite(path: &Path, table: Table) -> Result<Table, DataError> {
    match table.values().iter().position(|x| !x.is_finite()) {
        None => Ok(table),
        Some(i) => Err(DataError::NotFinite {
            path: Some(path.to_path_buf()),
            row: i / table.cols() + 1,
            column: table.names()[i % table.cols()].clone(),
            value: table.values()[i],
        }),
    }
}
