//! Train, sample, evaluate, inform, resume.

use crate::{fail, quick, run, succeed, text, transport};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_run_from_training_to_samples() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 60);
    let config = config.to_str().unwrap();
    let said = succeed(at, &["train", "--config", config, "--out", "run", "--seed", "3"]);
    assert!(said.contains("energy distance") && said.contains("gaussian"), "{said}");
    for name in [
        "config.toml",
        "model.safetensors",
        "metrics.jsonl",
        "samples.png",
        "loss.png",
        "transport.png",
    ] {
        assert!(fs::metadata(at.join("run").join(name)).unwrap().len() > 0, "{name}");
    }

    // What was given and every default is in config.toml, and that file repeats the run.
    succeed(at, &["train", "--config", "run/config.toml", "--out", "again", "--threads", "1"]);
    let model = |folder: &str| fs::read(at.join(folder).join("model.safetensors")).unwrap();
    assert!(model("run") == model("again"));

    succeed(at, &["sample", "run", "-n", "40", "-o", "a.csv"]);
    succeed(at, &["sample", "run", "-n", "9", "-o", "b.csv", "--threads", "1"]);
    let (a, b) = (
        fs::read_to_string(at.join("a.csv")).unwrap(),
        fs::read_to_string(at.join("b.csv")).unwrap(),
    );
    assert_eq!(a.lines().count(), 41);
    assert_eq!(a.lines().next(), Some("x,y"));
    assert!(a.starts_with(&b), "sample i does not depend on n");
    succeed(
        at,
        &[
            "sample",
            "run",
            "-n",
            "40",
            "-o",
            "a.npy",
            "--solver",
            "euler-maruyama",
            "--steps",
            "30",
        ],
    );
    assert_eq!(&fs::read(at.join("a.npy")).unwrap()[..6], b"\x93NUMPY");
    succeed(at, &["sample", "run", "-n", "40", "-o", "a.png"]);
    let said = succeed(at, &["density", "run", "--data", "a.csv", "-o", "p.csv"]);
    assert!(said.contains("nats over 40 rows"), "{said}");
    let densities = fs::read_to_string(at.join("p.csv")).unwrap();
    assert_eq!((densities.lines().next(), densities.lines().count()), (Some("log_prob"), 41));
    assert!(densities.lines().skip(1).all(|line| line.parse::<f64>().unwrap().is_finite()));
    fail(at, &["density", "run", "--data", "a.csv", "-o", "p.png"], 2, &[".csv", ".npy"]);
    let said = succeed(at, &["evaluate", "run", "-n", "100"]);
    assert!(said.contains("sliced W2"), "{said}");
    let chosen = ["--metrics", "mmd,recall", "--json", "report.json"];
    let said = succeed(at, &[&["evaluate", "run", "-n", "100"][..], &chosen].concat());
    assert!(said.contains("MMD²") && !said.contains("sliced W2"), "{said}");
    let json = fs::read_to_string(at.join("report.json")).unwrap();
    let words =
        ["\"mmd\"", "\"low\"", "\"floor\"", "\"warnings\"", "\"held_out\": 30", "\"bound\": null"];
    for word in words {
        assert!(json.contains(word), "{word} in {json}");
    }
    let said = succeed(at, &["info", "run"]);
    assert!(said.contains("flow-matching") && said.contains("heun, 10 steps"), "{said}");

    let before = fs::read(at.join("run/metrics.jsonl")).unwrap();
    let said = succeed(at, &["train", "--resume", "--out", "run"]);
    assert!(said.contains("nothing to resume"), "{said}");
    assert_eq!(before, fs::read(at.join("run/metrics.jsonl")).unwrap());
    fail(at, &["train", "--config", config, "--out", "run"], 1, &["--resume", "--overwrite"]);
    succeed(at, &["train", "--config", config, "--out", "run", "--overwrite"]);
}

