//! `transport simulate`.

use crate::args::SimulateArgs;
use crate::counter::Counter;
use crate::error::{CliError, before, once, unknown, unread};
use crate::output::count;
use crate::progress::{catch_interrupts, stopped};
use crate::sample::{Ending, ending};
use crate::{INTERRUPTED, output, places, start};
use std::ops::ControlFlow;
use std::path::Path;
use transport_core::{Noise, Space, Trajectory, device};
use transport_data::{Table, write_csv, write_npy_array};
use transport_sde::simulate::named::{self, Entry, Process};
use transport_sde::simulate::{SimulateError, Stopped};
use transport_sde::{Route, Simulation, SolveError, Solver, SolverKind};
use transport_viz::{Frame, Points};

/// The solver's name for the process's own kernels.
const EXACT: &str = "exact";
/// Steps unless told otherwise.
const STEPS: usize = 200;
/// How far states may leave the start, in its own scale, before the steps are doubted.
const GROWN: f64 = 1e6;
/// Columns in the table of diagnostics.
const SHOWN: usize = 4;
/// Clouds of a figure.
const FRAMES: usize = 6;
/// Points of a cloud.
const CLOUD: usize = 2000;
/// Particles whose whole path is drawn.
const PATHS: usize = 40;

pub(crate) fn run(args: &SimulateArgs) -> Result<u8, CliError> {
    let ending = ending(&args.output)?;
    places::apart(&args.output, &[Path::new(&args.law)])?;
    let entry = entry(&args.process)?;
    once("parameter", args.set.iter().map(|pair| before(pair)))?;
    let settings =
        args.set.iter().map(|text| setting(entry, text)).collect::<Result<Vec<_>, _>>()?;
    let begin = start::particles(&args.law, args.n, args.seed)?;
    let process = entry.build(&settings, begin.cols())?;
    let times = times(args, entry, &process)?;
    suits(&begin, entry, &process)?;
    let route = route(args, &process, entry)?;
    let device = device::select(args.device.as_deref())
        .map_err(|e| CliError::Usage(format!("--device: {e}")))?;
    // Devices without f64 simulate in f32.
    let space = if device::is_host(&device) { Space::f64(&device) } else { Space::f32(&device) };
    let x = space.tensor(begin.values().to_vec(), [begin.rows(), begin.cols()]);
    let noise = Noise::new(args.seed, begin.rows()).purpose("simulate");

    let catching = catch_interrupts();
    let mut counter: Option<Counter> = None;
    let plan = Simulation { start: 0.0, times };
    let done = plan.run(&route, x, &noise, |k, total| {
        let counter = counter.get_or_insert_with(|| Counter::new(total));
        if k > 0 {
            counter.at(k, || count(begin.rows(), "particle"));
        }
        if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(catching);
    match done {
        Ok(path) => {
            let family = Family::new(path);
            leave(args, ending, &process, &begin, &family)?;
            if let Route::Steps { solver, steps, .. } = &route {
                blow_up(&begin, &family, solver.name(), *steps);
            }
            Ok(0)
        }
        Err(Stopped { kept, source }) => {
            if !kept.times.is_empty() {
                leave(args, ending, &process, &begin, &Family::new(kept))?;
            }
            if let SimulateError::Solve(halt @ SolveError::Halted { .. }) = &source {
                output::note(&halt.to_string());
                return Ok(INTERRUPTED);
            }
            Err(source.into())
        }
    }
}

/// The states on the host: one row-major `[n, d]` for each time.
struct Family {
    times: Vec<f64>,
    states: Vec<Vec<f64>>,
}

impl Family {
    fn new(path: Trajectory) -> Self {
        let states = path.states.into_iter().map(device::to_host).collect();
        Self { times: path.times, states }
    }
}

fn entry(name: &str) -> Result<&'static Entry, CliError> {
    named::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = named::ALL.iter().map(|entry| entry.name).collect();
        unknown("process", name, &known)
    })
}

/// `name=value`, where the process has that parameter.
fn setting(entry: &Entry, text: &str) -> Result<(String, f64), CliError> {
    let wrong = || CliError::Usage(format!("--set {text}: expected NAME=NUMBER"));
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim().parse().map_err(|_| wrong())?);
    let known: Vec<&str> = entry.parameters.iter().map(|p| p.name).collect();
    match known.is_empty() {
        true => Err(CliError::Usage(format!("--set {text}: `{}` has no parameters", entry.name))),
        false if !known.contains(&name) => {
            Err(unknown(&format!("parameter of `{}`", entry.name), name, &known))
        }
        false => Ok((name.to_owned(), value)),
    }
}

