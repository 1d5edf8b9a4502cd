//! The transformer of images: identity at the start, positions, derivatives, sizes.

use crate::{perturbed, spaces};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Noise, Times};
use transport_models::net::{Dit, DitConfig, Dropout, Dual, TimeFeatures};

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

pub(crate) const DIT: DitConfig = DitConfig {
    channels: 2,
    patch: 2,
    width: 16,
    depth: 2,
    head: 8,
    time: TimeFeatures::Geometric,
    context: 3,
    dropout: Dropout { rate: 0.0 },
};

/// adaLN-Zero: each block is the identity to the bit, and the network is 0.
#[test]
fn a_fresh_transformer_is_the_identity_block_by_block() {
    let (_, space) = spaces();
    let dit = Dit::new(&DIT, [8, 6], &Noise::new(3, 1), &space).unwrap();
    let x = Noise::new(1, 2).normal(12 * 16, &space).reshape([2, 12, 16]);
    let told = Noise::new(2, 2).normal(16, &space);
    for block in dit.blocks() {
        let y = block.forward(x.clone().into(), &told, None).value;
        assert_eq!(to_host(y), to_host(x.clone()));
    }
    let image = Noise::new(4, 2).normal(96, &space).reshape([2, 2, 8, 6]);
    let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
    let y = dit.dual(image.into(), Times::Same(0.4), context, None).value;
    assert!(y.dims() == [2, 2, 8, 6] && to_host(y).iter().all(|v| *v == 0.0));
}

/// Without positions a permutation of the patches would permute the output; with them it does not,
/// and the derivative along a direction is the difference.
#[test]
fn a_transformer_knows_positions_and_its_derivative() {
    let (_, space) = spaces();
    let dit = perturbed(Dit::new(&DIT, [8, 6], &Noise::new(3, 1), &space).unwrap());
    let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
    let x = Noise::new(4, 2).normal(96, &space).reshape([2, 2, 8, 6]);
    let value =
        |x: Tensor<4>| dit.dual(x.into(), Times::Each(&[0.3, 0.8]), context.clone(), None).value;
    // Two rows of patches change places.
    let swapped = |x: Tensor<4>| {
        let part = |first| x.clone().narrow(2, first, 2);
        Tensor::cat(vec![part(2), part(0), x.clone().narrow(2, 4, 4)], 2)
    };
    let gap = swapped(value(x.clone())) - value(swapped(x.clone()));
    assert!(norm(&to_host(gap)) > 1e-3);

    let (u, h) = (x.clone().mul_scalar(2.3).cos(), 1e-5);
    let dual = Dual::new(x.clone(), Some(u.clone()));
    let along = dit.dual(dual, Times::Each(&[0.3, 0.8]), context.clone(), None).along.unwrap();
    let at = |s: f64| value(x.clone() + u.clone().mul_scalar(s));
    let difference = (at(h) - at(-h)).div_scalar(2.0 * h);
    let size = norm(&to_host(difference.clone()));
    assert!(norm(&to_host(along - difference)) < 1e-7 * size);
}

#[test]
fn a_transformer_names_sizes_that_do_not_fit() {
    let message = |config: DitConfig, sides| config.check(sides).unwrap_err().to_string();
    assert!(message(DIT, [8, 7]).contains("8×7 pixels are no whole number of patches of side 2"));
    assert!(message(DitConfig { width: 20, ..DIT }, [8, 8]).contains("20 features"));
    assert!(message(DitConfig { depth: 0, ..DIT }, [8, 8]).contains("depth"));
    let dropped = DitConfig { dropout: Dropout { rate: -0.1 }, ..DIT };
    assert!(message(dropped, [8, 8]).contains("dropout is -0.1"));
}
