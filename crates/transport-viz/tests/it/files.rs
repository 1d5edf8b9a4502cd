//! Files are whole or absent.

use std::fs;

use transport_viz::{VizError, scatter};

use crate::{Folder, points};

#[test]
fn a_missing_folder_is_told_with_the_path() {
    let folder = Folder::new();
    let path = folder.path("missing").join("a.png");
    let error = scatter(&path, &[("d", points(&[0.0, 1.0], 2))], (0, 1), ("", "")).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(matches!(error, VizError::Io { path: told, .. } if told == path));
}

#[test]
fn a_figure_replaces_the_last_and_leaves_nothing_beside_it() {
    let folder = Folder::new();
    for name in ["a.png", "b.SVG"] {
        fs::write(folder.path(name), "an old figure").unwrap();
        scatter(&folder.path(name), &[("d", points(&[0.0, 1.0], 2))], (0, 1), ("", "")).unwrap();
        assert_ne!(fs::read(folder.path(name)).unwrap(), b"an old figure");
    }
    assert_eq!(folder.names(), ["a.png", "b.SVG"]);
}

#[test]
fn a_folder_in_the_way_is_an_error_and_stays() {
    let folder = Folder::new();
    fs::create_dir(folder.path("a.png")).unwrap();
    let cloud = [("d", points(&[0.0, 1.0], 2))];
    let error = scatter(&folder.path("a.png"), &cloud, (0, 1), ("", "")).unwrap_err();
    assert!(matches!(error, VizError::Io { .. }));
    assert_eq!(folder.names(), ["a.png"]);
}

#[test]
fn figures_may_be_written_from_many_threads() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..4 {
                    let path = folder.path(&format!("{i}.png"));
                    let values = [0.0, f64::from(i)];
                    scatter(&path, &[("d", points(&values, 2))], (0, 1), ("x", "y")).unwrap();
                }
            });
        }
    });
    assert_eq!(folder.names(), ["0.png", "1.png", "2.png", "3.png"]);
}
