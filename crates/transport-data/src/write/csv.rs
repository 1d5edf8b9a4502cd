//! Comma-separated text with a header.

use std::io::{self, Write};
use std::path::Path;

use crate::scaler::decimal;
use crate::{DataError, Table};

/// Write a table as comma-separated text, the names first. Every number is the shortest decimal that
/// reads back to the same `f64`; a name is quoted where it must be. The file appears whole or not at
/// all; devices are written to directly; the ending `.gz` compresses.
///
/// Names that are numbers are written like any other, but [`crate::read_csv`] takes a first line of
/// numbers for data.
///
/// # Errors
/// [`DataError::Write`] with the system's fault, [`DataError::IsFolder`].
pub fn write_csv(path: &Path, table: &Table) -> Result<(), DataError> {
    super::write(path, &|out| content(out, table))
}

fn content(out: &mut dyn Write, table: &Table) -> io::Result<()> {
    header(&mut *out, table.names())?;
    let mut writer = csv::Writer::from_writer(out);
    for row in table.values().chunks_exact(table.cols()) {
        writer.write_record(row.iter().map(|x| decimal(*x)))?;
    }
    writer.flush()
}

/// Names in which a reader could see another delimiter than the comma are all quoted.
fn header(out: &mut dyn Write, names: &[String]) -> io::Result<()> {
    let doubtful = names.iter().any(|name| name.contains([' ', '\t', ';']));
    let style = if doubtful { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
    let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(out);
    writer.write_record(names)?;
    writer.flush()
}
