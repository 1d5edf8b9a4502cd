//! Curves of a training run: noisy values faint, their running mean strong.

use std::path::Path;

use crate::axis::Axis;
use crate::panels::{self, FOOT, NOTE_ROW, Panel};
use crate::scene::{self, Scene};
use crate::style::{NAME, Rgb, WHITE, color, mix};
use crate::{VizError, cloud, output};

/// A named curve.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// What the legend says.
    pub name: &'a str,
    /// (x, y), in the order of x.
    pub points: &'a [(f64, f64)],
}

/// Draws each series as its raw values (faint) and, from 20 values on, their running mean over a
/// centred window of a 25th of the series, at most 1001 values (strong). The y axis is logarithmic
/// when every value is positive and they span more than a decade. Values far outside the bulk
/// leave the panel, and small print says how many, and how many points were not finite.
///
/// ```
/// use transport_viz::{Series, curves};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("loss.svg");
/// let loss: Vec<(f64, f64)> = (1..200).map(|i| (f64::from(i), 1.0 / f64::from(i))).collect();
/// curves(&path, &[Series { name: "loss", points: &loss }], "step", "loss")?;
/// assert!(std::fs::read_to_string(&path).unwrap().contains("10"));
/// # Ok::<(), transport_viz::VizError>(())
/// ```
///
/// # Errors
/// [`VizError::Format`], [`VizError::Empty`] without series or when one has no points,
/// [`VizError::Io`].
pub fn curves(
    path: &Path,
    series: &[Series<'_>],
    x_label: &str,
    y_label: &str,
) -> Result<(), VizError> {
    output::format(path)?;
    if series.is_empty() {
        return Err(VizError::Empty { what: "series" });
    }
    if series.iter().any(|s| s.points.is_empty()) {
        return Err(VizError::Empty { what: "points" });
    }
    output::save(path, &lay(series, x_label, y_label))
}

fn lay(series: &[Series<'_>], x_label: &str, y_label: &str) -> Scene {
    let finite: Vec<Vec<(f64, f64)>> = series
        .iter()
        .map(|s| s.points.iter().copied().filter(|p| cloud::finite(*p)).collect())
        .collect();
    let (across, up) = axes(&finite);
    let mut panel = Panel { x: 0.0, y: 0.0, w: 560.0, h: 320.0, across, up };
    let margin = panel.margin();
    panel.x = 10.0 + NAME + margin + 6.0;
    let mut scene = Scene::new(panel.x + panel.w + 22.0, 0.0);
    let entries: Vec<(String, Rgb)> =
        series.iter().enumerate().map(|(i, s)| (s.name.to_owned(), color(i))).collect();
    panel.y = 8.0 + scene::legend(&mut scene, (panel.x, 8.0), panel.w, &entries) + 6.0;
    if let Some(note) = tally(series, &panel).unseen() {
        panel.y += NOTE_ROW;
        panels::small_print(&mut scene, (panel.x, panel.y - 8.0), &note, panel.w);
    }
    scene.height = (panel.y + panel.h + FOOT + 4.0).ceil() as usize;

    panel.grid(&mut scene);
    draw(&mut scene, &panel, &finite);
    panel.spines(&mut scene);
    panel.label_across(&mut scene);
    panel.label_up(&mut scene);
    panel.name_across(&mut scene, x_label);
    panel.name_up(&mut scene, y_label, margin);
    scene
}

/// All of x; of y the bulk and its whole width beyond, in decades when that shows more.
fn axes(series: &[Vec<(f64, f64)>]) -> (Axis, Axis) {
    let values = || series.iter().flatten().map(|p| p.1);
    let across = series.iter().map(|s| Axis::robust(s.iter().map(|p| p.0), f64::MAX));
    let (least, most) = values().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let log = least > 0.0 && most / 10.0 > least;
    let slack = 1.0;
    let up = if log {
        Axis::robust(values().map(f64::log10), slack).map(|axis| Axis { log, ..axis })
    } else {
        Axis::robust(values(), slack)
    };
    let up = up.unwrap_or(Axis { lo: 0.0, hi: 1.0, log: false });
    (Axis::shared(across), up)
}

fn tally(series: &[Series<'_>], panel: &Panel) -> cloud::Tally {
    let mut tally = cloud::Tally { every: 1, ..Default::default() };
    for point in series.iter().flat_map(|s| s.points) {
        if !cloud::finite(*point) {
            tally.missing += 1;
        } else if !panel.contains(*point) {
            tally.outside += 1;
        }
    }
    tally
}

/// First all raw values, then all means: no curve hides under another's noise.
fn draw(scene: &mut Scene, panel: &Panel, series: &[Vec<(f64, f64)>]) {
    for (i, points) in series.iter().enumerate().filter(|(_, p)| p.len() >= SMOOTH) {
        line(scene, panel, &thinned(points, RAW), (1.0, mix(color(i), WHITE, 0.72)));
    }
    for (i, points) in series.iter().enumerate() {
        let strong = if points.len() >= SMOOTH { mean(points) } else { points.clone() };
        line(scene, panel, &strong, (2.0, color(i)));
        if points.len() < SMOOTH {
            let inside = points.iter().filter(|p| panel.contains(**p));
            scene.discs(inside.map(|p| panel.place(*p)).collect(), 3.0, color(i), 1.0);
        }
    }
}

/// Below this many values a curve is drawn as it is.
const SMOOTH: usize = 20;
/// The most raw values and means drawn of a curve.
const RAW: usize = 4_000;
const MEANS: usize = 1_000;

fn line(scene: &mut Scene, panel: &Panel, points: &[(f64, f64)], (width, color): (f64, Rgb)) {
    let placed: Vec<_> = points.iter().map(|p| panel.place(*p)).collect();
    let (right, foot) = (panel.x + panel.w, panel.y + panel.h);
    for part in scene::clip(&placed, (panel.x, right), (panel.y, foot)) {
        scene.line(part, width, color);
    }
}

/// Every k-th, and the last.
fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(most).max(1);
    points.iter().step_by(every).chain(points.last()).copied().collect()
}

/// At every k-th point the mean of y over the window about it. Where a run begins it changes fast
/// and the window shrinks on both sides; where it ends the window is cut.
fn mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (points.len() / 50).clamp(1, 500);
    let every = points.len().div_ceil(MEANS).max(1);
    let middles = (0..points.len()).step_by(every).chain([points.len() - 1]);
    middles
        .map(|i| {
            let reach = half.min(i);
            let window = &points[i - reach..points.len().min(i + reach + 1)];
            let n = window.len() as f64;
            (points[i].0, window.iter().map(|p| p.1 / n).sum())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_line_is_the_line() {
        let points: Vec<(f64, f64)> =
            (0..400).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        let means = mean(&points);
        assert_eq!(means[0], points[0]);
        assert!(means.iter().take(390).all(|(x, y)| (y - 2.0 * x).abs() < 1e-9));
        assert!((means[399].1 - 2.0 * 395.0).abs() < 1e-9);
    }

    #[test]
    fn the_axis_is_logarithmic_above_a_decade_of_positive_values() {
        let up = |values: &[f64]| axes(&[values.iter().map(|v| (0.0, *v)).collect()]).1;
        assert!(up(&[0.01, 1.0]).log);
        assert!(!up(&[0.2, 1.0]).log && !up(&[0.0, 1.0]).log && !up(&[-1.0, 1.0]).log);
    }
}
