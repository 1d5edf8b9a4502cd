//! The likelihood of a continuous flow, its gradient carried back through the integration.

use super::{Batch, MaximumLikelihood, Objective};
use crate::optim::FlatGradients;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::Space;
use transport_core::device::to_host;
use transport_models::flow::{ContinuousFlow, NegativeLogLikelihood, Penalties};
use transport_sde::adjoint::{Backward, Integration};
use transport_sde::likelihood::{Probe, Trace};

/// `−log p(x)` along the flow, with its penalties, a mean over rows and coordinates
/// ([`NegativeLogLikelihood`]); discrete data are dequantised as by [`MaximumLikelihood`].
///
/// # References
/// Grathwohl et al. (2019), "FFJORD"; Finlay et al. (2020), RNODE.
/// # Checked by
/// `tests/it/continuous.rs`
#[derive(Clone, Debug)]
pub struct ContinuousLikelihood {
    /// The spacing of discrete values, in the model's space; 0 for none.
    pub spacing: f64,
    /// The probe of the divergence; exact when absent.
    pub probe: Option<Probe>,
    /// The weights of what keeps the flow easy to integrate.
    pub penalties: Penalties,
    /// The method and its steps, from the data to the reference.
    pub integration: Integration,
    /// How the gradient is found.
    pub backward: Backward,
}

/// The data as the density sees them, and how its divergence is found.
#[derive(Clone, Debug)]
pub struct ContinuousDraw {
    data: Tensor<2>,
    trace: Trace,
}

impl ContinuousLikelihood {
    fn trace(&self, batch: &Batch) -> Trace {
        let ([_, d], space) = (batch.data.dims(), Space::of(&batch.data));
        let noise = batch.noise.purpose("trace");
        match (self.probe, self.penalties.jacobian > 0.0) {
            (Some(probe), _) => Trace::Probed(probe.draw(d, &noise, &space)),
            (None, true) => Trace::Sized(Probe::Rademacher.draw(d, &noise, &space)),
            (None, false) => Trace::Exact,
        }
    }

    fn of(&self, batch: &Batch, trace: Trace) -> NegativeLogLikelihood {
        let (penalties, context) = (self.penalties, batch.context.clone());
        NegativeLogLikelihood { trace, penalties, context }
    }
}

impl Objective<ContinuousFlow> for ContinuousLikelihood {
    type Draw = ContinuousDraw;

    fn draw(&self, _model: &ContinuousFlow, batch: &Batch) -> Self::Draw {
        let quantised = MaximumLikelihood { spacing: self.spacing };
        let data = quantised.dequantised(batch.data.clone(), &batch.noise);
        ContinuousDraw { data, trace: self.trace(batch) }
    }

    fn loss(&self, model: &ContinuousFlow, batch: &Batch, draw: Self::Draw) -> Tensor<1> {
        self.of(batch, draw.trace).loss(model, draw.data, &self.integration)
    }

    /// NaN where the integration fails, which training reports as divergence.
    fn gradient(
        &self,
        model: &ContinuousFlow,
        batch: &Batch,
        draw: Self::Draw,
    ) -> (f64, FlatGradients) {
        let (likelihood, model) = (self.of(batch, draw.trace), model.valid());
        let found = likelihood.gradient(self.backward, &model, draw.data, &self.integration);
        let Ok(found) = found else { return (f64::NAN, FlatGradients::default()) };
        let flat = |g: Tensor<1>| to_host(g).into_iter().map(|v| v as f32).collect();
        (found.loss, FlatGradients(found.parameters.0.into_iter().map(flat).collect()))
    }
}
