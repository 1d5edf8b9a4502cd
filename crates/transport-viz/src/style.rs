//! One look for all figures: colours, sizes, and how big a point is among n.

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

pub(crate) const WHITE: Rgb = [255, 255, 255];
pub(crate) const INK: Rgb = [38, 38, 38];
pub(crate) const FAINT: Rgb = [112, 112, 112];
pub(crate) const SPINE: Rgb = [150, 150, 150];
pub(crate) const GRID: Rgb = [234, 234, 234];
/// The data, beside which samples are coloured.
pub(crate) const DATA: Rgb = [90, 90, 90];

/// Colours that the colour-blind tell apart, the palest last.
/// Okabe & Ito (2008), Color Universal Design.
pub(crate) const PALETTE: [Rgb; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [0, 0, 0],
];

pub(crate) const TITLE: f64 = 15.0;
pub(crate) const NAME: f64 = 13.0;
pub(crate) const TICK: f64 = 11.0;
pub(crate) const NOTE: f64 = 10.0;

/// Colour i of the palette, from the start again after the last.
pub(crate) fn color(i: usize) -> Rgb {
    PALETTE[i % PALETTE.len()]
}

/// The colour of series i of k: the first of several is the data.
pub(crate) fn against_data(i: usize, k: usize) -> Rgb {
    match (i, k) {
        (_, 1) => color(0),
        (0, _) => DATA,
        _ => color(i - 1),
    }
}

/// (1 − w) a + w b.
pub(crate) fn mix(a: Rgb, b: Rgb, w: f64) -> Rgb {
    std::array::from_fn(|c| {
        (f64::from(a[c]) * (1.0 - w) + f64::from(b[c]) * w).round().clamp(0.0, 255.0) as u8
    })
}

/// Radius and opacity of one among n points: smaller and fainter as n grows.
pub(crate) fn dot(n: usize) -> (f64, f64) {
    let crowd = (n.max(100) as f64 / 100.0).powf(-0.2);
    (2.9 * crowd, 0.85 * crowd)
}
