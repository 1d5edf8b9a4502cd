//! `transport fit-density`.

use crate::args::FitDensityArgs;
use crate::counter::Counter;
use crate::error::{CliError, before, once};
use crate::progress::{catch_interrupts, stopped};
use crate::sample::{Ending, table_ending};
use crate::{INTERRUPTED, output, targets, train};
use std::ops::ControlFlow;
use std::path::Path;
use transport_core::{Noise, Space, device};
use transport_data::{Table, write_csv, write_npy};
use transport_train::optim::OptimConfig;
use transport_train::registry;
use transport_train::trainer::{LoopConfig, StepReport};
use transport_train::variational::{
    FitError, FlowConfig, Importance, Plan, fit, khat_threshold, log_weights,
};

pub(crate) fn run(args: &FitDensityArgs) -> Result<u8, CliError> {
    train::threads(args.threads)?;
    let ending = args.output.as_deref().map(table_ending).transpose()?;
    let target = targets::everywhere(&args.target, args.dim)?;
    let plan = plan(args)?;
    let device = device::select(args.device.as_deref())
        .map_err(|e| CliError::Usage(format!("--device: {e}")))?;
    let space = Space::f32(&device);
    let catching = catch_interrupts();
    let mut counter = Counter::new(args.steps as usize);
    let fitted = fit(&*target, args.dim, &plan, &space, &mut |report: &StepReport| {
        let loss = report.loss * args.dim as f64;
        counter.at(report.step as usize, || format!("KL − log Z {loss:.4}"));
        if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(catching);
    let flow = match fitted {
        Err(FitError::Stopped { step }) => {
            output::note(&format!("stopped after step {step}"));
            return Ok(INTERRUPTED);
        }
        fitted => fitted?,
    };
    let noise = Noise::new(args.seed, args.n).purpose("judge");
    let (points, weights) = log_weights(&flow, &*target, &noise, &space);
    let judged = Importance::of(&weights)?;
    if let (Some(path), Some(ending)) = (&args.output, ending) {
        write(path, ending, args.dim, &points, &weights)?;
    }
    print(&judged);
    Ok(0)
}

fn plan(args: &FitDensityArgs) -> Result<Plan, CliError> {
    if !(args.lr > 0.0 && args.lr.is_finite()) {
        return Err(CliError::Usage(format!("--lr is {}: a positive finite number", args.lr)));
    }
    if args.n < 2 {
        return Err(CliError::Usage(format!("-n is {}: at least 2", args.n)));
    }
    let (steps, batch_size) = (args.steps, args.batch_size);
    let train = LoopConfig { steps, batch_size, seed: args.seed, ..LoopConfig::default() };
    let optim = OptimConfig { lr: args.lr, weight_decay: 0.0, ..OptimConfig::default() };
    Ok(Plan { flow: model(args)?, train, optim, data: None })
}

/// The flow of that name with the settings that were typed.
fn model(args: &FitDensityArgs) -> Result<FlowConfig, CliError> {
    let entry = registry::model(&args.model)?;
    once("setting", args.set.iter().map(|pair| before(pair)))?;
    let mut settings = entry.defaults();
    for pair in &args.set {
        let parts = pair.split_once('=').map(|(name, value)| (name, value.parse::<i64>()));
        let Some((name, Ok(value))) = parts else {
            return Err(CliError::Usage(format!("--set {pair}: name=value, a whole number")));
        };
        if name.trim().is_empty() {
            return Err(CliError::Usage(format!("--set {pair}: a name is missing before the =")));
        }
        settings.insert(name.to_owned(), value.into());
    }
    let flow = entry.flow(&settings)?;
    flow.ok_or_else(|| {
        let flows =
            registry::MODELS.iter().filter(|e| matches!(e.flow(&e.defaults()), Ok(Some(_))));
        let names: Vec<&str> = flows.map(|e| e.name()).collect();
        let model = &args.model;
        CliError::Usage(format!(
            "`{model}` is no normalizing flow; these are: {}",
            names.join(", ")
        ))
    })
}

/// Points row by row, each with its log weight.
fn write(
    path: &Path,
    ending: Ending,
    d: usize,
    points: &[f64],
    weights: &[f64],
) -> Result<(), CliError> {
    let names = (1..=d).map(|k| format!("x{k}")).chain(["log_weight".to_owned()]);
    let rows = points.chunks_exact(d).zip(weights);
    let values = rows.flat_map(|(x, w)| x.iter().copied().chain([*w])).collect();
    let table = Table::new(names.collect(), values)?;
    match ending {
        Ending::Npy => write_npy(path, &table)?,
        _ => write_csv(path, &table)?,
    }
    let points = output::count(weights.len(), "point");
    output::note(&format!("wrote {points} to {}", path.display()));
    Ok(())
}

fn print(judged: &Importance) {
    let Importance { draws, log_z, log_z_error, elbo, elbo_error, ess, khat } = *judged;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    output::table(&[
        row("", output::count(draws, "point")),
        row("log Z", format!("{log_z:.4} ± {log_z_error:.4}")),
        row("ELBO", format!("{elbo:.4} ± {elbo_error:.4}")),
        row("ESS", format!("{ess:.0}")),
        row("k̂", format!("{khat:.2}")),
    ]);
    if !judged.is_reliable() {
        let most = khat_threshold(draws);
        output::line(&format!(
            "  k̂ is not below {most:.2}: the weights' tail is too heavy for log Z and its error to be believed"
        ));
    }
}
