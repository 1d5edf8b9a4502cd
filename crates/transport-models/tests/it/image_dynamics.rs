//! Dropout, and the learned dynamics on networks of images.

use crate::dit::DIT;
use crate::{perturbed, spaces};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::schedule::Named;
use transport_core::{Field, Head, Jvp, Noise, Preconditioning, Prediction, Times};
use transport_models::net::{
    Canvas, DitConfig, Dropout, Dual, ImageNetworkConfig, MlpConfig, Pixels, UNetConfig,
};
use transport_models::{Dynamics, DynamicsConfig, Reading};

/// The share that is kept lies within 5 standard errors of 1 − p (false alarm 6e-7), the values are
/// 0 or x/(1 − p), a row's mask is its own, and without noise nothing is dropped.
#[test]
fn dropout_drops_by_row_and_step() {
    let (space, _) = spaces();
    let dropout = Dropout { rate: 0.3 };
    let x: Dual<2> = Tensor::<2>::ones([50, 400], (&space.device, space.dtype)).into();
    let noise = Noise::new(7, 50).at_step(3);
    let run = |noise: Option<&Noise>, x: Dual<2>| to_host(dropout.apply(x, noise).value);
    let whole = run(Some(&noise), x.clone());
    let kept = whole.iter().filter(|v| **v > 0.0).count() as f64 / 20_000.0;
    assert!((kept - 0.7).abs() < 5.0 * (0.21f64 / 20_000.0).sqrt(), "{kept}");
    assert!(whole.iter().all(|v| *v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-6));
    let part = run(Some(&noise.rows(20..30)), x.clone().linear(|x| x.narrow(0, 20, 10)));
    assert_eq!(part, whole[20 * 400..30 * 400]);
    assert_ne!(run(Some(&noise.at_step(4)), x.clone()), whole);
    assert_eq!(run(None, x.clone()), vec![1.0; 20_000]);
}

/// In training features are dropped, by the noise; in sampling they are not, whatever is asked.
#[test]
fn only_networks_in_training_drop() {
    let (space, _) = spaces();
    let dropout = Dropout { rate: 0.5 };
    let unet = UNetConfig { dropout, ..UNetConfig::adm(1, &[8, 8], 1, &[false, true]) };
    let dit = DitConfig { channels: 1, context: 0, dropout, ..DIT };
    let reading =
        Reading { schedule: Named::Vp, head: Prediction::Noise.into(), uncertainty: false };
    let on_images = |config: ImageNetworkConfig| {
        let canvas = Canvas::whole(Pixels { channels: 1, height: 4, width: 4 }, None);
        Dynamics::on_images(reading, &config, canvas, &Noise::new(1, 1), &space).unwrap()
    };
    let net = MlpConfig { width: 16, depth: 2, frequencies: 4 };
    let Reading { schedule, head, uncertainty } = reading;
    let config = DynamicsConfig { schedule, head, net, uncertainty };
    let mlp = Dynamics::new(&config, 16, 0, &Noise::new(1, 1), &space).dropping(dropout);
    for model in
        [mlp, on_images(ImageNetworkConfig::UNet(unet)), on_images(ImageNetworkConfig::Dit(dit))]
    {
        let model = perturbed(model);
        let x = Noise::new(2, 4).normal(16, &space);
        let noise = Noise::new(3, 4);
        let t = Times::Same(0.4);
        let plain = to_host(model.output(x.clone(), t, None));
        assert_eq!(to_host(model.output_dropping(x.clone(), t, None, &noise)), plain);
        let trained = model.train();
        let run =
            |noise: &Noise| to_host(trained.output_dropping(x.clone(), t, None, noise).inner());
        assert_ne!(run(&noise), plain);
        assert_eq!(run(&noise), run(&noise));
        assert_ne!(run(&noise), run(&noise.at_step(1)));
    }
}

/// Every head on both networks of images: the derivative of the velocity, and its divergence as the
/// sum over directions, against differences.
#[test]
fn dynamics_on_images_know_their_derivative() {
    let (_, space) = spaces();
    let canvas = || Canvas {
        pixels: Pixels { channels: 1, height: 4, width: 4 },
        columns: (0..16).filter(|p| *p != 5).collect(),
        background: vec![0.3; 16],
        bounds: None,
    };
    let unet = UNetConfig { context: 3, ..UNetConfig::adm(1, &[8, 8], 1, &[false, true]) };
    let dit = DitConfig { channels: 1, ..DIT };
    let edm = Head::Edm(Preconditioning { sigma_data: 0.7 });
    let cases = [
        (ImageNetworkConfig::UNet(unet.clone()), Named::Edm, edm),
        (ImageNetworkConfig::UNet(unet), Named::Rectified, Prediction::Velocity.into()),
        (ImageNetworkConfig::Dit(dit), Named::Edm, edm),
        (ImageNetworkConfig::Dit(dit), Named::Vp, Prediction::V.into()),
    ];
    for (config, schedule, head) in cases {
        let reading = Reading { schedule, head, uncertainty: false };
        let noise = Noise::new(1, 1);
        let model =
            perturbed(Dynamics::on_images(reading, &config, canvas(), &noise, &space).unwrap());
        let context = Some(space.tensor(vec![1.0, 0.0, 0.0], [1, 3]));
        let (x, u) = (Noise::new(1, 2).normal(15, &space), Noise::new(2, 2).normal(15, &space));
        let given = model.given(context);
        transport_core::testkit::jvp_is_the_derivative(&given, &x, 0.6, &u, 1e-6)
            .unwrap_or_else(|e| panic!("{schedule:?}: {e}"));
        let (_, divergence) = given.divergence(x.clone(), Times::Same(0.6));
        let mut trace = [0.0; 2];
        for j in 0..15 {
            let mut e = vec![0.0; 15];
            e[j] = 1e-5;
            let e: Tensor<2> = space.tensor(e, [1, 15]);
            let at = |x: Tensor<2>| to_host(given.eval(x, Times::Same(0.6)).narrow(1, j, 1));
            let (up, down) = (at(x.clone() + e.clone()), at(x.clone() - e));
            (0..2).for_each(|i| trace[i] += (up[i] - down[i]) / 2e-5);
        }
        for (got, expected) in to_host(divergence).into_iter().zip(trace) {
            let size = 1.0 + expected.abs();
            assert!((got - expected).abs() < 1e-6 * size, "{got} against {expected}");
        }
    }
}
