//! A cloud of points in a panel, thinned when it is large, and the count of what is not seen.

use crate::Points;
use crate::panels::Panel;
use crate::scene::Scene;
use crate::style::{self, Rgb};

/// The most points that a panel shows.
pub(crate) const MOST: usize = 20_000;

/// What became of n points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) n: usize,
    pub(crate) outside: usize,
    pub(crate) missing: usize,
    /// One in how many is drawn.
    pub(crate) every: usize,
}

impl Tally {
    /// n and whatever is not seen, in words.
    pub(crate) fn note(&self) -> String {
        [format!("n = {}", self.n)].into_iter().chain(self.unseen()).collect::<Vec<_>>().join(", ")
    }

    /// What is not seen, nothing when all is.
    pub(crate) fn unseen(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.every > 1 {
            parts.push(format!("1 in {} drawn", self.every));
        }
        if self.outside > 0 {
            parts.push(format!("{} outside", self.outside));
        }
        if self.missing > 0 {
            parts.push(format!("{} not finite", self.missing));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Both coordinates are numbers.
pub(crate) fn finite((x, y): (f64, f64)) -> bool {
    x.is_finite() && y.is_finite()
}

/// Draws two columns of `points`, at most `most` of them, and counts them all.
pub(crate) fn draw(
    scene: &mut Scene,
    panel: &Panel,
    (points, axes): (Points<'_>, (usize, usize)),
    most: usize,
    color: Rgb,
) -> Tally {
    let (at, tally) = placed(panel, (points, axes), most);
    let (radius, alpha) = look(panel, at.len());
    scene.discs(at, radius, color, alpha);
    tally
}

/// Radius and opacity of one among `n` points of a panel.
fn look(panel: &Panel, n: usize) -> (f64, f64) {
    let (radius, alpha) = style::dot(n);
    (radius * (panel.w / 300.0).sqrt().clamp(0.6, 1.0), alpha)
}

/// Draws two clouds in turns, a slice of each at a time, so that neither hides the other.
pub(crate) fn shuffle(
    scene: &mut Scene,
    panel: &Panel,
    tables: [(Points<'_>, Rgb); 2],
    axes: (usize, usize),
    most: usize,
) {
    let at = tables.map(|(points, _)| placed(panel, (points, axes), most).0);
    for slice in 0..SLICES {
        for (at, (_, color)) in at.iter().zip(tables) {
            let (radius, alpha) = look(panel, at.len());
            let part = at.iter().skip(slice).step_by(SLICES).copied().collect();
            scene.discs(part, radius, color, alpha);
        }
    }
}

const SLICES: usize = 8;

/// Where the points that are drawn stand on the page.
fn placed(
    panel: &Panel,
    (points, axes): (Points<'_>, (usize, usize)),
    most: usize,
) -> (Vec<(f64, f64)>, Tally) {
    let n = points.len();
    let every = n.div_ceil(most).max(1);
    let mut tally = Tally { n, every, ..Tally::default() };
    let mut at = Vec::new();
    for (i, point) in points.pairs(axes).enumerate() {
        if !finite(point) {
            tally.missing += 1;
        } else if !panel.contains(point) {
            tally.outside += 1;
        } else if i % every == 0 {
            at.push(panel.place(point));
        }
    }
    (at, tally)
}
