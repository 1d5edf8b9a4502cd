//! `transport train`.

use crate::args::TrainArgs;
use crate::error::{CliError, before, once};
use crate::progress::{Progress, end_on_interrupts, stopped};
use crate::{INTERRUPTED, evaluate, figures, output};
use std::path::Path;
use std::time::Instant;
use transport_train::config::{Config, ConfigError};
use transport_train::store::RunState;
use transport_train::{Folder, Mode, Outcome, Run};

/// Samples that the closing table is made from.
const EVALUATED: usize = 1000;

pub(crate) fn run(args: &TrainArgs) -> Result<u8, CliError> {
    let folder = Folder::new(&args.out);
    let config = plan(args, &folder)?;
    threads(config.run.threads)?;
    let mode = match (args.resume, args.overwrite) {
        (true, _) => Mode::Resume,
        (_, true) => Mode::Overwrite,
        _ => Mode::Fresh,
    };
    if mode == Mode::Resume && folder.state() == RunState::Empty {
        output::note(&format!("nothing to resume in {}: starting", args.out.display()));
    }
    end_on_interrupts();
    let started = Instant::now();
    let mut progress = Progress::new();
    let outcome = transport_train::train(&config, &folder, mode, &mut progress)?;
    // From here on Ctrl-C ends the program at once.
    drop(progress);
    match outcome {
        Outcome::Interrupted { step } => {
            output::note(&format!(
                "\nstopped after step {step}; go on with: transport train --resume --out {}",
                args.out.display()
            ));
            return Ok(INTERRUPTED);
        }
        Outcome::AlreadyFinished => {
            output::line(&format!("{} is finished: nothing to resume", args.out.display()));
            return Ok(0);
        }
        Outcome::Finished => {}
    }
    output::note(&format!("trained in {:.0} s", started.elapsed().as_secs_f64()));
    if stopped() {
        let out = args.out.display();
        output::note(&format!("stopped; {out} is trained: go on with: transport evaluate {out}"));
        return Ok(INTERRUPTED);
    }
    output::note("drawing the figures …");
    let run = Run::open_on(&args.out, config.run.device.as_deref())?;
    figures::leave(&run, &folder)?;
    if config.data.split > 0.0 {
        output::note(&format!("evaluating {EVALUATED} samples …"));
    }
    if let Some(report) = transport_train::evaluate(&run, EVALUATED, config.train.seed)? {
        evaluate::print(&report);
        evaluate::record(&folder, &report)?;
    }
    output::line(&format!("\nwrote {}", args.out.display()));
    Ok(0)
}

/// What was typed and what stands in files, as one configuration.
fn plan(args: &TrainArgs, folder: &Folder) -> Result<Config, CliError> {
    let mut config = match (&args.config, args.resume && folder.state() != RunState::Empty) {
        (Some(path), _) => Config::parse(&read(path)?)?,
        (None, true) => Config::parse(&folder.read_config()?)?,
        (None, false) => {
            let missing = |flag: &str| {
                CliError::Usage(format!("{flag} is needed (or a --config that holds it)"))
            };
            let data = args.data.as_deref().ok_or_else(|| missing("--data"))?;
            let model = args.model.as_deref().ok_or_else(|| missing("--model"))?;
            Config::new(data, model)?
        }
    };
    if let Some(model) = args.model.as_ref().filter(|m| **m != config.model.name) {
        let fresh = Config::new(&config.data.source, model)?;
        (config.model, config.sample) = (fresh.model, fresh.sample);
        (config.train.keep, config.data.validation) = (fresh.train.keep, fresh.data.validation);
    }
    if let Some(net) = &args.net {
        config.model.settings.insert("net".to_owned(), net.clone().into());
    }
    once("setting", args.set.iter().map(|pair| before(pair)))?;
    for pair in &args.set {
        config.model.set(pair)?;
    }
    fn set<T: Clone>(place: &mut T, given: &Option<T>) {
        if let Some(value) = given {
            place.clone_from(value);
        }
    }
    set(&mut config.data.source, &args.data);
    set(&mut config.data.context, &args.context);
    set(&mut config.data.split, &args.split);
    set(&mut config.data.validation, &args.validation);
    set(&mut config.train.patience, &args.patience);
    set(&mut config.train.keep, &args.keep);
    set(&mut config.data.points, &args.points);
    set(&mut config.train.steps, &args.steps);
    set(&mut config.train.batch_size, &args.batch_size);
    set(&mut config.train.seed, &args.seed);
    set(&mut config.optim.lr, &args.lr);
    set(&mut config.optim.relative, &args.relative);
    set(&mut config.run.checkpoint_every, &args.checkpoint_every);
    if let Some(rate) = args.context_dropout {
        config.model.settings.insert("context_dropout".to_owned(), rate.into());
    }
    if args.columns.is_some() {
        config.data.columns.clone_from(&args.columns);
    }
    if args.device.is_some() {
        config.run.device.clone_from(&args.device);
    }
    if args.threads.is_some() {
        config.run.threads = args.threads;
    }
    config.check()?;
    Ok(config)
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|e| {
        let reason = format!("{}: {e}", path.display());
        CliError::Config(ConfigError::Syntax { reason })
    })
}

/// The most threads that are started: a pool of far more takes minutes to start.
const THREADS: usize = 1024;

/// Sets the number of threads for the whole process.
pub(crate) fn threads(count: Option<usize>) -> Result<(), CliError> {
    let Some(count) = count else { return Ok(()) };
    if !(1..=THREADS).contains(&count) {
        let message = format!("--threads is {count}: a whole number from 1 to {THREADS}");
        return Err(CliError::Usage(message));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|e| CliError::Usage(format!("--threads {count}: {e}")))
}
