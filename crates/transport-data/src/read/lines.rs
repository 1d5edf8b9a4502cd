//! Delimited text, split into lines and cells (RFC 4180, and runs of blanks as a delimiter).

use std::borrow::Cow;
use std::io::{BufRead, Read};

use super::Input;
use crate::DataError;

/// The longest line of text that is read, in bytes: 64 MiB.
pub const MAX_LINE: usize = 1 << 26;

/// What stands between two cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delimiter {
    /// One such byte.
    One(u8),
    /// Any run of spaces and tabs.
    Blanks,
}

impl Delimiter {
    fn is(self, byte: u8) -> bool {
        match self {
            Self::One(delimiter) => byte == delimiter,
            Self::Blanks => byte == b' ' || byte == b'\t',
        }
    }

    /// Whether a line holds nothing. Lone tabs are empty cells where tabs delimit.
    fn is_blank(self, line: &[u8]) -> bool {
        line.iter().all(|&b| b.is_ascii_whitespace() && self != Self::One(b))
    }
}

/// Where in a line of cells a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Before a cell's first byte.
    Start,
    /// In a cell without quotes, or after its closing quote and something more.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote between quotes: it closes them, or is the first of a doubled one.
    Closing,
}

impl Place {
    fn after(self, byte: u8, delimits: bool) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) | (Self::Closing, b'"') => Self::Quoted,
            _ if delimits => Self::Start,
            (Self::Start, b' ') => Self::Start,
            (Self::Start, b'"') => Self::Quoted,
            _ => Self::Plain,
        }
    }
}

/// The lines of a text that hold something, quoted line ends included.
pub(super) struct Lines {
    input: Input,
    delimiter: Delimiter,
    /// `\n`, or `\r` in a text that has no other.
    end: u8,
    /// Lines read so far.
    count: u64,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(input: Input, delimiter: Delimiter, end: u8) -> Self {
        Self { input, delimiter, end, count: 0, line: Vec::new() }
    }

    /// The next line that holds something, and the number of the line on which it starts.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, DataError> {
        let number = loop {
            self.line.clear();
            let number = self.count + 1;
            if !self.join()? {
                return Ok(None);
            }
            while self.line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.delimiter.is_blank(&self.line) {
                break number;
            }
        };
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some((number, line))),
            Err(_) => Err(DataError::InvalidUtf8 { path: self.input.path.clone(), line: number }),
        }
    }

    /// Appends lines until no quote is open. False at the end of the text.
    fn join(&mut self) -> Result<bool, DataError> {
        let (first, mut place) = (self.count + 1, Place::Start);
        loop {
            let from = self.line.len();
            if self.read_line(first)? == 0 {
                return match place {
                    Place::Quoted => {
                        let path = self.input.path.clone();
                        Err(DataError::OpenQuote { path, line: first })
                    }
                    _ => Ok(from > 0),
                };
            }
            self.count += 1;
            let new = &self.line[from..];
            if place == Place::Start && !new.contains(&b'"') {
                return Ok(true);
            }
            place = new.iter().fold(place, |place, &b| place.after(b, self.delimiter.is(b)));
            if place != Place::Quoted {
                return Ok(true);
            }
        }
    }

    fn read_line(&mut self, first: u64) -> Result<usize, DataError> {
        let room = (MAX_LINE + 1 - self.line.len()) as u64;
        let read = (&mut self.input.reader).take(room).read_until(self.end, &mut self.line);
        let read = read.map_err(|source| self.input.fault(source))?;
        if self.line.len() > MAX_LINE {
            let path = self.input.path.clone();
            return Err(DataError::LineTooLong { path, line: first, limit: MAX_LINE });
        }
        Ok(read)
    }
}

/// The cells of a line, without their quotes and the blanks around them.
pub(super) fn cells(line: &str, delimiter: Delimiter) -> Cells<'_> {
    let line = if delimiter == Delimiter::Blanks { line.trim() } else { line };
    Cells { rest: Some(line), delimiter }
}

pub(super) struct Cells<'a> {
    rest: Option<&'a str>,
    delimiter: Delimiter,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let line = self.rest.take()?;
        let mut place = Place::Start;
        let end = line.bytes().position(|byte| {
            let delimits = self.delimiter.is(byte);
            let ends = delimits && place != Place::Quoted;
            place = place.after(byte, delimits);
            ends
        });
        let (cell, rest) = match end {
            Some(end) => (&line[..end], Some(&line[end + 1..])),
            None => (line, None),
        };
        self.rest = match self.delimiter {
            Delimiter::One(_) => rest,
            Delimiter::Blanks => rest.map(str::trim_start),
        };
        Some(unquoted(cell.trim()))
    }
}

