//! Dynamics and their integration: ODE and SDE methods behind one driver
