//! `transport bridge` and `transport carry`.

use crate::args::{BridgeArgs, CarryArgs};
use crate::counter::Counter;
use crate::error::{CliError, unknown, unread};
use crate::progress::{catch_interrupts, stopped};
use crate::sample::{Ending, table_ending};
use crate::{INTERRUPTED, output, places, train};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use transport_core::{Noise, Space, device};
use transport_data::{DataError, Table, write_csv, write_npy};
use transport_train::bridge::{
    Bridge, FitConfig, JoinError, LeftOut, MEASURED, Method, Pairs, fit, leave_out, w1,
};
use transport_train::config::DataConfig;
use transport_train::{problem, store};
use transport_viz::{Frame, Points, trajectories};

/// What is left beside the model.
const REPORT: &str = "report.json";
const TRANSPORTED: &str = "transported.csv";
const FIGURE: &str = "transport.png";
/// Points of a data set by name.
const POINTS: usize = 10_000;
/// Points of a figure's clouds.
const DRAWN: usize = 2000;
/// Rows whose paths are drawn.
const PATHS: usize = 40;
/// Times of a figure.
const FRAMES: usize = 6;

pub(crate) fn run(args: &BridgeArgs) -> Result<u8, CliError> {
    train::threads(args.threads)?;
    let config = plan(args)?;
    let model = file(&args.out);
    if model.exists() && !args.overwrite {
        return Err(CliError::Usage(format!(
            "{} holds a bridge: take another --out, or --overwrite",
            args.out.display()
        )));
    }
    if store::Folder::new(&args.out).state() != store::RunState::Empty {
        return Err(CliError::Usage(format!(
            "{} holds a run of `transport train`: take another --out",
            args.out.display()
        )));
    }
    if args.out.exists() && !args.out.is_dir() {
        return Err(CliError::Usage(format!("{} is no folder", args.out.display())));
    }
    let snapshots = snapshots(args)?;
    let space = space(args.device.as_deref())?;
    let left = left_out(args, &snapshots)?;
    let catching = catch_interrupts();
    let assessed = assess(&config, &snapshots, &left, &space)?;
    if stopped() {
        output::note("stopped before the bridge itself: nothing is written");
        return Ok(INTERRUPTED);
    }
    let began = Instant::now();
    let mut counter = Counter::new(config.total() as usize);
    let bridge = fit(&config, &snapshots, &space, &mut |report| {
        counter.at(report.step as usize, || format!("loss {:.4}", report.loss));
        stopped()
    })?;
    output::note(&format!("trained in {:.0} s", began.elapsed().as_secs_f64()));
    std::fs::create_dir_all(&args.out).map_err(|e| fault(&args.out, e))?;
    for stale in [REPORT, TRANSPORTED, FIGURE] {
        // What an earlier bridge left does not stand beside this one; most often there is nothing.
        let _ = std::fs::remove_file(args.out.join(stale));
    }
    bridge.save(&model)?;
    drop(catching);
    leave(args, &bridge, &snapshots, &assessed)?;
    output::line(&format!("\nwrote {}", args.out.display()));
    if stopped() {
        output::note("stopped early: the bridge is what had been learned by then");
        return Ok(INTERRUPTED);
    }
    Ok(0)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("bridge.safetensors")
}

fn fault(path: &Path, source: std::io::Error) -> CliError {
    let path = path.to_owned();
    store::StoreError::Io { path, action: "making the folder", source }.into()
}

fn space(name: Option<&str>) -> Result<Space, CliError> {
    let device = device::select(name).map_err(|e| CliError::Usage(format!("--device: {e}")))?;
    Ok(Space::f32(&device))
}

fn plan(args: &BridgeArgs) -> Result<FitConfig, CliError> {
    let names = Method::ALL.map(|m| m.name());
    let method =
        Method::by_name(&args.method).ok_or_else(|| unknown("method", &args.method, &names))?;
    let base = FitConfig::new(method);
    let named = |name: &String| {
        Pairs::by_name(name).ok_or_else(|| unknown("pairs", name, &Pairs::ALL.map(|p| p.name())))
    };
    let pairs = args.pairs.as_ref().map(named).transpose()?;
    unread_flags(args, method, pairs)?;
    Ok(FitConfig {
        steps: args.steps.unwrap_or(base.steps),
        batch_size: args.batch_size.unwrap_or(base.batch_size),
        lr: args.lr.unwrap_or(base.lr),
        sigma: args.sigma.unwrap_or(base.sigma),
        components: args.components.unwrap_or(base.components),
        pairs,
        rho: args.rho.unwrap_or(base.rho),
        reflow: args.reflow,
        seed: args.seed,
        ..base
    })
}

/// The flags that neither the method nor its pairs read.
fn unread_flags(args: &BridgeArgs, method: Method, pairs: Option<Pairs>) -> Result<(), CliError> {
    let entropic = matches!(pairs, Some(Pairs::Sinkhorn | Pairs::Unbalanced));
    if method.straight() && !entropic {
        unread("--sigma", args.sigma, method.name())?;
    }
    if !method.light() {
        unread("--components", args.components, method.name())?;
    }
    match pairs {
        Some(pairs) if pairs != Pairs::Unbalanced => {
            unread("--rho", args.rho, &format!("--pairs {}", pairs.name()))
        }
        _ => Ok(()),
    }
}

