//! What a generator reads: normal columns, fair coins, and the place of a piece.

use super::LARGEST;
use super::error::GanError;
use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use transport_core::device::to_host;
use transport_core::{Noise, Space};

/// Standard normal columns, then fair coins of ±1, then the place of one of several pieces.
///
/// A continuous map of a connected reference has a connected image, so that modes which lie apart
/// are joined by a thin bridge of samples. Coins and pieces make the reference disconnected: of
/// `2^coins` and of `pieces` parts, for the modes to share.
///
/// # References
/// Khayatkhoei, Elgammal & Singh (2018), "Disconnected manifold learning for generative adversarial
/// networks".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Normal columns.
    pub normals: usize,
    /// Columns of ±1.
    pub coins: usize,
    /// Pieces, of which each point belongs to one; 0 for none. See [`Pieces`].
    pub pieces: usize,
    /// How much quicker the logarithms of their chances move than a parameter.
    pub chance_rate: f64,
}

/// Columns of a place: random points in so many are far apart, and nearly any two sets of them can
/// be told apart by a plane.
const PLACE: usize = 16;

impl Reference {
    /// Its dimension.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.normals + self.coins + if self.pieces > 0 { PLACE } else { 0 }
    }

    /// Checks every count.
    ///
    /// # Errors
    /// [`GanError::NoLatent`], [`GanError::Count`].
    pub fn check(&self) -> Result<(), GanError> {
        if self.normals + self.coins == 0 && self.pieces < 2 {
            return Err(GanError::NoLatent);
        }
        GanError::count("latent", self.normals, 0, LARGEST)?;
        GanError::count("coins", self.coins, 0, 64)?;
        match self.pieces {
            0 => Ok(()),
            pieces => {
                GanError::count("pieces", pieces, 2, LARGEST)?;
                GanError::positive("chance_rate", self.chance_rate)
            }
        }
    }

    /// The pieces, all as likely, if there are any.
    #[must_use]
    pub fn start(&self, space: &Space) -> Option<Pieces> {
        (self.pieces > 0).then(|| Pieces::new(self.pieces, self.chance_rate, space))
    }

    /// One point for each sample that `noise` names; a coin is the sign of a normal draw.
    ///
    /// # Shapes
    /// Returns `[noise.len(), dim]`.
    ///
    /// # Panics
    /// When there are pieces and none are given, or the other way round.
    #[must_use]
    pub fn sample(&self, pieces: Option<&Pieces>, noise: &Noise, space: &Space) -> Tensor<2> {
        assert_eq!(pieces.is_some(), self.pieces > 0, "pieces go with a reference that has them");
        let free = self.normals + self.coins;
        let mut columns = Vec::with_capacity(3);
        if free > 0 {
            let z = noise.purpose("reference").normal(free, space);
            if self.normals > 0 {
                columns.push(z.clone().narrow(1, 0, self.normals));
            }
            if self.coins > 0 {
                columns.push(z.narrow(1, self.normals, self.coins).sign());
            }
        }
        columns.extend(pieces.map(|pieces| pieces.places(&pieces.chosen(noise), space)));
        Tensor::cat(columns, 1)
    }
}

/// A choice among `K` fixed places, with chances that are learned.
///
/// ```text
/// k ~ w = softmax(r a),    place p_k,    p_1 … p_K fixed draws of N(0, I)
/// ∇ E_k l(k) = E_k[ ∇l(k) + (l(k) − b) ∇ln w_k ]
/// ```
///
/// The law of the generator is a mixture of `K` pushed pieces. What a mode weighs is the sum of the
/// chances of the pieces that lie in it, which moves although no sample can cross the gap to the
/// next one. An optimiser whose steps have a fixed length moves their logarithms `r` times as far as
/// a parameter.
///
/// # References
/// Gurumurthy, Sarvadevabhatla & Babu (2017), "DeLiGAN: generative adversarial networks for diverse
/// and limited data", with even chances; the gradient by the logarithm: Williams (1992).
/// # Checked by
/// `tests/it/gan_nets.rs`, `transport-train/tests/it/adversarial_game.rs`
#[derive(Module, Debug)]
pub struct Pieces {
    logits: Param<Tensor<1>>,
    #[module(skip)]
    rate: f64,
}

impl Pieces {
    fn new(count: usize, rate: f64, space: &Space) -> Self {
        let zeros = space.tensor(vec![0.0; count], [1, count]).reshape([count]);
        Self { logits: Param::from_tensor(zeros), rate }
    }

    /// `r a`.
    fn logits(&self) -> Tensor<1> {
        self.logits.val().mul_scalar(self.rate)
    }

    /// Their chances.
    #[must_use]
    pub fn chances(&self) -> Vec<f64> {
        let logits = to_host(self.logits());
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|a| (a - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / total).collect()
    }

    /// The piece of each sample that `noise` names.
    fn chosen(&self, noise: &Noise) -> Vec<usize> {
        let chances = self.chances();
        let ends: Vec<f64> = chances
            .iter()
            .scan(0.0, |end, w| {
                *end += w;
                Some(*end)
            })
            .collect();
        let last = ends.len() - 1;
        let lots = noise.purpose("piece").uniform_values(1);
        lots.iter().map(|u| ends.partition_point(|end| end <= u).min(last)).collect()
    }

    fn places(&self, chosen: &[usize], space: &Space) -> Tensor<2> {
        let [count] = self.logits.dims();
        let places = Noise::new(0, count).purpose("places").normal_values(PLACE);
        let place = |k: &usize| places[k * PLACE..(k + 1) * PLACE].to_vec();
        space.tensor(chosen.iter().flat_map(place).collect(), [chosen.len(), PLACE])
    }

    /// `ln w_k` of the piece of each sample that `noise` names, through which gradients reach the
    /// chances.
    ///
    /// # Shapes
    /// Returns `[noise.len(), 1]`.
    #[must_use]
    pub fn log_chances(&self, noise: &Noise) -> Tensor<2> {
        let chosen: Vec<i32> = self.chosen(noise).into_iter().map(|k| k as i32).collect();
        let logits = self.logits();
        let n = chosen.len();
        let chosen = Tensor::<1, Int>::from_data(TensorData::new(chosen, [n]), &logits.device());
        log_softmax(logits, 0).select(0, chosen).reshape([n, 1])
    }
}
