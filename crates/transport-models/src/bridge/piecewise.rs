//! A field in time that may jump at given knots.

use crate::net::TimeMlp;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Field, Space, Times};

/// One network over intervals `t₀ < t₁ < … < t_K` of the clock that is told which of them it is in:
///
/// ```text
/// f(x, t) = net(x, t | e_k),    t in [t_k, t_{k+1}) forwards, in (t_k, t_{k+1}] backwards
/// ```
///
/// The drift of a bridge through several laws jumps where they stand, which a network of the time
/// alone can only smooth. With one interval it is the network itself.
#[derive(Module, Debug)]
pub struct Piecewise {
    net: TimeMlp,
    #[module(skip)]
    inner: Vec<f64>,
    #[module(skip)]
    backward: bool,
}

/// How far a time may be from the knot that it stands for: it may have passed through f32.
const ROUNDING: f64 = 1e-6;

impl Piecewise {
    /// The columns of context that a network on `clock` needs.
    #[must_use]
    pub fn columns(clock: &[f64]) -> usize {
        if clock.len() > 2 { clock.len() - 1 } else { 0 }
    }

    /// `net`, with [`Piecewise::columns`] columns of context, on `clock`; `backward` where a knot
    /// belongs to the interval before it.
    #[must_use]
    pub fn new(net: TimeMlp, clock: &[f64], backward: bool) -> Self {
        let inner = clock.iter().skip(1).take(Self::columns(clock).saturating_sub(1));
        Self { net, inner: inner.copied().collect(), backward }
    }

    /// The network.
    #[must_use]
    pub fn net(&self) -> &TimeMlp {
        &self.net
    }

    /// `e_k` of each time.
    fn interval(&self, times: &[f64], space: &Space) -> Tensor<2> {
        let columns = self.inner.len() + 1;
        let mut values = vec![0.0; times.len() * columns];
        for (row, t) in values.chunks_exact_mut(columns).zip(times) {
            let passed = |knot: &&f64| {
                if self.backward { *t > **knot + ROUNDING } else { *t >= **knot - ROUNDING }
            };
            row[self.inner.iter().filter(passed).count()] = 1.0;
        }
        space.tensor(values, [times.len(), columns])
    }
}

impl Field for Piecewise {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        if self.inner.is_empty() {
            return self.net.eval(x, t);
        }
        let (space, [n, _]) = (Space::of(&x), x.dims());
        let context = match t {
            Times::Each(times) => self.interval(times, &space),
            Times::Same(t) => self.interval(&[t], &space).expand([n, self.inner.len() + 1]),
        };
        self.net.forward(x, t, Some(&context))
    }
}
