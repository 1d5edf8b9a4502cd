//! Networks that carry one law to another.
//!
//! | file | holds |
//! |---|---|
//! | `flow_and_score` | a velocity, and the score's part of a bridge's drift |
//! | `interpolated` | a velocity and a denoiser: a stochastic interpolant |
//! | `drifts` | the drifts of a bridge run forwards and backwards |
//! | `piecewise` | a drift that may jump at the times of snapshots |
//! | `light` | the mixture potentials of a light Schrödinger bridge: no network |

mod drifts;
mod flow_and_score;
mod interpolated;
mod light;
mod piecewise;

pub use drifts::Drifts;
pub use flow_and_score::FlowAndScore;
pub use interpolated::Interpolated;
pub use light::LightBridge;
pub use piecewise::Piecewise;
