//! The methods by name: what a configuration file or a flag can ask for.

use super::ode::{self, Ahead, OdeMethod, OdeStepper};
use super::sde::{self, SdeMethod, SdeStepper};
use crate::driver::Stepper;
use crate::dynamics::Sde;
use crate::grid::Grid;
use serde::{Deserialize, Serialize};
use transport_core::{Field, Noise};

/// Whether a method integrates the probability flow or the noisy dynamics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverKind {
    /// Deterministic: invertible, and gives densities.
    Ode,
    /// Stochastic.
    Sde,
}

/// Writes [`Solver`] from one row per method: its type, which is the variant, and its name.
macro_rules! solvers {
    (ode { $($ode:ident = $ode_name:literal,)* } sde { $($sde:ident = $sde_name:literal,)* }) => {
        /// The methods by name: what a configuration file or a flag can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Solver {
            $(
                #[doc = concat!("[`ode::", stringify!($ode), "`].")]
                #[serde(rename = $ode_name)]
                $ode,
            )*
            $(
                #[doc = concat!("[`sde::", stringify!($sde), "`].")]
                #[serde(rename = $sde_name)]
                $sde,
            )*
        }

        impl Solver {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$ode,)* $(Self::$sde,)*];

            /// Its name in configuration files and flags.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$ode => $ode_name,)*
                    $(Self::$sde => $sde_name,)*
                }
            }

            /// Deterministic or stochastic.
            #[must_use]
            pub fn kind(self) -> SolverKind {
                match self {
                    $(Self::$ode => SolverKind::Ode,)*
                    $(Self::$sde => SolverKind::Sde,)*
                }
            }

            /// The declared order, in words.
            #[must_use]
            pub fn order(self) -> String {
                match self {
                    $(Self::$ode => format!("order {}", <ode::$ode>::ORDER),)*
                    $(Self::$sde => {
                        let (additive, general) = sde::$sde::STRONG;
                        let weak = sde::$sde::WEAK;
                        format!("strong {general} ({additive} for additive noise), weak {weak}")
                    })*
                }
            }

            /// Evaluations of the field in a step.
            #[must_use]
            pub fn stages(self) -> usize {
                match self {
                    $(Self::$ode => <ode::$ode>::STAGES,)*
                    $(Self::$sde => sde::$sde::STAGES,)*
                }
            }

            /// The method bound to a field, when it is an ODE method.
            #[must_use]
            pub fn on_field(self, field: &dyn Field) -> Option<Box<dyn Stepper + '_>> {
                match self {
                    $(Self::$ode => Some(Box::new(OdeStepper::<ode::$ode>::new(field))),)*
                    $(Self::$sde => None,)*
                }
            }

            /// The method bound to a field and to the steps of a grid, when it is an ODE method;
            /// it may be driven on a finer grid.
            #[must_use]
            pub fn along<'a>(
                self,
                field: &'a dyn Field,
                grid: &Grid,
            ) -> Option<Box<dyn Stepper + 'a>> {
                match self {
                    $(Self::$ode => Some(Box::new(Ahead::<ode::$ode>::new(field, grid))),)*
                    $(Self::$sde => None,)*
                }
            }

            /// The method bound to an SDE, when it is an SDE method.
            #[must_use]
            pub fn on_sde<'a>(
                self,
                sde: &'a dyn Sde,
                noise: &Noise,
            ) -> Option<Box<dyn Stepper + 'a>> {
                match self {
                    $(Self::$ode => None,)*
                    $(Self::$sde => {
                        Some(Box::new(SdeStepper::<sde::$sde>::new(sde, noise)))
                    })*
                }
            }
        }
    };
}

solvers! {
    ode {
        Euler = "euler",
        Midpoint = "midpoint",
        Heun = "heun",
        Rk4 = "rk4",
        Bs32 = "bs32",
        Dopri5 = "dopri5",
        Tsit5 = "tsit5",
        Dop853 = "dop853",
        AdamsBashforth = "adams-bashforth",
        Rodas4 = "rodas4",
    }
    sde {
        EulerMaruyama = "euler-maruyama",
    }
}

impl Solver {
    /// The method of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|solver| solver.name() == name)
    }
}
