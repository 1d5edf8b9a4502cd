//! What the two players minimise.

use burn::tensor::Tensor;
use std::f64::consts::LN_2;
use transport_kernels::{Activation, ops};
use transport_models::gan::Divergence;

/// The losses of the critic and of the generator, as functions of the critic's outputs `r` on data
/// and `s` on samples, row by row.
///
/// ```text
///                   critic                              generator
/// minimax           ln(1 + e⁻ʳ) + ln(1 + eˢ)            −ln(1 + eˢ)
/// non-saturating    ln(1 + e⁻ʳ) + ln(1 + eˢ)            ln(1 + e⁻ˢ)
/// least-squares     ½ (r − 1)² + ½ s²                   ½ (s − 1)²
/// hinge             max(0, 1 − r) + max(0, 1 + s)       −s
/// wasserstein       s − r                               −s
/// relativistic      ln(1 + eˢ⁻ʳ)                        ln(1 + eʳ⁻ˢ)
/// f-divergences     f*(g(s)) − g(r)                     −f*(g(s))
/// ```
///
/// `minimax` is the theory's game: `D = σ(r)`, and the critic's loss is `−L(D, G)`. The relativistic
/// loss compares the two rows of a pair.
///
/// # References
/// Goodfellow et al. (2014); Mao et al. (2017), least squares with a = 0, b = c = 1; Lim & Ye
/// (2017), hinge; Arjovsky, Chintala & Bottou (2017); Jolicoeur-Martineau (2019), relativistic
/// pairs; Nowozin, Cseke & Tomioka (2016).
/// # Checked by
/// `tests/it/adversarial_losses.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The theory's.
    Minimax,
    /// Its generator follows the logarithm that does not vanish.
    NonSaturating,
    /// Regression on 1 and 0.
    LeastSquares,
    /// A margin of 1.
    Hinge,
    /// A difference of means.
    Wasserstein,
    /// A difference of pairs.
    Relativistic,
    /// The variational form of an f-divergence.
    F(Divergence),
}

/// The mean over rows, in an order that the shape fixes.
pub(super) fn mean(x: Tensor<2>) -> Tensor<1> {
    let n = x.dims()[0] as f64;
    x.sum_dim(0).reshape([1]).div_scalar(n)
}

fn softplus(x: Tensor<2>) -> Tensor<2> {
    ops::activate(Activation::Softplus, x)
}

impl Loss {
    /// Every loss with its name in a configuration.
    pub const NAMES: [(&'static str, Self); 12] = [
        ("minimax", Self::Minimax),
        ("non-saturating", Self::NonSaturating),
        ("least-squares", Self::LeastSquares),
        ("hinge", Self::Hinge),
        ("wasserstein", Self::Wasserstein),
        ("relativistic", Self::Relativistic),
        ("kl", Self::F(Divergence::Kl)),
        ("reverse-kl", Self::F(Divergence::ReverseKl)),
        ("pearson", Self::F(Divergence::Pearson)),
        ("hellinger", Self::F(Divergence::Hellinger)),
        ("jensen-shannon", Self::F(Divergence::JensenShannon)),
        ("total-variation", Self::F(Divergence::TotalVariation)),
    ];

    /// The critic's loss.
    ///
    /// # Shapes
    /// `real`, `fake`: `[n, 1]`; returns `[1]`.
    #[must_use]
    pub fn critic(self, real: Tensor<2>, fake: Tensor<2>) -> Tensor<1> {
        mean(match self {
            Self::Minimax | Self::NonSaturating => softplus(real.neg()) + softplus(fake),
            Self::LeastSquares => {
                (real.sub_scalar(1.0).powi_scalar(2) + fake.powi_scalar(2)).mul_scalar(0.5)
            }
            Self::Hinge => {
                let margin = |x: Tensor<2>| x.add_scalar(1.0).clamp_min(0.0);
                margin(real.neg()) + margin(fake)
            }
            Self::Wasserstein => fake - real,
            Self::Relativistic => softplus(fake - real),
            Self::F(f) => f.conjugate(fake) - f.activation(real),
        })
    }

    /// The generator's loss.
    ///
    /// # Shapes
    /// As [`Loss::critic`].
    #[must_use]
    pub fn generator(self, real: Tensor<2>, fake: Tensor<2>) -> Tensor<1> {
        mean(self.generator_rows(real, fake))
    }

    /// The generator's loss, row by row.
    ///
    /// # Shapes
    /// `real`, `fake`: `[n, 1]`; returns `[n, 1]`.
    #[must_use]
    pub fn generator_rows(self, real: Tensor<2>, fake: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Minimax => softplus(fake).neg(),
            Self::NonSaturating => softplus(fake.neg()),
            Self::LeastSquares => fake.sub_scalar(1.0).powi_scalar(2).mul_scalar(0.5),
            Self::Hinge | Self::Wasserstein => fake.neg(),
            Self::Relativistic => softplus(real - fake),
            Self::F(f) => f.conjugate(fake).neg(),
        }
    }

    /// Whether the generator's loss looks at data.
    #[must_use]
    pub fn generator_sees_data(self) -> bool {
        self == Self::Relativistic
    }

    /// What the critic's loss says of the distance between data and samples: a lower bound, up to
    /// the batch's noise, of the divergence in the second place.
    ///
    /// ```text
    /// minimax, non-saturating    ln 2 − loss/2       Jensen–Shannon
    /// least-squares              2 − 8 loss          triangular, ∫ (p − q)²/(p + q)
    /// hinge                      1 − loss/2          total variation
    /// wasserstein                −loss               Wasserstein-1, times the critic's slope
    /// relativistic               ln 2 − loss         relativistic
    /// f-divergences              −loss               D_f
    /// ```
    #[must_use]
    pub fn divergence(self, critic_loss: f64) -> f64 {
        match self {
            Self::Minimax | Self::NonSaturating => LN_2 - 0.5 * critic_loss,
            Self::LeastSquares => 2.0 - 8.0 * critic_loss,
            Self::Hinge => 1.0 - 0.5 * critic_loss,
            Self::Relativistic => LN_2 - critic_loss,
            Self::Wasserstein | Self::F(_) => -critic_loss,
        }
    }
}
