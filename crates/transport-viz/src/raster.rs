//! A scene as pixels: shapes are blended with their exact coverage, approximated by the distance
//! to their edge, so that edges are smooth.

use crate::font;
use crate::scene::{Anchor, Scene, Shape};
use crate::style::Rgb;

/// RGB pixels, row by row.
#[derive(Debug)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
}

/// Draws every shape of `scene` on white.
pub(crate) fn raster(scene: &Scene) -> Raster {
    let (width, height) = (scene.width * scene.scale, scene.height * scene.scale);
    let mut page = Raster { width, height, rgb: vec![255; 3 * width * height] };
    for shape in &scene.shapes {
        page.draw(shape, scene.scale as f64);
    }
    page
}

impl Raster {
    fn draw(&mut self, shape: &Shape, s: f64) {
        match shape {
            Shape::Discs { at, radius, color, alpha } => {
                at.iter().for_each(|&(x, y)| self.disc((s * x, s * y), s * radius, *color, *alpha));
            }
            Shape::Line { through, width, color } => {
                for pair in through.windows(2) {
                    let [a, b] = [pair[0], pair[1]].map(|(x, y)| (s * x, s * y));
                    self.segment(a, b, s * width / 2.0, *color);
                }
            }
            Shape::Rect { x, y, w, h, color, alpha } => {
                self.rect((s * x, s * y), (s * (x + w), s * (y + h)), *color, *alpha);
            }
            Shape::Text { text, x, y, size, anchor, upwards, color } => {
                self.text(text, (s * x, s * y), s * size, (*anchor, *upwards), *color);
            }
            Shape::Picture { x, y, width, height, zoom, rgb } => {
                for row in 0..*height {
                    for column in 0..*width {
                        let from = 3 * (row * width + column);
                        let color = [rgb[from], rgb[from + 1], rgb[from + 2]];
                        let z = *zoom as f64;
                        let a = (s * (x + column as f64 * z), s * (y + row as f64 * z));
                        self.rect(a, (a.0 + s * z, a.1 + s * z), color, 1.0);
                    }
                }
            }
        }
    }

    /// new = (1 − w) old + w color, at a pixel of the page.
    fn blend(&mut self, x: i64, y: i64, color: Rgb, w: f64) {
        let inside = x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height;
        if !inside || w <= 0.0 {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        for (old, new) in self.rgb[at..at + 3].iter_mut().zip(color) {
            let value = f64::from(*old) + w.min(1.0) * (f64::from(new) - f64::from(*old));
            *old = value.round() as u8;
        }
    }

    /// The pixels whose centres may lie between `from` and `to`, cut to the page.
    fn span(from: f64, to: f64, size: usize) -> std::ops::Range<i64> {
        let end = size as f64;
        (from.floor().clamp(0.0, end) as i64)..(to.ceil().clamp(0.0, end) as i64)
    }

    fn disc(&mut self, (cx, cy): (f64, f64), r: f64, color: Rgb, alpha: f64) {
        for y in Self::span(cy - r - 1.0, cy + r + 1.0, self.height) {
            for x in Self::span(cx - r - 1.0, cx + r + 1.0, self.width) {
                let distance = (x as f64 + 0.5 - cx).hypot(y as f64 + 0.5 - cy);
                self.blend(x, y, color, alpha * (r + 0.5 - distance).clamp(0.0, 1.0));
            }
        }
    }

    /// The points within `r` of the segment from a to b.
    fn segment(&mut self, a: (f64, f64), b: (f64, f64), r: f64, color: Rgb) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let square = dx * dx + dy * dy;
        let reach = r + 1.0;
        for y in Self::span(a.1.min(b.1) - reach, a.1.max(b.1) + reach, self.height) {
            for x in Self::span(a.0.min(b.0) - reach, a.0.max(b.0) + reach, self.width) {
                let (px, py) = (x as f64 + 0.5 - a.0, y as f64 + 0.5 - a.1);
                let u =
                    if square > 0.0 { ((px * dx + py * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
                let distance = (px - u * dx).hypot(py - u * dy);
                self.blend(x, y, color, (r + 0.5 - distance).clamp(0.0, 1.0));
            }
        }
    }

    /// Whole pixels, at least one each way.
    fn rect(&mut self, a: (f64, f64), b: (f64, f64), color: Rgb, alpha: f64) {
        let whole = |from: f64, to: f64, size: usize| {
            let (from, to) = (from.round(), to.round());
            Self::span(from, to.max(from + 1.0), size)
        };
        for y in whole(a.1, b.1, self.height) {
            for x in whole(a.0, b.0, self.width) {
                self.blend(x, y, color, alpha);
            }
        }
    }

    fn text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        em: f64,
        (anchor, upwards): (Anchor, bool),
        color: Rgb,
    ) {
        let back = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => font::width(text, em) / 2.0,
            Anchor::End => font::width(text, em),
        };
        let (x, y) = (x.round() as i64, y.round() as i64);
        font::draw(text, em, -back, |along, down, coverage| {
            let at = if upwards { (x + down, y - along) } else { (x + along, y + down) };
            self.blend(at.0, at.1, color, coverage);
        });
    }
}
