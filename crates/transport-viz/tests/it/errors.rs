//! What is refused, and in which words.

use std::path::Path;

use transport_viz::{
    Frame, Grid, Points, Series, VizError, curves, image_blocks, image_grid, pairs, scatter,
    trajectories,
};

use crate::{DIGITS, Folder, points};

fn path(folder: &Folder) -> std::path::PathBuf {
    folder.path("a.png")
}

#[test]
fn points_that_are_no_table() {
    assert!(matches!(Points::new(&[1.0], 0), Err(VizError::ZeroDim)));
    assert!(matches!(Points::new(&[], 2), Err(VizError::Empty { what: "points" })));
    let error = Points::new(&[1.0; 5], 2).unwrap_err();
    assert!(matches!(error, VizError::Length { len: 5, dim: 2 }));
    assert_eq!(
        error.to_string(),
        "5 values do not fill rows of 2; the length must be a multiple of 2"
    );
}

#[test]
fn endings_that_name_no_format() {
    let table = [0.0, 1.0];
    let cloud = points(&table, 2);
    let curve = [(0.0, 1.0)];
    for name in ["a.bmp", "a", "a.png.gz", ""] {
        let path = Path::new(name);
        let refused = [
            scatter(path, &[("d", cloud)], (0, 1), ("", "")),
            pairs(path, cloud, cloud, &["a", "b"]),
            image_grid(path, cloud, &Grid { height: 1, width: 2, ..DIGITS }),
            image_blocks(path, &[("d", cloud)], &Grid { height: 1, width: 2, ..DIGITS }),
            trajectories(path, &[Frame { t: 0.0, points: cloud }], None, ("", "")),
            curves(path, &[Series { name: "", points: &curve }], "", ""),
        ];
        for result in refused {
            assert!(matches!(result, Err(VizError::Format { .. })), "{name}: {result:?}");
        }
    }
    let error = scatter(Path::new("a.bmp"), &[("d", cloud)], (0, 1), ("", "")).unwrap_err();
    assert_eq!(error.to_string(), "a.bmp has the ending `bmp`; a figure ends in .png or .svg");
}

#[test]
fn nothing_to_draw() {
    let folder = Folder::new();
    let path = path(&folder);
    let empty = [
        (scatter(&path, &[], (0, 1), ("", "")), "panels"),
        (image_blocks(&path, &[], &DIGITS), "blocks"),
        (trajectories(&path, &[], None, ("", "")), "frames"),
        (curves(&path, &[], "", ""), "series"),
        (curves(&path, &[Series { name: "", points: &[] }], "", ""), "points"),
    ];
    for (result, missing) in empty {
        assert!(matches!(result, Err(VizError::Empty { what }) if what == missing));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn columns_that_are_not_there() {
    let folder = Folder::new();
    let path = path(&folder);
    let table = [0.0; 6];
    let (line, plane) = (points(&table, 1), points(&table, 2));
    let refused = [
        scatter(&path, &[("d", plane)], (0, 2), ("", "")),
        scatter(&path, &[("d", plane), ("line", line)], (0, 1), ("", "")),
        scatter(&path, &[("line", line)], (1, 0), ("", "")),
        trajectories(&path, &[Frame { t: 0.0, points: line }], None, ("", "")),
    ];
    for result in refused {
        assert!(matches!(result, Err(VizError::AxisOutOfRange { .. })), "{result:?}");
    }
    let error = scatter(&path, &[("d", plane)], (0, 2), ("", "")).unwrap_err();
    assert_eq!(error.to_string(), "column 2 of `d` does not exist: it has 2, counted from 0");
    let error = pairs(&path, plane, line, &["a", "b"]).unwrap_err();
    assert!(matches!(error, VizError::DimMismatch { data: 2, samples: 1 }));
    let error = pairs(&path, plane, plane, &["a"]).unwrap_err();
    assert!(matches!(error, VizError::NameCount { given: 1, dim: 2 }));
}

#[test]
fn times_that_are_no_time() {
    let folder = Folder::new();
    let table = [0.0; 2];
    let frame = Frame { t: 0.0, points: points(&table, 2) };
    let frames = [frame, Frame { t: f64::NAN, ..frame }];
    let error = trajectories(&path(&folder), &frames, None, ("", "")).unwrap_err();
    assert!(matches!(error, VizError::Time { frame: 1, .. }));
}

#[test]
fn grids_that_are_no_grid() {
    let folder = Folder::new();
    let path = path(&folder);
    let table = [0.0; 64];
    let image = points(&table, 64);
    let draw = |grid: Grid| image_grid(&path, image, &grid).unwrap_err();
    for (grid, zero) in [
        (Grid { height: 0, ..DIGITS }, "height"),
        (Grid { width: 0, ..DIGITS }, "width"),
        (Grid { columns: 0, ..DIGITS }, "columns"),
    ] {
        assert!(matches!(draw(grid), VizError::ZeroGrid { field } if field == zero));
    }
    for channels in [0, 2, 4] {
        assert!(matches!(draw(Grid { channels, ..DIGITS }), VizError::Channels { .. }));
    }
    for range in [(1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        assert!(matches!(draw(Grid { range, ..DIGITS }), VizError::Range { .. }));
    }
    for (height, width) in [(7, 8), (usize::MAX, 2), (64, 8)] {
        assert!(matches!(draw(Grid { height, width, ..DIGITS }), VizError::ImageSize { .. }));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn pictures_that_are_too_large() {
    let folder = Folder::new();
    let values = vec![0.0; 20_000];
    let tall = Grid { height: 1, width: 1, columns: 1, ..DIGITS };
    let error = image_grid(&path(&folder), points(&values, 1), &tall).unwrap_err();
    assert!(matches!(error, VizError::TooLarge { limit: 16_384, .. }), "{error}");
    let panels: Vec<(&str, Points)> = (0..200).map(|_| ("d", points(&values[..2], 2))).collect();
    let error = scatter(&path(&folder), &panels, (0, 1), ("", "")).unwrap_err();
    assert!(matches!(error, VizError::TooLarge { .. }), "{error}");
    assert!(folder.names().is_empty());
}
