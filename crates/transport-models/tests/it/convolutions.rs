//! The convolution and its derivative, and images in and out of a network.

use transport_core::Noise;
use transport_core::device::{Space, select, to_host};
use transport_models::net::{Conv, Kernel, Pixels};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

#[test]
fn rows_and_planes_are_inverses() {
    let shape = Pixels { channels: 3, height: 2, width: 4 };
    let values: Vec<f64> = (0..2 * shape.len()).map(|v| v as f64).collect();
    let x = space().tensor(values.clone(), [2, shape.len()]);
    let planes = shape.planes(x);
    // Pixel (1, 2), channel 1 of the first image: (1·4 + 2)·3 + 1.
    let host = to_host(planes.clone().slice([0..1, 1..2, 1..2, 2..3]));
    assert_eq!(host, [19.0]);
    assert_eq!(to_host(shape.rows(planes)), values);
}

#[test]
fn a_strided_convolution_is_affine() {
    let kernel = Kernel { side: 3, stride: 2, border: 1 };
    let noise = Noise::new(4, 1);
    let layer = Conv::new(2, 3, kernel, 1.0, &noise, &space());
    let x = noise.purpose("x").resized(1).normal(2 * 25, &space());
    let y = layer.forward(x.clone().reshape([1, 2, 5, 5]));
    assert_eq!(y.dims(), [1, 3, 3, 3]);
    // Linear in x: the value less the value at 0 is the tangent.
    let zero = layer.forward(x.clone().reshape([1, 2, 5, 5]).zeros_like());
    let tangent = to_host(layer.tangent(x.reshape([1, 2, 5, 5])));
    let difference = to_host(y - zero);
    assert!(tangent.iter().zip(&difference).all(|(a, b)| (a - b).abs() < 1e-12));
    assert!(tangent.iter().any(|v| v.abs() > 0.1));
}
