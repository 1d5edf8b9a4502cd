//! A histogram: the share of the values in each bin over the bin's width, so that its area is the
//! share of the values it shows.

use crate::axis::Axis;
use crate::panels::Panel;
use crate::scene::Scene;
use crate::style::Rgb;

/// Rice's rule, 2 ∛n, within reason.
pub(crate) fn bins(n: usize) -> usize {
    (2.0 * (n as f64).cbrt()).ceil().clamp(6.0, 60.0) as usize
}

/// Densities in units of one over the axis's width (so that they stay finite), and how many
/// finite values lie outside.
pub(crate) fn density(
    values: impl Iterator<Item = f64>,
    axis: &Axis,
    bins: usize,
) -> (Vec<f64>, usize) {
    let (mut counts, mut outside, mut total) = (vec![0.0; bins], 0, 0.0);
    for v in values.filter(|v| v.is_finite()) {
        total += 1.0;
        if axis.contains(v) {
            counts[((axis.place(v) * bins as f64) as usize).min(bins - 1)] += 1.0;
        } else {
            outside += 1;
        }
    }
    let unit = bins as f64 / f64::max(total, 1.0);
    counts.iter_mut().for_each(|c| *c *= unit);
    (counts, outside)
}

/// Draws heights (in the panel's upward units) as filled steps under an outline.
pub(crate) fn draw(scene: &mut Scene, panel: &Panel, heights: &[f64], color: Rgb) {
    let foot = panel.y + panel.h;
    let edge = |i: usize| panel.x + panel.w * i as f64 / heights.len() as f64;
    let top = |h: f64| panel.y + (1.0 - panel.up.place(h)) * panel.h;
    let mut outline = vec![(edge(0), foot)];
    for (i, &h) in heights.iter().enumerate() {
        if h > 0.0 {
            scene.rect((edge(i), top(h)), (edge(i + 1) - edge(i), foot - top(h)), color, 0.22);
        }
        outline.extend([(edge(i), top(h)), (edge(i + 1), top(h))]);
    }
    outline.push((edge(heights.len()), foot));
    scene.line(outline, 1.6, color);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_inside() {
        let axis = Axis { lo: 0.0, hi: 4.0, log: false };
        let (d, outside) = density([0.5, 0.6, 3.9, 9.0, f64::NAN].into_iter(), &axis, 4);
        assert_eq!((d, outside), (vec![2.0, 0.0, 0.0, 1.0], 1));
    }
}
