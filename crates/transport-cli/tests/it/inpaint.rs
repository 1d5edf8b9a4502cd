//! Guided samples and filled gaps from the command line.

use crate::{fail, quick, succeed};
use std::fs;
use std::path::Path;

fn classes(at: &Path, rate: &str, out: &str) {
    let rows: String = (0..200)
        .map(|i| format!("{},{},{}\n", f64::from(i % 10) * 0.3, f64::from(i % 7), i % 2))
        .collect();
    fs::write(at.join("d.csv"), format!("x,y,side\n{rows}")).unwrap();
    let config = quick(at, "d.csv", 20);
    let train = ["train", "--config", config.to_str().unwrap(), "--context", "side"];
    succeed(at, &[&train[..], &["--context-dropout", rate, "--out", out]].concat());
}

#[test]
fn samples_are_guided() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    classes(at, "0.2", "run");
    let with = |extra: &[&'static str]| {
        [&["sample", "run", "-n", "6", "--given", "side=1", "-o", "x.csv"][..], extra].concat()
    };
    succeed(at, &with(&["--guidance", "2"]));
    let first = fs::read_to_string(at.join("x.csv")).unwrap();
    succeed(at, &with(&["--guidance", "2", "--threads", "1"]));
    assert_eq!(first, fs::read_to_string(at.join("x.csv")).unwrap());
    succeed(at, &with(&["--guidance", "2", "--guidance-interval", "0.2,0.7", "--solver", "ddpm"]));
    fail(at, &with(&["--guidance", "NaN"]), 2, &["guidance weight", "finite"]);
    fail(at, &with(&["--guidance", "2", "--guidance-interval", "0.7,0.2"]), 2, &["interval"]);
    fail(at, &with(&["--guidance", "2", "--guidance-interval", "0.7"]), 2, &["0.2,0.8"]);
    fail(at, &with(&["--guidance-interval", "0.2,0.7"]), 2, &["--guidance"]);
    classes(at, "0", "plain");
    let plain =
        ["sample", "plain", "-n", "2", "--given", "side=1", "-o", "x.csv", "--guidance", "2"];
    fail(at, &plain, 2, &["--context-dropout"]);
    let config = quick(at, "moons", 5);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", "free"]);
    let free = ["sample", "free", "-n", "2", "-o", "x.csv", "--guidance", "2"];
    fail(at, &free, 2, &["context"]);
    let args = ["train", "--config", config.to_str().unwrap(), "--out", "no"];
    fail(at, &[&args[..], &["--context-dropout", "0.1"]].concat(), 2, &["context_dropout"]);
    fail(at, &[&args[..], &["--context-dropout", "1.5"]].concat(), 2, &["below 1"]);
    assert!(!at.join("no").exists());
}

#[test]
fn gaps_of_a_table_are_filled() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 30);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", "run"]);
    fs::write(at.join("gaps.csv"), "x,y\n0.5,\n,0.25\n1,NaN\n0.1,0.2\n").unwrap();
    let base = ["inpaint", "run", "-o", "f.csv", "--steps", "15"];
    let with = |extra: &[&'static str]| [&base[..], extra].concat();
    let said = succeed(at, &with(&["--data", "gaps.csv", "--draws", "3"]));
    assert!(said.contains("3 gaps of 4 rows"), "{said}");
    let filled = fs::read_to_string(at.join("f.csv")).unwrap();
    let rows: Vec<Vec<f64>> = filled
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().flatten().all(|v| v.is_finite()));
    assert!(rows[..3].iter().all(|row| row[0] == 0.5) && rows[0][1] != rows[1][1]);
    assert_eq!(rows[9], [0.1, 0.2]);
    for method in [&["--method", "dps"][..], &["--method", "replacement", "--resample", "2"]] {
        succeed(at, &[&with(&["--data", "gaps.csv"])[..], method].concat());
    }

    fs::write(at.join("whole.csv"), "x,y\n0.5,1\n0.3,0.25\n").unwrap();
    let file = |name: &str, text: &str| fs::write(at.join(name), text).unwrap();
    file("one.csv", "x,y\n1,0\n");
    succeed(at, &with(&["--data", "whole.csv", "--mask", "one.csv"]));
    let masks = ["--data", "whole.csv", "--mask"];
    let masked = |name: &'static str| [&with(&masks)[..], &[name]].concat();
    file("wide.csv", "x,y,z\n1,0,1\n");
    fail(at, &masked("wide.csv"), 2, &["wide.csv", "3 columns for a model of 2"]);
    file("long.csv", "x,y\n1,0\n1,0\n1,1\n");
    fail(at, &masked("long.csv"), 2, &["long.csv", "3 rows for 2 rows"]);
    file("half.csv", "x,y\n1,0.5\n");
    fail(at, &masked("half.csv"), 2, &["half.csv", "0.5"]);
    file("blind.csv", "x,y\n0,0\n");
    fail(at, &masked("blind.csv"), 1, &["leaves nothing of row 1"]);
    file("inf.csv", "x,y\n0.5,inf\n");
    fail(at, &with(&["--data", "inf.csv"]), 1, &["inf"]);
    let gaps = |extra: &[&'static str]| [&with(&["--data", "gaps.csv"])[..], extra].concat();
    fail(at, &gaps(&["--method", "pigmd"]), 2, &["pigdm"]);
    fail(at, &gaps(&["--solver", "heun"]), 2, &["diffusion sampler"]);
    fail(at, &gaps(&["--draws", "0"]), 2, &["at least 1"]);
    fail(at, &gaps(&["--noise", "NaN"]), 2, &["noise"]);
    fail(at, &gaps(&["--method", "dps", "--scale", "0"]), 2, &["scale"]);
    fail(at, &gaps(&["--method", "replacement", "--noise", "0.1"]), 2, &["replacement"]);
    let config = at.join("g.toml");
    let text = fs::read_to_string(quick(at, "moons", 30)).unwrap();
    let text = text.replace("flow-matching", "gaussian").replace("width = 24\ndepth = 2\n", "");
    fs::write(
        &config,
        text.replace(
            "[sample]\nsolver = \"heun\"\nsteps = 10\n",
            "[sample]\nsolver = \"euler\"\nsteps = 1\n",
        ),
    )
    .unwrap();
    succeed(at, &["train", "--config", "g.toml", "--out", "gauss"]);
    let gauss = ["inpaint", "gauss", "--data", "gaps.csv", "-o", "f.csv"];
    fail(at, &gauss, 2, &["gaussian"]);
}
