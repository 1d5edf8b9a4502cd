//! Where output goes: never over what it is made of.

use crate::error::CliError;
use std::path::Path;

/// Refuses an output that is one of the inputs, by whatever name.
pub(crate) fn apart(output: &Path, inputs: &[&Path]) -> Result<(), CliError> {
    let place = |path: &Path| std::fs::canonicalize(path).ok();
    let same = |input: &&&Path| place(output).is_some_and(|at| place(input) == Some(at));
    match inputs.iter().find(same) {
        None => Ok(()),
        Some(input) => {
            let message = format!("{} is read: write to another file", input.display());
            Err(CliError::Usage(message))
        }
    }
}
