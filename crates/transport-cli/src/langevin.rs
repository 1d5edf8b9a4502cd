//! `transport langevin`.

use crate::args::LangevinArgs;
use crate::counter::Counter;
use crate::error::{CliError, unknown, unread};
use crate::output::count;
use crate::progress::{catch_interrupts, stopped};
use crate::sample::{Ending, ending};
use crate::{INTERRUPTED, output, targets, train};
use std::ops::ControlFlow;
use transport_core::{Noise, Space, device};
use transport_data::{Table, write_csv, write_npy};
use transport_sde::diagnostics::Summary;
use transport_sde::langevin::{
    Annealed, Chains, Hmc, Mala, Metric, Plan, Report, SampleError, ScoreOf, Smoothed, Target,
    Tempered, Transition, Tuning, Ula, Underdamped, find_start, sample,
};
use transport_viz::Points;

/// What `--method` can name.
const METHODS: [&str; 6] = ["ula", "mala", "hmc", "underdamped", "annealed", "tempered"];
/// How often a chain looks for a start of positive density.
const TRIES: u64 = 100;
/// The names of the quantities.
const QUANTITIES: [&str; 2] = ["x", "y"];

pub(crate) fn run(args: &LangevinArgs) -> Result<u8, CliError> {
    train::threads(args.threads)?;
    let ending = ending(&args.output)?;
    let plan = plan(args)?;
    check(args)?;
    let target = targets::target(&args.target)?;
    let score = ScoreOf(&*target);
    let transition = transition(args, &*target, &score)?;
    unread_flags(args)?;
    let device = device::select(args.device.as_deref())
        .map_err(|e| CliError::Usage(format!("--device: {e}")))?;
    // Devices without f64 sample in f32.
    let space = if device::is_host(&device) { Space::f64(&device) } else { Space::f32(&device) };
    let noise = Noise::new(args.seed, args.chains);
    let start = find_start(&*transition, QUANTITIES.len(), args.spread, TRIES, &noise, &space);
    let catching = catch_interrupts();
    let mut counter = Counter::new(plan.warmup + plan.draws * plan.thin);
    let done = sample(&*transition, start, &plan, &noise, |report| {
        counter.at(report.step, || words(&report));
        if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(catching);
    match done {
        Ok(chains) => {
            write(args, ending, &chains)?;
            table(&chains);
            Ok(0)
        }
        Err(halted) if halted.chains.is_empty() => failed(halted.error),
        Err(halted) => {
            write(args, ending, &halted.chains)?;
            table(&halted.chains);
            failed(halted.error)
        }
    }
}

/// The exit code of a stop, or the error.
fn failed(error: SampleError) -> Result<u8, CliError> {
    if let SampleError::Stopped { step } = error {
        output::note(&format!("stopped after step {step}"));
        return Ok(INTERRUPTED);
    }
    Err(error.into())
}

/// What stands beside the bar.
fn words(report: &Report<'_>) -> String {
    let phase = if report.warming { "warm-up" } else { "drawing" };
    let step = report.tuning.step;
    if report.acceptance.is_empty() {
        return format!("{phase}  step {step:.3}");
    }
    let mean = report.acceptance.iter().sum::<f64>() / report.acceptance.len() as f64;
    format!("{phase}  step {step:.3}  acceptance {mean:.2}")
}

fn plan(args: &LangevinArgs) -> Result<Plan, CliError> {
    let own = match args.method.as_str() {
        "ula" => 0.01,
        // A fraction of the smallest noise's variance.
        "annealed" => 0.2 * args.sigma_min() * args.sigma_min(),
        _ => 0.1,
    };
    let judged = matches!(args.method.as_str(), "mala" | "hmc");
    let metric = match args.metric.as_deref() {
        None if judged && !args.fixed => Metric::Diagonal,
        None | Some("none") => Metric::Keep,
        Some("diagonal") => Metric::Diagonal,
        Some("dense") => Metric::Dense,
        Some(name) => {
            return Err(unknown("metric", name, &["none", "diagonal", "dense"]));
        }
    };
    Ok(Plan {
        tuning: Tuning::new(args.step.unwrap_or(own)),
        warmup: args.warmup,
        draws: args.n,
        thin: args.thin,
        metric,
        adapt_step: !args.fixed,
        acceptance: args.acceptance,
    })
}

/// The flags that a sampler would take for a programmer's mistake.
fn check(args: &LangevinArgs) -> Result<(), CliError> {
    let positive = [
        ("--friction", args.friction()),
        ("--spread", args.spread),
        ("--sigma-min", args.sigma_min()),
        ("--sigma-max", args.sigma_max()),
    ];
    for (flag, value) in positive {
        if !(value > 0.0 && value.is_finite()) {
            return Err(CliError::Usage(format!("{flag} is {value}: a positive finite number")));
        }
    }
    for (flag, value) in [("--leapfrogs", args.leapfrogs()), ("--levels", args.levels())] {
        if value == 0 {
            return Err(CliError::Usage(format!("{flag} is 0: at least 1")));
        }
    }
    let (max, min, hottest) = (args.sigma_max(), args.sigma_min(), args.hottest());
    if max < min {
        return Err(CliError::Usage(format!("--sigma-max {max} is below --sigma-min {min}")));
    }
    if !(hottest >= 1.0 && hottest.is_finite()) {
        return Err(CliError::Usage(format!("--hottest is {hottest}: a finite number from 1")));
    }
    Ok(())
}

/// The flags that the sampler does not read.
fn unread_flags(args: &LangevinArgs) -> Result<(), CliError> {
    let method = args.method.as_str();
    let apart = |methods: &[&str]| !methods.contains(&method);
    if apart(&["hmc"]) {
        unread("--leapfrogs", args.leapfrogs, method)?;
    }
    if apart(&["underdamped"]) {
        unread("--friction", args.friction, method)?;
    }
    if apart(&["annealed", "tempered"]) {
        unread("--levels", args.levels, method)?;
    }
    if apart(&["tempered"]) {
        unread("--hottest", args.hottest, method)?;
    }
    if apart(&["annealed"]) {
        unread("--sigma-max", args.sigma_max, method)?;
        unread("--sigma-min", args.sigma_min, method)?;
    }
    if apart(&["mala", "hmc", "tempered"]) {
        unread("--acceptance", args.acceptance, method)?;
    }
    if args.fixed {
        unread("--acceptance", args.acceptance, "--fixed")?;
    }
    Ok(())
}

fn transition<'a>(
    args: &LangevinArgs,
    target: &'a dyn Target,
    score: &'a ScoreOf<'a>,
) -> Result<Box<dyn Transition + 'a>, CliError> {
    Ok(match args.method.as_str() {
        "ula" => Box::new(Ula { score }),
        "mala" => Box::new(Mala { target }),
        "hmc" => Box::new(Hmc { target, leapfrogs: args.leapfrogs() }),
        "underdamped" => Box::new(Underdamped { score, friction: args.friction() }),
        "tempered" => Box::new(Tempered::geometric(target, args.hottest(), args.levels())),
        "annealed" => {
            let (first, last) = (args.sigma_max(), args.sigma_min());
            let sigmas = Smoothed::geometric((), first, last, args.levels()).sigmas;
            let ladder = targets::ladder(&args.target, sigmas)?;
            Box::new(Annealed { ladder, descent: args.warmup })
        }
        name => {
            return Err(unknown("method", name, &METHODS));
        }
    })
}