/// A cell without its quotes, the doubled ones single. Text after the closing quote stays.
fn unquoted(cell: &str) -> Cow<'_, str> {
    let Some(quoted) = cell.strip_prefix('"') else { return Cow::Borrowed(cell) };
    if let Some(inner) = quoted.strip_suffix('"')
        && !inner.contains('"')
    {
        return Cow::Borrowed(inner);
    }
    let (mut text, mut rest) = (String::with_capacity(quoted.len()), quoted);
    while let Some((before, after)) = rest.split_once('"') {
        text.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => return Cow::Owned(text + after),
        }
    }
    Cow::Owned(text + rest)
}

/// The delimiter of a text, from its first lines: a byte that splits every line into the same number
/// of cells, or one that splits at least some, or blanks. A text without any has one column.
pub(super) fn sniff(lines: &[String]) -> Delimiter {
    let lines: Vec<String> = lines.iter().map(|line| masked(line)).collect();
    let bytes = [b'\t', b';', b','].map(Delimiter::One);
    let width = |delimiter, line: &String| cells(line, delimiter).count();
    let even = |delimiter: Delimiter| {
        let mut widths = lines.iter().map(|line| width(delimiter, line));
        widths.next().is_some_and(|first| first > 1 && widths.all(|width| width == first))
    };
    let split = |delimiter| lines.iter().filter(|line| width(delimiter, line) > 1).count();
    if let Some(delimiter) = bytes.into_iter().find(|&d| even(d)) {
        return delimiter;
    }
    let most = bytes.into_iter().max_by_key(|&d| split(d)).filter(|&d| split(d) > 0);
    // A header of several words does not make a column of numbers several columns.
    let data = if lines.len() > 1 { &lines[1..] } else { &lines[..] };
    let blanks = data.iter().any(|line| width(Delimiter::Blanks, line) > 1);
    match most {
        Some(_) if even(Delimiter::Blanks) => Delimiter::Blanks,
        Some(delimiter) => delimiter,
        None if blanks => Delimiter::Blanks,
        None => Delimiter::One(b','),
    }
}

/// A line with `_` for every byte in quotes, whichever delimiter stands before them.
fn masked(line: &str) -> String {
    let mut place = Place::Start;
    let mask = |byte: u8| {
        place = place.after(byte, matches!(byte, b'\t' | b';' | b',' | b' '));
        if matches!(place, Place::Quoted | Place::Closing) { '_' } else { char::from(byte) }
    };
    line.bytes().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str, delimiter: Delimiter) -> Vec<String> {
        cells(line, delimiter).map(Cow::into_owned).collect()
    }

    #[test]
    fn cells_follow_rfc_4180() {
        let comma = Delimiter::One(b',');
        for (line, expected) in [
            ("a,b", vec!["a", "b"]),
            ("a,,", vec!["a", "", ""]),
            (r#" "a,b" , "say ""hi""""#, vec!["a,b", r#"say "hi""#]),
            ("\"two\nlines\",1", vec!["two\nlines", "1"]),
            (r#"5" pipe,1"#, vec![r#"5" pipe"#, "1"]),
            (r#""a"b,1"#, vec!["ab", "1"]),
            (r#""","#, vec!["", ""]),
            (r#""""""#, vec!["\""]),
            ("", vec![""]),
        ] {
            assert_eq!(split(line, comma), expected, "{line:?}");
        }
        let blanks = Delimiter::Blanks;
        assert_eq!(split("  1 \t 2   3 ", blanks), ["1", "2", "3"]);
        assert_eq!(split(r#""a b"  2"#, blanks), ["a b", "2"]);
    }

    #[test]
    fn delimiters_are_told() {
        for (lines, expected) in [
            (&["a,b", "1,2"][..], Delimiter::One(b',')),
            (&["1,5;2,3", "1,6;2,4"], Delimiter::One(b';')),
            (&["a b\tc", "1\t2"], Delimiter::One(b'\t')),
            (&["1, 2", "3, 4"], Delimiter::One(b',')),
            (&["a,b", "1,2", "3"], Delimiter::One(b',')),
            (&["1 2  3", " 4 5 6"], Delimiter::Blanks),
            (&["1 2 3", "4 5"], Delimiter::Blanks),
            (&["my column", "1"], Delimiter::One(b',')),
            (&["\"a;b\",c", "1,2"], Delimiter::One(b',')),
            (&["\"a\",\"b;c\""], Delimiter::One(b',')),
            (&["1", "2"], Delimiter::One(b',')),
        ] {
            let lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
            assert_eq!(sniff(&lines), expected, "{lines:?}");
        }
    }
}
