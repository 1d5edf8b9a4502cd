//! What can be measured, by name.

use crate::config::{nearest, suggestion};
use serde::{Deserialize, Serialize};

/// A metric of samples against held-out rows. `docs/src/evaluation.md` has the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The mean log-density of held-out rows, in nats.
    LogLikelihood,
    /// The energy distance.
    Energy,
    /// The squared maximum mean discrepancy, the bandwidth being the held-out median distance.
    Mmd,
    /// The sliced W₂ distance.
    SlicedW2,
    /// The accuracy of a classifier that tells samples from data.
    C2st,
    /// The Fréchet distance of the rows themselves.
    Frechet,
    /// The share of samples on the manifold of the data.
    Precision,
    /// The share of data on the manifold of the samples.
    Recall,
    /// How many balls around data hold a sample, on average, over `K`.
    Density,
    /// The share of balls around data that hold a sample.
    Coverage,
    /// The mean ratio of distances to the nearest and second nearest training row.
    NeighbourRatio,
    /// The share of samples whose ratio is below 1/3.
    Memorised,
    /// The standard deviation of all values about their common mean.
    Std,
    /// The share of samples that the neighbour classifier is sure of.
    KnnSure,
    /// The share of samples in the smallest class.
    ClassShare,
}

/// What a good value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Good {
    /// As low as the floor.
    Low,
    /// As high as the floor.
    High,
    /// Near the floor.
    Near,
}

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown metric `{name}`{}", suggestion(.nearest.as_deref(), .known))]
pub struct UnknownMeasure {
    /// What was asked for.
    pub name: String,
    /// The most similar name.
    pub nearest: Option<String>,
    /// All names.
    pub known: Vec<&'static str>,
}

impl Measure {
    /// Every metric, in the order in which they are listed.
    pub const ALL: [Self; 15] = [
        Self::LogLikelihood,
        Self::Energy,
        Self::Mmd,
        Self::SlicedW2,
        Self::C2st,
        Self::Frechet,
        Self::Precision,
        Self::Recall,
        Self::Density,
        Self::Coverage,
        Self::NeighbourRatio,
        Self::Memorised,
        Self::Std,
        Self::KnnSure,
        Self::ClassShare,
    ];

    /// The name that is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// The name that is printed.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.texts().1
    }

    /// What a good value looks like.
    #[must_use]
    pub fn good(self) -> Good {
        self.texts().2
    }

    fn texts(self) -> (&'static str, &'static str, Good) {
        match self {
            Self::LogLikelihood => ("log-likelihood", "log-likelihood", Good::High),
            Self::Energy => ("energy", "energy distance", Good::Low),
            Self::Mmd => ("mmd", "MMD²", Good::Low),
            Self::SlicedW2 => ("sliced-w2", "sliced W2", Good::Low),
            Self::C2st => ("c2st", "C2ST accuracy", Good::Low),
            Self::Frechet => ("frechet", "Fréchet distance", Good::Low),
            Self::Precision => ("precision", "precision", Good::High),
            Self::Recall => ("recall", "recall", Good::High),
            Self::Density => ("density", "density", Good::High),
            Self::Coverage => ("coverage", "coverage", Good::High),
            Self::NeighbourRatio => ("neighbour-ratio", "neighbour ratio", Good::Near),
            Self::Memorised => ("memorised", "memorised share", Good::Near),
            Self::Std => ("std", "standard deviation", Good::Near),
            Self::KnnSure => ("knn-sure", "kNN sure >= 0.8", Good::High),
            Self::ClassShare => ("class-share", "smallest class share", Good::Near),
        }
    }

    /// The metric of that name.
    ///
    /// # Errors
    /// [`UnknownMeasure`] with the nearest name.
    pub fn by_name(name: &str) -> Result<Self, UnknownMeasure> {
        Self::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| {
            let known: Vec<&'static str> = Self::ALL.iter().map(|m| m.name()).collect();
            UnknownMeasure { name: name.to_owned(), nearest: nearest(name, &known), known }
        })
    }
}
