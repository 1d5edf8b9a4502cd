//! Delimited text: comma, tab, semicolon or blanks, with or without a header.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use super::input::Input;
use super::lines::{Delimiter, Lines, cells, sniff};
use super::{MAX_COLUMNS, MAX_VALUES, name_of, source_of};
use crate::table::unnamed;
use crate::{DataError, Dataset, Table};

/// Bytes and lines from which the delimiter is told.
const SNIFFED: (u64, usize) = (1 << 16, 20);

/// Read delimited text as a table.
///
/// - The delimiter (comma, tab, semicolon, blanks) is told from the first lines. Cells may stand in
///   double quotes. A byte order mark and blank lines are skipped.
/// - The first line is a header if a cell of it is neither a number nor a sign for a missing one
///   (empty, `?`, `-`, `NA`, `N/A`, `null`, `None`). But if the line has numbers too, and each cell
///   that is none has text below it, it is a row of data that has columns of text.
/// - Without a header, and where a header's cell is empty, columns are called `x0`, `x1`, ...
/// - A column that holds text in every row is left out; [`crate::read`] records its name.
///
/// # Errors
/// The faults of a file ([`DataError::Missing`], [`DataError::IsFolder`], [`DataError::Read`],
/// [`DataError::Gzip`], [`DataError::Empty`], [`DataError::InvalidUtf8`],
/// [`DataError::LineTooLong`], [`DataError::TooLarge`]) and of a table ([`DataError::Ragged`],
/// [`DataError::NotANumber`], [`DataError::NotFinite`], [`DataError::DuplicateColumn`],
/// [`DataError::NoNumericColumns`]).
pub fn read_csv(path: &Path) -> Result<Table, DataError> {
    parse(Input::open(path)?).map(|(table, _)| table)
}

/// [`read_csv`] of a table with gaps: NaN stands for a cell that is empty, `?`, `-`, `NA`, `N/A`, `null`,
/// `None` or `NaN`.
///
/// # Errors
/// As [`read_csv`].
pub fn read_csv_with_gaps(path: &Path) -> Result<Table, DataError> {
    parse_as(Input::open(path)?, true).map(|(table, _)| table)
}

pub(super) fn read(path: &Path) -> Result<Dataset, DataError> {
    let (table, skipped) = parse(Input::open(path)?)?;
    let data = Dataset::from_table(name_of(path), table, source_of(path, "delimited text"));
    Ok(Dataset { skipped, ..data })
}

/// The table and the names of the columns of text.
pub(crate) fn parse(input: Input) -> Result<(Table, Vec<String>), DataError> {
    parse_as(input, false)
}

fn parse_as(input: Input, gaps: bool) -> Result<(Table, Vec<String>), DataError> {
    let path = input.path.clone();
    let (mut lines, delimiter) = open(input)?;
    let Some((first_at, first)) = owned(lines.next()?, delimiter) else {
        return Err(DataError::Empty { path });
    };
    let second = owned(lines.next()?, delimiter);
    if first.len() > MAX_COLUMNS {
        return Err(DataError::TooLarge { path, what: "columns", limit: MAX_COLUMNS });
    }
    let header = is_header(&first, second.as_ref().map(|(_, cells)| &cells[..]));
    let names = if header { named(&first) } else { unnamed(first.len()) };
    let mut rows = Rows::new(&path, names, gaps)?;
    if !header {
        rows.push(first_at, first.iter().map(Cow::from))?;
    }
    if let Some((at, cells)) = second {
        rows.push(at, cells.iter().map(Cow::from))?;
    }
    while let Some((at, line)) = lines.next()? {
        rows.push(at, cells(line, delimiter))?;
    }
    rows.finish()
}

/// The cells of a line, at most one more than a table may have.
fn owned(line: Option<(u64, &str)>, delimiter: Delimiter) -> Option<(u64, Vec<String>)> {
    let cells = |line| cells(line, delimiter).take(MAX_COLUMNS + 1).map(Cow::into_owned);
    line.map(|(at, line)| (at, cells(line).collect()))
}

/// Skips the byte order mark and tells delimiter and line end from the first lines.
fn open(mut input: Input) -> Result<(Lines, Delimiter), DataError> {
    let (bytes, count) = SNIFFED;
    let mut start = input.start(bytes)?;
    if start.starts_with(b"\xef\xbb\xbf") {
        start.drain(..3);
    }
    let end = if !start.contains(&b'\n') && start.contains(&b'\r') { '\r' } else { '\n' };
    let mut first = first_lines(&String::from_utf8_lossy(&start), end, count);
    // The last line may be cut off.
    if first.len() > 1 && first.len() < count && start.len() as u64 + 3 >= bytes {
        first.pop();
    }
    let delimiter = sniff(&first);
    input.reader = Box::new(std::io::Read::chain(Cursor::new(start), input.reader));
    Ok((Lines::new(input, delimiter, end as u8), delimiter))
}

