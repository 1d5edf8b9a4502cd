//! Pixels of image grids stand where the documentation says.

use image::Rgb;
use transport_viz::{Grid, image_blocks, image_grid};

use crate::{DIGITS, Folder, data, document, pixels, points};

#[test]
fn every_pixel_is_where_it_should_be() {
    let folder = Folder::new();
    let digits = data::digits(7, 1);
    image_grid(&folder.path("a.png"), points(&digits, 64), &DIGITS).unwrap();
    let page = pixels(&folder.path("a.png"));
    let pitch = 8 * 6 + 2;
    assert_eq!(page.dimensions(), (2 * 10 + 5 * pitch - 2, 2 * 10 + 2 * pitch - 2));
    for (x, y, pixel) in page.enumerate_pixels() {
        let inside = x >= 10 && y >= 10 && (x - 10) % pitch < 48 && (y - 10) % pitch < 48;
        let (column, row) = (x.saturating_sub(10) / pitch, y.saturating_sub(10) / pitch);
        let i = (row * 5 + column) as usize;
        let expected = if inside && column < 5 && i < 7 {
            let (u, v) = ((x - 10) % pitch / 6, (y - 10) % pitch / 6);
            let value = digits[64 * i + (8 * v + u) as usize].clamp(0.0, 16.0);
            [(255.0 * value / 16.0).round() as u8; 3]
        } else {
            [255; 3]
        };
        assert_eq!(pixel.0, expected, "({x}, {y})");
    }
}

#[test]
fn colours_stand_side_by_side_and_values_are_clipped() {
    let folder = Folder::new();
    let grid = Grid { height: 1, width: 2, channels: 3, columns: 1, range: (-1.0, 1.0) };
    let image = [1.0, 0.0, -1.0, -1.0, 9.0, -9.0];
    image_grid(&folder.path("a.png"), points(&image, 6), &grid).unwrap();
    let page = pixels(&folder.path("a.png"));
    assert_eq!(grid.zoom(), 22);
    assert_eq!(page.get_pixel(10, 10), &Rgb([255, 128, 0]));
    assert_eq!(page.get_pixel(10 + 22, 10 + 21), &Rgb([0, 255, 0]));
}

#[test]
fn pixels_that_are_not_finite_are_marked_and_counted() {
    let folder = Folder::new();
    let grid = Grid { height: 1, width: 2, channels: 1, columns: 9, range: (0.0, 1.0) };
    let values = [0.0, f64::NAN, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    image_grid(&folder.path("a.png"), points(&values, 2), &grid).unwrap();
    image_grid(&folder.path("a.svg"), points(&values, 2), &grid).unwrap();
    let page = pixels(&folder.path("a.png"));
    assert_eq!(page.get_pixel(10 + 22, 10), &Rgb([213, 94, 0]));
    assert_eq!(page.height(), 2 * 10 + 22 + 18);
    assert!(document(&folder.path("a.svg")).1.contains("1 not finite"));
}

#[test]
fn blocks_stand_under_their_captions() {
    let folder = Folder::new();
    let digits = data::digits(12, 1);
    let (data, samples) = (points(&digits, 64), points(&digits[..3 * 64], 64));
    let blocks = [("data", data), ("samples", samples)];
    for name in ["a.png", "a.svg"] {
        image_blocks(&folder.path(name), &blocks, &DIGITS).unwrap();
    }
    let page = pixels(&folder.path("a.png"));
    let height = |rows: u32| 26 + rows * 50 - 2;
    assert_eq!(page.dimensions(), (2 * 10 + 5 * 50 - 2, 2 * 10 + height(3) + 8 + height(1)));
    let shade = |v: f64| Rgb([(255.0 * v.clamp(0.0, 16.0) / 16.0).round() as u8; 3]);
    assert_eq!(page.get_pixel(10, 10 + 26), &shade(digits[0]));
    assert_eq!(page.get_pixel(10, 10 + height(3) + 8 + 26), &shade(digits[0]));
    let ink = (0..26).flat_map(|y| (0..100).map(move |x| (x, 10 + y)));
    assert!(ink.into_iter().any(|(x, y)| page.get_pixel(x, y).0[0] < 80), "no caption");

    let (size, text) = document(&folder.path("a.svg"));
    assert_eq!(size, page.dimensions());
    assert_eq!(text.matches("<image").count(), 15);
    assert!(text.contains(">samples<"));
}
