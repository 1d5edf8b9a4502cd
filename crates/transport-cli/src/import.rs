//! `transport import` and `transport export`.

use crate::args::{ExportArgs, ImportArgs};
use crate::error::{CliError, unknown};
use crate::output;
use transport_train::import::{Format, Import, import};
use transport_train::{Folder, Run};

pub(crate) fn run(args: &ImportArgs) -> Result<(), CliError> {
    let known = Format::ALL.map(Format::name);
    let format = Format::ALL.into_iter().find(|format| format.name() == args.format);
    let format = format.ok_or_else(|| unknown("format", &args.format, &known))?;
    let what = Import {
        path: args.path.clone(),
        format,
        config: args.config.clone(),
        scheduler: args.scheduler.clone(),
        map: args.map.clone(),
        data: args.data.clone(),
    };
    let folder = Folder::new(&args.out);
    import(&what, &folder, args.overwrite)?;
    let parameters = Run::open(&args.out)?.parameters();
    output::note(&format!("imported {parameters} numbers to {}", args.out.display()));
    Ok(())
}

pub(crate) fn export(args: &ExportArgs) -> Result<(), CliError> {
    transport_train::export(&Folder::new(&args.run), &args.output)?;
    output::note(&format!("exported {} to {}", args.run.display(), args.output.display()));
    Ok(())
}
