//! `transport bridge` and `transport carry`: what is left, what is carried, mistakes.

use crate::{fail, succeed};
use std::fs;
use std::path::Path;

fn said(at: &Path, words: &str) -> String {
    succeed(at, &words.split_whitespace().collect::<Vec<_>>())
}

fn mistake(at: &Path, words: &str, code: i32, expected: &[&str]) {
    fail(at, &words.split_whitespace().collect::<Vec<_>>(), code, expected);
}

/// Three snapshots of points that move along the first column; the second stays.
fn snapshots(at: &Path, name: &str) {
    let mut text = "day,a,b\n".to_owned();
    for day in [0, 1, 3] {
        for k in 0..60 {
            let (u, v) = (f64::from(k % 10) / 10.0, f64::from(k / 10) / 6.0);
            text += &format!("{day},{},{v}\n", f64::from(day) + u);
        }
    }
    fs::write(at.join(name), text).unwrap();
}

fn column(at: &Path, name: &str, j: usize) -> Vec<f64> {
    let text = fs::read_to_string(at.join(name)).unwrap();
    text.lines().skip(1).map(|l| l.split(',').nth(j).unwrap().parse().unwrap()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn snapshots_are_joined_and_rows_are_carried_both_ways() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    snapshots(at, "cells.csv");
    let train = "bridge --snapshots cells.csv --time-column day --method ot-cfm --steps 400";
    let printed = said(at, &format!("{train} --out run"));
    assert!(printed.contains("t = 1") && printed.contains("t = 3"), "{printed}");
    for left in ["bridge.safetensors", "transported.csv", "report.json", "transport.png"] {
        assert!(at.join("run").join(left).exists(), "{left}");
    }
    // From day 0 with mean 0.45 to day 3 with mean 3.45, and back.
    assert!((mean(&column(at, "run/transported.csv", 0)) - 3.45).abs() < 0.25);
    fs::write(at.join("new.csv"), "a,b\n0.1,0.2\n0.8,0.4\n").unwrap();
    said(at, "carry run --data new.csv --to 1 -o one.csv");
    said(at, "carry run --data one.csv --from 1 --to 0 -o back.csv");
    let (start, back) = (column(at, "new.csv", 0), column(at, "back.csv", 0));
    assert!(start.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-3), "{start:?} {back:?}");
    // The same command makes the same file.
    said(at, &format!("{train} --out again --threads 1"));
    let file = |run: &str| fs::read(at.join(run).join("bridge.safetensors")).unwrap();
    assert!(file("run") == file("again"), "equal models are equal files");
}

#[test]
fn every_method_opens_what_it_saved() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    for (name, shift) in [("a.csv", 0.0), ("b.csv", 2.0)] {
        let row = |k: u32| format!("{},{}\n", f64::from(k % 7) + shift, f64::from(k % 5) - shift);
        fs::write(at.join(name), (0..60).map(row).fold("a,b\n".to_owned(), |t, r| t + &r)).unwrap();
    }
    for method in
        ["i-cfm", "interpolant", "sf2m", "dsbm", "dsbm-ipf", "dsb", "light-sb", "light-sb-m"]
    {
        let train = format!("bridge --source a.csv --target b.csv --steps 20 --method {method}");
        said(at, &format!("{train} --out {method}"));
        said(at, &format!("carry {method} --data a.csv --to 0.5 -o {method}.npy"));
    }
    said(at, "carry interpolant --data a.csv --noise 0.5 -o noisy.csv");
    mistake(at, "carry sf2m --data a.csv --noise 0.5 -o x.csv", 2, &["only an interpolant"]);
    mistake(at, "carry interpolant --data a.csv --noise=-1 -o x.csv", 2, &["--noise is -1"]);
    mistake(at, "carry light-sb --data b.csv --from 1 --to 0 -o x.csv", 2, &["forwards only"]);
}

