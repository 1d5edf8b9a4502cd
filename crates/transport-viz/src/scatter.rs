//! Clouds side by side on shared axes; in one dimension, histograms over each other.

use std::path::Path;

use crate::axis::Axis;
use crate::cloud::{self, MOST};
use crate::output;
use crate::panels::{self, FOOT, Panel};
use crate::scene::{self, Scene};
use crate::style::{INK, NAME, Rgb, against_data};
use crate::{Points, VizError, histogram};

/// Draws each named cloud in a panel of its own, say the data and then samples: columns `axes.0`
/// across and `axes.1` up, named by `names`. The first of several panels is gray, the others
/// coloured. When every cloud has one column, their histograms are drawn over each other instead,
/// and `axes.1` and `names.1` are not used.
///
/// The axes show the bulk of every cloud (0.5 % to 99.5 %, widened) with equal units, unless one
/// spans more than eight times the other. Over each panel stand n, how many points fell outside,
/// how many were not finite, and, above 20 000 points, that every k-th is drawn.
///
/// ```
/// use transport_viz::{Points, scatter};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("moons.svg");
/// let data = Points::new(&[0.0, 1.0, 1.0, 0.5], 2)?;
/// let samples = Points::new(&[0.1, 1.0, 0.9, 0.4], 2)?;
/// scatter(&path, &[("data", data), ("samples", samples)], (0, 1), ("x₁", "x₂"))?;
/// assert!(path.exists());
/// # Ok::<(), transport_viz::VizError>(())
/// ```
///
/// # Errors
/// [`VizError::Format`], [`VizError::Empty`] without panels, [`VizError::AxisOutOfRange`] when a
/// panel lacks a column, [`VizError::TooLarge`], [`VizError::Io`].
pub fn scatter(
    path: &Path,
    panels: &[(&str, Points<'_>)],
    axes: (usize, usize),
    names: (&str, &str),
) -> Result<(), VizError> {
    output::format(path)?;
    if panels.is_empty() {
        return Err(VizError::Empty { what: "panels" });
    }
    let line = panels.iter().all(|(_, points)| points.dim() == 1);
    for (name, points) in panels {
        points.check_axis(name, axes.0)?;
        if !line {
            points.check_axis(name, axes.1)?;
        }
    }
    let scene = if line { histograms(panels, names.0) } else { clouds(panels, axes, names) };
    output::save(path, &scene)
}

fn clouds(panels: &[(&str, Points<'_>)], axes: (usize, usize), names: (&str, &str)) -> Scene {
    let (across, up, aspect) = plane(panels.iter().map(|(_, points)| (*points, axes)));
    let size = (300.0, 300.0 * aspect);
    let columns = panels::balanced(panels.len(), 4);
    let (mut scene, boxes) = panels::sheet(panels.len(), columns, size, (across, up), names, true);
    for (i, ((name, points), panel)) in panels.iter().zip(&boxes).enumerate() {
        let color = against_data(i, panels.len());
        let tally = cloud::draw(&mut scene, panel, (*points, axes), MOST, color);
        panel.spines(&mut scene);
        panel.head(&mut scene, (name, INK), Some(&tally.note()));
    }
    scene
}

/// Axes with equal units that show the bulk of each cloud, and their panel's height over width.
pub(crate) fn plane<'a>(
    clouds: impl Iterator<Item = (Points<'a>, (usize, usize))> + Clone,
) -> (Axis, Axis, f64) {
    let whole = |points: Points<'a>, axes| points.pairs(axes).filter(|p| cloud::finite(*p));
    let across = clouds.clone().map(|(p, axes)| Axis::robust(whole(p, axes).map(|v| v.0), SLACK));
    let up = clouds.map(|(p, axes)| Axis::robust(whole(p, axes).map(|v| v.1), SLACK));
    Axis::equal(Axis::shared(across), Axis::shared(up))
}

/// How far beyond its bulk a cloud is shown, in widths of the bulk.
pub(crate) const SLACK: f64 = 0.2;

/// All series over each other, as densities.
fn histograms(series: &[(&str, Points<'_>)], name: &str) -> Scene {
    let across =
        Axis::shared(series.iter().map(|(_, points)| Axis::robust(points.column(0), SLACK)));
    let bins = histogram::bins(series.iter().map(|(_, points)| points.len()).max().unwrap_or(1));
    let densities: Vec<_> =
        series.iter().map(|(_, p)| histogram::density(p.column(0), &across, bins)).collect();
    let entries: Vec<(String, Rgb)> = series
        .iter()
        .zip(&densities)
        .enumerate()
        .map(|(i, ((name, points), (_, outside)))| {
            let missing = points.column(0).filter(|v| !v.is_finite()).count();
            let tally = cloud::Tally { n: points.len(), outside: *outside, missing, every: 1 };
            (format!("{name} ({})", tally.note()), against_data(i, series.len()))
        })
        .collect();

    let highest = densities.iter().flat_map(|(d, _)| d).fold(0.0_f64, |a, b| a.max(*b));
    let unit = 1.0 / across.width();
    let up = Axis { lo: 0.0, hi: highest.max(1e-3) * 1.06 * unit, log: false };
    let mut panel = Panel { x: 0.0, y: 0.0, w: 540.0, h: 300.0, across, up };
    let margin = panel.margin();
    panel.x = 10.0 + NAME + margin + 6.0;
    let mut scene = Scene::new(panel.x + panel.w + 18.0, 0.0);
    panel.y = 10.0 + scene::legend(&mut scene, (panel.x, 8.0), panel.w, &entries) + 8.0;
    scene.height = (panel.y + panel.h + FOOT + 4.0).ceil() as usize;

    panel.grid(&mut scene);
    for ((heights, _), (_, color)) in densities.iter().zip(&entries) {
        let heights: Vec<f64> = heights.iter().map(|h| h * unit).collect();
        histogram::draw(&mut scene, &panel, &heights, *color);
    }
    panel.spines(&mut scene);
    panel.label_across(&mut scene);
    panel.label_up(&mut scene);
    panel.name_across(&mut scene, name);
    panel.name_up(&mut scene, "density", margin);
    scene
}
