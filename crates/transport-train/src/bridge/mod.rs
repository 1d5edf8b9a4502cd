//! Carrying one law to another: flow matching with couplings, and Schrödinger bridges.
//!
//! | file | holds |
//! |---|---|
//! | `source` | where a transport starts: a law, or rows |
//! | `pairing` | which start goes with which end inside a batch |
//! | `conditional` | the path that joins a pair, and its velocity |
//! | `matching` | regression on that velocity, alone or with the score |
//! | `imf` | the bridge by iterated Markovian fitting |
//! | `light` | the light bridge's loss |
//! | `measure` | energy and end of a learned flow |

mod conditional;
mod imf;
mod light;
mod matching;
mod measure;
mod pairing;
mod source;

pub use conditional::{Conditional, Draw};
pub use imf::{Imf, ImfConfig};
pub use light::LightLoss;
pub use matching::{CoupledMatching, Ends, FlowAndScoreMatching};
pub use measure::{Transported, transported};
pub use pairing::Pairing;
pub use source::Source;
