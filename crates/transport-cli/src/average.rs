//! `transport average`.

use crate::args::AverageArgs;
use crate::error::CliError;
use crate::output;
use transport_train::{Folder, reaverage};

pub(crate) fn run(args: &AverageArgs) -> Result<(), CliError> {
    let error = reaverage(&Folder::new(&args.run), &Folder::new(&args.out), args.relative)?;
    output::line(&format!(
        "wrote {}: weights averaged over a relative width of {}, profile met to {:.2} %",
        args.out.display(),
        args.relative,
        100.0 * error
    ));
    Ok(())
}