/// The rows of a file or a named data set; `columns` of them, or all.
fn rows(name: &str, columns: Option<&[String]>, seed: u64) -> Result<Table, CliError> {
    let config = DataConfig {
        source: name.to_owned(),
        columns: None,
        context: Vec::new(),
        split: 0.0,
        validation: 0.0,
        points: POINTS,
    };
    Ok(problem::load(&config, seed)?.select(columns, &[])?.features)
}

fn snapshots(args: &BridgeArgs) -> Result<Vec<(f64, Table)>, CliError> {
    let columns = args.columns.as_deref();
    if let (Some(source), Some(target)) = (&args.source, &args.target) {
        let ends = [(0.0, source), (1.0, target)];
        let end = |(t, name): (f64, &String)| {
            let table = rows(name, columns, args.seed)?;
            if table.rows() < 2 {
                let (path, rows) = (Some(name.into()), table.rows());
                return Err(DataError::TooFewRows { path, rows, needed: 2 }.into());
            }
            Ok((t, table))
        };
        return ends.into_iter().map(end).collect();
    }
    let (Some(name), Some(time)) = (&args.snapshots, &args.time_column) else {
        return Err(CliError::Usage("--source and --target, or --snapshots".to_owned()));
    };
    let whole = transport_data::read(Path::new(name))?.table;
    let at = whole.index_of(time)?;
    let features: Vec<usize> = match columns {
        Some(names) => names.iter().map(|n| whole.index_of(n)).collect::<Result<_, _>>()?,
        None => (0..whole.cols()).filter(|j| *j != at).collect(),
    };
    let own: Vec<f64> = (0..whole.rows()).map(|r| whole.row(r)[at]).collect();
    let mut times = own.clone();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let features = whole.select_columns(&features);
    let part = |t: f64| {
        let rows: Vec<usize> = (0..own.len()).filter(|r| own[*r] == t).collect();
        (t, features.select_rows(&rows))
    };
    Ok(times.into_iter().map(part).collect())
}

/// The snapshots to leave out, one after another.
fn left_out(args: &BridgeArgs, snapshots: &[(f64, Table)]) -> Result<Vec<usize>, CliError> {
    if args.leave_out == ["all"] {
        if snapshots.len() < 3 {
            let found = snapshots.len();
            let words = format!("--leave-out all needs 3 snapshots or more, not {found}");
            return Err(CliError::Usage(words));
        }
        return Ok((1..snapshots.len().saturating_sub(1)).collect());
    }
    let times: Vec<String> = snapshots.iter().map(|(t, _)| t.to_string()).collect();
    let names: Vec<&str> = times.iter().map(String::as_str).chain(["all"]).collect();
    let index = |name: &String| {
        let same = |(t, _): &(f64, Table)| name.parse() == Ok(*t);
        snapshots.iter().position(same).ok_or_else(|| unknown("snapshot", name, &names))
    };
    let mut left: Vec<usize> = args.leave_out.iter().map(index).collect::<Result<_, _>>()?;
    if let Some(end) = left.iter().find(|k| **k == 0 || **k + 1 == snapshots.len()) {
        let time = snapshots[*end].0;
        return Err(JoinError::LeftOut { time, expected: "a snapshot between two others" }.into());
    }
    left.sort_unstable();
    left.dedup();
    Ok(left)
}

/// Each snapshot that is to be left out, predicted from the others.
fn assess(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
    left: &[usize],
    space: &Space,
) -> Result<Vec<LeftOut>, CliError> {
    let mut found: Vec<LeftOut> = Vec::with_capacity(left.len());
    for k in left {
        let mut counter = Counter::new(config.total() as usize);
        let time = snapshots[*k].0;
        let said = leave_out(config, snapshots, *k, space, &mut |report| {
            let words = || format!("without t = {time}, loss {:.4}", report.loss);
            counter.at(report.step as usize, words);
            stopped()
        })?;
        if stopped() {
            break;
        }
        found.push(said);
    }
    if !found.is_empty() {
        let names = ["W1, left out", "predicted", "straight", "independent", "before", "after"];
        let mut lines = vec![names.into_iter().chain(["floor"]).map(str::to_owned).collect()];
        for said in &found {
            let numbers =
                [said.predicted, said.straight, said.independent, said.before, said.after];
            let numbers = numbers.into_iter().chain([said.floor]).map(|v| format!("{v:.4}"));
            lines.push([format!("t = {}", said.time)].into_iter().chain(numbers).collect());
        }
        output::table(&lines);
        output::line(
            "\n  predicted: the rows of the time before, carried by a process that has not seen this \
             time;\n  straight and independent: points on the way between the neighbours' rows, paired \
             by transport or at random;\n  before, after: the neighbours as they are; floor: one half \
             of the rows from the other\n",
        );
    }
    Ok(found)
}

