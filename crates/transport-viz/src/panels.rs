//! Panels: boxes on the page with axes, alone or in a grid that shares them.

use crate::axis::{Axis, Tick};
use crate::font;
use crate::scene::{Anchor, Scene};
use crate::style::{FAINT, GRID, INK, NAME, NOTE, Rgb, SPINE, TICK, TITLE};

/// A box `[x, x + w] × [y, y + h]` of the page that shows `across × up`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
    pub(crate) across: Axis,
    pub(crate) up: Axis,
}

impl Panel {
    /// Where a point of the plane stands on the page.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x + self.across.place(x) * self.w, self.y + (1.0 - self.up.place(y)) * self.h)
    }

    pub(crate) fn contains(&self, (x, y): (f64, f64)) -> bool {
        self.across.contains(x) && self.up.contains(y)
    }

    /// As many ticks as their labels leave room for.
    fn ticks_across(&self) -> Vec<Tick> {
        spaced(&self.across, self.w, |ticks| f64::max(widest(ticks) + 14.0, 44.0))
    }

    fn ticks_up(&self) -> Vec<Tick> {
        spaced(&self.up, self.h, |_| 2.8 * TICK)
    }

    /// The room that the labels at the left need.
    pub(crate) fn margin(&self) -> f64 {
        widest(&self.ticks_up()) + 8.0
    }

    /// Grid lines, under the data.
    pub(crate) fn grid(&self, scene: &mut Scene) {
        for tick in self.ticks_across() {
            scene.rect((self.x + tick.at * self.w - 0.5, self.y), (1.0, self.h), GRID, 1.0);
        }
        self.grid_up(scene);
    }

    fn grid_up(&self, scene: &mut Scene) {
        for tick in self.ticks_up() {
            let y = self.y + (1.0 - tick.at) * self.h;
            scene.rect((self.x, y - 0.5), (self.w, 1.0), GRID, 1.0);
        }
    }

    /// The lines at the left and at the foot, over the data.
    pub(crate) fn spines(&self, scene: &mut Scene) {
        scene.rect((self.x - 1.0, self.y), (1.0, self.h + 1.0), SPINE, 1.0);
        scene.rect((self.x - 1.0, self.y + self.h), (self.w + 1.0, 1.0), SPINE, 1.0);
    }

    /// What the ticks at the foot say.
    pub(crate) fn label_across(&self, scene: &mut Scene) {
        for tick in self.ticks_across() {
            let x = self.x + tick.at * self.w;
            scene.rect((x - 0.5, self.y + self.h + 1.0), (1.0, 3.5), SPINE, 1.0);
            // A label over the edge could meet the next panel's.
            let half = font::width(&tick.label, TICK) / 2.0;
            if tick.at * self.w + half > self.w + OVER || tick.at * self.w - half < -OVER {
                continue;
            }
            let at = (x, self.y + self.h + 7.0 + TICK);
            scene.text(&tick.label, at, Anchor::Middle, (TICK, INK), self.w);
        }
    }

    /// What the ticks at the left say.
    pub(crate) fn label_up(&self, scene: &mut Scene) {
        for tick in self.ticks_up() {
            let y = self.y + (1.0 - tick.at) * self.h;
            scene.rect((self.x - 4.5, y - 0.5), (3.5, 1.0), SPINE, 1.0);
            let at = (self.x - 8.0, y + TICK * 0.36);
            scene.text(&tick.label, at, Anchor::End, (TICK, INK), 200.0);
        }
    }

    /// The name of the axis at the foot, under its labels.
    pub(crate) fn name_across(&self, scene: &mut Scene, name: &str) {
        let at = (self.x + self.w / 2.0, self.y + self.h + FOOT - 6.0);
        scene.text(name, at, Anchor::Middle, (NAME, INK), self.w);
    }

    /// The name of the axis at the left, outside a margin for its labels.
    pub(crate) fn name_up(&self, scene: &mut Scene, name: &str, margin: f64) {
        let at = (self.x - margin - 8.0, self.y + self.h / 2.0);
        scene.upwards(name, at, (NAME, INK), self.h);
    }

    /// A title over the panel, with small print under it.
    pub(crate) fn head(&self, scene: &mut Scene, (title, color): (&str, Rgb), note: Option<&str>) {
        let lift = if note.is_some() { NOTE_ROW } else { 0.0 };
        let at = (self.x, self.y - 9.0 - lift);
        scene.text(title, at, Anchor::Start, (TITLE, color), self.w);
        if let Some(note) = note {
            small_print(scene, (self.x, self.y - 8.0), note, self.w);
        }
    }
}

