//! What stands on disk is not lost, and what is read is what was meant.

use crate::{fail, quick, succeed, transport};
use std::fs;
use std::path::Path;

/// A finished run of a few steps.
fn trained(at: &Path) {
    let config = quick(at, "moons", 20);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", "run"]);
}

#[test]
fn a_run_is_not_lost_to_the_one_that_fails_in_its_place() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    trained(at);
    let model = || fs::read(at.join("run/model.safetensors")).unwrap();
    let (before, figure) = (model(), fs::read(at.join("run/samples.png")).unwrap());
    let again = ["train", "--data", "moons", "--model", "flow-matching", "--points", "300"];
    let fails = [&again[..], &["--steps", "3", "--lr", "1e30", "--overwrite", "--out", "run"]];
    fail(at, &fails.concat(), 1, &["diverged", "kept"]);
    assert!(model() == before, "the old run is back");
    assert!(fs::read(at.join("run/samples.png")).unwrap() == figure);
    let works = [&again[..], &["--steps", "3", "--overwrite", "--out", "run"]].concat();
    succeed(at, &works);
    assert!(model() != before && !at.join("run/replaced").exists());
}

#[test]
fn one_session_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 100_000);
    let args = ["train", "--config", config.to_str().unwrap(), "--out", "run"];
    let mut first = transport().current_dir(at).args(args).spawn().unwrap();
    for _ in 0..400 {
        std::thread::sleep(std::time::Duration::from_millis(25));
        if at.join("run/config.toml").exists() {
            break;
        }
    }
    fail(at, &[&args[..], &["--overwrite"]].concat(), 1, &["in use"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(at.join("run/config.toml").exists());
}

#[test]
fn outputs_are_not_written_over_inputs() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    trained(at);
    fail(at, &["export", "run", "-o", "run/model.safetensors"], 1, &["own model file"]);
    let rows = "x,y\n0.1,0.2\n1.5,0.3\n";
    fs::write(at.join("d.csv"), rows).unwrap();
    fail(at, &["density", "run", "--data", "d.csv", "-o", "d.csv"], 2, &["d.csv", "another"]);
    fail(at, &["inpaint", "run", "--data", "d.csv", "-o", "d.csv"], 2, &["d.csv", "another"]);
    let simulate = ["simulate", "--process", "ou", "--law", "d.csv", "-o"];
    fail(at, &[&simulate[..], &["./d.csv"]].concat(), 2, &["d.csv", "another"]);
    assert_eq!(fs::read_to_string(at.join("d.csv")).unwrap(), rows);
    // A bridge and a run do not share a folder.
    let bridge = ["bridge", "--source", "moons", "--target", "rings", "--steps", "2", "--out"];
    fail(at, &[&bridge[..], &["run"]].concat(), 2, &["holds a run"]);
    succeed(at, &[&bridge[..], &["bridge"]].concat());
    let train = ["train", "--data", "moons", "--model", "gaussian", "--out", "bridge"];
    fail(at, &train, 1, &["bridge"]);
    fail(at, &["info", "bridge"], 1, &["transport carry"]);
    fail(at, &["carry", "run", "--data", "d.csv", "-o", "e.csv"], 1, &["transport sample"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    trained(at);
    fs::write(at.join("target"), "").unwrap();
    std::os::unix::fs::symlink("target", at.join("link")).unwrap();
    succeed(at, &["export", "run", "-o", "link"]);
    assert!(fs::symlink_metadata(at.join("link")).unwrap().is_symlink());
    assert!(fs::metadata(at.join("target")).unwrap().len() > 1000);
}

#[test]
fn rows_are_read_as_they_are_meant() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let rows: String = (0..60).map(|i| format!("{i},{},word\n", (i * 7) % 13)).collect();
    fs::write(at.join("t.csv"), format!("first,second,kind\n{rows}")).unwrap();
    let train = ["train", "--data", "t.csv", "--model", "gaussian", "--out", "run"];
    let said = succeed(at, &train);
    assert!(said.contains("hold text: kind"), "{said}");
    let density = |text: &str| {
        fs::write(at.join("d.csv"), text).unwrap();
        ["density", "run", "--data", "d.csv", "-o", "p.csv"]
    };
    // One row is enough; names that are none of the model's are read in order.
    succeed(at, &density("first,second\n3,4\n"));
    succeed(at, &density("a,b\n3,4\n"));
    fail(at, &density("second,furst\n4,3\n"), 1, &["`first`", "furst"]);
    fail(at, &density("first,second\n\"3,4\n5,6\n"), 1, &["line 2", "not closed"]);
    succeed(at, &["evaluate", "run", "-n", "10", "--metrics", "std"]);
    fs::write(at.join("t.csv"), format!("first,second,kind\n{rows}1,2,word\n")).unwrap();
    let evaluate = ["evaluate", "run", "-n", "10", "--metrics", "std"];
    fail(at, &evaluate, 1, &["t.csv", "not what it was"]);
    let huge = ["sample", "run", "-n", "1000000000000", "-o", "x.csv"];
    fail(at, &huge, 1, &["1000000000000", "memory"]);
    let many = ["--data", "moons", "--points", "100000000000", "--out", "other"];
    fail(at, &[&["train", "--model", "gaussian"][..], &many].concat(), 2, &["points"]);
}
