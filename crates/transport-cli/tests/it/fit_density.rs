//! `transport fit-density`: the constant is found, the points are written, mistakes are named.

use crate::{fail, succeed};

#[test]
fn a_short_fit_reports_and_writes() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let base = [
        "fit-density",
        "--target",
        "gaussian",
        "--model",
        "realnvp",
        "--set",
        "layers=3,width=16",
        "--steps",
        "200",
        "-n",
        "2000",
    ];
    let said = succeed(at, &[&base[..], &["-o", "x.csv"]].concat());
    for word in ["log Z", "ELBO", "ESS", "k̂", "wrote 2000 points"] {
        assert!(said.contains(word), "`{word}` in {said}");
    }
    let line = said.lines().find(|l| l.contains("log Z ")).unwrap();
    let log_z: f64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(log_z.abs() < 0.2, "{line}");
    let text = std::fs::read_to_string(at.join("x.csv")).unwrap();
    assert_eq!((text.lines().next(), text.lines().count()), (Some("x1,x2,log_weight"), 2001));
    // The same seed, the same points, on any number of threads.
    succeed(at, &[&base[..], &["--threads", "1", "-o", "y.csv"]].concat());
    assert_eq!(text, std::fs::read_to_string(at.join("y.csv")).unwrap());
}

#[test]
fn mistakes_are_named() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let with = |extra: &[&'static str]| [&["fit-density"][..], extra].concat();
    fail(at, &with(&["--target", "bananna"]), 2, &["bananna", "did you mean `banana`"]);
    fail(at, &with(&["--target", "moons"]), 2, &["moons", "no density"]);
    fail(at, &with(&["--target", "rings", "--dim", "3"]), 2, &["rings", "--dim"]);
    fail(at, &with(&["--target", "banana", "--dim", "1"]), 2, &["--dim", "at least 2"]);
    let target = |extra: &[&'static str]| with(&[&["--target", "banana"][..], extra].concat());
    fail(at, &target(&["--model", "score-vp"]), 2, &["score-vp", "no normalizing flow", "iaf"]);
    fail(at, &target(&["--model", "nfs"]), 2, &["nfs"]);
    fail(at, &target(&["--set", "layers=x"]), 2, &["layers=x", "whole number"]);
    fail(at, &target(&["--set", "bins=0"]), 2, &["bins"]);
    fail(at, &target(&["--lr", "-1"]), 2, &["--lr", "positive"]);
    fail(at, &target(&["--steps", "0"]), 2, &["steps", "at least 1"]);
    fail(at, &target(&["-n", "1"]), 2, &["-n", "at least 2"]);
    fail(at, &target(&["-o", "x.png"]), 2, &["x.png", ".csv"]);
}
