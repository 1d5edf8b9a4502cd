//! Combinations against sums in f64, and against themselves in chunks.

use crate::spaces;
use burn::tensor::{DType, Tensor};
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::combination::{Factor, combine, composed};
use transport_kernels::norms::scaled_norms;

const WEIGHTS: [f64; 3] = [0.25, -1.5, 3.0];

fn random(seed: u64, [n, d]: [usize; 2], space: &Space) -> Tensor<2> {
    Noise::new(seed, n).normal(d, space)
}

fn terms(shape: [usize; 2], space: &Space) -> Vec<Tensor<2>> {
    (2..5).map(|seed| random(seed, shape, space)).collect()
}

fn epsilon(space: &Space) -> f64 {
    if space.dtype == DType::F32 { 6e-8 } else { 1.2e-16 }
}

/// Four roundings of sums of magnitude below `|x| + h Σ |w k|`.
#[test]
fn a_combination_is_its_sum() {
    for space in spaces() {
        // A width for each kind of factor: 1, 2, 4, 8 side by side in a block, whole blocks, any.
        let narrow = [[1, 1], [77, 1], [3, 2], [99, 2], [35, 4], [21, 8], [40, 7], [33, 16]];
        let wide = [[5, 64], [9, 32], [3, 96], [1, 700], [700, 300], [3000, 64]];
        for shape in narrow.into_iter().chain(wide) {
            let (x, terms) = (random(1, shape, &space), terms(shape, &space));
            let each: Vec<f64> = (0..shape[0]).map(|i| 0.1 + 0.01 * (i % 17) as f64).collect();
            for (factor, h) in [(Factor::Same(0.3), None), (Factor::Each(&each), Some(&each))] {
                for start in [None, Some(&x)] {
                    let found = to_host(combine(start, factor, &WEIGHTS, &terms));
                    let values: Vec<Vec<f64>> = terms.iter().cloned().map(to_host).collect();
                    let base = start.map_or(vec![0.0; found.len()], |x| to_host(x.clone()));
                    for (i, found) in found.into_iter().enumerate() {
                        let h = h.map_or(0.3, |h| h[i / shape[1]]);
                        let parts = values.iter().zip(WEIGHTS).map(|(k, w)| h * w * k[i]);
                        let size = base[i].abs() + parts.clone().map(f64::abs).sum::<f64>();
                        let gap = (found - base[i] - parts.sum::<f64>()).abs();
                        assert!(gap <= 8.0 * epsilon(&space) * size, "{shape:?} at {i}: {gap}");
                    }
                }
            }
        }
    }
}

/// As many terms as there are loops for, and more: those are added up in parts.
#[test]
fn any_number_of_terms_adds_up() {
    for space in spaces() {
        for count in 1..=19 {
            let shape = [11, 5];
            let (x, h): (_, Vec<f64>) =
                (random(50, shape, &space), (0..11).map(|i| 0.2 + 0.1 * f64::from(i)).collect());
            let terms: Vec<_> = (0..count).map(|seed| random(seed, shape, &space)).collect();
            let weights: Vec<f64> = (0..count).map(|k| 1.0 - 0.3 * k as f64).collect();
            let found = combine(Some(&x), Factor::Each(&h), &weights, &terms);
            let expected = composed(Some(&x), Factor::Each(&h), &weights, &terms);
            let gap = to_host((found - expected).abs().max())[0];
            assert!(gap <= 400.0 * epsilon(&space), "{count} terms: {gap}");
        }
    }
}

/// With the order of rows and columns of terms that are views, and with gradients.
#[test]
fn views_and_gradients_take_the_same_value() {
    for space in spaces() {
        let turned = random(1, [6, 9], &space).transpose();
        let terms = [turned.clone(), random(2, [9, 6], &space)];
        let found = combine(Some(&turned), Factor::Same(0.5), &[2.0, 1.0], &terms);
        let expected = composed(Some(&turned), Factor::Same(0.5), &[2.0, 1.0], &terms);
        let gap = to_host((found - expected).abs().max());
        assert!(gap[0] <= 20.0 * epsilon(&space), "{gap:?}");

        let x = random(3, [4, 3], &space).autodiff().require_grad();
        let y = combine(Some(&x), Factor::Same(0.5), &[4.0], std::slice::from_ref(&x));
        let slope = to_host(x.grad(&y.sum().backward()).unwrap());
        assert!(slope.iter().all(|s| *s == 3.0), "{slope:?}");
    }
}

/// The bits of a row do not depend on the rows beside it.
#[test]
fn chunks_are_parts_of_the_whole() {
    let [space, _] = spaces();
    let shape = [1000, 150];
    let (x, terms) = (random(1, shape, &space), terms(shape, &space));
    let h: Vec<f64> = (0..shape[0]).map(|i| 0.1 + 0.001 * i as f64).collect();
    let whole = combine(Some(&x), Factor::Each(&h), &WEIGHTS, &terms);
    let norms = scaled_norms(&whole, [&x, &terms[0]], (0.1, 0.1));
    for rows in [0..1, 1..18, 18..777, 777..1000] {
        let part = |t: &Tensor<2>| t.clone().slice([rows.clone()]);
        let some: Vec<Tensor<2>> = terms.iter().map(part).collect();
        let (x, h) = (part(&x), Factor::Each(&h[rows.clone()]));
        let found = combine(Some(&x), h, &WEIGHTS, &some);
        assert_eq!(to_host(found.clone()), to_host(part(&whole)), "rows {rows:?}");
        let some = scaled_norms(&found, [&x, &some[0]], (0.1, 0.1));
        assert_eq!(some, norms[rows.clone()], "norms of rows {rows:?}");
    }
}
