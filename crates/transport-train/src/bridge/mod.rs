//! Carrying one law to another: flow matching with couplings, and Schrödinger bridges.
//!
//! | file | holds |
//! |---|---|
//! | `source` | where a transport starts: a law, or rows |
//! | `pairing` | which start goes with which end inside a batch |
//! | `conditional` | the path that joins a pair, and its velocity |
//! | `coupled`, `snapshots` | paths between two laws, and through several |
//! | `matching` | regression on that velocity, alone or with the score |
//! | `imf` | the bridge by iterated Markovian fitting |
//! | `light` | the light bridge's loss |
//! | `fit` | from tables to a process that carries rows |
//! | `measure` | energy and end of a learned flow |

mod conditional;
mod coupled;
mod fit;
mod imf;
mod light;
mod matching;
mod measure;
mod pairing;
mod snapshots;
mod source;

pub use conditional::{Conditional, Draw};
pub use coupled::{Coupled, Ends};
pub use fit::{Bridge, BridgeCard, FitConfig, JoinError, Method, fit};
pub use imf::{Imf, ImfConfig};
pub use light::LightLoss;
pub use matching::{FlowAndScoreMatching, Paths, VelocityMatching};
pub use measure::{Transported, transported};
pub use pairing::Pairing;
pub use snapshots::{SnapshotError, Snapshots};
pub use source::Source;