/// Chain after chain, each row with its chain and its draw, or a picture.
fn write(args: &LangevinArgs, ending: Ending, chains: &Chains) -> Result<(), CliError> {
    let path = &args.output;
    if let Ending::Figure = ending {
        let points = Points::new(chains.draws(), chains.dim())?;
        let names = (QUANTITIES[0], QUANTITIES[1]);
        transport_viz::scatter(path, &[(args.method.as_str(), points)], (0, 1), names)?;
    } else {
        let names = ["chain", "draw"].iter().chain(&QUANTITIES).map(|n| (*n).to_owned());
        let table = Table::new(names.collect(), rows(chains))?;
        match ending {
            Ending::Npy => write_npy(path, &table)?,
            _ => write_csv(path, &table)?,
        }
    }
    let (n, m) = (chains.len(), chains.chains());
    let (n, m) = (count(n, "draw"), count(m, "chain"));
    output::note(&format!("wrote {n} of {m} to {}", path.display()));
    Ok(())
}

fn rows(chains: &Chains) -> Vec<f64> {
    let (m, d) = (chains.chains(), chains.dim());
    let row = |c: usize, i: usize| {
        let start = (i * m + c) * d;
        [c as f64, i as f64].into_iter().chain(chains.draws()[start..start + d].iter().copied())
    };
    (0..m).flat_map(|c| (0..chains.len()).flat_map(move |i| row(c, i))).collect()
}

/// What the diagnostics say against the draws.
fn verdict(chains: &Chains) -> Option<&'static str> {
    if chains.len() < 4 {
        return Some("  ESS and R̂ need at least 4 draws of each chain");
    }
    let mixed =
        |s: Summary| (s.rhat < 1.01 || s.rhat.is_nan()) && s.ess_bulk.min(s.ess_tail) > 400.0;
    let all = chains.summaries().into_iter().all(mixed);
    (!all).then_some("  R̂ above 1.01 or ESS below 400: the chains have not mixed, run longer")
}

/// The diagnostics.
fn table(chains: &Chains) {
    let head = ["", "mean", "sd", "MCSE", "MCSE sd", "ESS bulk", "ESS tail", "R̂"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (name, s) in QUANTITIES.iter().zip(chains.summaries()) {
        let moments = [s.mean, s.sd, s.mcse_mean, s.mcse_sd].map(|v| format!("{v:.4}"));
        let sizes = [s.ess_bulk, s.ess_tail].map(|v| format!("{v:.0}"));
        let name = std::iter::once((*name).to_owned());
        rows.push(name.chain(moments).chain(sizes).chain([format!("{:.4}", s.rhat)]).collect());
    }
    let (n, m) = (count(chains.len(), "draw"), count(chains.chains(), "chain"));
    output::line(&format!("\n{m}, {n} of each\n"));
    output::table(&rows);
    let judged = !chains.acceptance().is_empty();
    let acceptance = if judged { format!("{:.3}", chains.mean_acceptance()) } else { "—".into() };
    let divergent: usize = chains.divergences().iter().sum();
    output::line(&format!(
        "\n  acceptance {acceptance}, {divergent} divergent, step {:.4}, {} evaluations a chain",
        chains.tuning().step,
        chains.evals()
    ));
    if let Some(words) = verdict(chains) {
        output::line(words);
    }
}
