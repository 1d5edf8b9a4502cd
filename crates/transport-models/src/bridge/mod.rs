//! Networks that carry one law to another.
//!
//! | file | holds |
//! |---|---|
//! | `flow_and_score` | a velocity, and the score's part of a bridge's drift |
//! | `drifts` | the drifts of a bridge run forwards and backwards |
//! | `light` | the mixture potentials of a light Schrödinger bridge: no network |

mod drifts;
mod flow_and_score;
mod light;

pub use drifts::Drifts;
pub use flow_and_score::FlowAndScore;
pub use light::LightBridge;
