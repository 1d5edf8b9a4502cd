//! The methods by name: what a configuration file or a flag can ask for.

use super::diffusion::{self, DiffusionMethod, DiffusionStepper};
use super::ode::{self, Ahead, OdeMethod, OdeStepper};
use super::sde::{self, BrownianTree, NoiseKind, SdeMethod, SdeStepper};
use crate::driver::Stepper;
use crate::dynamics::Sde;
use crate::grid::Grid;
use serde::{Deserialize, Serialize};
use transport_core::{Denoiser, Field, Noise};

/// What a method integrates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverKind {
    /// Deterministic: invertible, and gives densities.
    Ode,
    /// Stochastic.
    Sde,
    /// A sampler for a denoiser, of either nature: [`Solver::is_stochastic`] tells.
    Diffusion,
}

/// Writes [`Solver`] from one row per method: its type, which is the variant, and its name.
macro_rules! solvers {
    (ode { $($ode:ident = $ode_name:literal,)* } sde { $($sde:ident = $sde_name:literal,)* }
     diffusion { $($diffusion:ident = $diffusion_name:literal,)* }) => {
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
            $(
                #[doc = concat!("[`diffusion::", stringify!($diffusion), "`].")]
                #[serde(rename = $diffusion_name)]
                $diffusion,
            )*
        }

        impl Solver {
            /// All of them.
            pub const ALL: &[Self] =
                &[$(Self::$ode,)* $(Self::$sde,)* $(Self::$diffusion,)*];

            /// Those that integrate a field.
            pub const ODE: &[Self] = &[$(Self::$ode,)*];

            /// Its name in configuration files and flags.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$ode => $ode_name,)*
                    $(Self::$sde => $sde_name,)*
                    $(Self::$diffusion => $diffusion_name,)*
                }
            }

            /// Deterministic or stochastic.
            #[must_use]
            pub fn kind(self) -> SolverKind {
                match self {
                    $(Self::$ode => SolverKind::Ode,)*
                    $(Self::$sde => SolverKind::Sde,)*
                    $(Self::$diffusion => SolverKind::Diffusion,)*
                }
            }

            /// Whether it draws noise, with its default settings.
            #[must_use]
            pub fn is_stochastic(self) -> bool {
                match self {
                    $(Self::$diffusion => diffusion::$diffusion::default().is_stochastic(),)*
                    _ => self.kind() == SolverKind::Sde,
                }
            }

            /// The declared order, in words.
            #[must_use]
            pub fn order(self) -> String {
                match self {
                    $(Self::$ode => format!("order {}", <ode::$ode>::ORDER),)*
                    $(Self::$sde => {
                        sde_order::<sde::$sde>()
                    })*
                    $(Self::$diffusion => {
                        let method = diffusion::$diffusion::default();
                        let sense = if method.is_stochastic() { "weak " } else { "" };
                        format!("{sense}order {}", method.order())
                    })*
                }
            }

            /// Evaluations of the field in a step.
            #[must_use]
            pub fn stages(self) -> usize {
                match self {
                    $(Self::$ode => <ode::$ode>::STAGES,)*
                    $(Self::$sde => sde::$sde::STAGES,)*
                    $(Self::$diffusion => diffusion::$diffusion::default().stages(),)*
                }
            }

            /// The method bound to a field, when it is an ODE method.
            #[must_use]
            pub fn on_field(self, field: &dyn Field) -> Option<Box<dyn Stepper + '_>> {
                match self {
                    $(Self::$ode => Some(Box::new(OdeStepper::<ode::$ode>::new(field))),)*
                    $(Self::$sde => None,)*
                    $(Self::$diffusion => None,)*
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
                    _ => None,
                }
            }

            /// The method bound to an SDE, when it is an SDE method and the SDE offers what it
            /// asks for ([`Sde::capabilities`]).
            #[must_use]
            pub fn on_sde<'a>(
                self,
                sde: &'a dyn Sde,
                noise: &Noise,
            ) -> Option<Box<dyn Stepper + 'a>> {
                match self {
                    $(Self::$ode => None,)*
                    $(Self::$sde => {
                        let sde = <sde::$sde as SdeMethod>::bind(sde)?;
                        Some(Box::new(SdeStepper::<sde::$sde>::new(sde, noise)))
                    })*
                    $(Self::$diffusion => None,)*
                }
            }

            /// The method with its default settings bound to a denoiser, when it is a diffusion
            /// sampler. [`DiffusionStepper::new`] binds one with other settings.
            #[must_use]
            pub fn on_denoiser<'a>(
                self,
                denoiser: &'a dyn Denoiser,
                grid: &Grid,
                noise: &Noise,
            ) -> Option<Box<dyn Stepper + 'a>> {
                match self {
                    $(Self::$diffusion => {
                        let method = diffusion::$diffusion::default();
                        let stepper = DiffusionStepper::new(method, denoiser, grid, noise);
                        stepper.ok().map(|stepper| Box::new(stepper) as Box<dyn Stepper>)
                    })*
                    _ => None,
                }
            }

            /// As [`Solver::on_sde`], driven by the paths of a tree.
            #[must_use]
            pub fn on_tree<'a>(
                self,
                sde: &'a dyn Sde,
                tree: &BrownianTree,
            ) -> Option<Box<dyn Stepper + 'a>> {
                match self {
                    $(Self::$sde => {
                        let sde = <sde::$sde as SdeMethod>::bind(sde)?;
                        Some(Box::new(SdeStepper::<sde::$sde>::on_tree(sde, tree)))
                    })*
                    _ => None,
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
        Milstein = "milstein",
        StochasticHeun = "stochastic-heun",
        Sra1 = "sra1",
        Shark = "shark",
        Srk = "srk",
    }
    diffusion {
        Ddim = "ddim",
        Ddpm = "ddpm",
        EdmHeun = "edm-heun",
        Dpmpp1S = "dpmpp-1s",
        Dpmpp2S = "dpmpp-2s",
        Dpmpp3S = "dpmpp-3s",
        Dpmpp2M = "dpmpp-2m",
        Dpmpp3M = "dpmpp-3m",
        DpmppSde2M = "dpmpp-sde-2m",
        UniPc = "unipc",
        Deis = "deis",
        SaSolver = "sa-solver",
    }
}

/// `strong 1 for diagonal noise (additive 1), weak 1`.
fn sde_order<M: SdeMethod>() -> String {
    let (additive, general) = M::STRONG;
    let kind = match M::NOISE {
        NoiseKind::General => "any",
        NoiseKind::Commutative => "commutative",
        NoiseKind::Diagonal => "diagonal",
        NoiseKind::Additive => {
            return format!("strong {additive} for additive noise, weak {}", M::WEAK_ADDITIVE);
        }
    };
    format!("strong {general} for {kind} noise (additive {additive}), weak {}", M::WEAK)
}

impl Solver {
    /// The method of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|solver| solver.name() == name)
    }
}
