//! `transport simulate`: layouts, numbers, mistakes, and what is kept of a failure.

use crate::{fail, succeed};
use std::fs;
use std::path::Path;

fn simulate(at: &Path, words: &str) -> String {
    let args: Vec<&str> = std::iter::once("simulate").chain(words.split_whitespace()).collect();
    succeed(at, &args)
}

fn mistake(at: &Path, words: &str, code: i32, said: &[&str]) {
    let args: Vec<&str> = std::iter::once("simulate").chain(words.split_whitespace()).collect();
    fail(at, &args, code, said);
}

/// The numbers of a CSV without its header.
fn rows(at: &Path, name: &str) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(at.join(name)).unwrap();
    let numbers = |line: &str| line.split(',').map(|v| v.parse().unwrap()).collect();
    text.lines().skip(1).map(numbers).collect()
}

#[test]
fn csv_is_long_and_npy_is_times_particles_columns() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let plan = "--process ou --law moons -n 7 --set theta=1.5,sigma=1 --times 0,0.5,2 --seed 3";
    let said = simulate(at, &format!("{plan} -o a.csv"));
    assert!(said.contains("exact") && said.contains("wrote 7 particles of 2 columns at 3 times"));
    let text = fs::read_to_string(at.join("a.csv")).unwrap();
    assert!(text.starts_with("t,particle,x,y\n0,0,"), "{text}");
    let long = rows(at, "a.csv");
    assert_eq!(long.len(), 21);
    assert_eq!((long[13][0], long[13][1], long[14][0]), (0.5, 6.0, 2.0));

    simulate(at, &format!("{plan} -o a.npy"));
    let bytes = fs::read(at.join("a.npy")).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..128]).contains("(3, 7, 2)"));
    let values: Vec<f64> = bytes[bytes.len() - 3 * 7 * 2 * 8..]
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let flat: Vec<f64> = long.iter().flat_map(|row| row[2..].to_vec()).collect();
    assert_eq!(values, flat);

    // Particle i is the same whatever the number of particles.
    simulate(at, &format!("{} -o b.csv", plan.replace("-n 7", "-n 4")));
    let fewer = rows(at, "b.csv");
    assert!((0..4).all(|i| fewer[8 + i] == long[14 + i]));
}

/// Closed form and simulation from a point: mean m + (x − m) e^{−θt}, by kernels and by steps;
/// five standard errors, false alarm 6e-7 for a random seed.
#[test]
fn means_are_the_closed_forms() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let plan = "--process ou --law 3 -n 4000 --set theta=0.5,sigma=0.4,mean=1 --times 1 -o a.csv";
    let exact = 1.0 + 2.0 * (-0.5f64).exp();
    let error = (0.16 * -(-1f64).exp_m1() / 4000.0).sqrt();
    for extra in ["", " --solver euler-maruyama --steps 500"] {
        let said = simulate(at, &format!("{plan}{extra}"));
        assert!(said.contains(&format!("{exact:.4}")), "{said}");
        let rows = rows(at, "a.csv");
        let mean = rows.iter().map(|r| r[2]).sum::<f64>() / 4000.0;
        assert!((mean - exact).abs() < 5.0 * error, "{mean} against {exact} ± {error}");
    }
}

#[test]
fn every_process_and_every_start_runs() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    for process in
        ["vp", "subvp", "ve", "cosine", "edm", "condot", "ou", "gbm", "cir", "double-well"]
    {
        let said = simulate(at, &format!("--process {process} --law 1,0.5 -n 20 -o x.csv"));
        assert!(said.contains("at 5 times"), "{process}: {said}");
        assert!(rows(at, "x.csv").iter().flatten().all(|v| v.is_finite()), "{process}");
    }
    fs::write(at.join("mine.csv"), "a,b\n1,2\n3,4\n5,6\n").unwrap();
    simulate(at, "--process vp --law mine.csv --times 0,0.1 -o y.csv");
    let kept = rows(at, "y.csv");
    assert_eq!((kept.len(), &kept[2][2..]), (6, &[5.0, 6.0][..]));
    assert!(fs::read_to_string(at.join("y.csv")).unwrap().starts_with("t,particle,a,b\n"));
    simulate(at, "--process vp --law mine.csv -n 50 --times 0 -o y.csv");
    assert_eq!(rows(at, "y.csv").len(), 50);
    simulate(at, "--process gbm --law=-1,2 -n 9 --set mu=-0.5,rho=0.5 -o z.csv");
    simulate(at, "--process ve --law gaussian -n 9 -o z.svg");
    simulate(at, "--process cir --law 1 -n 200 -o z.png");
    simulate(at, "--process vp --law moons -n 200 -o w.png");
    assert!(["z.svg", "z.png", "w.png"].iter().all(|f| at.join(f).exists()));
    let listed = succeed(at, &["info", "--list"]);
    assert!(listed.contains("condot") && listed.contains("beta_min=0.1"), "{listed}");
}

