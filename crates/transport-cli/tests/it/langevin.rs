//! `transport langevin`: draws, diagnostics, and what is kept when it fails.

use crate::{fail, succeed};
use std::fs;
use std::path::Path;

fn base(method: &'static str, target: &'static str) -> Vec<&'static str> {
    vec!["langevin", "--target", target, "--method", method, "--chains", "8", "-o", "x.csv"]
}

/// The columns of a written CSV, without the header.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().next(), Some("chain,draw,x,y"));
    let row = |l: &str| l.split(',').map(|v| v.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_method_draws_and_says_how_well() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    for method in ["ula", "mala", "hmc", "underdamped", "annealed", "tempered"] {
        let mut args = base(method, "gaussian");
        args.extend(["--warmup", "200", "-n", "100"]);
        let said = succeed(at, &args);
        for word in ["MCSE", "ESS bulk", "ESS tail", "R̂", "divergent", "wrote 100 draws of 8"] {
            assert!(said.contains(word), "{method}: `{word}` in {said}");
        }
        let rows = rows(&at.join("x.csv"));
        assert_eq!(rows.len(), 800, "{method}");
        // Chain after chain.
        assert_eq!((rows[99][0], rows[99][1], rows[100][0], rows[100][1]), (0.0, 99.0, 1.0, 0.0));
        let spread = rows.iter().map(|r| r[2] * r[2]).sum::<f64>() / 800.0;
        assert!((0.2..5.0).contains(&spread), "{method}: E x² = {spread}");
    }
}

/// The funnel's second column is N(0, 1): within five of the standard errors that it prints.
#[test]
fn the_funnel_is_sampled_and_files_agree() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let mut args = base("hmc", "funnel");
    args.extend(["--warmup", "500", "-n", "1000", "--seed", "3"]);
    let said = succeed(at, &args);
    let line = said.lines().find(|l| l.trim_start().starts_with("y ")).unwrap();
    let cells: Vec<f64> = line.split_whitespace().skip(1).map(|c| c.parse().unwrap()).collect();
    let (mean, sd, error, sd_error) = (cells[0], cells[1], cells[2], cells[3]);
    assert!(mean.abs() < 5.0 * error && (sd - 1.0).abs() < 5.0 * sd_error, "{line}");

    // Chains of one mode each are called what they are.
    let modes =
        ["langevin", "--target", "8gaussians", "--warmup", "200", "-n", "200", "-o", "m.csv"];
    assert!(succeed(at, &modes).contains("have not mixed"));

    let first = fs::read(at.join("x.csv")).unwrap();
    let mut again = args.clone();
    again.extend(["--threads", "1"]);
    succeed(at, &again);
    assert_eq!(first, fs::read(at.join("x.csv")).unwrap(), "the same seed, the same draws");
    let figure = ["langevin", "--target", "rings", "--warmup", "100", "-n", "50", "-o"];
    succeed(at, &[&figure[..], &["x.png"]].concat());
    assert_eq!(&fs::read(at.join("x.png")).unwrap()[1..4], b"PNG");
    succeed(at, &[&figure[..], &["x.npy"]].concat());
    let npy = fs::read(at.join("x.npy")).unwrap();
    assert!(String::from_utf8_lossy(&npy[..128]).contains("(800, 4)"));
}

#[test]
fn help_teaches_by_example() {
    let root = tempfile::tempdir().unwrap();
    let help = succeed(root.path(), &["langevin", "--help"]);
    assert!(help.contains("Examples:") && help.contains("--target funnel"), "{help}");
}

#[test]
fn mistakes_are_named() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let with = |extra: &[&'static str]| [&base("mala", "funnel")[..], extra].concat();
    fail(at, &base("mala", "funel"), 2, &["funel", "did you mean `funnel`"]);
    fail(at, &base("mala", "moons"), 2, &["moons", "no density"]);
    fail(at, &base("mals", "funnel"), 2, &["mals", "did you mean `mala`"]);
    fail(at, &base("annealed", "funnel"), 2, &["funnel", "tempered"]);
    for step in ["0", "-1", "NaN", "inf"] {
        fail(at, &with(&["--step", step]), 2, &["step", "positive finite"]);
    }
    fail(at, &with(&["-n", "0"]), 2, &["0 draws"]);
    let none = ["langevin", "--target", "funnel", "--chains", "0", "-o", "x.csv"];
    fail(at, &none, 2, &["0 chains"]);
    fail(at, &with(&["--thin", "0"]), 2, &["at least 1"]);
    fail(at, &with(&["--acceptance", "1.5"]), 2, &["1.5", "between 0 and 1"]);
    fail(at, &with(&["--metric", "dence"]), 2, &["dence", "did you mean `dense`"]);
    fail(at, &with(&["--friction", "-1"]), 2, &["--friction", "positive"]);
    fail(at, &with(&["--leapfrogs", "0"]), 2, &["--leapfrogs", "at least 1"]);
    fail(at, &with(&["--hottest", "0.5"]), 2, &["--hottest"]);
    fail(at, &with(&["--sigma-max", "0.01"]), 2, &["--sigma-max", "--sigma-min"]);
    fail(at, &with(&["--device", "abacus"]), 2, &["abacus"]);
    let wrong = ["langevin", "--target", "funnel", "-o", "x.pdf"];
    fail(at, &wrong, 2, &[".csv", ".npy", ".png"]);
    let nowhere =
        ["langevin", "--target", "gaussian", "-n", "5", "--warmup", "5", "-o", "no/x.csv"];
    fail(at, &nowhere, 1, &["no/x.csv"]);
    assert!(!at.join("x.csv").exists());
}

/// A step that is too large for ULA on the funnel: the chain runs away, the error names chain, t
/// and step, and what was drawn until then is in the file.
#[test]
fn what_was_drawn_before_a_failure_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let mut args = base("ula", "funnel");
    args.extend(["--step", "1.2", "--warmup", "0", "-n", "5000", "--seed", "1"]);
    fail(at, &args, 1, &["of chain", "is not finite at t =", "step", "wrote"]);
    let kept = rows(&at.join("x.csv"));
    assert!(!kept.is_empty() && kept.len() < 8 * 5000 && kept.len().is_multiple_of(8));
    assert!(kept.iter().flatten().all(|v| v.is_finite()));
    // Nothing is written where nothing was drawn.
    fs::remove_file(at.join("x.csv")).unwrap();
    let mut args = base("ula", "funnel");
    args.extend(["--step", "1e200", "--warmup", "10", "-n", "5"]);
    fail(at, &args, 1, &["not finite", "step 1"]);
    assert!(!at.join("x.csv").exists());
    // A start that no try finds positive density for.
    let mut args = base("mala", "checkerboard");
    args.extend(["--spread", "1e9", "-n", "5"]);
    fail(at, &args, 1, &["chain", "density is zero"]);
}

/// Ctrl-C: 130, and the draws until then.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_draws() {
    use std::process::{Command, Stdio};
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let mut child = crate::transport()
        .current_dir(at)
        .args(["langevin", "--target", "gaussian", "--warmup", "0", "-n", "50000000"])
        .args(["--chains", "1", "-o", "x.csv"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "finished before it could be interrupted");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!rows(&at.join("x.csv")).is_empty());
}
