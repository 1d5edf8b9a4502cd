//! A scene as SVG: one element to a shape, text as text in whatever sans-serif the reader has.

use std::fmt::Write;

use crate::raster::Raster;
use crate::scene::{Anchor, Scene, Shape};
use crate::style::Rgb;

/// The whole document.
pub(crate) fn svg(scene: &Scene) -> Result<String, image::ImageError> {
    let (w, h) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n"
    );
    for shape in &scene.shapes {
        push(&mut out, shape)?;
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn push(out: &mut String, shape: &Shape) -> Result<(), image::ImageError> {
    match shape {
        Shape::Discs { at, radius, color, alpha } => {
            let (color, alpha, radius) = (hex(*color), number(*alpha), number(*radius));
            add(out, format_args!("<g fill=\"{color}\" fill-opacity=\"{alpha}\">\n"));
            for &(x, y) in at {
                let (x, y) = (number(x), number(y));
                add(out, format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n"));
            }
            out.push_str("</g>\n");
        }
        Shape::Line { through, width, color } => {
            let (color, width) = (hex(*color), number(*width));
            let points: Vec<String> =
                through.iter().map(|&(x, y)| format!("{},{}", number(x), number(y))).collect();
            add(
                out,
                format_args!(
                    "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
                     stroke-linejoin=\"round\" stroke-linecap=\"round\" points=\"{}\"/>\n",
                    points.join(" ")
                ),
            );
        }
        Shape::Rect { x, y, w, h, color, alpha } => {
            let [x, y, w, h, alpha] = [*x, *y, *w, *h, *alpha].map(number);
            let color = hex(*color);
            add(
                out,
                format_args!(
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{color}\" \
                     fill-opacity=\"{alpha}\" shape-rendering=\"crispEdges\"/>\n"
                ),
            );
        }
        Shape::Text { text, x, y, size, anchor, upwards, color } => {
            let [x, y, size] = [*x, *y, *size].map(number);
            let turn = if *upwards {
                format!(" transform=\"rotate(-90 {x} {y})\"")
            } else {
                String::new()
            };
            add(
                out,
                format_args!(
                    "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{}\" \
                     fill=\"{}\"{turn}>{}</text>\n",
                    anchor_name(*anchor),
                    hex(*color),
                    escape(text)
                ),
            );
        }
        Shape::Picture { x, y, width, height, zoom, rgb } => {
            let (width, height) = (width * zoom, height * zoom);
            let data = base64(&crate::output::png(&enlarged(rgb, (width, height), *zoom))?);
            let [x, y] = [*x, *y].map(number);
            add(
                out,
                format_args!(
                    "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
                     style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>\n"
                ),
            );
        }
    }
    Ok(())
}

/// Each pixel `zoom` times across and down: not every viewer enlarges without smoothing.
fn enlarged(rgb: &[u8], (width, height): (usize, usize), zoom: usize) -> Raster {
    let mut large = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let from = 3 * (y / zoom * (width / zoom) + x / zoom);
            large.extend_from_slice(&rgb[from..from + 3]);
        }
    }
    Raster { width, height, rgb: large }
}

/// Writing to a `String` cannot fail.
fn add(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(args);
}

fn anchor_name(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    }
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Two decimals, without trailing zeros.
fn number(v: f64) -> String {
    let text = format!("{v:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Text as XML content: the five named entities, and nothing XML 1.0 forbids.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn base64_of_the_rfc() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.5, -0.001, 10.126].map(number), ["1", "0.5", "0", "10.13"]);
    }
}
