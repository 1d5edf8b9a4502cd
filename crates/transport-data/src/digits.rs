//! The one data set that is shipped: handwritten digits, 8 × 8.

use std::path::Path;

use crate::read::{Input, csv};
use crate::{Dataset, ImageShape, Table};

const BYTES: &[u8] = include_bytes!("../data/digits.csv.gz");

const SOURCE: &str = "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, \
    UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; \
    the test part, as packaged by scikit-learn (BSD-3-Clause)";

/// Handwritten digits: 1797 rows of 64 grey values in 0..16, columns `p00`..`p77` (row, column), and
/// the class as column `label`, which is no default feature.
///
/// # Panics
/// Never in a tested build: the bytes are part of the library.
///
/// # Example
/// ```
/// let digits = transport_data::digits();
/// assert_eq!((digits.table.rows(), digits.table.cols()), (1797, 65));
/// assert_eq!(digits.range, Some((0.0, 16.0)));
/// ```
/// # References
/// Alpaydin & Kaynak (1998), <https://doi.org/10.24432/C50P49>, CC BY 4.0.
/// # Checked by
/// `digits.rs::digits_are_the_published_ones`
pub fn digits() -> Dataset {
    let image = ImageShape { height: 8, width: 8, channels: 1 };
    let mut names = image.pixel_names();
    names.push("label".to_string());
    let table = Input::from_bytes(Path::new("digits.csv.gz"), BYTES)
        .and_then(csv::parse)
        .and_then(|(unnamed, _)| Table::new(names, unnamed.into_values()))
        .expect("the shipped digits are a table");
    Dataset {
        features: (0..image.len()).collect(),
        image: Some(image),
        range: Some((0.0, 16.0)),
        ..Dataset::from_table("digits", table, SOURCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts per class from the UCI page's description of the test part (`optdigits.names`);
    /// 6.02 is the standard deviation over all pixels of the file.
    #[test]
    fn digits_are_the_published_ones() {
        let digits = digits();
        assert_eq!((digits.table.rows(), digits.table.cols()), (1797, 65));
        assert_eq!(
            (digits.table.names()[0].as_str(), digits.table.names()[63].as_str()),
            ("p00", "p77")
        );
        let mut counts = [0; 10];
        digits.table.column(64).for_each(|label| counts[label as usize] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let pixels = digits.select(None, &[]).unwrap().features.into_values();
        assert!(pixels.iter().all(|p| (0.0..=16.0).contains(p) && p.fract() == 0.0));
        let n = pixels.len() as f64;
        let mean = pixels.iter().sum::<f64>() / n;
        let sd = (pixels.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((sd - 6.02).abs() < 0.005, "{sd}");
    }
}
