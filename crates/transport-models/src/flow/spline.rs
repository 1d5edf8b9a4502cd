//! Monotone rational-quadratic splines: formulas and kernel are `transport_kernels::monotone`.
//!
//! # References
//! Gregory & Delbourgo (1982); Durkan, Bekasov, Murray & Papamakarios (2019), "Neural spline
//! flows".

/// The half-width `B` of the box that the spline acts on; it is the identity outside.
pub use transport_kernels::monotone::BOUND;
