//! Parameters outside a module: named host arrays, in the order of their names.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use transport_core::Space;
use transport_core::device::to_host;

/// A host array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Named arrays: a module's parameters, an optimiser's moments, a saved model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, Array>);

/// Arrays that do not fit the module they should fill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A parameter without an array.
    #[error("the file has no array `{name}`")]
    Missing {
        /// The parameter's path.
        name: String,
    },
    /// An array of another shape.
    #[error("array `{name}` has shape {found:?} where the model needs {expected:?}")]
    Shape {
        /// The parameter's path.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The array's.
        found: Vec<usize>,
    },
    /// Arrays that are not those of the model.
    #[error(transparent)]
    Misfit(Box<Misfit>),
}

/// Everything in which named arrays differ from a model's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("the weights are not those of the model:{}", self.lines())]
pub struct Misfit {
    /// Parameters without an array, with their shapes.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Arrays without a parameter, with their shapes.
    pub extra: Vec<(String, Vec<usize>)>,
    /// Arrays of another shape: the parameter's, and the one found.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Misfit {
    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty()
    }

    /// The only difference by its own name, or the list; `None` without one.
    fn error(self) -> Option<WeightsError> {
        Some(match (&self.missing[..], &self.extra[..], &self.misshapen[..]) {
            ([], [], []) => return None,
            ([(name, _)], [], []) => WeightsError::Missing { name: name.clone() },
            ([], [], [(name, expected, found)]) => {
                let (name, expected, found) = (name.clone(), expected.clone(), found.clone());
                WeightsError::Shape { name, expected, found }
            }
            _ => WeightsError::Misfit(Box::new(self)),
        })
    }

    fn lines(&self) -> String {
        let missing = self.missing.iter().map(|(n, s)| format!("\n  missing   {n} {s:?}"));
        let extra = self.extra.iter().map(|(n, s)| format!("\n  extra     {n} {s:?}"));
        let misshapen = self.misshapen.iter().map(|(n, expected, found)| {
            format!("\n  misshapen {n} {found:?} where the model needs {expected:?}")
        });
        missing.chain(extra).chain(misshapen).collect()
    }
}

impl Weights {
    /// A module's parameters by their paths, `net.hidden.0.weight`.
    #[must_use]
    pub fn of<M: Module>(module: &M) -> Self {
        let mut collect = Collect::default();
        module.visit(&mut collect);
        collect.weights
    }

    /// The module with its parameters replaced.
    ///
    /// # Errors
    /// [`WeightsError`] when arrays are missing or have other shapes, all of them; arrays that no
    /// parameter asks for are left alone.
    pub fn fill<M: Module>(&self, module: M) -> Result<M, WeightsError> {
        let mut fill = Fill { weights: self, path: Vec::new(), misfit: Misfit::default() };
        let module = module.map(&mut fill);
        fill.misfit.error().map_or(Ok(module), Err)
    }

    /// The module with its parameters replaced, each by the array of its name, and no array left.
    ///
    /// # Errors
    /// [`WeightsError::Misfit`], which lists everything that differs.
    pub fn fill_exactly<M: Module>(&self, module: M) -> Result<M, WeightsError> {
        let misfit = self.misfit(&Self::of(&module));
        if misfit.is_empty() {
            self.fill(module)
        } else {
            Err(WeightsError::Misfit(Box::new(misfit)))
        }
    }

    /// In what these arrays differ from a module's parameters, by name and shape.
    #[must_use]
    pub fn misfit(&self, parameters: &Self) -> Misfit {
        let alone = |ours: &Self, others: &Self| -> Vec<(String, Vec<usize>)> {
            let alone = ours.0.iter().filter(|(name, _)| !others.0.contains_key(*name));
            alone.map(|(name, array)| (name.clone(), array.shape.clone())).collect()
        };
        let pairs = parameters.0.iter().filter_map(|(n, a)| Some((n, a, self.0.get(n)?)));
        let misshapen = pairs
            .filter(|(_, parameter, array)| parameter.shape != array.shape)
            .map(|(name, p, a)| (name.clone(), p.shape.clone(), a.shape.clone()));
        Misfit {
            missing: alone(parameters, self),
            extra: alone(self, parameters),
            misshapen: misshapen.collect(),
        }
    }

    /// Turns `[outputs, inputs]` into `[inputs, outputs]`, as dense layers here have it; what is no
    /// matrix is left to the check of shapes.
    pub fn transpose(&mut self, name: &str) {
        let Some(array) = self.0.get_mut(name) else { return };
        if let [rows, columns] = array.shape[..] {
            let values = (0..rows * columns)
                .map(|k| array.values[(k % rows) * columns + k.div_euclid(rows)])
                .collect();
            *array = Array { shape: vec![columns, rows], values };
        }
    }

    /// The array of that name, checked against a shape.
    ///
    /// # Errors
    /// [`WeightsError`] when it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&Array, WeightsError> {
        let missing = || WeightsError::Missing { name: name.to_owned() };
        let array = self.0.get(name).ok_or_else(missing)?;
        if array.shape == shape {
            return Ok(array);
        }
        let (expected, found) = (shape.to_vec(), array.shape.clone());
        Err(WeightsError::Shape { name: name.to_owned(), expected, found })
    }

    /// Whether every value is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.0.values().all(|array| array.values.iter().all(|v| v.is_finite()))
    }

    /// Puts `part` under `prefix/`.
    pub fn put(&mut self, prefix: &str, part: Self) {
        self.0.extend(part.0.into_iter().map(|(name, array)| (format!("{prefix}/{name}"), array)));
    }

    /// What stands under `prefix/`, without the prefix.
    #[must_use]
    pub fn part(&self, prefix: &str) -> Self {
        let strip = |name: &String| Some(name.strip_prefix(prefix)?.strip_prefix('/')?.to_owned());
        let arrays = self.0.iter().filter_map(|(name, a)| Some((strip(name)?, a.clone())));
        Self(arrays.collect())
    }
}

#[derive(Default)]
struct Collect {
    path: Vec<String>,
    weights: Weights,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().inner();
        let shape = value.dims().to_vec();
        let values = to_host(value).into_iter().map(|v| v as f32).collect();
        self.weights.0.insert(self.path.join("."), Array { shape, values });
    }
}

struct Fill<'a> {
    weights: &'a Weights,
    path: Vec<String>,
    misfit: Misfit,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        param.map(|value| match self.weights.0.get(&name) {
            Some(array) if array.shape == value.dims() => {
                let values = array.values.iter().map(|v| f64::from(*v)).collect();
                Space::of(&value).tensor(values, value.dims())
            }
            Some(array) => {
                let (expected, found) = (value.dims().to_vec(), array.shape.clone());
                self.misfit.misshapen.push((name, expected, found));
                value
            }
            None => {
                self.misfit.missing.push((name, value.dims().to_vec()));
                value
            }
        })
    }
}
