//! Adversarial models that cannot be.

/// A choice that makes no adversarial model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GanError {
    /// A count outside its range.
    #[error("{what} is {value}: at least {least} and at most {most}")]
    Count {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The least that works.
        least: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// A number outside its range.
    #[error("{what} is {value}: {expected}")]
    Number {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A generator without anything random to push.
    #[error(
        "latent is 0, coins is 0 and pieces is below 2: a generator needs something random to push"
    )]
    NoLatent,
    /// Convolutions over rows that are no images.
    #[error("convolutions need images, and these rows are none: net = \"mlp\" suits any rows")]
    NoImage,
    /// More halvings than an image has.
    #[error(
        "an image of {height} x {width} pixels cannot be halved {stages} times: stages is at most {most}"
    )]
    TooSmall {
        /// Its rows.
        height: usize,
        /// Its columns.
        width: usize,
        /// The halvings asked for.
        stages: usize,
        /// The halvings it has.
        most: usize,
    },
    /// Batches that do not fill the packs of a critic.
    #[error(
        "batches of {batch} rows do not split into packs of {pack}: the critic judges {pack} points together"
    )]
    Packs {
        /// The rows of a batch.
        batch: usize,
        /// The points that the critic judges together.
        pack: usize,
    },
    /// A penalty on gradients that do not exist row by row.
    #[error(
        "penalty = \"{penalty}\" needs the critic's gradient at each row, and with critic_norm = \"batch\" a row's value depends on the whole batch: use \"none\" or \"spectral\""
    )]
    BatchNormPenalty {
        /// The penalty.
        penalty: &'static str,
    },
}

impl GanError {
    /// Whether a count lies in its range.
    ///
    /// # Errors
    /// [`GanError::Count`] when not.
    pub fn count(what: &'static str, value: usize, least: usize, most: usize) -> Result<(), Self> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Self::Count { what, value, least, most })
    }

    /// Whether a number is finite and above 0.
    ///
    /// # Errors
    /// [`GanError::Number`] when not.
    pub fn positive(what: &'static str, value: f64) -> Result<(), Self> {
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Self::Number { what, value, expected: "a finite number above 0" })
    }

    /// Whether a number is finite and at least 0.
    ///
    /// # Errors
    /// [`GanError::Number`] when not.
    pub fn not_negative(what: &'static str, value: f64) -> Result<(), Self> {
        if value >= 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Self::Number { what, value, expected: "a finite number of at least 0" })
    }
}
