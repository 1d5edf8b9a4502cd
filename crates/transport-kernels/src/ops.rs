//! The kernels on tensors: fast where they can be, composed where not, with gradients on both.

use crate::activation::Activation;
use crate::composed;
use crate::mask::Mask;
use crate::monotone::{Monotone, Way};
use burn::tensor::Tensor;
use std::sync::Arc;

/// Whether a tensor takes the kernels: f32 on flex, with them enabled.
#[cfg(feature = "flex")]
pub(crate) fn takes_kernels<const D: usize>(x: &Tensor<D>) -> bool {
    use burn::tensor::DType;
    x.dtype() == DType::F32 && crate::extension::on_flex(&x.device()) && crate::enabled()
}

/// Whether a tensor takes the kernels that have no gradient.
#[cfg(feature = "flex")]
pub(crate) fn takes_plain<const D: usize>(x: &Tensor<D>) -> bool {
    takes_kernels(x) && !x.device().is_autodiff()
}

/// `f(x)`, element by element.
///
/// # Example
/// ```
/// use transport_kernels::{Activation, ops};
/// # #[cfg(feature = "flex")] {
/// let space = transport_core::Space::f32(&transport_core::device::select(None).unwrap());
/// let y = ops::activate(Activation::Silu, space.tensor(vec![0.0, 1.0], [2]));
/// let y = transport_core::device::to_host(y);
/// assert!(y[0] == 0.0 && (y[1] - 0.731_058_6).abs() < 1e-6);
/// # }
/// ```
/// # Checked by
/// `tests/it/activations.rs`
#[must_use]
pub fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if takes_kernels(&x) {
        return crate::extension::activate(kind, x);
    }
    composed::activate(kind, x)
}

/// `f(x)` and `f′(x)` at the price of one; where gradients are tracked, as operations that can be
/// differentiated once more.
///
/// # Checked by
/// `tests/it/activations.rs`
#[must_use]
pub fn activate_with_slope<const D: usize>(
    kind: Activation,
    x: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    #[cfg(feature = "flex")]
    if takes_kernels(&x) && !x.device().is_autodiff() {
        return crate::extension::activate_with_slope(kind, x);
    }
    composed::activate_with_slope(kind, x)
}

/// `f(x) W + b`, or `x + f(x) W + b` with the way around.
///
/// # Shapes
/// `x`: `[n, k]`, `weight`: `[k, m]`, `bias`: `[m]`; returns `[n, m]`. Around needs `k = m`.
///
/// # Panics
/// When the shapes do not fit.
///
/// # Checked by
/// `tests/it/layers.rs`
#[must_use]
pub fn layer(
    kind: Activation,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    around: bool,
) -> Tensor<2> {
    let ([_, k], [rows, m]) = (x.dims(), weight.dims());
    assert_eq!(k, rows, "{k} features meet a weight of shape [{rows}, {m}]");
    assert_eq!(bias.dims(), [m], "a bias for {m} outputs");
    assert!(!around || k == m, "{k} features cannot go around to {m}");
    #[cfg(feature = "flex")]
    if takes_kernels(&x) {
        return crate::extension::layer(kind, x, weight, bias, around);
    }
    composed::layer(kind, x, weight, bias, around)
}

/// `f(x) (W ⊙ M) + b`, or `x` added to it with the way around; without a kind `f` is the identity,
/// without a mask every connection exists.
///
/// # Shapes
/// As [`layer`]; `M` as `weight`.
///
/// # Panics
/// When the shapes do not fit.
///
/// # Checked by
/// `tests/it/monotone.rs`
#[must_use]
pub fn masked_layer(
    kind: Option<Activation>,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    mask: Option<&Mask>,
    around: bool,
) -> Tensor<2> {
    let ([_, k], [rows, m]) = (x.dims(), weight.dims());
    assert_eq!(k, rows, "{k} features meet a weight of shape [{rows}, {m}]");
    assert_eq!(bias.dims(), [m], "a bias for {m} outputs");
    assert!(!around || k == m, "{k} features cannot go around to {m}");
    assert!(mask.is_none_or(|mask| mask.tensor().dims() == [k, m]), "a mask of shape [{k}, {m}]");
    #[cfg(feature = "flex")]
    if takes_kernels(&x) {
        return crate::extension::monotone::masked_layer(kind, x, weight, bias, mask, around);
    }
    composed::masked_layer(kind, x, weight, bias, mask, around)
}

