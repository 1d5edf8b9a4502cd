//! The processes by name, with parameters that can be set one by one.

use crate::dynamics::{Forward, Sde};
use transport_core::LinearSde;
use transport_core::process::{
    Around, CondOt, Cosine, CriticallyDamped, Domain, DoubleWell, Edm, GeometricBrownian,
    OrnsteinUhlenbeck, SquareRoot, SubVp, Transition, Ve, Vp,
};

/// A process ready to be simulated.
pub struct Process {
    /// Its dynamics.
    pub sde: Box<dyn Sde>,
    /// Its exact kernels, where they are known.
    pub exact: Option<Box<dyn Transition>>,
    /// Where it is declared.
    pub domain: Domain,
    /// Whether its states have to be positive.
    pub positive: bool,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl Process {
    fn linear(process: impl LinearSde + Copy + 'static) -> Self {
        let domain = process.domain();
        let exact: Box<dyn Transition> = Box::new(process);
        Self { sde: Box::new(Forward(process)), exact: Some(exact), domain, positive: false }
    }

    /// A process declared for all times.
    fn endless(sde: impl Sde + 'static, exact: Option<Box<dyn Transition>>) -> Self {
        let domain = Domain::closed(f64::INFINITY);
        Self { sde: Box::new(sde), exact, domain, positive: false }
    }
}

/// A parameter of a process: a real number with a default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value unless set.
    pub default: f64,
    /// Whether it has to be positive.
    pub positive: bool,
}

const fn positive(name: &'static str, default: f64) -> Parameter {
    Parameter { name, default, positive: true }
}

const fn real(name: &'static str, default: f64) -> Parameter {
    Parameter { name, default, positive: false }
}

/// Parameters that do not make a process.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A name that the process does not have.
    #[error("`{process}` has no parameter `{name}`")]
    UnknownParameter {
        /// The process.
        process: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A value outside its range.
    #[error("{name} = {value}: {needed}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        needed: &'static str,
    },
    /// Values that do not fit together.
    #[error("{reason}")]
    Together {
        /// Why.
        reason: String,
    },
}

type Build = fn(&[f64], usize) -> Result<Process, ProcessError>;

/// A row of the table of processes.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in flags.
    pub name: &'static str,
    /// Its equation, in one line.
    pub equation: &'static str,
    /// What can be set, in order.
    pub parameters: &'static [Parameter],
    build: Build,
}

