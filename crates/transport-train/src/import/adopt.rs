//! Others' arrays in the places of a network's parameters.

use crate::weights::{Array, Misfit, Weights};

/// Where a parameter's values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The array of that name, as it is.
    Same(String),
    /// The matrix of that name, `[outputs, inputs]` where parameters are `[inputs, outputs]`.
    Transposed(String),
    /// Nothing: the parameter is 0.
    Zero,
}

impl Origin {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Same(name) | Self::Transposed(name) => Some(name),
            Self::Zero => None,
        }
    }

    /// The shape that the array has in the file.
    pub(super) fn shape(&self, parameter: &Array) -> Vec<usize> {
        let mut shape = parameter.shape.clone();
        if matches!(self, Self::Transposed(_)) {
            shape.reverse();
        }
        shape
    }
}

/// The parameters of a network with the values of others' arrays: each array is somebody's, and
/// every parameter has its own.
///
/// # Errors
/// [`Misfit`] in the names and shapes of the file, which lists everything that differs.
pub(super) fn adopt(
    mut theirs: Weights,
    parameters: &Weights,
    origin: impl Fn(&str, &Array) -> Origin,
) -> Result<Weights, Misfit> {
    let origins: Vec<(&String, &Array, Origin)> =
        parameters.0.iter().map(|(name, array)| (name, array, origin(name, array))).collect();
    let expected = origins.iter().filter_map(|(_, array, origin)| {
        let blank = Array { shape: origin.shape(array), values: Vec::new() };
        Some((origin.name()?.to_owned(), blank))
    });
    let misfit = theirs.misfit(&Weights(expected.collect()));
    if !misfit.is_empty() {
        return Err(misfit);
    }
    let mut ours = Weights::default();
    for (name, array, origin) in origins {
        if let Origin::Transposed(name) = &origin {
            theirs.transpose(name);
        }
        let zero = || Array { shape: array.shape.clone(), values: vec![0.0; array.values.len()] };
        let found = origin.name().and_then(|name| theirs.0.remove(name));
        ours.0.insert(name.clone(), found.unwrap_or_else(zero));
    }
    Ok(ours)
}
