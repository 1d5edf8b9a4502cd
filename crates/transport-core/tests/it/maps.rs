use crate::space;
use transport_core::field::AffineField;
use transport_core::law::Gaussian;
use transport_core::map::{Affine, Invertible, PushForward};
use transport_core::testkit::{
    inverse_undoes_push, jvp_is_the_derivative, log_det_is_the_jacobian,
};
use transport_core::{Density, Jvp, Noise, Times, Transport, device::to_host};

fn affine() -> Affine {
    let lower = vec![1.5, 0.0, 0.0, 0.3, -0.7, 0.0, 0.2, 0.4, 2.0];
    Affine::new(lower, vec![0.1, 0.2, 0.3]).unwrap()
}

pub(crate) fn field() -> AffineField {
    AffineField {
        matrix: vec![0.1, 2.0, 0.3, -1.0, 0.4, 0.0, 0.7, 0.2, -0.9],
        offset: vec![1.0, 0.0, -1.0],
        rate: vec![0.0, 0.5, 2.0],
    }
}

#[test]
fn affine_maps_satisfy_the_suite() {
    let z = Noise::new(1, 12).normal(3, &space());
    inverse_undoes_push(&affine(), &z, 1e-12).unwrap();
    log_det_is_the_jacobian(&affine(), &z, 1e-8).unwrap();
    assert!(Affine::new(vec![1.0, 0.0, 5.0, 0.0], vec![0.0; 2]).is_err());
}

#[test]
fn a_gaussian_is_an_affine_push_forward() {
    let law = Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap();
    let map = Affine::new(law.cholesky().to_vec(), law.mean().to_vec()).unwrap();
    let transport = Transport { reference: Gaussian::standard(2), map };
    let z = Noise::new(1, 30).normal(2, &space());
    let x = transport.map.push(z.clone(), &Noise::new(1, 30));
    let gap = to_host(transport.log_prob(x.clone()) - law.log_prob(x.clone()));
    assert!(gap.iter().all(|g| g.abs() < 1e-12));
    let (back, _) = transport.map.pull(x);
    assert!(to_host(back - z).iter().all(|g| g.abs() < 1e-12));
}

#[test]
fn affine_field_derivative_and_divergence() {
    let x = Noise::new(1, 5).normal(3, &space());
    let u = Noise::new(2, 5).normal(3, &space());
    jvp_is_the_derivative(&field(), &x, 0.3, &u, 1e-8).unwrap();
    let (_, divergence) = field().divergence(x, Times::Same(0.3));
    assert!(to_host(divergence).iter().all(|v| (v + 0.4).abs() < 1e-12), "trace of A is −0.4");
}
