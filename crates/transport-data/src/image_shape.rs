//! The shape of rows that are images.

use serde::{Deserialize, Serialize};

/// Height, width and channels of rows that are images: row-major, channel last (HWC).
///
/// # Example
/// ```
/// use transport_data::ImageShape;
/// assert_eq!(ImageShape { height: 8, width: 8, channels: 1 }.len(), 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Values per pixel: 1 for grey, 3 for red, green, blue.
    pub channels: usize,
}

impl ImageShape {
    /// Values in one image: height × width × channels.
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether an image of this shape holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Column names `p<row><column>`, each padded to the same count of decimal places: `p00`..`p77`
    /// for 8 × 8, `p0000`..`p2727` for 28 × 28; with several channels `p00_0`, `p00_1`, ...
    pub fn pixel_names(&self) -> Vec<String> {
        let places = |n: usize| n.saturating_sub(1).to_string().len();
        let width = places(self.height).max(places(self.width));
        let mut names = Vec::with_capacity(self.len());
        for row in 0..self.height {
            for column in 0..self.width {
                for channel in 0..self.channels {
                    let pixel = format!("p{row:0width$}{column:0width$}");
                    let one = self.channels == 1;
                    names.push(if one { pixel } else { format!("{pixel}_{channel}") });
                }
            }
        }
        names
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_padded_and_unique() {
        let grey = ImageShape { height: 28, width: 28, channels: 1 }.pixel_names();
        assert_eq!((grey[0].as_str(), grey[5 * 28 + 7].as_str()), ("p0000", "p0507"));
        let colour = ImageShape { height: 2, width: 11, channels: 3 }.pixel_names();
        assert_eq!((colour[1].as_str(), colour[65].as_str()), ("p0000_1", "p0110_2"));
        let unique: std::collections::HashSet<_> = colour.iter().collect();
        assert_eq!(unique.len(), 66);
    }
}
