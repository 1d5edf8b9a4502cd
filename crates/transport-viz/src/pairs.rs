//! Every pair of columns of a table: histograms on the diagonal, clouds beside it.

use std::path::Path;

use crate::axis::Axis;
use crate::panels::{self, Panel};
use crate::scatter::SLACK;
use crate::scene::{self, Anchor, Scene};
use crate::style::{DATA, INK, NAME, TITLE, color};
use crate::{Points, VizError, cloud, histogram, output};

/// The most columns drawn.
const COLUMNS: usize = 6;

/// Draws data (gray) and samples (coloured) in every pair of columns, named by `names`; of more
/// than six columns the first six, which the title says. Axes are chosen as in
/// [`crate::scatter`], one for each column. Histograms have no scale of their own: both of a cell
/// share one, and each encloses the same area. All cells together show at most 60 000 points
/// of each colour, every k-th of a larger table. Small print counts the rows that fall outside or
/// are not finite in a column that is drawn.
///
/// ```
/// use transport_viz::{Points, pairs};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("pairs.png");
/// let data = Points::new(&[0.0, 1.0, 1.0, 0.5], 2)?;
/// let samples = Points::new(&[0.1, 1.0, 0.9, 0.4], 2)?;
/// pairs(&path, data, samples, &["height", "weight"])?;
/// assert!(path.exists());
/// # Ok::<(), transport_viz::VizError>(())
/// ```
///
/// # Errors
/// [`VizError::Format`], [`VizError::DimMismatch`], [`VizError::NameCount`], [`VizError::Io`].
pub fn pairs(
    path: &Path,
    data: Points<'_>,
    samples: Points<'_>,
    names: &[&str],
) -> Result<(), VizError> {
    output::format(path)?;
    let dim = data.dim();
    if samples.dim() != dim {
        return Err(VizError::DimMismatch { data: dim, samples: samples.dim() });
    }
    if names.len() != dim {
        return Err(VizError::NameCount { given: names.len(), dim });
    }
    output::save(path, &lay(data, samples, names))
}

fn lay(data: Points<'_>, samples: Points<'_>, names: &[&str]) -> Scene {
    let k = names.len().min(COLUMNS);
    let axes: Vec<Axis> = (0..k)
        .map(|j| {
            Axis::shared([data, samples].map(|p| Axis::robust(p.column(j), SLACK)).into_iter())
        })
        .collect();
    let side = if k <= 3 { 200.0 } else { 150.0 };
    let model = |i: usize, j: usize| Panel {
        x: 0.0,
        y: 0.0,
        w: side,
        h: side,
        across: axes[j],
        up: axes[i],
    };
    let margin = (0..k).map(|i| model(i, 0).margin()).fold(0.0, f64::max);
    let left = 10.0 + NAME + margin + 6.0;
    let (pitch, room) = (side + GAP, k as f64 * (side + GAP) - GAP);
    let mut scene = Scene::new(left + room + 18.0, 0.0);
    let top = head(&mut scene, (left, room), [data, samples], &axes, names.len());
    scene.height = (top + room + panels::FOOT + 4.0).ceil() as usize;

    for i in 0..k {
        for j in 0..k {
            let (x, y) = (left + j as f64 * pitch, top + i as f64 * pitch);
            let panel = Panel { x, y, ..model(i, j) };
            if i == j {
                marginals(&mut scene, &panel, [data, samples].map(|p| (p, j)));
            } else {
                panel.grid(&mut scene);
                let most = POINTS / (k * k);
                let tables = [(data, DATA), (samples, color(0))];
                cloud::shuffle(&mut scene, &panel, tables, (j, i), most);
            }
            panel.spines(&mut scene);
            if j == 0 {
                panel.name_up(&mut scene, names[i], margin);
                if k > 1 {
                    panel.label_up(&mut scene);
                }
            }
            if i + 1 == k {
                panel.label_across(&mut scene);
                panel.name_across(&mut scene, names[j]);
            }
        }
    }
    scene
}

const GAP: f64 = 12.0;
/// The points of each colour on the whole page.
const POINTS: usize = 60_000;

/// Title, legend and small print; returns where the panels begin.
fn head(
    scene: &mut Scene,
    (left, room): (f64, f64),
    tables: [Points<'_>; 2],
    axes: &[Axis],
    columns: usize,
) -> f64 {
    let mut top = 8.0;
    if columns > axes.len() {
        let title = format!("first {} of {columns} columns", axes.len());
        scene.text(&title, (left, top + TITLE), Anchor::Start, (TITLE, INK), room);
        top += TITLE + 8.0;
    }
    let entries: Vec<_> = ["data", "samples"]
        .into_iter()
        .zip(tables)
        .zip([DATA, color(0)])
        .map(|((name, table), color)| (format!("{name} ({})", tally(table, axes).note()), color))
        .collect();
    top + scene::legend(scene, (left, top), room, &entries) + 8.0
}

/// Rows with a column that is outside its axis, or not finite.
fn tally(table: Points<'_>, axes: &[Axis]) -> cloud::Tally {
    let most = (POINTS / (axes.len() * axes.len())).max(1);
    let every = if axes.len() > 1 { table.len().div_ceil(most) } else { 1 };
    let mut tally = cloud::Tally { n: table.len(), every, ..Default::default() };
    for row in table.rows().map(|row| &row[..axes.len()]) {
        if row.iter().any(|v| !v.is_finite()) {
            tally.missing += 1;
        } else if row.iter().zip(axes).any(|(v, axis)| !axis.contains(*v)) {
            tally.outside += 1;
        }
    }
    tally
}

/// Histograms of one column of data and samples.
fn marginals(scene: &mut Scene, panel: &Panel, tables: [(Points<'_>, usize); 2]) {
    let n = tables[0].0.len().max(tables[1].0.len());
    let bins = histogram::bins(n).min(30);
    let heights =
        tables.map(|(points, j)| histogram::density(points.column(j), &panel.across, bins).0);
    let highest = heights.iter().flatten().fold(1e-3_f64, |a, b| a.max(*b));
    let up = Axis { lo: 0.0, hi: 1.06 * highest, log: false };
    let panel = Panel { up, ..*panel };
    for (heights, color) in heights.iter().zip([DATA, color(0)]) {
        histogram::draw(scene, &panel, heights, color);
    }
}
