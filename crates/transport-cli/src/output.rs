//! The only place that prints.

use std::io::{Error, ErrorKind, Write};
use std::sync::OnceLock;

/// The first write to standard output that failed.
static LOST: OnceLock<Error> = OnceLock::new();

/// A line on standard output; a closed pipe is not an error, what else is lost [`lost`] tells.
pub(crate) fn line(text: &str) {
    remember(writeln!(std::io::stdout(), "{text}"));
}

/// Keeps the first failure that is more than a reader who has seen enough.
pub(crate) fn remember(written: Result<(), Error>) {
    if let Err(error) = written.and_then(|()| std::io::stdout().flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Why standard output is not whole, when it is not.
pub(crate) fn lost() -> Option<&'static Error> {
    LOST.get()
}

/// `1 row`, `2 rows`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A remark on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An error on standard error.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

/// A table with aligned columns: the first to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |j: usize| {
        rows.iter().filter_map(|r| r.get(j)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(j, cell)| match j {
                0 => format!("{cell:<0$}", widths[j]),
                _ => format!("{cell:>0$}", widths[j]),
            })
            .collect();
        line(format!("  {}", cells.join("  ")).trim_end());
    }
}

/// A table with all columns to the left.
pub(crate) fn list(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |j: usize| {
        rows.iter().filter_map(|r| r.get(j)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(j, cell)| format!("{cell:<0$}", widths[j])).collect();
        line(format!("  {}", cells.join("  ")).trim_end());
    }
}