/// The times asked for, each inside the declared domain, or five over what is followed of it.
fn times(args: &SimulateArgs, entry: &Entry, process: &Process) -> Result<Vec<f64>, CliError> {
    let domain = process.domain;
    if let Some(t) = args.times.iter().find(|t| !domain.contains(**t)) {
        return Err(CliError::Usage(format!(
            "--times {t}: `{}` is declared on {domain}",
            entry.name
        )));
    }
    if !args.times.is_empty() {
        return Ok(args.times.clone());
    }
    let end = if domain.horizon.is_finite() { domain.followed().end } else { 1.0 };
    Ok((0..5).map(|k| end * f64::from(k) / 4.0).collect())
}

/// A process on the positive half line starts there.
fn suits(begin: &Table, entry: &Entry, process: &Process) -> Result<(), CliError> {
    let bad = begin.values().iter().position(|x| process.positive && *x < 0.0);
    let Some(k) = bad else { return Ok(()) };
    let (row, column) = (k / begin.cols(), k % begin.cols());
    Err(CliError::Usage(format!(
        "`{}` lives on x ≥ 0: particle {row} starts at {} in column {}",
        entry.name,
        begin.values()[k],
        begin.names()[column]
    )))
}

fn route<'a>(
    args: &SimulateArgs,
    process: &'a Process,
    entry: &Entry,
) -> Result<Route<'a>, CliError> {
    let steps = args.steps.unwrap_or(STEPS);
    let by_steps = |solver| Route::Steps { sde: &*process.sde, solver, steps };
    match (args.solver.as_deref(), process.exact.as_deref()) {
        (None | Some(EXACT), Some(exact)) => {
            unread("--steps", args.steps, "the process's exact kernels")?;
            Ok(Route::Exact(exact))
        }
        (None, None) => Ok(by_steps(Solver::EulerMaruyama)),
        (Some(EXACT), None) => Err(CliError::Usage(format!(
            "--solver exact: no kernel of `{}` is known; take an SDE method",
            entry.name
        ))),
        (Some(name), _) => Solver::by_name(name).map(by_steps).ok_or_else(|| {
            let stochastic = |s: &&Solver| s.kind() == SolverKind::Sde;
            let methods = Solver::ALL.iter().filter(stochastic).map(|s| s.name());
            unknown("solver", name, &std::iter::once(EXACT).chain(methods).collect::<Vec<_>>())
        }),
    }
}

/// Writes what was reached and prints its diagnostics.
fn leave(
    args: &SimulateArgs,
    ending: Ending,
    process: &Process,
    begin: &Table,
    family: &Family,
) -> Result<(), CliError> {
    let (n, d) = (begin.rows(), begin.cols());
    match ending {
        Ending::Csv => write_csv(&args.output, &long(begin, family)?)?,
        Ending::Npy => {
            write_npy_array(&args.output, &[family.times.len(), n, d], &family.states.concat())?;
        }
        Ending::Figure => figure(args, begin, family)?,
    }
    diagnostics(process, begin, family);
    output::note(&format!(
        "wrote {} of {} at {} to {}",
        count(n, "particle"),
        count(d, "column"),
        count(family.times.len(), "time"),
        args.output.display()
    ));
    Ok(())
}

/// Says where the states have grown so far that the steps are the likelier reason than the process.
fn blow_up(begin: &Table, family: &Family, solver: &str, steps: usize) {
    let largest = |values: &[f64]| values.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let scale = largest(begin.values()).max(1.0);
    let far = |state: &Vec<f64>| largest(state) > GROWN * scale;
    let Some(k) = family.states.iter().position(far) else { return };
    let (t, reached) = (family.times[k], largest(&family.states[k]));
    output::note(&format!(
        "warning: |x| grew from at most {scale} to {reached:.1e} by t = {t}: {} of `{solver}` may be \
         too few, take more --steps",
        count(steps, "step")
    ));
}

