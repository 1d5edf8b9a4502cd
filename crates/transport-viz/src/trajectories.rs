//! A cloud on its way: one panel for each time, and the paths of a few particles.

use std::path::Path;

use crate::cloud::{self, MOST};
use crate::output;
use crate::panels::{self, Panel};
use crate::scatter::plane;
use crate::scene::{self, Scene};
use crate::style::{self, DATA, INK, mix};
use crate::{Points, VizError};

/// The cloud at one time.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When.
    pub t: f64,
    /// Where: the first two columns are drawn.
    pub points: Points<'a>,
}

/// Draws one panel for each frame, captioned with its time, on shared axes with equal units; with
/// `paths` one more, in which thin lines lead from open dots to full ones over the last cloud.
/// Axes are chosen and small print is written as in [`crate::scatter`].
///
/// ```
/// use transport_viz::{Frame, Points, trajectories};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("flow.svg");
/// let start = Frame { t: 0.0, points: Points::new(&[0.0, 0.0, 1.0, 0.0], 2)? };
/// let end = Frame { t: 1.0, points: Points::new(&[0.0, 1.0, 2.0, 1.0], 2)? };
/// let paths = [vec![(0.0, 0.0), (0.0, 1.0)], vec![(1.0, 0.0), (1.6, 0.4), (2.0, 1.0)]];
/// trajectories(&path, &[start, end], Some(&paths), ("x", "y"))?;
/// assert!(path.exists());
/// # Ok::<(), transport_viz::VizError>(())
/// ```
///
/// # Errors
/// [`VizError::Format`], [`VizError::Empty`] without frames, [`VizError::Time`] when a time is
/// not finite, [`VizError::AxisOutOfRange`] below two columns, [`VizError::TooLarge`],
/// [`VizError::Io`].
pub fn trajectories(
    path: &Path,
    frames: &[Frame<'_>],
    paths: Option<&[Vec<(f64, f64)>]>,
    names: (&str, &str),
) -> Result<(), VizError> {
    output::format(path)?;
    let Some(last) = frames.last() else { return Err(VizError::Empty { what: "frames" }) };
    let titles = captions(frames);
    for (i, frame) in frames.iter().enumerate() {
        if !frame.t.is_finite() {
            return Err(VizError::Time { frame: i, t: frame.t });
        }
        frame.points.check_axis(&titles[i], 1)?;
    }
    let (across, up, aspect) = plane(frames.iter().map(|frame| (frame.points, (0, 1))));
    let count = frames.len() + usize::from(paths.is_some());
    let columns = panels::balanced(count, 6);
    let (mut scene, boxes) =
        panels::sheet(count, columns, (190.0, 190.0 * aspect), (across, up), names, true);
    for (i, (frame, panel)) in frames.iter().zip(&boxes).enumerate() {
        let way = if frames.len() > 1 { i as f64 / (frames.len() - 1) as f64 } else { 1.0 };
        let tally = cloud::draw(
            &mut scene,
            panel,
            (frame.points, (0, 1)),
            MOST,
            mix(DATA, style::color(0), way),
        );
        panel.spines(&mut scene);
        panel.head(&mut scene, (&titles[i], INK), Some(&tally.note()));
    }
    if let (Some(paths), Some(panel)) = (paths, boxes.last()) {
        cloud::draw(&mut scene, panel, (last.points, (0, 1)), MOST, mix(DATA, style::WHITE, 0.75));
        for (i, path) in paths.iter().enumerate() {
            draw_path(&mut scene, panel, path, style::color(i % 6));
        }
        panel.spines(&mut scene);
        panel.head(&mut scene, ("paths", INK), Some(&paths_note(paths)));
    }
    output::save(path, &scene)
}

/// One particle's way, as far as it is finite and inside.
fn draw_path(scene: &mut Scene, panel: &Panel, path: &[(f64, f64)], color: style::Rgb) {
    let finite: Vec<_> = path.iter().copied().filter(|p| cloud::finite(*p)).collect();
    let placed: Vec<_> = finite.iter().map(|p| panel.place(*p)).collect();
    let (right, foot) = (panel.x + panel.w, panel.y + panel.h);
    for part in scene::clip(&placed, (panel.x, right), (panel.y, foot)) {
        scene.line(part, 1.0, color);
    }
    if let Some(start) = finite.first().filter(|p| panel.contains(**p)) {
        scene.discs(vec![panel.place(*start)], 2.8, color, 1.0);
        scene.discs(vec![panel.place(*start)], 1.7, style::WHITE, 1.0);
    }
    if let Some(end) = finite.last().filter(|p| panel.contains(**p)) {
        scene.discs(vec![panel.place(*end)], 2.5, color, 1.0);
    }
}

fn paths_note(paths: &[Vec<(f64, f64)>]) -> String {
    let missing = paths.iter().flatten().filter(|p| !cloud::finite(**p)).count();
    cloud::Tally { n: paths.len(), missing, every: 1, ..Default::default() }.note()
}

/// "t = 0.25", with as many decimals as keep different times apart.
fn captions(frames: &[Frame<'_>]) -> Vec<String> {
    let write = |digits: usize| -> Vec<String> {
        frames.iter().map(|f| format!("t = {:.digits$}", f.t).replace('-', "−")).collect()
    };
    let apart = |titles: &Vec<String>| {
        (1..frames.len()).all(|i| titles[i] != titles[i - 1] || frames[i].t == frames[i - 1].t)
    };
    (2..6).map(write).find(apart).unwrap_or_else(|| write(6))
}
