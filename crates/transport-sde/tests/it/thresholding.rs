//! Thresholded denoisers.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::schedule::{Rectified, Schedule};
use transport_core::{Denoiser, Times};
use transport_sde::method::diffusion::{Threshold, Thresholded};

/// Predicts the state itself, and a noise of 7.
struct Echo;

impl Denoiser for Echo {
    fn schedule(&self) -> &dyn Schedule {
        &Rectified
    }

    fn data(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x
    }

    fn posterior(&self, x: Tensor<2>, _t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (x.clone(), x.full_like(7.0))
    }
}

fn state() -> Tensor<2> {
    space().tensor(vec![0.2, -0.5, 3.0, -4.0, 0.1, 0.2, -0.3, 0.4], [2, 4])
}

#[test]
fn a_static_threshold_clamps() {
    let model = Thresholded::new(Echo, Threshold::Static { bound: 1.0 }).unwrap();
    let data = to_host(model.data(state(), Times::Same(0.5)));
    assert_eq!(data, [0.2, -0.5, 1.0, -1.0, 0.1, 0.2, -0.3, 0.4]);
}

/// The row's magnitudes 0.2, 0.5, 3, 4: their 50th percentile is 1.75, the 5/6th 3.5.
#[test]
fn a_dynamic_threshold_is_the_rows_percentile() {
    for (percentile, s) in [(0.5, 1.75), (5.0 / 6.0, 3.5), (0.0, 1.0), (1.0, 4.0)] {
        let threshold = Threshold::Dynamic { percentile, most: f64::INFINITY };
        let model = Thresholded::new(Echo, threshold).unwrap();
        let data = to_host(model.data(state(), Times::Same(0.5)));
        let row = [0.2, -0.5, 3.0, -4.0];
        let expected = row.map(|v: f64| v.clamp(-s, s) / s);
        assert!(data[..4].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{data:?}");
        // A row inside [−1, 1] stays as it is.
        assert!(data[4..].iter().zip([0.1, 0.2, -0.3, 0.4]).all(|(a, b)| (a - b).abs() < 1e-15));
    }
    let threshold = Threshold::Dynamic { percentile: 1.0, most: 2.0 };
    let model = Thresholded::new(Echo, threshold).unwrap();
    assert_eq!(to_host(model.data(state(), Times::Same(0.5)))[2..4], [1.0, -1.0]);
}

#[test]
fn the_noise_follows_or_is_kept() {
    let model = Thresholded::new(Echo, Threshold::Static { bound: 1.0 }).unwrap();
    let (data, noise) = model.posterior(state(), Times::Same(0.25));
    let back = data.mul_scalar(0.25) + noise.mul_scalar(0.75) - state();
    assert!(to_host(back).iter().all(|v| v.abs() < 1e-14));
    let (_, noise) = model.keeping_noise().posterior(state(), Times::Same(0.25));
    assert!(to_host(noise).iter().all(|v| *v == 7.0));
    // At σ = 0 the state says nothing about the noise.
    let model = Thresholded::new(Echo, Threshold::Static { bound: 1.0 }).unwrap();
    let (_, noise) = model.posterior(state(), Times::Same(1.0));
    assert!(to_host(noise).iter().all(|v| *v == 0.0));
}

#[test]
fn thresholds_are_checked() {
    let what = |threshold| Thresholded::new(Echo, threshold).map(|_| ()).unwrap_err().what;
    assert_eq!(what(Threshold::Static { bound: 0.0 }), "the bound");
    assert_eq!(what(Threshold::Dynamic { percentile: 1.2, most: 2.0 }), "the percentile");
    assert_eq!(what(Threshold::Dynamic { percentile: 0.9, most: -1.0 }), "the largest threshold");
}