/// The rows of `x` with some columns moved by increasing maps, each with parameters of its own, and
/// the sum over those columns of the logarithm of the slope that was taken.
///
/// # Shapes
/// `x`: `[n, d]`; `theta`: `[n, m p]`, or `[1, m p]` for all rows, the `p` parameters of a column
/// side by side, for `m` columns, each another; returns `[n, d]` and `[n]`.
///
/// # Panics
/// When the shapes do not fit, or there is no column.
///
/// # Checked by
/// `tests/it/monotone.rs`
#[must_use]
pub fn monotone(
    map: Monotone,
    way: Way,
    x: Tensor<2>,
    theta: Tensor<2>,
    columns: &Arc<[usize]>,
) -> (Tensor<2>, Tensor<1>) {
    let ([n, d], [rows, width], m) = (x.dims(), theta.dims(), columns.len());
    assert!(m > 0 && columns.iter().all(|c| *c < d), "columns {columns:?} of {d}");
    assert_eq!(width, m * map.parameters(), "parameters of {m} columns");
    assert!(rows == n || rows == 1, "{rows} rows of parameters for {n} points");
    #[cfg(feature = "flex")]
    if takes_kernels(&x) {
        let theta = if rows == n { theta } else { theta.expand([n, width]) };
        let what = crate::extension::monotone::Move { map, way, columns: columns.clone() };
        return crate::extension::monotone::monotone(what, x, theta);
    }
    composed::monotone::monotone(map, way, x, theta, columns)
}

/// Some columns.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, columns]`.
///
/// # Panics
/// When a column is not below `d`.
///
/// # Checked by
/// `tests/it/monotone.rs`
#[must_use]
pub fn columns(x: &Tensor<2>, columns: &Arc<[usize]>) -> Tensor<2> {
    assert!(columns.iter().all(|c| *c < x.dims()[1]), "columns {columns:?} of {}", x.dims()[1]);
    #[cfg(feature = "flex")]
    if takes_kernels(x) {
        return crate::extension::monotone::columns(x.clone(), columns);
    }
    composed::monotone::select(x, columns)
}

/// `base + x W + b`.
///
/// # Shapes
/// `base`: `[n, m]`, or `[1, m]` for all rows; `x`: `[n, k]`, `weight`: `[k, m]`, `bias`: `[m]`;
/// returns `[n, m]`.
///
/// # Panics
/// When the shapes do not fit.
///
/// # Checked by
/// `tests/it/layers.rs`
#[must_use]
pub fn onto(base: Tensor<2>, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let ([n, k], [rows, m], [base_rows, columns]) = (x.dims(), weight.dims(), base.dims());
    assert_eq!(k, rows, "{k} features meet a weight of shape [{rows}, {m}]");
    assert_eq!(bias.dims(), [m], "a bias for {m} outputs");
    assert_eq!(columns, m, "a base of {columns} columns under {m} outputs");
    assert!(base_rows == n || base_rows == 1, "a base of {base_rows} rows under {n}");
    #[cfg(feature = "flex")]
    if takes_kernels(&x) {
        return crate::extension::onto(base, x, weight, bias);
    }
    composed::onto(base, x, weight, bias)
}

/// The derivative of [`layer`] along directions: `(slope ⊙ u) W`, or `u + (slope ⊙ u) W` with the
/// way around. Several directions at the same points stand block after block in `u`. Where
/// gradients are tracked it is made of operations that can be differentiated once more.
///
/// # Shapes
/// `u`: `[b n, k]`, `slope`: `[n, k]`, `weight`: `[k, m]`; returns `[b n, m]`.
///
/// # Panics
/// When the shapes do not fit.
///
/// # Checked by
/// `tests/it/layers.rs`
#[must_use]
pub fn tangent(u: Tensor<2>, slope: Tensor<2>, weight: Tensor<2>, around: bool) -> Tensor<2> {
    let ([rows, k], [n, columns], [inner, m]) = (u.dims(), slope.dims(), weight.dims());
    assert!(k == columns && k == inner, "{k} features, {columns} slopes and {inner} weights");
    assert!(rows.is_multiple_of(n), "{rows} directions at {n} points");
    assert!(!around || k == m, "{k} features cannot go around to {m}");
    #[cfg(feature = "flex")]
    if takes_kernels(&u) {
        return crate::extension::tangent(u, slope, weight, around);
    }
    composed::tangent(u, slope, weight, around)
}

/// The mean of `(a − b)²` over rows and columns.
///
/// # Shapes
/// `a`, `b`: `[n, d]`; returns `[1]`.
///
/// # Panics
/// When the shapes differ.
///
/// # Checked by
/// `tests/it/layers.rs`
#[must_use]
pub fn mean_square_error(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    assert_eq!(a.dims(), b.dims(), "the mean square error of unlike shapes");
    #[cfg(feature = "flex")]
    if takes_kernels(&a) {
        return crate::extension::mean_square_error(a, b);
    }
    composed::mean_square_error(a, b)
}