/// Up to `count` lines that hold something; a line with an open quote goes on with the next.
fn first_lines(text: &str, end: char, count: usize) -> Vec<String> {
    let (mut lines, mut open) = (Vec::<String>::new(), false);
    for line in text.split(end) {
        let full = lines.len() == count;
        match lines.last_mut() {
            Some(last) if open => last.extend([end.encode_utf8(&mut [0; 4]), line]),
            _ if line.trim().is_empty() => continue,
            _ if full => break,
            _ => lines.push(line.to_string()),
        }
        open ^= line.matches('"').count() % 2 == 1;
    }
    lines
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok()
}

/// What stands for a missing number: no sign of a header.
const MISSING: [&str; 7] = ["", "?", "-", "NA", "N/A", "null", "None"];

fn is_header(first: &[String], second: Option<&[String]>) -> bool {
    let text = |cell: &String| number(cell).is_none();
    let below = |j: usize| second.and_then(|cells| cells.get(j)).is_some_and(text);
    let all_text = first.iter().all(text);
    let names = |(j, cell): (usize, &String)| {
        text(cell) && !MISSING.contains(&cell.as_str()) && (all_text || !below(j))
    };
    first.iter().enumerate().any(names)
}

/// The header's names, `x<j>` where it has none.
fn named(header: &[String]) -> Vec<String> {
    let name = |(j, cell): (usize, &String)| match cell.as_str() {
        "" => format!("x{j}"),
        name => name.to_string(),
    };
    header.iter().enumerate().map(name).collect()
}

/// What a column holds so far.
enum Content {
    Nothing,
    Numbers,
    /// Text, and where it first stood.
    Text {
        line: u64,
        row: usize,
        text: String,
    },
}

/// The rows read so far.
struct Rows<'a> {
    path: &'a Path,
    names: Vec<String>,
    contents: Vec<Content>,
    values: Vec<f64>,
    count: usize,
    /// Whether a cell may be missing.
    gaps: bool,
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, names: Vec<String>, gaps: bool) -> Result<Self, DataError> {
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let (name, path) = (pair[0].clone(), Some(path.to_path_buf()));
            return Err(DataError::DuplicateColumn { name, path });
        }
        let contents = names.iter().map(|_| Content::Nothing).collect();
        Ok(Self { path, names, contents, values: Vec::new(), count: 0, gaps })
    }

    fn push<'c>(
        &mut self,
        line: u64,
        cells: impl Iterator<Item = Cow<'c, str>>,
    ) -> Result<(), DataError> {
        let (expected, mut found) = (self.names.len(), 0);
        self.count += 1;
        for cell in cells {
            if found < expected {
                let value = self.value(line, found, &cell)?;
                self.values.push(value);
            }
            found += 1;
        }
        let path = || self.path.to_path_buf();
        if found != expected {
            return Err(DataError::Ragged { path: path(), line, expected, found });
        }
        if self.values.len() > MAX_VALUES {
            return Err(DataError::TooLarge { path: path(), what: "values", limit: MAX_VALUES });
        }
        Ok(())
    }

    /// The number in a cell; NaN as long as its column holds text only.
    fn value(&mut self, line: u64, column: usize, cell: &str) -> Result<f64, DataError> {
        let missing = MISSING.contains(&cell) || number(cell).is_some_and(f64::is_nan);
        if self.gaps && missing {
            return Ok(f64::NAN);
        }
        match (number(cell), &self.contents[column]) {
            (Some(x), Content::Numbers) if x.is_finite() => Ok(x),
            (Some(x), Content::Nothing) if x.is_finite() => {
                self.contents[column] = Content::Numbers;
                Ok(x)
            }
            // A number below text: the text was the fault.
            (Some(x), Content::Text { line, row, text }) if x.is_finite() => {
                Err(self.not_a_number(*line, *row, column, text))
            }
            (_, Content::Text { .. }) => Ok(f64::NAN),
            (Some(value), _) => Err(DataError::NotFinite {
                path: Some(self.path.to_path_buf()),
                row: self.count,
                column: self.names[column].clone(),
                value,
            }),
            (None, Content::Numbers) => {
                Err(self.not_a_number(line, self.count, column, &shortened(cell)))
            }
            (None, Content::Nothing) => {
                let (row, text) = (self.count, shortened(cell));
                self.contents[column] = Content::Text { line, row, text };
                Ok(f64::NAN)
            }
        }
    }

    fn not_a_number(&self, line: u64, row: usize, column: usize, text: &str) -> DataError {
        let (path, column) = (self.path.to_path_buf(), self.names[column].clone());
        DataError::NotANumber { path, line, row, column, text: text.to_string() }
    }

    /// The table without its columns of text.
    fn finish(self) -> Result<(Table, Vec<String>), DataError> {
        let (text, numbers): (Vec<usize>, Vec<usize>) =
            (0..self.names.len()).partition(|&j| matches!(self.contents[j], Content::Text { .. }));
        let skipped: Vec<String> = text.iter().map(|&j| self.names[j].clone()).collect();
        if numbers.is_empty() {
            return Err(DataError::NoNumericColumns { path: self.path.to_path_buf(), skipped });
        }
        let table = Table::new(self.names, self.values)?;
        Ok((if skipped.is_empty() { table } else { table.select_columns(&numbers) }, skipped))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
