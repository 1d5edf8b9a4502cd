//! Every figure, in both formats, from good data, from bad data and from data of no extent.

mod data;
mod degenerate;
mod errors;
mod figures;
mod files;
mod images;

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use transport_viz::{Frame, Grid, Points, Series, VizError};

/// A folder that goes away, and paths in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn points(values: &[f64], dim: usize) -> Points<'_> {
    Points::new(values, dim).unwrap()
}

pub(crate) const DIGITS: Grid =
    Grid { height: 8, width: 8, channels: 1, columns: 5, range: (0.0, 16.0) };

/// The figures of one table, whatever its values are.
pub(crate) fn all_figures(
    folder: &Folder,
    values: &[f64],
    ending: &str,
) -> Result<Vec<PathBuf>, VizError> {
    let path = |name: &str| folder.path(&format!("{name}.{ending}"));
    let (line, plane) = (points(values, 1), points(values, 2));
    let curve: Vec<(f64, f64)> = plane_pairs(plane);
    let paths = [curve.clone(), vec![]];
    let frames = [Frame { t: 0.0, points: plane }, Frame { t: 1.0, points: plane }];
    let grid = Grid { height: 1, width: 1, channels: 1, columns: 50, range: (0.0, 1.0) };
    let written = ["scatter", "histograms", "pairs", "trajectories", "curves", "grid", "blocks"];
    let panels = [("data", plane), ("samples", plane)];
    transport_viz::scatter(&path("scatter"), &panels, (0, 1), ("x", "y"))?;
    transport_viz::scatter(&path("histograms"), &[("a", line), ("b", line)], (0, 1), ("x", ""))?;
    transport_viz::pairs(&path("pairs"), plane, plane, &["x", "y"])?;
    transport_viz::trajectories(&path("trajectories"), &frames, Some(&paths), ("x", "y"))?;
    transport_viz::curves(&path("curves"), &[Series { name: "s", points: &curve }], "x", "y")?;
    transport_viz::image_grid(&path("grid"), line, &grid)?;
    transport_viz::image_blocks(&path("blocks"), &[("a", line), ("", line)], &grid)?;
    Ok(written.into_iter().map(path).collect())
}

pub(crate) fn plane_pairs(points: Points<'_>) -> Vec<(f64, f64)> {
    (0..points.len()).map(|i| (points.row(i)[0], points.row(i)[1])).collect()
}

/// A PNG's pixels.
pub(crate) fn pixels(path: &Path) -> RgbImage {
    image::load_from_memory(&fs::read(path).unwrap()).unwrap().to_rgb8()
}

/// An SVG's declared size and its text, after a walk over its tags.
pub(crate) fn document(path: &Path) -> ((u32, u32), String) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    let attribute = |name: &str| -> u32 {
        let from = text.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        text[from..].split('"').next().unwrap().parse().unwrap()
    };
    let size = (attribute("width"), attribute("height"));
    assert!(text.contains("font-family=\"sans-serif\""));
    assert!(!text.contains("NaN") && !text.contains("inf"), "a coordinate that is no number");
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1) {
        let (inside, after) = tag.split_once('>').expect("a tag that does not end");
        assert_eq!(inside.matches('"').count() % 2, 0, "{inside}");
        for entity in after.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "{after}");
        }
        let name = inside.split([' ', '/']).find(|s| !s.is_empty()).unwrap();
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inside.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty());
    (size, text)
}
