//! Coupling layers.

use super::element::Element;
use crate::net::{Conditioner, ConditionerConfig};
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use std::sync::Arc;
use transport_core::{Noise, Space};
use transport_kernels::{Monotone, Way, ops};

/// Half of the coordinates, as they are, say how the other half is transformed.
///
/// ```text
/// x_A = z_A,   x_B = f(z_B; θ(z_A, c)),     log|det| = Σ_{i∈B} log f′(z_i; θ_i)
/// ```
///
/// Both directions cost one evaluation of the network.
///
/// # References
/// Dinh, Krueger & Bengio (2015), "NICE"; Dinh, Sohl-Dickstein & Bengio (2017), "Density
/// estimation using Real NVP"; Durkan et al. (2019).
/// # Checked by
/// `tests/it/flows.rs`
#[derive(Module, Debug)]
pub struct Coupling {
    conditioner: Conditioner,
    #[module(skip)]
    element: Element,
    #[module(skip)]
    kept: Arc<[usize]>,
    #[module(skip)]
    moved: Arc<[usize]>,
}

impl Coupling {
    /// A layer on `dim ≥ 2` coordinates that keeps those of one parity and moves the others.
    ///
    /// # Panics
    /// When `dim < 2`: there is nothing to read while the only coordinate is moved.
    #[must_use]
    pub fn new(
        element: Element,
        parity: usize,
        net: &ConditionerConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        assert!(dim >= 2, "a coupling needs two coordinates, not {dim}");
        let (kept, moved): (Vec<usize>, Vec<usize>) = (0..dim).partition(|i| i % 2 == parity % 2);
        let outputs = moved.len() * element.parameters();
        let inputs = kept.len() * element.features();
        let conditioner = Conditioner::new(net, inputs, outputs, context, noise, space);
        Self { conditioner, element, kept: kept.into(), moved: moved.into() }
    }

    /// The fresh layer with a network in its plain form.
    pub(super) fn plain(self, noise: &Noise, space: &Space) -> Self {
        let gain = self.element.plain_gain();
        Self { conditioner: self.conditioner.plain(gain, noise, space), ..self }
    }

    /// A map that has a kernel on the moved coordinates, given the kept ones.
    fn transform_by(
        &self,
        map: Monotone,
        way: Way,
        x: Tensor<2>,
        context: Option<&Tensor<2>>,
    ) -> (Tensor<2>, Tensor<1>) {
        let theta = self.conditioner.forward(ops::columns(&x, &self.kept), context);
        ops::monotone(map, way, x, theta, &self.moved)
    }

    /// `f` on the moved coordinates, given the kept ones.
    fn transform(
        &self,
        x: Tensor<2>,
        context: Option<&Tensor<2>>,
        f: impl Fn(Tensor<2>, Tensor<3>) -> (Tensor<2>, Tensor<2>),
    ) -> (Tensor<2>, Tensor<1>) {
        let n = x.dims()[0];
        let columns = |which: &[usize]| x.clone().select(1, index(which, &x));
        let kept = columns(&self.kept);
        let theta = self.conditioner.forward(self.element.read(kept.clone()), context);
        let theta = theta.reshape([n, self.moved.len(), self.element.parameters()]);
        let (moved, log_slopes) = f(columns(&self.moved), theta);
        let order: Vec<usize> = self.kept.iter().chain(self.moved.iter()).copied().collect();
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, i)| back[*i] = place);
        let whole = Tensor::cat(vec![kept, moved], 1).select(1, index(&back, &x));
        (whole, log_slopes.sum_dim(1).squeeze_dim(1))
    }

    pub(super) fn push(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        if let Some(map) = self.element.monotone() {
            return self.transform_by(map, Way::Back, z, c);
        }
        self.transform(z, c, |z, theta| self.element.push(z, theta))
    }

    pub(super) fn pull(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        if let Some(map) = self.element.monotone() {
            return self.transform_by(map, Way::Along, x, c);
        }
        self.transform(x, c, |x, theta| self.element.pull(x, theta))
    }
}

pub(super) fn index(which: &[usize], like: &Tensor<2>) -> Tensor<1, Int> {
    let which: Vec<i32> = which.iter().map(|i| *i as i32).collect();
    Tensor::from_data(which.as_slice(), &like.device())
}
