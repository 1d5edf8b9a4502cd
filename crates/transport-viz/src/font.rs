//! The embedded sans-serif: DejaVu Sans 2.37, cut down to Latin, Greek and mathematics.
//! `assets/LICENSE-DejaVu` has its terms.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};

static BYTES: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");
static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();

/// None never happens with the shipped bytes (a test reads them); text is then left blank.
fn font() -> Option<&'static FontRef<'static>> {
    FONT.get_or_init(|| FontRef::try_from_slice(BYTES).ok()).as_ref()
}

/// Glyphs of `text` on the baseline from x = 0, and the width of the line, at `em` pixels.
fn lay(font: &FontRef<'static>, text: &str, em: f64) -> (Vec<Glyph>, f32) {
    let units = font.units_per_em().unwrap_or(1.0);
    let scale = PxScale::from(em as f32 * font.height_unscaled() / units);
    let scaled = font.as_scaled(scale);
    let (mut glyphs, mut x) = (Vec::new(), 0.0);
    let mut last: Option<GlyphId> = None;
    for c in text.chars() {
        let id = font.glyph_id(c);
        x += last.map_or(0.0, |before| scaled.kern(before, id));
        glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
        x += scaled.h_advance(id);
        last = Some(id);
    }
    (glyphs, x)
}

/// The width of `text` at `em` pixels.
pub(crate) fn width(text: &str, em: f64) -> f64 {
    font().map_or(0.0, |font| f64::from(lay(font, text, em).1))
}

/// Calls `ink(x, y, coverage)` for the pixels of `text`, y = 0 just below the baseline.
pub(crate) fn draw(text: &str, em: f64, shift: f64, mut ink: impl FnMut(i64, i64, f64)) {
    let Some(font) = font() else { return };
    for mut glyph in lay(font, text, em).0 {
        glyph.position.x += shift as f32;
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, c| {
            let at = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
            ink(at.0, at.1, f64::from(c));
        });
    }
}

/// `text` on one line no wider than `room`: control characters become blanks, a long tail "…".
pub(crate) fn fit(text: &str, em: f64, room: f64) -> String {
    let clean: String =
        text.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if width(&clean, em) <= room {
        return clean;
    }
    let mut short: Vec<char> = clean.chars().collect();
    while let Some(_cut) = short.pop() {
        let line: String = short.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&line, em) <= room {
            return line;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_font_has_latin_greek_and_mathematics() {
        let font = font().unwrap();
        for c in "Az09é−×·…αωΣ∇∂∞≈≤⁻⁰₀ℝ→".chars() {
            assert_ne!(font.glyph_id(c).0, 0, "{c}");
        }
    }

    #[test]
    fn fit_cuts_what_is_too_wide() {
        assert_eq!(fit("a\nb", 12.0, 100.0), "a b");
        let cut = fit(&"wide ".repeat(100), 12.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 60.0);
        assert_eq!(fit("w", 12.0, 1.0), "");
    }
}
