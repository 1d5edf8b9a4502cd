//! Discrepancies between two samples, `[n, d]` and `[m, d]` row-major.

mod energy;
mod sliced;

pub use energy::energy_distance;
pub use sliced::sliced_w2;

/// Panics unless both samples have at least `least` whole rows.
fn check(x: &[f64], y: &[f64], d: usize, least: usize) {
    assert!(d > 0, "points have at least one coordinate");
    for sample in [x, y] {
        assert!(sample.len().is_multiple_of(d), "{} values in rows of {d}", sample.len());
        let rows = sample.len() / d;
        assert!(rows >= least, "{rows} rows where {least} are needed");
    }
}