/// A line of small print, smaller when it is long.
pub(crate) fn small_print(scene: &mut Scene, at: (f64, f64), note: &str, room: f64) {
    let wide = font::width(note, NOTE);
    let size = if wide > room { (NOTE * room / wide).max(7.5) } else { NOTE };
    scene.text(note, at, Anchor::Start, (size, FAINT), room);
}

/// As many ticks as stand no closer than `least(ticks)` on an axis of `length`, at most eight.
fn spaced(axis: &Axis, length: f64, least: impl Fn(&[Tick]) -> f64) -> Vec<Tick> {
    let fits = |ticks: &Vec<Tick>| {
        let least = least(ticks);
        ticks.windows(2).all(|t| (t[1].at - t[0].at) * length >= least)
    };
    let few = |ticks: &Vec<Tick>| ticks.len() <= 8 || axis.log;
    (1..=9).rev().map(|k| axis.ticks(k)).find(|t| few(t) && fits(t)).unwrap_or_default()
}

fn widest(ticks: &[Tick]) -> f64 {
    ticks.iter().map(|t| font::width(&t.label, TICK)).fold(0.0, f64::max)
}

/// The room under a panel for its labels and its name.
pub(crate) const FOOT: f64 = 46.0;
/// The room over a panel for its title.
pub(crate) const HEAD: f64 = 30.0;
/// The room for a line of small print.
pub(crate) const NOTE_ROW: f64 = 16.0;
const GAP: f64 = 20.0;
/// How far a label may stand over the end of its axis.
const OVER: f64 = 8.0;
const EDGE: f64 = 16.0;

/// `count` panels of one size on shared axes, `columns` to a row: grid lines drawn, labels
/// at the outer edges only. `notes` asks for a line of small print over each.
pub(crate) fn sheet(
    count: usize,
    columns: usize,
    (w, h): (f64, f64),
    (across, up): (Axis, Axis),
    names: (&str, &str),
    notes: bool,
) -> (Scene, Vec<Panel>) {
    let columns = columns.clamp(1, count.max(1));
    let rows = count.div_ceil(columns);
    let head = HEAD + if notes { NOTE_ROW } else { 0.0 };
    let model = Panel { x: 0.0, y: 0.0, w, h, across, up };
    let margin = model.margin();
    let left = 10.0 + NAME + margin + 6.0;
    let pitch = (w + GAP, h + head + 8.0);
    let width = left + columns as f64 * pitch.0 - GAP + EDGE;
    let height = 6.0 + rows as f64 * pitch.1 - 8.0 + FOOT + 4.0;
    let mut scene = Scene::new(width, height);
    let panels: Vec<Panel> = (0..count)
        .map(|i| {
            let (row, column) = (i / columns, i % columns);
            let x = left + column as f64 * pitch.0;
            Panel { x, y: 6.0 + head + row as f64 * pitch.1, ..model }
        })
        .collect();
    for (i, panel) in panels.iter().enumerate() {
        panel.grid(&mut scene);
        if i % columns == 0 {
            panel.label_up(&mut scene);
            panel.name_up(&mut scene, names.1, margin);
        }
        if i + columns >= count {
            panel.label_across(&mut scene);
            panel.name_across(&mut scene, names.0);
        }
    }
    (scene, panels)
}

/// How many of `count` panels stand in a row of at most `most`, the rows as even as can be.
pub(crate) fn balanced(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1)).max(1)
}
