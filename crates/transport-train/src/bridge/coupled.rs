//! Paths between a source and the data, with a coupling inside each batch.

use super::conditional::{Conditional, Draw};
use super::matching::Paths;
use super::pairing::{Pairing, chosen};
use super::source::Source;
use crate::objective::Batch;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Interval, Space};
use transport_ot::Coupling;

/// The conditional paths between coupled ends.
///
/// | coupling | path | name |
/// |---|---|---|
/// | independent | straight | I-CFM |
/// | independent, Gaussian source | `Lipman` | FM |
/// | exact | straight | OT-CFM |
/// | exact, with the context | straight | C²OT |
/// | Sinkhorn, `ε = 2σ²` for `|x − y|²` | Brownian | SB-CFM, \[SF\]²M: the Schrödinger bridge |
/// | exact | Brownian | \[SF\]²M-Exact: near it where σ is small |
/// | independent | trigonometric | stochastic interpolants |
///
/// \[SF\]²M: Tong et al. (2024), "Simulation-free Schrödinger bridges via score and flow matching".
#[derive(Clone, Debug)]
pub struct Coupled {
    /// The ends of the paths.
    pub ends: Ends,
    /// The way between them.
    pub path: Conditional,
}

/// Where the pairs `(x₀, x₁)` come from.
#[derive(Clone, Debug)]
pub enum Ends {
    /// Starts are drawn and paired with the batch of data.
    Drawn {
        /// The law at `t = 0`.
        source: Source,
        /// Who goes with whom.
        pairing: Pairing,
    },
    /// Each row of the data is a pair `[x₀, x₁]`: reflow, or pairs from elsewhere.
    Given,
}

/// `x₀`, `x₁` and the context of `x₁`.
type Pairs = (Tensor<2>, Tensor<2>, Option<Tensor<2>>);

impl Ends {
    fn of(&self, batch: &Batch) -> Pairs {
        let (Batch { data, context, .. }, [n, d]) = (batch, batch.data.dims());
        match self {
            Self::Given => {
                let end = |k: usize| data.clone().narrow(1, k * (d >> 1), d >> 1);
                (end(0), end(1), context.clone())
            }
            Self::Drawn { source, pairing } => {
                let starts = source.draws(&batch.noise.purpose("source"));
                let tensor = |values| Space::of(data).tensor(values, [n, d]);
                if pairing.coupling == Coupling::Independent {
                    // Nothing of the batch has to be looked at.
                    return (tensor(starts), data.clone(), context.clone());
                }
                let host = |x: &Tensor<2>| to_host(x.clone());
                let (ends, labels) = (host(data), context.as_ref().map(host));
                let draws = batch.noise.purpose("pairing");
                let (ends, rows) = pairing.paired(&starts, &ends, labels.as_deref(), d, &draws);
                let labels = context.as_ref().zip(labels).map(|(like, values)| {
                    let values = chosen(&values, &rows, like.dims()[1]);
                    Space::of(like).tensor(values, like.dims())
                });
                (tensor(starts), tensor(ends), labels)
            }
        }
    }
}

impl Paths for Coupled {
    fn draws(&self, batch: &Batch) -> Draw {
        let (x0, x1, context) = self.ends.of(batch);
        let noise = batch.noise.purpose("blur").normal(x0.dims()[1], &Space::of(&x0));
        let draw = self.path.draw(x0, x1, noise, batch.times(Interval::UNIT));
        Draw { context, ..draw }
    }
}
