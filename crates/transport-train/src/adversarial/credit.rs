//! The part that a choice has in a loss.

use super::loss::mean;
use burn::tensor::Tensor;

/// A number whose gradient in the chances `w` is that of the expected loss, in the mean over
/// choices `k ~ w`.
///
/// ```text
/// ∇ E_k l(k) = E_k[ l(k) ∇ln w_k ] ≈ ∇ (1/n) Σ_i (l_i − b_i) ln w_{k_i},    b_i = mean of l_j, j ≠ i
/// ```
///
/// The baseline `b_i` does not depend on the i-th choice, so that it lowers the variance and adds
/// no bias. Rows of several choices take the sum of their logarithms. The losses are constants; the
/// value is of no meaning.
///
/// # Shapes
/// `rows`: `[n, 1]`, the losses; `log_chances`: `[n, m]`, of `m` choices each; returns `[1]`.
///
/// # References
/// Williams (1992), REINFORCE; Kool, van Hoof & Welling (2019), the mean of the others as baseline.
/// # Checked by
/// `tests/it/adversarial_losses.rs`
#[must_use]
pub fn credit(rows: Tensor<2>, log_chances: Tensor<2>) -> Tensor<1> {
    let n = rows.dims()[0];
    let rows = rows.detach();
    // l − mean = (n − 1)/n (l − b).
    let centred = rows.clone() - mean(rows).reshape([1, 1]);
    let others = n as f64 / n.saturating_sub(1).max(1) as f64;
    mean(centred * log_chances.sum_dim(1)).mul_scalar(others)
}