#[test]
fn mistakes_are_named_before_anything_runs() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let on = |process: &str, rest: &str| format!("--process {process} --law moons {rest} -o x.csv");
    mistake(at, &on("uo", ""), 2, &["unknown process `uo`", "did you mean `ou`"]);
    mistake(at, &on("ou", "--set tehta=1"), 2, &["tehta", "did you mean `theta`"]);
    mistake(at, &on("ou", "--set theta"), 2, &["NAME=NUMBER"]);
    mistake(at, &on("ou", "--set theta=-1"), 2, &["theta = -1", "positive"]);
    mistake(at, &on("ou", "--set theta=NaN"), 2, &["positive"]);
    mistake(at, &on("condot", "--set theta=1"), 2, &["no parameters"]);
    mistake(at, &on("condot", "--times 0,1"), 2, &["--times 1", "[0, 1)"]);
    mistake(at, &on("vp", "--times 0,-1"), 2, &["-1", "[0, 1]"]);
    mistake(at, &on("vp", "--times 0.5,0.2"), 2, &["time 1 is 0.2", "increase"]);
    mistake(at, &on("vp", "--solver euler-mariuyama"), 2, &["did you mean `euler-maruyama`"]);
    mistake(at, &on("vp", "--solver heun"), 2, &["`heun`", "SDE method"]);
    mistake(at, &on("vp", "--solver euler-maruyama --steps 0"), 2, &["0 steps"]);
    mistake(at, &on("double-well", "--solver exact"), 2, &["no kernel"]);
    mistake(at, &on("cir", ""), 2, &["x ≥ 0", "particle"]);
    mistake(at, &on("gbm", "--set rho=2"), 2, &["rho", "correlation"]);
    mistake(at, &on("cir", "--set sigma=5"), 2, &["Feller"]);
    mistake(at, &on("vp", "-n 0"), 2, &["at least 1 particle"]);
    mistake(at, &on("vp", "--device abacus"), 2, &["abacus"]);
    mistake(at, "--process vp --law mons -o x.csv", 2, &["mons", "moons"]);
    mistake(at, "--process vp --law none.csv -o x.csv", 1, &["none.csv"]);
    mistake(at, "--process vp --law moons -o x.pdf", 2, &[".csv", ".npy"]);
    mistake(at, "--process vp --law moons -o no/such/x.csv", 1, &["no/such"]);
    assert!(!at.join("x.csv").exists());
}

/// Steps too large explode: exit code 1, the time and the step are named, what came before is
/// written.
#[test]
fn what_was_computed_before_a_failure_is_written() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let plan = "--process double-well --law 3 -n 5 --times 0,1,60 --steps 60 -o x.csv";
    mistake(at, plan, 1, &["not finite at t = ", "step ", "at 2 times"]);
    let kept = rows(at, "x.csv");
    assert_eq!((kept.len(), kept[9][0]), (10, 1.0));
    assert!(kept.iter().flatten().all(|v| v.is_finite()));
}

/// Ctrl-C: 130, and the times reached until then.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_times_reached() {
    use std::process::{Command, Stdio};
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let plan = "simulate --process ou --law 1,2 -n 3 --solver euler-maruyama --steps 4000000";
    let mut child = crate::transport()
        .current_dir(at)
        .args(plan.split(' '))
        .args(["--times", "0,10", "-o", "x.csv"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "finished before it could be interrupted");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(rows(at, "x.csv").len(), 3);
}