/// Every diffusion sampler on a flow-matching and on a score model, the same whatever the threads.
#[test]
fn diffusion_samplers_sample_flows_and_scores() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 60);
    let flow = fs::read_to_string(&config).unwrap();
    for model in ["flow-matching", "score-vp", "score-ve"] {
        fs::write(&config, flow.replace("flow-matching", model)).unwrap();
        succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", model]);
        for solver in [
            "ddim",
            "ddpm",
            "edm-heun",
            "dpmpp-1s",
            "dpmpp-2m",
            "dpmpp-3m",
            "dpmpp-sde-2m",
            "unipc",
            "deis",
            "sa-solver",
        ] {
            let sample = |name: &str, n: &str, threads: &str| {
                let plan = ["--solver", solver, "--steps", "8", "--threads", threads];
                succeed(at, &[&["sample", model, "-n", n, "-o", name][..], &plan].concat());
                fs::read_to_string(at.join(name)).unwrap()
            };
            let (a, b) = (sample("a.csv", "300", "2"), sample("b.csv", "7", "1"));
            assert_eq!(a.lines().count(), 301);
            assert!(a.starts_with(&b), "{model}, {solver}: sample i does not depend on n");
        }
    }
}

#[test]
fn digits_come_with_sureness_and_a_picture() {
    let root = tempfile::tempdir().unwrap();
    let config = quick(root.path(), "digits", 40);
    let said =
        succeed(root.path(), &["train", "--config", config.to_str().unwrap(), "--out", "run"]);
    assert!(said.contains("kNN sure") && said.contains("constant in the training rows"), "{said}");
    succeed(root.path(), &["sample", "run", "-n", "30", "-o", "x.csv"]);
    let samples = fs::read_to_string(root.path().join("x.csv")).unwrap();
    let values = samples.lines().skip(1).flat_map(|l| l.split(','));
    assert!(values.map(|v| v.parse::<f64>().unwrap()).all(|v| (0.0..=16.0).contains(&v)));
}

/// A flow validates; the bar, the table and `info` say so.
#[test]
fn validation_is_shown_and_patience_stops() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let text = "[data]\nsource = \"moons\"\npoints = 100\n[model]\nname = \"realnvp\"\nlayers = 2\n\
                width = 32\n[train]\nsteps = 2000\nbatch_size = 64\nvalidate_every = 5\n[optim]\n\
                lr = 0.05\nwarmup = 5\nema = 0.5\n[sample]\nsolver = \"euler\"\nsteps = 1\n";
    fs::write(at.join("c.toml"), text).unwrap();
    let train = ["train", "--config", "c.toml", "--patience", "4", "--validation", "0.2"];
    let said = succeed(at, &[&train[..], &["--out", "run"]].concat());
    assert!(said.contains("70 rows to train on, 20 for validation, 10 held out"), "{said}");
    assert!(said.contains("the validation loss was lowest after step"), "{said}");
    let said = succeed(at, &["info", "run"]);
    assert!(said.contains("the lowest") && !said.contains("trained for    2000"), "{said}");
    let last = ["--keep", "last", "--out", "last"];
    succeed(at, &[&train[..], &last].concat());
    let said = succeed(at, &["info", "last"]);
    assert!(said.contains("the weights of the last step"), "{said}");
}

#[test]
fn contexts_are_named_on_the_command_line() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let rows: String =
        (0..200).map(|i| format!("{},{}\n", f64::from(i % 10) * 0.3, i % 2)).collect();
    fs::write(at.join("d.csv"), format!("x,side\n{rows}")).unwrap();
    let config = quick(at, "d.csv", 20);
    let config = config.to_str().unwrap();
    succeed(at, &["train", "--config", config, "--context", "side", "--out", "run"]);
    succeed(at, &["sample", "run", "-n", "5", "--given", "side=1", "-o", "x.csv"]);
    fail(at, &["sample", "run", "-n", "5", "--given", "side=7", "-o", "x.csv"], 2, &["0, 1"]);
    fail(at, &["sample", "run", "-n", "5", "--given", "sid=1", "-o", "x.csv"], 2, &["side"]);
    fail(at, &["sample", "run", "-n", "5", "--given", "side", "-o", "x.csv"], 2, &["NAME=NUMBER"]);
}

#[test]
fn everything_is_listed() {
    let root = tempfile::tempdir().unwrap();
    let said = succeed(root.path(), &["info", "--list"]);
    for name in [
        "flow-matching",
        "score-vp",
        "gaussian",
        "heun",
        "euler-maruyama",
        "dpmpp-2m",
        "digits",
        "funnel",
    ] {
        assert!(said.contains(name), "{name} in {said}");
    }
    for command in ["train", "sample", "evaluate", "info"] {
        let help = succeed(root.path(), &[command, "--help"]);
        assert!(help.contains("Examples:"), "{command} --help teaches by example");
    }
}

