//! What can be wrong with data.

use std::io;
use std::path::PathBuf;

use crate::ImageShape;

/// What can be wrong with data: the value, where it stood, and what would be right.
///
/// Rows and lines are counted from 1. A row is a row of data: a header is a line, but no row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is nothing at the path.
    #[error("{}: there is no such file or folder", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file was wanted, a folder stands there.
    #[error("{}: this is a folder, a file is needed", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder was wanted, something else stands there.
    #[error("{}: this is no folder, a folder is needed", path.display())]
    NotAFolder {
        /// What stands there.
        path: PathBuf,
    },
    /// The system would not let it be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The gzip stream is broken or ends early.
    #[error("{}: the gzip stream is damaged or ends early: {source}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// The system would not let it be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Neither the ending nor the content tells a kind that is known.
    #[error(
        "{}: unknown kind of file; known are .csv .tsv .txt .dat .data, .npy, IDX (*-ubyte, .idx), \
         each also with .gz, and folders of .png or of IDX files",
        path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds nothing that is known.
    #[error(
        "{}: this folder holds neither train-images-idx3-ubyte, train-images-idx3-ubyte.gz nor any \
         *.png",
        path.display()
    )]
    NothingInFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file holds nothing.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is no UTF-8.
    #[error("{}, line {line}: this is not UTF-8 text", path.display())]
    InvalidUtf8 {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A line is longer than any table's.
    #[error(
        "{}, line {line}: the line is longer than {limit} bytes; is a quote left open?",
        path.display()
    )]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line on which it starts.
        line: u64,
        /// The longest line that is read, in bytes.
        limit: usize,
    },
    /// A line has more or fewer cells than the first.
    #[error("{}, line {line}: {found} cells, but the first line has {expected}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Cells of the first line.
        expected: usize,
        /// Cells of this line.
        found: usize,
    },
    /// A cell is no number, in a column that holds numbers elsewhere.
    #[error(
        "{}, line {line} (row {row}), column `{column}`: `{text}` is not a number",
        path.display()
    )]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The row of data.
        row: usize,
        /// The column's name.
        column: String,
        /// The cell, shortened to 40 characters.
        text: String,
    },
    /// A value is NaN or infinite.
    #[error("{}row {row}, column `{column}`: {value} is not a finite number", at(path))]
    NotFinite {
        /// The file, if it came from one.
        path: Option<PathBuf>,
        /// The row of data.
        row: usize,
        /// The column's name.
        column: String,
        /// The value.
        value: f64,
    },
    /// A value outside the interval that its column lies in.
    #[error("row {row}, column `{column}`: {value} is not between {low} and {high}")]
    OutsideSupport {
        /// The row of data.
        row: usize,
        /// The column's name.
        column: String,
        /// The value.
        value: f64,
        /// The interval's lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// No column holds numbers.
    #[error("{}: no column holds numbers, only text ({})", path.display(), some(skipped))]
    NoNumericColumns {
        /// The file.
        path: PathBuf,
        /// The columns that were found.
        skipped: Vec<String>,
    },
    /// A quote that opens a cell and is never closed.
    #[error("{}: the quote that opens in line {line} is not closed", path.display())]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// Too few rows to learn from.
    #[error("{}rows: {rows}, at least {needed} are needed", at(path))]
    TooFewRows {
        /// The file, if it came from one.
        path: Option<PathBuf>,
        /// Rows there are.
        rows: usize,
        /// Rows that are needed.
        needed: usize,
    },
    /// More values or columns than a table may hold.
    #[error("{}: more than {limit} {what}, the most that is read into memory", path.display())]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// `values` or `columns`.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// No column has this name.
    #[error(
        "no column is called `{name}`; {}",
        nearest.as_ref().map_or_else(
            || format!("there are {}", some(columns)),
            |near| format!("the nearest is `{near}`")
        )
    )]
    UnknownColumn {
        /// The name that was asked for.
        name: String,
        /// The name that is most like it.
        nearest: Option<String>,
        /// The names there are.
        columns: Vec<String>,
    },
    /// The column holds text in every row and was left out of the table.
    #[error("column `{name}` holds text, not numbers, and cannot be used")]
    NotNumeric {
        /// The column's name.
        name: String,
    },
    /// Two columns have the same name.
    #[error("{}two columns are called `{name}`; names must differ", at(path))]
    DuplicateColumn {
        /// The name.
        name: String,
        /// The file, if it came from one.
        path: Option<PathBuf>,
    },
    /// A column was chosen twice, as a feature, as context, or as both.
    #[error("column `{name}` was chosen twice; a column is a feature or context, once")]
    ColumnUsedTwice {
        /// The column's name.
        name: String,
    },
    /// No column is left, or none was given.
    #[error("a table needs at least one column")]
    NoColumns,
    /// The values do not fill whole rows.
    #[error("{values} values do not fill rows of {columns}")]
    UnevenRows {
        /// How many values there are.
        values: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// The first bytes are not those of an IDX file.
    #[error(
        "{}: not an IDX file: it starts with {found:02x?}; right would be [00, 00, type, dimensions] \
         with type 08, 09, 0b, 0c, 0d or 0e and 1 to 4 dimensions",
        path.display()
    )]
    IdxMagic {
        /// The file.
        path: PathBuf,
        /// Its first bytes, up to four.
        found: Vec<u8>,
    },
    /// The first bytes are not those of an NPY file of version 1, 2 or 3.
    #[error(
        "{}: not an NPY file: it starts with {found:02x?}; right would be \
         [93, 4e, 55, 4d, 50, 59, version 1 to 3, 00]",
        path.display()
    )]
    NpyMagic {
        /// The file.
        path: PathBuf,
        /// Its first bytes, up to eight.
        found: Vec<u8>,
    },
    /// The NPY header cannot be understood.
    #[error(
        "{}: the NPY header `{header}` is not {{'descr': '<f8', 'fortran_order': False, 'shape': \
         (rows, columns)}}",
        path.display()
    )]
    NpyHeader {
        /// The file.
        path: PathBuf,
        /// The header, shortened to 120 characters.
        header: String,
    },
    /// The NPY file holds elements of another type.
    #[error(
        "{}: NPY elements of type `{descr}` are not read; f4, f8, i1 to i8, u1 to u8 and b1 are",
        path.display()
    )]
    NpyType {
        /// The file.
        path: PathBuf,
        /// The element type as the header writes it.
        descr: String,
    },
    /// The array's shape is neither a table's nor that of images.
    #[error(
        "{}: the shape {shape:?} is none of [n], [n, columns], [n, height, width], \
         [n, height, width, channels]",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape in the file's header.
        shape: Vec<usize>,
    },
    /// The file ends before the values that its header announces.
    #[error(
        "{}: the file is cut short: its header announces {expected} bytes of values, {found} are \
         there",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes announced.
        expected: u128,
        /// Bytes found.
        found: u64,
    },
    /// Bytes follow the values that the header announces.
    #[error(
        "{}: bytes follow the {expected} bytes of values that its header announces",
        path.display()
    )]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes announced.
        expected: u128,
    },
    /// There are not as many labels as images.
    #[error(
        "{}: {labels} labels for the {images} images of {}",
        labels_path.display(),
        images_path.display()
    )]
    LabelCount {
        /// The file of images.
        images_path: PathBuf,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many images there are.
        images: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// A PNG cannot be decoded.
    #[error("{}: cannot be decoded as PNG: {source}", path.display())]
    Png {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A PNG has pixels of another kind than grey or RGB.
    #[error("{}: pixels of kind {found}; grey or RGB without transparency is read", path.display())]
    PngPixels {
        /// The file.
        path: PathBuf,
        /// The kind of pixel.
        found: String,
    },
    /// Two PNGs of a folder differ in size.
    #[error(
        "{} is {shape} (height x width x channels), but {} is {first_shape}; all images of a folder \
         must have one size",
        path.display(),
        first.display()
    )]
    PngSize {
        /// The first file.
        first: PathBuf,
        /// The first file's shape.
        first_shape: ImageShape,
        /// The file that differs.
        path: PathBuf,
        /// Its shape.
        shape: ImageShape,
    },
    /// The table is not as wide as the one that the scaler was fitted on.
    #[error("the table has {found} columns, the scaler was fitted on {expected}")]
    WrongWidth {
        /// Columns the scaler was fitted on.
        expected: usize,
        /// Columns of the table.
        found: usize,
    },
    /// Every column has one value only.
    #[error("all {columns} columns are constant; there is nothing to model")]
    AllConstant {
        /// How many columns there are.
        columns: usize,
    },
    /// The bounds are not in order.
    #[error("the range [{low}, {high}] is empty or not finite; low must lie below high")]
    InvalidRange {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// The spread of a column is beyond `f64`.
    #[error("column `{column}` spreads wider than f64 can hold; rescale it first")]
    TooWide {
        /// The column's name.
        column: String,
    },
    /// A scaler that was read back contradicts itself.
    #[error("the stored scaler is damaged: its field `{field}` does not fit the others")]
    DamagedScaler {
        /// The field.
        field: &'static str,
    },
}

/// `path: ` where there is one.
fn at(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()))
}

/// The first names, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}
