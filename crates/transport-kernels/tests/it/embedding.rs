//! Sines and cosines against f64.

use std::f64::consts::TAU;
use transport_kernels::embedding::sinusoids;

#[test]
fn features_are_the_sines_and_cosines() {
    let times: Vec<f64> = (-500..1500).map(|k| f64::from(k) * 0.000_717).collect();
    let frequencies = [0.25, 1.0, 3.7, 16.0, 1000.3];
    let features = sinusoids(&times, &frequencies);
    for (t, row) in times.iter().zip(features.chunks(10)) {
        for (k, f) in frequencies.iter().enumerate() {
            // The phase is reduced before it is multiplied by 2π, as in the kernel.
            let angle = TAU * (f * t).fract();
            for (got, right) in [(row[k], angle.sin()), (row[5 + k], angle.cos())] {
                let error = (f64::from(got) - right).abs();
                assert!(error < 1.5 * f64::from(f32::EPSILON), "{f} {t}: {got}, {right}");
            }
        }
    }
    let part = sinusoids(&times[700..701], &frequencies);
    assert_eq!(part, features[7000..7010]);
    assert!(sinusoids(&times, &[]).is_empty());
}
