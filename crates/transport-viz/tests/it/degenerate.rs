//! Data of no extent, of too much, or of none at all: a figure, and no panic.

use transport_viz::{Grid, Series, curves, image_grid, pairs};

use crate::{Folder, all_figures, document, pixels, points};

#[test]
fn figures_survive_any_values() {
    let nan = f64::NAN;
    let cases: [&[f64]; 13] = [
        &[0.0, 0.0],
        &[3.0, 3.0, 3.0, 3.0],
        &[1e300, -1e300, -1e300, 1e300],
        &[f64::MAX, f64::MIN, f64::MIN, f64::MAX],
        &[1e300, 1.0, 0.0, 1.0],
        &[5e-324, 0.0, 1e-310, 2e-310],
        &[nan, nan],
        &[f64::INFINITY, f64::NEG_INFINITY, nan, 0.0],
        &[1.0, nan, nan, 1.0, 1.0, 1.0],
        &[1e9, 1e9 + 1e-3, 1e9 + 1e-3, 1e9],
        &[1e15, 1e15 + 0.125, 1e15, 1e15],
        &[-1e-300, 1e300, 1e-300, -1e300],
        &[1e-12, 1e12, 1e-300, 1e300],
    ];
    for values in cases {
        let folder = Folder::new();
        for path in all_figures(&folder, values, "png").unwrap() {
            assert!(pixels(&path).width() > 20, "{values:?}");
        }
        for path in all_figures(&folder, values, "svg").unwrap() {
            document(&path);
        }
    }
}

/// Labels of a narrow axis far from zero stay apart from each other.
#[test]
fn long_numbers_keep_their_digits() {
    let folder = Folder::new();
    let points: Vec<(f64, f64)> =
        (0..50).map(|i| (f64::from(i), 1e6 + 1e-2 * f64::from(i))).collect();
    curves(&folder.path("a.svg"), &[Series { name: "", points: &points }], "", "").unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    assert!(text.contains("1.0000001e6"), "{text}");
}

#[test]
fn one_pixel_is_an_image() {
    let folder = Folder::new();
    let grid = Grid { height: 1, width: 1, channels: 3, columns: 4, range: (-1e308, 1e308) };
    image_grid(&folder.path("a.png"), points(&[1e308, 0.0, -1e308], 3), &grid).unwrap();
    let page = pixels(&folder.path("a.png"));
    assert_eq!((page.dimensions(), page.get_pixel(30, 30).0), ((64, 64), [255, 128, 0]));
}

#[test]
fn names_may_be_long_empty_or_odd() {
    let folder = Folder::new();
    let long = "long ".repeat(500);
    let names = [long.as_str(), "", "tab\tand\nline \u{0} \u{ffff} 漢字 <&>\"'"];
    let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    for name in ["a.png", "a.svg"] {
        pairs(&folder.path(name), points(&values, 3), points(&values, 3), &names).unwrap();
    }
    let (_, text) = document(&folder.path("a.svg"));
    assert!(!text.contains('\u{0}') && !text.contains('\t') && text.contains('…'));
}
