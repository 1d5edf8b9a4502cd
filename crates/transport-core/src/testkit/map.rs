//! Suites for push-forwards, invertible maps and paths.

use super::{Violation, all_close, close, shifted};
use crate::device::to_host;
use crate::map::{Invertible, Path};
use crate::noise::Noise;
use burn::tensor::Tensor;

/// `T⁻¹(T(z)) = z`.
///
/// # Errors
/// The first element that differs by more than `tolerance`, relatively.
pub fn inverse_undoes_push(
    map: &impl Invertible,
    z: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    let noise = Noise::new(0, z.dims()[0]);
    let (back, _) = map.pull(map.push(z.clone(), &noise));
    all_close("pulling undoes pushing", back, z.clone(), tolerance)
}

/// `log |det ∂T⁻¹/∂x|` equals the log-determinant of the Jacobian taken by central differences.
///
/// # Errors
/// The first row that differs by more than `tolerance`, relatively.
pub fn log_det_is_the_jacobian(
    map: &impl Invertible,
    x: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    const H: f64 = 1e-5;
    let [n, d] = x.dims();
    let columns: Vec<Vec<f64>> = (0..d)
        .map(|j| {
            let rise = map.pull(shifted(x, j, H)).0 - map.pull(shifted(x, j, -H)).0;
            to_host(rise.div_scalar(2.0 * H))
        })
        .collect();
    let log_det = to_host(map.pull(x.clone()).1);
    for (row, got) in log_det.into_iter().enumerate().take(n) {
        let mut jacobian: Vec<f64> = (0..d * d).map(|k| columns[k % d][row * d + k / d]).collect();
        let expected = log_abs_det(&mut jacobian, d);
        let place = || format!("row {row}");
        close("log-det is the Jacobian's", got, expected, tolerance, place)?;
    }
    Ok(())
}

/// The Jacobian of `T⁻¹` at each row by `d` reverse passes: column `i` of the answer is `∇ (T⁻¹)_i`,
/// `[n, d]` row-major on the host.
fn reverse_jacobian(map: &impl Invertible, x: &Tensor<2>) -> Vec<Vec<f64>> {
    let d = x.dims()[1];
    let gradient = |i: usize| {
        let x = x.clone().autodiff().require_grad();
        let gradients = map.pull(x.clone()).0.narrow(1, i, 1).sum().backward();
        let none = vec![0.0; x.dims().iter().product()];
        x.grad(&gradients).map_or(none, to_host)
    };
    (0..d).map(gradient).collect()
}

/// `log |det ∂T⁻¹/∂x|` equals the log-determinant of the Jacobian taken by `d` reverse passes.
///
/// # Errors
/// The first row that differs by more than `tolerance`, relatively.
pub fn log_det_is_the_reverse_jacobian(
    map: &impl Invertible,
    x: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    let [n, d] = x.dims();
    let gradients = reverse_jacobian(map, x);
    let log_det = to_host(map.pull(x.clone()).1);
    for (row, got) in log_det.into_iter().enumerate().take(n) {
        let mut jacobian: Vec<f64> =
            (0..d * d).map(|k| gradients[k / d][row * d + k % d]).collect();
        let expected = log_abs_det(&mut jacobian, d);
        let place = || format!("row {row}");
        close("log-det is the reverse Jacobian's", got, expected, tolerance, place)?;
    }
    Ok(())
}

/// `|T⁻¹(T(z)) − z| ≤ tolerance (1 + ‖∂T⁻¹/∂x‖) (1 + |x| + |z|)`: the inverse, up to what a rounding
/// of `x = T(z)` becomes on the way back.
///
/// # Errors
/// The first row whose error is larger.
pub fn inverse_undoes_push_up_to_conditioning(
    map: &impl Invertible,
    z: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    let [n, d] = z.dims();
    let x = map.push(z.clone(), &Noise::new(0, n));
    let gradients = reverse_jacobian(map, &x);
    let back = to_host(map.pull(x.clone()).0);
    let (x, z) = (to_host(x), to_host(z.clone()));
    let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    for row in 0..n {
        let part = |v: &[f64]| v[row * d..(row + 1) * d].to_vec();
        let norm = size(&gradients.iter().flat_map(|g| part(g)).collect::<Vec<f64>>());
        let scale = (1.0 + norm) * (1.0 + size(&part(&x)) + size(&part(&z)));
        let gap: Vec<f64> = part(&back).iter().zip(part(&z)).map(|(b, z)| b - z).collect();
        let place = || format!("row {row}, conditioning {norm:.1e}");
        close("pulling undoes pushing (scaled error)", size(&gap) / scale, 0.0, tolerance, place)?;
    }
    Ok(())
}

/// `trace(z, [0, …, 1])` starts at `z` and ends at `push(z)`.
///
/// # Errors
/// The first element that differs by more than `tolerance`, relatively.
pub fn path_ends_at_push(map: &impl Path, z: &Tensor<2>, tolerance: f64) -> Result<(), Violation> {
    let noise = Noise::new(4, z.dims()[0]);
    let path = map.trace(z.clone(), &[0.0, 0.5, 1.0], &noise);
    let count = path.states.len() as f64;
    close("a path has a state at each knot", count, 3.0, 0.0, || "the trace".into())?;
    all_close("a path starts at its argument", path.states[0].clone(), z.clone(), 0.0)?;
    let end = map.push(z.clone(), &noise);
    all_close("a path ends at the push-forward", path.states[2].clone(), end, tolerance)
}

/// `log |det a|` by Gaussian elimination with partial pivoting.
fn log_abs_det(a: &mut [f64], d: usize) -> f64 {
    let mut total = 0.0;
    for k in 0..d {
        let pivot = (k..d).max_by(|i, j| a[i * d + k].abs().total_cmp(&a[j * d + k].abs()));
        let pivot = pivot.unwrap_or(k);
        (0..d).for_each(|j| a.swap(k * d + j, pivot * d + j));
        total += a[k * d + k].abs().ln();
        for i in k + 1..d {
            let factor = a[i * d + k] / a[k * d + k];
            (k..d).for_each(|j| a[i * d + j] -= factor * a[k * d + j]);
        }
    }
    total
}
