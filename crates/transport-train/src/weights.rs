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
    /// [`WeightsError`] when an array is missing or has another shape; arrays that no parameter
    /// asks for are left alone.
    pub fn fill<M: Module>(&self, module: M) -> Result<M, WeightsError> {
        let mut fill = Fill { weights: self, path: Vec::new(), error: None };
        let module = module.map(&mut fill);
        fill.error.map_or(Ok(module), Err)
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
    error: Option<WeightsError>,
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
        param.map(|value| match self.weights.get(&name, &value.dims()) {
            Ok(array) => {
                let values = array.values.iter().map(|v| f64::from(*v)).collect();
                Space::of(&value).tensor(values, value.dims())
            }
            Err(error) => {
                self.error.get_or_insert(error);
                value
            }
        })
    }
}