/// All of them.
pub const ALL: &[Entry] = &[
    Entry {
        name: "vp",
        equation: "dX = −β/2 X ds + √β dW, β linear (variance preserving)",
        parameters: &[positive("beta_min", 0.1), positive("beta_max", 20.0)],
        build: |p, _| Ok(Process::linear(Vp { beta_min: p[0], beta_max: p[1] })),
    },
    Entry {
        name: "subvp",
        equation: "dX = −β/2 X ds + √(β(1 − e^(−2B))) dW (sub-VP)",
        parameters: &[positive("beta_min", 0.1), positive("beta_max", 20.0)],
        build: |p, _| Ok(Process::linear(SubVp { vp: Vp { beta_min: p[0], beta_max: p[1] } })),
    },
    Entry {
        name: "ve",
        equation: "dX = σ_min rˢ √(2 ln r) dW (variance exploding)",
        parameters: &[positive("sigma_min", 0.01), positive("sigma_max", 50.0)],
        build: |p, _| {
            let needed = "above sigma_min";
            if p[1] <= p[0] {
                return Err(ProcessError::Value { name: "sigma_max", value: p[1], needed });
            }
            Ok(Process::linear(Ve { sigma_min: p[0], sigma_max: p[1] }))
        },
    },
    Entry {
        name: "cosine",
        equation: "variance preserving with α a cosine",
        parameters: &[positive("offset", 0.008)],
        build: |p, _| Ok(Process::linear(Cosine { offset: p[0] })),
    },
    Entry {
        name: "edm",
        equation: "dX = √(2s) dW, σ(s) = s",
        parameters: &[positive("sigma_max", 80.0)],
        build: |p, _| Ok(Process::linear(Edm { sigma_max: p[0] })),
    },
    Entry {
        name: "condot",
        equation: "dX = −X/(1 − s) ds + √(2s/(1 − s)) dW (rectified flow as an SDE)",
        parameters: &[],
        build: |_, _| Ok(Process::linear(CondOt)),
    },
    Entry {
        name: "ou",
        equation: "dX = θ (m − X) ds + σ dW (Ornstein–Uhlenbeck)",
        parameters: &[
            positive("theta", 1.0),
            positive("sigma", std::f64::consts::SQRT_2),
            real("mean", 0.0),
            positive("horizon", 10.0),
        ],
        build: |p, _| {
            let process = OrnsteinUhlenbeck { theta: p[0], sigma: p[1], horizon: p[3] };
            let around = Around { process, mean: vec![p[2]] };
            let sde = Box::new(around.clone());
            let domain = process.domain();
            Ok(Process { sde, exact: Some(Box::new(around)), domain, positive: false })
        },
    },
    Entry {
        name: "cld",
        equation: "dX = β V/M ds, dV = −β (X + Γ V/M) ds + √(2Γβ) dW, Γ = 2√M; columns x…, v…",
        parameters: &[positive("beta", 4.0), positive("mass", 0.25)],
        build: |p, d| {
            if !d.is_multiple_of(2) {
                let reason =
                    format!("`cld` takes as many velocities as positions, not {d} columns");
                return Err(ProcessError::Together { reason });
            }
            let sde = CriticallyDamped {
                beta_min: p[0],
                beta_max: p[0],
                mass: p[1],
                ..CriticallyDamped::default()
            };
            Ok(Process { domain: Domain::closed(1.0), ..Process::endless(sde, None) })
        },
    },
    Entry {
        name: "gbm",
        equation: "dX = μ X dt + σ X dW, correlation ρ (geometric Brownian motion)",
        parameters: &[real("mu", 0.1), positive("sigma", 0.3), real("rho", 0.0)],
        build: |p, d| {
            let process = GeometricBrownian::new(p[0], p[1], p[2], d).map_err(|_| {
                let needed = "a correlation lies in (−1/(d − 1), 1)";
                ProcessError::Value { name: "rho", value: p[2], needed }
            })?;
            Ok(Process::endless(process.clone(), Some(Box::new(process))))
        },
    },
    Entry {
        name: "cir",
        equation: "dX = κ (θ − X) dt + σ √X dW, X ≥ 0 (square root)",
        parameters: &[positive("kappa", 1.0), positive("theta", 1.0), positive("sigma", 0.5)],
        build: |p, _| {
            let process = SquareRoot::new(p[0], p[1], p[2])
                .map_err(|error| ProcessError::Together { reason: error.to_string() })?;
            let exact: Box<dyn Transition> = Box::new(process);
            Ok(Process { positive: true, ..Process::endless(process, Some(exact)) })
        },
    },
    Entry {
        name: "double-well",
        equation: "dX = −V′(X) dt + σ dW, V = h ((x/w)² − 1)²",
        parameters: &[positive("height", 1.0), positive("width", 1.0), positive("sigma", 1.0)],
        build: |p, _| {
            let well = DoubleWell { height: p[0], width: p[1], sigma: p[2] };
            Ok(Process::endless(well, None))
        },
    },
];

/// The row of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// The process in `d` dimensions, with some of its parameters set.
    ///
    /// # Errors
    /// [`ProcessError`] for a name that is not there or a value that does not fit.
    ///
    /// # Example
    /// ```
    /// use transport_sde::simulate::named::by_name;
    /// let ou = by_name("ou").unwrap();
    /// assert!(ou.build(&[("theta".into(), 1.5)], 2).is_ok());
    /// assert!(ou.build(&[("theta".into(), -1.5)], 2).is_err());
    /// ```
    pub fn build(&self, set: &[(String, f64)], d: usize) -> Result<Process, ProcessError> {
        let mut values: Vec<f64> = self.parameters.iter().map(|p| p.default).collect();
        for (name, value) in set {
            let k = self.parameters.iter().position(|p| p.name == name).ok_or_else(|| {
                ProcessError::UnknownParameter { process: self.name, name: name.clone() }
            })?;
            values[k] = *value;
        }
        for (parameter, value) in self.parameters.iter().zip(values.iter().copied()) {
            let needed = match parameter.positive {
                true => "a positive number",
                false => "a finite number",
            };
            if !value.is_finite() || (parameter.positive && value <= 0.0) {
                return Err(ProcessError::Value { name: parameter.name, value, needed });
            }
        }
        (self.build)(&values, d)
    }
}
