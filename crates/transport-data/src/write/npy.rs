//! NPY arrays of `<f8`.

use std::io::{self, Write};
use std::path::Path;

use crate::{DataError, Table};

/// Write a table's values as an NPY array `[rows, cols]` of `<f8` in C order; the names are not kept.
/// The file appears whole or not at all; devices are written to directly; the ending `.gz`
/// compresses.
///
/// # Errors
/// [`DataError::Write`] with the system's fault, [`DataError::IsFolder`].
pub fn write_npy(path: &Path, table: &Table) -> Result<(), DataError> {
    super::write(path, &|out| content(out, &[table.rows(), table.cols()], table.values()))
}

/// Write values as an NPY array of any shape, `<f8` in C order; otherwise as [`write_npy`].
///
/// # Errors
/// [`DataError::Write`] with the system's fault, [`DataError::IsFolder`].
///
/// # Panics
/// If the shape does not have as many elements as there are values.
pub fn write_npy_array(path: &Path, shape: &[usize], values: &[f64]) -> Result<(), DataError> {
    let count: usize = shape.iter().product();
    assert_eq!(count, values.len(), "{} values for the shape {shape:?}", values.len());
    super::write(path, &|out| content(out, shape, values))
}

/// Magic, version 1.0, the header's length and the header, padded so that the values start at a
/// multiple of 64.
fn content(out: &mut dyn Write, shape: &[usize], values: &[f64]) -> io::Result<()> {
    // As NumPy writes a tuple: one length alone keeps its comma.
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = match &lengths[..] {
        [only] => format!("{only},"),
        several => several.join(", "),
    };
    let dictionary = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}");
    let padded = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    let header = format!("{dictionary:width$}\n", width = padded - 1);
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(padded as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    values.iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))
}