/// The transported rows, the figure and the report.
fn leave(
    args: &BridgeArgs,
    bridge: &Bridge,
    snapshots: &[(f64, Table)],
    assessed: &[LeftOut],
) -> Result<(), CliError> {
    let times = &bridge.card().times;
    let (from, to) = (times[0], times[times.len() - 1]);
    let first = &snapshots[0].1;
    let moved = bridge.carry(first, from, times, args.seed)?;
    write_csv(&args.out.join(TRANSPORTED), &moved[moved.len() - 1])?;

    let mut lines = vec![vec!["W1".to_owned(), "carried".into(), "unmoved".into(), "floor".into()]];
    let mut report = Vec::new();
    for (state, (time, truth)) in moved.iter().zip(snapshots).skip(1) {
        let [carried, unmoved, floor] = distances(bridge, state, first, truth)?;
        report.push(json!({ "time": time, "w1": carried, "unmoved": unmoved, "floor": floor }));
        let number = |v: f64| format!("{v:.4}");
        lines.push(vec![format!("t = {time}"), number(carried), number(unmoved), number(floor)]);
    }
    output::table(&lines);
    output::line(&format!(
        "\n  exact, on at most {MEASURED} rows in standardised units; unmoved: the first table as it \
         is; floor: one half of the table from the other"
    ));
    let report = json!({ "card": bridge.card(), "w1": report, "left_out": assessed });
    store::write_text(&args.out.join(REPORT), &format!("{report:#}\n"))?;
    if bridge.card().scaler.output_dim() >= 2 && first.cols() >= 2 {
        let share = |k: usize| k as f64 / (FRAMES - 1) as f64;
        // Exact at both ends: a knot beyond the last time would be refused.
        let knots: Vec<f64> =
            (0..FRAMES).map(|k| (1.0 - share(k)) * from + share(k) * to).collect();
        figure(args, &bridge.carry(&some(first, DRAWN), from, &knots, args.seed)?, &knots)?;
    }
    Ok(())
}

/// Rows at random: a file may be sorted.
fn some(table: &Table, most: usize) -> Table {
    let order = Noise::new(0, 1).purpose("some").permutation(table.rows());
    table.select_rows(&order[..order.len().min(most)])
}

/// `W₁` from the truth of the carried rows, of the first table, and of half of the truth.
fn distances(
    bridge: &Bridge,
    state: &Table,
    first: &Table,
    truth: &Table,
) -> Result<[f64; 3], CliError> {
    let scaler = &bridge.card().scaler;
    let columns: Vec<usize> =
        bridge.card().names.iter().map(|n| truth.index_of(n)).collect::<Result<_, _>>()?;
    let truth = truth.select_columns(&columns);
    let order = Noise::new(0, 1).purpose("halves").permutation(truth.rows());
    let (left, right) = order.split_at(truth.rows() / 2);
    Ok([
        w1(state, &truth, scaler)?,
        w1(first, &truth, scaler)?,
        w1(&truth.select_rows(left), &truth.select_rows(right), scaler)?,
    ])
}

/// The first two columns on the way, with the paths of the first rows.
fn figure(args: &BridgeArgs, states: &[Table], knots: &[f64]) -> Result<(), CliError> {
    let mut frames = Vec::with_capacity(states.len());
    for (t, state) in knots.iter().zip(states) {
        frames.push(Frame { t: *t, points: Points::new(state.values(), state.cols())? });
    }
    let at = |state: &Table, r: usize| (state.row(r)[0], state.row(r)[1]);
    let paths: Vec<Vec<(f64, f64)>> = (0..states[0].rows().min(PATHS))
        .map(|r| states.iter().map(|state| at(state, r)).collect())
        .collect();
    let names = states[0].names();
    let path = args.out.join(FIGURE);
    trajectories(&path, &frames, Some(&paths), (&names[0], &names[1]))?;
    Ok(())
}

pub(crate) fn carry(args: &CarryArgs) -> Result<(), CliError> {
    let ending = table_ending(&args.output)?;
    places::apart(&args.output, &[Path::new(&args.data)])?;
    if !file(&args.run).exists() {
        let hint = match store::Folder::new(&args.run).state() {
            store::RunState::Empty => "; make one with `transport bridge`",
            _ => "; it holds a run of `transport train`, which `transport sample` uses",
        };
        let (path, expected) = (args.run.clone(), "bridge.safetensors");
        return Err(store::StoreError::NoModel { path, expected, hint }.into());
    }
    let bridge = Bridge::open(&file(&args.run), &space(args.device.as_deref())?)?;
    let bridge = if args.noise != 0.0 { bridge.with_noise(args.noise)? } else { bridge };
    let times = &bridge.card().times;
    let from = args.from.unwrap_or(times[0]);
    let to = args.to.unwrap_or(times[times.len() - 1]);
    let data = rows(&args.data, None, args.seed)?;
    let moved = bridge.carry(&data, from, &[to], args.seed)?;
    match ending {
        Ending::Npy => write_npy(&args.output, &moved[0])?,
        _ => write_csv(&args.output, &moved[0])?,
    }
    let rows = output::count(moved[0].rows(), "row");
    output::note(&format!("wrote {rows} to {}", args.output.display()));
    Ok(())
}
