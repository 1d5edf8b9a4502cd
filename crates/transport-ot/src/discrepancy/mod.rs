//! Discrepancies between two samples, `[n, d]` and `[m, d]` row-major.
//!
//! | file | holds |
//! |---|---|
//! | `energy` | the energy distance |
//! | `mmd` | the maximum mean discrepancy, its bandwidth rule and its permutation test |
//! | `sliced` | the sliced W₂ distance |
//! | `frechet` | the Fréchet distance between fitted Gaussians |
//! | `manifold` | precision, recall, density, coverage |
//! | `memorisation` | nearest-training-neighbour ratios, duplicates |
//! | `resample` | [`Statistic`] of weighted samples and its [`bootstrap`] |

mod energy;
mod frechet;
mod manifold;
mod memorisation;
mod mmd;
mod pairwise;
mod resample;
mod sliced;

pub use energy::{Energy, energy_distance};
pub use frechet::{Frechet, frechet_distance};
pub use manifold::Manifold;
pub use memorisation::{nearest_others, neighbour_ratios};
pub use mmd::{Mmd, TestResult, median_distance, mmd, mmd_test};
pub use resample::{Estimate, LANES, Mean, Redraw, Statistic, Weights, bootstrap};
pub use sliced::{Sliced, sliced_w2};

/// Panics unless both samples have at least `least` whole rows.
fn check(x: &[f64], y: &[f64], d: usize, least: usize) {
    assert!(d > 0, "points have at least one coordinate");
    for sample in [x, y] {
        assert!(sample.len().is_multiple_of(d), "{} values in rows of {d}", sample.len());
        let rows = sample.len() / d;
        assert!(rows >= least, "{rows} rows where {least} are needed");
    }
}