/// Ctrl-C while training: 130, a checkpoint, and a resumed run that equals an uninterrupted one.
#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_the_run_can_go_on() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 3000);
    let config = config.to_str().unwrap();
    let mut child = transport()
        .current_dir(at)
        .args(["train", "--config", config, "--out", "run", "--checkpoint-every", "100"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !at.join("run/checkpoint.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no checkpoint after a minute");
        assert!(child.try_wait().unwrap().is_none(), "finished before it could be interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupt =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!at.join("run/model.safetensors").exists());
    let said = succeed(at, &["train", "--resume", "--out", "run"]);
    assert!(said.contains("resuming after step"), "{said}");
    succeed(at, &["train", "--config", config, "--out", "whole", "--checkpoint-every", "100"]);
    let model = |folder: &str| fs::read(at.join(folder).join("model.safetensors")).unwrap();
    assert!(model("run") == model("whole"), "resumed and uninterrupted models differ");
}

#[test]
fn resuming_an_empty_folder_starts() {
    let root = tempfile::tempdir().unwrap();
    let config = quick(root.path(), "moons", 10);
    let args = ["train", "--config", config.to_str().unwrap(), "--resume", "--out", "new"];
    let said = succeed(root.path(), &args);
    assert!(
        said.contains("nothing to resume") && root.path().join("new/model.safetensors").exists()
    );
}

/// The issue's own files; a short training on each.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn wine_and_mnist_train() {
    let data =
        std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA names the folder of data sets");
    let root = tempfile::tempdir().unwrap();
    let wine = format!("{data}/tabular_uci/wine.csv.gz");
    let said = succeed(
        root.path(),
        &["train", "--data", &wine, "--model", "flow-matching", "--steps", "1500", "--out", "wine"],
    );
    assert!(said.contains("1439 rows to train on, 160 held out, 12 columns"), "{said}");
    let row = said.lines().find(|l| l.contains("energy distance")).unwrap();
    let cells: Vec<f64> = row.split_whitespace().filter_map(|c| c.parse().ok()).collect();
    assert!(cells[0] < cells[1], "the model beats a Gaussian: {row}");

    let mnist = format!("{data}/mnist");
    let config = quick(root.path(), &mnist, 30);
    let args = ["train", "--config", config.to_str().unwrap(), "--out", "mnist"];
    let output = run(root.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("54000 rows to train on"));
    succeed(root.path(), &["sample", "mnist", "-n", "20", "-o", "x.png"]);
}

#[test]
fn a_network_is_chosen_and_its_weights_are_averaged_anew() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = "[data]\nsource = \"digits\"\nsplit = 0\n[model]\nname = \"edm\"\n[train]\nsteps = 3\n\
                  batch_size = 8\n[optim]\nrelative = 0.1\n[sample]\nsolver = \"dpmpp-2m\"\nsteps = 2\n";
    fs::write(at.join("c.toml"), config).unwrap();
    let small = ["--set", "channels=8", "--set", "multipliers=[1, 1]", "--set", "head_dim=8"];
    let train = ["train", "--config", "c.toml", "--out", "run", "--net", "unet"];
    succeed(at, &[&train[..], &small].concat());
    let kept = fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(kept.contains("net = \"unet\"") && kept.contains("channels = 8"), "{kept}");
    let said = succeed(at, &["average", "run", "--relative", "0.2", "--out", "wide"]);
    assert!(said.contains("relative width of 0.2"), "{said}");
    succeed(at, &["sample", "wide", "-n", "3", "-o", "x.npy"]);
    let wrong = ["average", "run", "--relative", "0.4", "--out", "other"];
    fail(at, &wrong, 2, &["0.4", "0.2887"]);
    let moons = ["train", "--data", "moons", "--model", "edm", "--net", "unet", "--out", "m"];
    fail(at, &moons, 2, &["needs images"]);
    fail(at, &[&train[..4], &["m", "--set", "channels"]].concat(), 2, &["name=value"]);
}
