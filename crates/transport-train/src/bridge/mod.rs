//! Carrying one law to another: flow matching with couplings, and Schrödinger bridges.
//!
//! | file | holds |
//! |---|---|
//! | `source` | where a transport starts: a law, or rows |
//! | `pairing` | which start goes with which end inside a batch |
//! | `conditional` | the path that joins a pair, and its velocity |
//! | `coupled`, `snapshots` | paths between two laws, and through several |
//! | `matching` | regression on that velocity, alone or with the score |
//! | `alternate`, `legs` | two drifts fitted in turn, on paths simulated between the laws |
//! | `imf`, `dsb` | the bridge by iterated Markovian and by proportional fitting |
//! | `light` | the light bridge's losses |
//! | `interpolants` | those of a stochastic interpolant |
//! | `fit` | from tables to a process that carries rows |
//! | `rectify` | rectified flow: a flow's own pairs, and the flow in one step |
//! | `measure` | energy, end and straightness of a learned flow |

mod alternate;
mod conditional;
mod coupled;
mod dsb;
mod fit;
mod imf;
mod interpolants;
mod legs;
mod light;
mod matching;
mod measure;
mod pairing;
mod rectify;
mod snapshots;
mod source;

pub use alternate::{Alternating, Direction, ImfConfig, Scheme, Start};
pub use conditional::{Conditional, Draw, Mean};
pub use coupled::{Coupled, Ends};
pub use dsb::{DriftMatching, Dsb};
pub use fit::{
    Bridge, BridgeCard, FitConfig, JoinError, LeftOut, MEASURED, Method, Pairs, fit, leave_out, w1,
};
pub use imf::{BridgeMatching, Imf};
pub use interpolants::InterpolantMatching;
pub use legs::Simulated;
pub use light::{LightLoss, LightMatching};
pub use matching::{FlowAndScoreMatching, Paths, VelocityMatching};
pub use measure::{Transported, straightness, transported};
pub use pairing::{Pairing, unbalanced_pairs};
pub use rectify::{Distillation, rectified};
pub use snapshots::{SnapshotError, Snapshots};
pub use source::Source;
