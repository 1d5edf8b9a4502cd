//! Rows shared out to threads that have nothing else to do.

use burn::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;
use transport_core::Times;
use transport_core::device::is_host;

/// Rows from which a part is worth a thread of its own.
const FEWEST: usize = 16;

/// What a network is asked about some rows.
#[derive(Clone, Debug)]
pub(super) struct Rows<'a> {
    /// The points, `[n, d]`.
    pub(super) x: Tensor<2>,
    /// Their times.
    pub(super) t: Times<'a>,
    /// Their contexts: as many, one for all, or none.
    pub(super) context: Option<Tensor<2>>,
    /// A direction at each point, `[n, d]`.
    pub(super) along: Option<Tensor<2>>,
}

impl Rows<'_> {
    /// `f`, which looks at each row alone, on as many parts as there are free threads.
    ///
    /// The matrices of a part stay with one core, where a product shared by all cores would fetch
    /// each from the others. Other devices, rows whose gradients are tracked, and workers of a
    /// pool, whose rows are a part of some whole already, get one part.
    pub(super) fn share<const D: usize>(
        self,
        f: impl Fn(Rows<'_>) -> (Tensor<2>, Tensor<D>) + Sync,
    ) -> (Tensor<2>, Tensor<D>) {
        let (n, device) = (self.x.dims()[0], self.x.device());
        let alone =
            rayon::current_thread_index().is_some() || device.is_autodiff() || !is_host(&device);
        let threads = if alone { 1 } else { rayon::current_num_threads() };
        let size = n.div_ceil(threads).max(FEWEST);
        if n <= size {
            return f(self);
        }
        let starts: Vec<usize> = (0..n).step_by(size).collect();
        let part = |start: usize| f(self.part(start..n.min(start + size)));
        let (values, others): (Vec<_>, Vec<_>) = starts.into_par_iter().map(part).unzip();
        (Tensor::cat(values, 0), Tensor::cat(others, 0))
    }

    fn part(&self, rows: Range<usize>) -> Rows<'_> {
        let slice = |x: &Tensor<2>| x.clone().slice([rows.clone()]);
        let t = match self.t {
            Times::Same(t) => Times::Same(t),
            Times::Each(all) => Times::Each(&all[rows.clone()]),
        };
        let context =
            self.context.as_ref().map(|c| if c.dims()[0] == 1 { c.clone() } else { slice(c) });
        Rows { x: slice(&self.x), t, context, along: self.along.as_ref().map(slice) }
    }
}