/// One row for each time and particle.
fn long(begin: &Table, family: &Family) -> Result<Table, CliError> {
    let names = ["t", "particle"].map(str::to_owned).into_iter().chain(begin.names().to_vec());
    let mut values = Vec::with_capacity(family.times.len() * begin.rows() * (begin.cols() + 2));
    for (t, state) in family.times.iter().zip(&family.states) {
        for (i, row) in state.chunks_exact(begin.cols()).enumerate() {
            values.extend([*t, i as f64]);
            values.extend(row);
        }
    }
    Ok(Table::new(names.collect(), values)?)
}

/// Mean and standard deviation of a column, each with its standard error.
fn summary(state: &[f64], j: usize, d: usize) -> [(f64, f64); 2] {
    let column = || state.iter().skip(j).step_by(d);
    let n = column().count() as f64;
    let mean = column().sum::<f64>() / n;
    let moment = |k| column().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
    let std = moment(2).sqrt();
    // Var s² ≈ (m₄ − s⁴)/n, and s² = s · s; a law without spread has none to be wrong about.
    let of_std =
        if std > 0.0 { ((moment(4) - std.powi(4)).max(0.0) / n).sqrt() / (2.0 * std) } else { 0.0 };
    [(mean, std / n.sqrt()), (std, of_std)]
}

/// A table of moments, the closed form beside each where it is known.
fn diagnostics(process: &Process, begin: &Table, family: &Family) {
    let d = begin.cols();
    let start: Vec<[(f64, f64); 2]> = (0..d).map(|j| summary(begin.values(), j, d)).collect();
    let means: Vec<f64> = start.iter().map(|s| s[0].0).collect();
    let variances: Vec<f64> = start.iter().map(|s| s[1].0 * s[1].0).collect();
    let head = ["t", "column", "mean", "± s.e.", "exact", "std", "± s.e.", "exact"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let number = |v: f64| format!("{v:.4}");
    for (t, state) in family.times.iter().zip(&family.states) {
        let exact = process.exact.as_ref().map(|p| p.moments(&means, &variances, 0.0, *t));
        for (j, name) in begin.names().iter().enumerate().take(SHOWN) {
            let [mean, std] = summary(state, j, d);
            let known = |v: Option<f64>| v.map_or("–".to_owned(), number);
            let (m, s) =
                (exact.as_ref().map(|(m, _)| m[j]), exact.as_ref().map(|(_, v)| v[j].sqrt()));
            rows.push(vec![
                format!("{t}"),
                name.clone(),
                number(mean.0),
                number(mean.1),
                known(m),
                number(std.0),
                number(std.1),
                known(s),
            ]);
        }
    }
    output::line(&format!("\n{}\n", count(begin.rows(), "particle")));
    output::table(&rows);
    if process.exact.is_some() {
        output::line("\n  exact: the closed form, from the mean and std of the particles at 0");
    }
    if d > SHOWN {
        let are = if d - SHOWN == 1 { "is" } else { "are" };
        output::line(&format!("  {} {are} not shown", count(d - SHOWN, "more column")));
    }
}

/// Clouds at up to six times, with paths in two dimensions; histograms in one.
fn figure(args: &SimulateArgs, begin: &Table, family: &Family) -> Result<(), CliError> {
    let (d, names) = (begin.cols(), begin.names());
    let cloud = begin.rows().min(CLOUD) * d;
    let count = family.times.len();
    let shown: Vec<usize> = match count {
        0..=FRAMES => (0..count).collect(),
        _ => (0..FRAMES).map(|k| k * (count - 1) / (FRAMES - 1)).collect(),
    };
    if d == 1 {
        let titles: Vec<String> =
            shown.iter().map(|k| format!("t = {}", family.times[*k])).collect();
        let mut panels = Vec::with_capacity(shown.len());
        for (title, k) in titles.iter().zip(&shown) {
            panels.push((title.as_str(), Points::new(&family.states[*k][..cloud], d)?));
        }
        return Ok(transport_viz::scatter(&args.output, &panels, (0, 0), (&names[0], ""))?);
    }
    let mut frames = Vec::with_capacity(shown.len());
    for k in shown {
        let points = Points::new(&family.states[k][..cloud], d)?;
        frames.push(Frame { t: family.times[k], points });
    }
    let path = |i: usize| family.states.iter().map(|s| (s[i * d], s[i * d + 1])).collect();
    let paths: Vec<Vec<(f64, f64)>> = (0..begin.rows().min(PATHS)).map(path).collect();
    let names = (names[0].as_str(), names[1].as_str());
    Ok(transport_viz::trajectories(&args.output, &frames, Some(&paths), names)?)
}
