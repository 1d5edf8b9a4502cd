//! `transport info`.

use crate::args::InfoArgs;
use crate::error::CliError;
use crate::output;
use transport_sde::simulate::named;
use transport_sde::{Solver, SolverKind};
use transport_train::registry::{IMPORTED, MODELS};
use transport_train::trainer::Keep;
use transport_train::{Run, problem};

pub(crate) fn run(args: &InfoArgs) -> Result<(), CliError> {
    if args.list {
        list();
    }
    match &args.run {
        None => Ok(()),
        Some(path) => describe(&Run::open(path)?),
    }
}

fn owned(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn density(known: bool, bounded: bool) -> &'static str {
    match (known, bounded) {
        (true, _) => "yes",
        (false, true) => "bound",
        (false, false) => "no",
    }
}

fn list() {
    output::line("models");
    let mut rows = vec![owned(&["name", "objective", "log-density", "context", "what it is"])];
    let tick = |b: bool| if b { "yes" } else { "no" };
    for entry in MODELS.iter().chain(IMPORTED) {
        let can = entry.capabilities();
        rows.push(owned(&[
            entry.name(),
            entry.objective(),
            density(can.log_prob, entry.bounds_density()),
            tick(can.context),
            entry.summary(),
        ]));
    }
    output::list(&rows);
    processes();
    output::line("\nsolvers");
    let mut rows = vec![owned(&["name", "kind", "evaluations a step", "order"])];
    for solver in Solver::ALL {
        let kind = match (solver.kind(), solver.is_stochastic()) {
            (SolverKind::Diffusion, false) => "diffusion, deterministic",
            (SolverKind::Diffusion, true) => "diffusion, stochastic",
            (_, false) => "deterministic",
            (_, true) => "stochastic",
        };
        let stages = solver.stages().to_string();
        rows.push(owned(&[solver.name(), kind, &stages, &solver.order()]));
    }
    output::list(&rows);
    output::line("\ndata sets");
    let mut rows = vec![owned(&["name", "what it is"])];
    for name in problem::names() {
        let what = match name {
            "digits" => "1797 handwritten digits, 8×8 pixels (UCI, CC BY 4.0), shipped",
            _ if name.starts_with("sbi-") => "parameters theta1… and simulated data x1…",
            _ => "2-D law",
        };
        rows.push(owned(&[name, what]));
    }
    rows.push(owned(&[
        "a path",
        "CSV, NPY or IDX file (.gz too), or a folder of PNG or IDX files",
    ]));
    output::list(&rows);
    output::line(&format!("\ndevices: {}", transport_core::device::compiled().join(", ")));
}

/// At most six digits after the point.
fn short(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn processes() {
    output::line("\nprocesses");
    let mut rows = vec![owned(&["name", "parameters", "exact", "what it is"])];
    for entry in named::ALL {
        let parameters: Vec<String> =
            entry.parameters.iter().map(|p| format!("{}={}", p.name, short(p.default))).collect();
        let exact = entry.build(&[], 2).is_ok_and(|process| process.exact.is_some());
        let exact = if exact { "yes" } else { "no" };
        rows.push(owned(&[entry.name, &parameters.join(" "), exact, entry.equation]));
    }
    output::list(&rows);
}

fn describe(run: &Run) -> Result<(), CliError> {
    let (card, config) = (run.card(), run.config());
    let can = run.capabilities()?;
    let schema = &card.schema;
    let names = schema.names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let more = if schema.names.len() > 8 { ", …" } else { "" };
    let context: Vec<&str> = schema.context.columns.iter().map(|c| c.name()).collect();
    let image = schema
        .image
        .map_or("no".to_owned(), |i| format!("{}×{}×{}", i.height, i.width, i.channels));
    let plan = config.sample;
    output::list(&[
        vec!["model".into(), config.model.name.clone()],
        vec!["parameters".into(), run.parameters().to_string()],
        vec!["settings".into(), config.model.settings.to_string().replace('\n', "  ")],
        vec!["trained for".into(), format!("{} steps, seed {}", card.steps, config.train.seed)],
        vec!["kept".into(), kept(run)],
        vec!["data".into(), format!("{} ({} training rows)", config.data.source, card.rows)],
        vec!["source".into(), card.source.clone()],
        vec!["columns".into(), format!("{}: {names}{more}", schema.names.len())],
        vec!["images".into(), image],
        vec!["context".into(), if context.is_empty() { "none".into() } else { context.join(", ") }],
        vec!["sampled by".into(), format!("{}, {} steps", plan.solver.name(), plan.steps)],
        vec!["log-density".into(), density(can.log_prob, run.bounds_density()?).into()],
    ]);
    Ok(())
}

/// Which weights the model has.
fn kept(run: &Run) -> String {
    let last = "the weights of the last step".to_owned();
    match (run.config().train.keep, run.card().best) {
        (Keep::Best, Some(best)) => {
            format!(
                "the weights of step {}: validation loss {:.4}, the lowest",
                best.step, best.loss
            )
        }
        (Keep::Last, Some(best)) => {
            format!("{last} (validation loss lowest, {:.4}, after step {})", best.loss, best.step)
        }
        (_, None) => last,
    }
}