#[test]
fn mistakes_are_said() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    snapshots(at, "cells.csv");
    fs::write(at.join("one.csv"), "day,a,b\n0,1,2\n0,2,3\n").unwrap();
    fs::write(at.join("two.csv"), "day,a\n0,1\n0,2\n1,2\n1,4\n").unwrap();
    fs::write(at.join("thin.csv"), "a\n1\n2\n").unwrap();
    fs::write(at.join("wide.csv"), "a,b\n1,2\n2,5\n").unwrap();
    let cells = "bridge --snapshots cells.csv --time-column day --out x";
    for (words, code, expected) in [
        (format!("{cells} --method light-sb"), 2, "joins two snapshots, not 3"),
        (format!("{cells} --method light-sb-m"), 2, "take i-cfm, ot-cfm"),
        (format!("{cells} --method nope"), 2, "unknown method"),
        (format!("{cells} --pairs nope"), 2, "unknown pairs"),
        (format!("{cells} --method dsbm --pairs exact"), 2, "no --pairs"),
        (format!("{cells} --pairs unbalanced --rho 0"), 2, "--rho is 0"),
        (format!("{cells} --reflow 1"), 2, "no --reflow"),
        (format!("{cells} --leave-out 2"), 2, "unknown snapshot"),
        (format!("{cells} --leave-out 0 --steps 5"), 2, "between two others"),
        (format!("{cells} --leave-out -1"), 2, "unknown snapshot"),
        (format!("{cells} --leave-out 1 --method light-sb"), 2, "light-sb"),
        (format!("{cells} --steps 18446744073709551615"), 2, "--steps is"),
        (format!("{cells} --sigma 0"), 2, "--sigma is 0"),
        (format!("{cells} --lr=-1"), 2, "--lr is -1"),
        ("bridge --snapshots one.csv --time-column day --out x".into(), 1, "at least 2 times"),
        (
            "bridge --snapshots two.csv --time-column day --leave-out all --out x".into(),
            2,
            "3 snapshots or more",
        ),
        ("bridge --snapshots cells.csv --time-column hour --out x".into(), 1, "hour"),
        ("bridge --source wide.csv --target thin.csv --out x".into(), 1, "no column `b`"),
        ("bridge --source wide.csv --out x".into(), 2, "--target"),
        ("carry nothing --data wide.csv -o x.csv".into(), 1, "nothing"),
    ] {
        mistake(at, &words, code, &[expected]);
    }
    assert!(!at.join("x").exists(), "a mistake leaves no folder");
    said(at, "bridge --source wide.csv --target wide.csv --steps 5 --out run");
    mistake(at, "bridge --source wide.csv --target wide.csv --out run", 2, &["--overwrite"]);
    mistake(at, "carry run --data wide.csv --to 2 -o x.csv", 2, &["outside"]);
    let path = at.join("run/bridge.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    mistake(at, "carry run --data wide.csv -o x.csv", 1, &["damaged"]);
}

/// Points that move evenly: what is left out is predicted far better than by a neighbour, and beside
/// the straight line; every method goes through three snapshots that says so, there and back.
#[test]
fn a_snapshot_is_left_out_and_predicted() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    snapshots(at, "cells.csv");
    let train = "bridge --snapshots cells.csv --time-column day --steps 400 --leave-out all";
    let printed = said(at, &format!("{train} --out run"));
    assert!(printed.contains("left out") && printed.contains("predicted"), "{printed}");
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at.join("run/report.json")).unwrap()).unwrap();
    let left = report["left_out"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    let number = |name: &str| left[0][name].as_f64().unwrap();
    assert_eq!(number("time"), 1.0);
    assert!(number("predicted") < 0.4 * number("before").min(number("after")), "{report}");
    assert!(number("straight") < 0.1 && number("independent") < number("before"), "{report}");
    for method in ["interpolant", "sf2m", "dsbm", "dsbm-ipf", "dsb"] {
        let train = format!("bridge --snapshots cells.csv --time-column day --method {method}");
        said(at, &format!("{train} --steps 20 --out {method}"));
        fs::write(at.join("new.csv"), "a,b\n0.1,0.2\n0.8,0.4\n").unwrap();
        said(at, &format!("carry {method} --data new.csv --to 2 -o two.csv"));
        said(at, &format!("carry {method} --data two.csv --from 2 --to 0.5 -o back.csv"));
    }
    let pairs = "bridge --snapshots cells.csv --time-column day --method sf2m --pairs sinkhorn";
    said(at, &format!("{pairs} --steps 20 --out sinkhorn"));
    let pairs = "bridge --snapshots cells.csv --time-column day --pairs unbalanced --rho 2";
    said(at, &format!("{pairs} --steps 20 --out unbalanced"));
}

/// Two clusters to two others across: independent pairs cross, and a flow that is rectified once more
/// goes straighter. Half of the way in time against half of the way in space.
#[test]
fn a_flow_is_rectified() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let cluster = |name: &str, centre: fn(f64) -> (f64, f64)| {
        let row = |k: u32| {
            let (x, y) = centre(if k.is_multiple_of(2) { 2.0 } else { -2.0 });
            let (u, v) = (f64::from(k % 9) / 9.0, f64::from(k % 11) / 11.0);
            format!("{},{}\n", x + u, y + v)
        };
        let text = (0..200).map(row).fold("a,b\n".to_owned(), |text, row| text + &row);
        fs::write(at.join(name), text).unwrap();
    };
    cluster("a.csv", |c| (c, 0.0));
    cluster("b.csv", |c| (0.0, c));
    let bend = |run: &str| {
        said(at, &format!("carry {run} --data a.csv --to 0.5 -o half.csv"));
        said(at, &format!("carry {run} --data a.csv -o end.csv"));
        let gap = |j: usize| {
            let [a, b, c] = ["a.csv", "half.csv", "end.csv"].map(|file| column(at, file, j));
            let gap = |k: usize| (0.5 * (a[k] + c[k]) - b[k]).abs();
            (0..a.len()).map(gap).sum::<f64>() / a.len() as f64
        };
        gap(0) + gap(1)
    };
    let train = "bridge --source a.csv --target b.csv --method i-cfm --steps 500";
    said(at, &format!("{train} --out plain"));
    said(at, &format!("{train} --reflow 1 --out again"));
    let (plain, again) = (bend("plain"), bend("again"));
    assert!(again < 0.5 * plain, "{again} after {plain}");
}
