//! A diffusion coefficient acts on increments row by row.

use crate::space;
use transport_core::device::to_host;
use transport_sde::Diffusion;

#[test]
fn diffusion_matrices_act_row_by_row() {
    let dw = space().tensor(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    let b = space().tensor(vec![1.0, 1.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0], [2, 2, 2]);
    assert_eq!(to_host(Diffusion::Matrix(b).apply(dw.clone())), [3.0, 4.0, 4.0, 3.0]);
    assert_eq!(to_host(Diffusion::Diagonal(dw.clone()).apply(dw)), [1.0, 4.0, 9.0, 16.0]);
}
