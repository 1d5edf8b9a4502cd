//! The transforms alone.

use super::{Flow, Layer};
use transport_core::{Noise, Space};

impl Flow {
    /// A fresh flow without linear layers and actnorms, its networks in their plain form
    /// ([`crate::net::Conditioner`]): what papers and other libraries call RealNVP, MAF and RQ-NSF.
    ///
    /// ```text
    /// T = f_K ∘ R ∘ f_{K−1} ∘ R ∘ … ∘ f_1
    /// ```
    ///
    /// `R` reverses the coordinates of an autoregressive flow; a coupling's halves swap instead.
    ///
    /// # Checked by
    /// `tests/it/flows.rs`
    #[must_use]
    pub fn plain(mut self, noise: &Noise, space: &Space) -> Self {
        let (layers, reversed) =
            (std::mem::take(&mut self.layers), std::mem::take(&mut self.reversed));
        for (k, layer) in layers.into_iter().enumerate() {
            if reversed.contains(&k) {
                self.reversed.push(self.layers.len());
            }
            let noise = noise.purpose(&format!("plain.{k}"));
            match layer {
                Layer::Coupling(layer) => {
                    self.layers.push(Layer::Coupling(layer.plain(&noise, space)))
                }
                Layer::Autoregressive(layer) => {
                    self.layers.push(Layer::Autoregressive(layer.plain(&noise, space)));
                }
                Layer::Inverse(layer) => {
                    self.layers.push(Layer::Inverse(layer.plain(&noise, space)));
                }
                Layer::ActNorm(_) | Layer::Linear(_) => {}
                other => self.layers.push(other),
            }
        }
        self
    }
}
