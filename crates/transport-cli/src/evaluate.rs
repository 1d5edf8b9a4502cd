//! `transport evaluate`.

use crate::args::EvaluateArgs;
use crate::error::CliError;
use crate::{output, train};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use transport_train::evaluate::{
    Classified, Classifier, Estimate, Good, HeldOutBound, HeldOutPath, Mean, Measure, Options,
    Report, evaluate_with, held_out_bound, held_out_path,
};
use transport_train::store::write_text;
use transport_train::{Folder, Run};

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    if args.n < 2 {
        let message = format!("-n {}: an evaluation needs at least 2 samples", args.n);
        return Err(CliError::Usage(message));
    }
    let measures = match &args.metrics {
        None => Measure::ALL.to_vec(),
        Some(names) => {
            names.iter().map(|n| Measure::by_name(n.trim())).collect::<Result<_, _>>()?
        }
    };
    let device = args.device.as_deref();
    let run = Run::open_on(&args.run, device)?;
    let open = |path: &Path| Classifier::open_on(path, device);
    let classifier = args.classifier.as_deref().map(open).transpose()?;
    let options = Options { samples: args.n, seed: args.seed, measures };
    let along = |m: &Measure| matches!(m, Measure::LogLikelihood | Measure::BitsPerDim);
    let report = evaluate_with(&run, &options)?;
    match &report {
        Some(report) => print(report),
        None => output::line("no rows were held out (--split 0): there is nothing to compare with"),
    }
    let bound = held_out_bound(&run, DRAWS, args.seed)?;
    bound.iter().for_each(print_bound);
    let path = if options.measures.iter().any(along) {
        held_out_path(&run, PROBES, DRAWS, args.seed)?
    } else {
        None
    };
    path.iter().for_each(print_path);
    let judged = match classifier {
        Some(classifier) => classifier.judge_run(&run, args.n, args.seed)?,
        None => None,
    };
    judged.iter().for_each(print_classified);
    let whole = Whole { report, bound, path, classifier: judged };
    args.json.as_deref().map_or(Ok(()), |path| write(&whole, path))
}

/// All that is printed, for `--json`: what was not measured is null.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    report: Option<Report>,
    bound: Option<HeldOutBound>,
    path: Option<HeldOutPath>,
    classifier: Option<Classified>,
}

/// Draws a row for a bound of the density.
const DRAWS: usize = 64;

/// Probes a row for a density along a flow of many columns.
const PROBES: usize = 2;

/// What is known of a density without the exact divergence.
fn print_path(path: &HeldOutPath) {
    let rows = path.rows;
    output::line(&format!(
        "\nalong the flow, {rows} held-out rows, {PROBES} probes, {DRAWS} levels:"
    ));
    let line = |what: &str, sign: &str, mean: &Option<Mean>, unit: &str| {
        if let Some(Mean { value, std_err, own }) = mean {
            output::line(&format!(
                "  {what} {sign} {value:.4} ± {std_err:.4} {unit} (± {own:.4} from the estimate)"
            ));
        }
    };
    line("log-density, probes", "=", &path.log_prob, "nats");
    line("log-density, variational", "≥", &path.bound, "nats");
    line("bits/dim, probes", "≤", &path.bits, "");
    line("bits/dim, variational", "≤", &path.bits_bound, "");
}

/// The bound of a density that is not known.
fn print_bound(bound: &HeldOutBound) {
    let HeldOutBound { nats, std_err, rows, off_support, discrete, .. } = *bound;
    let what = if discrete { "log-probability" } else { "log-density" };
    output::line(&format!(
        "\n{what} ≥ {nats:.4} ± {std_err:.4} nats over {rows} held-out rows ({DRAWS} draws a row)"
    ));
    if let Some((bits, error)) = bound.bits_per_dim() {
        output::line(&format!("bits/dim ≤ {bits:.4} ± {error:.4}"));
    }
    if off_support > 0 {
        output::line(&format!(
            "{off_support} held-out rows leave a column that was constant in training: no chance"
        ));
    }
}

/// What a classifier says.
fn print_classified(judged: &Classified) {
    let (samples, held_out) = (judged.samples, judged.held_out);
    output::line(&format!("\nclassifier: {samples} samples, {held_out} held-out rows\n"));
    let (model, floor) = (judged.model, judged.floor);
    let mut rows = vec![["metric", "model", "floor", "good is"].map(str::to_owned).to_vec()];
    for (name, model, floor, good) in [
        ("sure >= 0.8", model.sure, floor.sure, "high"),
        ("smallest class share", model.smallest_share, floor.smallest_share, "near the floor"),
        ("Fréchet distance", model.frechet, floor.frechet, "low"),
    ] {
        rows.push(vec![name.into(), format!("{model:.4}"), format!("{floor:.4}"), good.into()]);
    }
    output::table(&rows);
}

/// The table of metrics, and what looks like collapse.
pub(crate) fn print(report: &Report) {
    output::line(&format!(
        "\n{} against {}\n",
        output::count(report.samples, "sample"),
        output::count(report.held_out, "held-out row")
    ));
    let head = ["metric", "model", "", "gaussian", "floor", "", "good is"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let number = |v: f64| format!("{v:.4}");
    let interval = |e: Estimate| format!("[{:.4}, {:.4}]", e.low, e.high);
    for metric in &report.metrics {
        let good = match metric.good {
            Good::Low => "low",
            Good::High => "high",
            Good::Near => "near the floor",
        };
        rows.push(vec![
            metric.name.clone(),
            number(metric.model.value),
            interval(metric.model),
            number(metric.gaussian.value),
            metric.floor.map_or_else(|| "-".to_owned(), |floor| number(floor.value)),
            metric.floor.map_or_else(String::new, interval),
            good.to_owned(),
        ]);
    }
    output::table(&rows);
    output::line(
        "\n  brackets: 95 % bootstrap intervals; gaussian: of a fitted Gaussian; floor: of real data in \
         the place of samples",
    );
    report.warnings.iter().for_each(|warning| output::line(&format!("  warning: {warning}")));
}

fn write(whole: &Whole, path: &Path) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(whole)
        .map_err(|e| CliError::Usage(format!("{}: {e}", path.display())))?;
    write_text(path, &(text + "\n"))?;
    output::note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Adds the evaluation to `metrics.jsonl`.
pub(crate) fn record(folder: &Folder, report: &Report) -> Result<(), CliError> {
    Ok(folder.append_metrics(&json!({ "evaluation": report }))?)
}
