//! A figure before it has a format: a list of shapes on a white page, in units of one SVG pixel,
//! y downwards. Later shapes lie on earlier ones.

use crate::font;
use crate::style::Rgb;

/// Where a line of text is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One shape.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Discs of one size and colour, each blended on its own.
    Discs { at: Vec<(f64, f64)>, radius: f64, color: Rgb, alpha: f64 },
    /// An opaque line through points, round at its joints.
    Line { through: Vec<(f64, f64)>, width: f64, color: Rgb },
    /// A filled rectangle.
    Rect { x: f64, y: f64, w: f64, h: f64, color: Rgb, alpha: f64 },
    /// A line of text on the baseline y, or reading upwards along x.
    Text { text: String, x: f64, y: f64, size: f64, anchor: Anchor, upwards: bool, color: Rgb },
    /// RGB pixels, row by row, `zoom` units each.
    Picture { x: f64, y: f64, width: usize, height: usize, zoom: usize, rgb: Vec<u8> },
}

/// A page and its shapes.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Pixels of a PNG per unit.
    pub(crate) scale: usize,
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    /// A white page for a plot: two pixels to the unit.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let [width, height] = [width, height].map(|v| v.ceil().max(1.0) as usize);
        Self { width, height, scale: 2, shapes: Vec::new() }
    }

    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), color: Rgb, alpha: f64) {
        self.shapes.push(Shape::Rect { x, y, w, h, color, alpha });
    }

    pub(crate) fn line(&mut self, through: Vec<(f64, f64)>, width: f64, color: Rgb) {
        self.shapes.push(Shape::Line { through, width, color });
    }

    pub(crate) fn discs(&mut self, at: Vec<(f64, f64)>, radius: f64, color: Rgb, alpha: f64) {
        self.shapes.push(Shape::Discs { at, radius, color, alpha });
    }

    /// Text cut to `room`.
    pub(crate) fn text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        (size, color): (f64, Rgb),
        room: f64,
    ) {
        let text = font::fit(text, size, room);
        self.shapes.push(Shape::Text { text, x, y, size, anchor, upwards: false, color });
    }

    /// Text reading upwards, centred on y and cut to `room`.
    pub(crate) fn upwards(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        (size, color): (f64, Rgb),
        room: f64,
    ) {
        let text = font::fit(text, size, room);
        let anchor = Anchor::Middle;
        self.shapes.push(Shape::Text { text, x, y, size, anchor, upwards: true, color });
    }
}

/// A line of keys and names, broken into rows of at most `room`. Returns the height used.
pub(crate) fn legend(
    scene: &mut Scene,
    (left, top): (f64, f64),
    room: f64,
    entries: &[(String, Rgb)],
) -> f64 {
    let (mut x, mut row) = (left, 0.0);
    for (name, color) in entries {
        let name = font::fit(name, LEGEND, room - KEY);
        let advance = KEY + font::width(&name, LEGEND) + 22.0;
        if x > left && x + advance - 22.0 > left + room {
            (x, row) = (left, row + LEGEND_ROW);
        }
        let middle = top + row + LEGEND_ROW / 2.0;
        scene.line(vec![(x + 3.0, middle), (x + 17.0, middle)], 4.0, *color);
        let at = (x + KEY, middle + LEGEND * 0.36);
        scene.text(&name, at, Anchor::Start, (LEGEND, crate::style::INK), room);
        x += advance;
    }
    row + LEGEND_ROW
}

const LEGEND: f64 = 12.0;
const LEGEND_ROW: f64 = 20.0;
const KEY: f64 = 25.0;

/// The parts of a polyline inside the box `x0 ≤ x ≤ x1, y0 ≤ y ≤ y1` (Liang–Barsky, each segment).
pub(crate) fn clip(
    through: &[(f64, f64)],
    (x0, x1): (f64, f64),
    (y0, y1): (f64, f64),
) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in through.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (p, q) in [(-dx, a.0 - x0), (dx, x1 - a.0), (-dy, a.1 - y0), (dy, y1 - a.1)] {
            match p {
                p if p < 0.0 => enter = enter.max(q / p),
                p if p > 0.0 => leave = leave.min(q / p),
                _ if q < 0.0 => leave = -1.0,
                _ => {}
            }
        }
        if enter > leave {
            continue;
        }
        let at = |u: f64| (a.0 + u * dx, a.1 + u * dy);
        match parts.last_mut() {
            Some(part) if enter == 0.0 && part.last() == Some(&a) => part.push(at(leave)),
            _ => parts.push(vec![at(enter), at(leave)]),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_cuts_at_the_box_and_keeps_inner_joints() {
        let square = (0.0, 1.0);
        let parts = clip(&[(-1.0, 0.5), (0.5, 0.5), (0.5, 2.0), (3.0, 2.0)], square, square);
        assert_eq!(parts, vec![vec![(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)]]);
        assert!(clip(&[(2.0, 0.0), (2.0, 1.0)], square, square).is_empty());
        assert_eq!(clip(&[(0.5, 0.5), (0.5, 0.5)], square, square).len(), 1);
    }
}
