//! What is refused rather than ignored, and what ends with the right exit code.

use crate::{fail, quick, run, succeed, text};
use std::fs;
use std::path::Path;

fn mistake(at: &Path, words: &str, code: i32, expected: &[&str]) {
    fail(at, &words.split_whitespace().collect::<Vec<_>>(), code, expected);
}

fn tables(at: &Path) {
    fs::write(at.join("a.csv"), "x,y\n0,0\n1,0\n0,1\n").unwrap();
    fs::write(at.join("b.csv"), "x,y\n3,4\n4,4\n3,5\n").unwrap();
}

/// Runs with standard output on a full disk, or into a pipe that nobody reads.
#[cfg(target_os = "linux")]
fn printed(at: &Path, words: &str, to: std::process::Stdio) -> (Option<i32>, String) {
    let child = crate::transport()
        .current_dir(at)
        .args(words.split_whitespace())
        .stdout(to)
        .output()
        .unwrap();
    (child.status.code(), text(&child.stderr))
}

#[cfg(target_os = "linux")]
#[test]
fn lost_output_is_a_failure_and_a_closed_pipe_is_none() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    tables(at);
    for words in ["distance a.csv b.csv", "distance a.csv b.csv --json", "info --list", "--help"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = printed(at, words, full.into());
        assert_eq!(code, Some(1), "{words}: {said}");
        assert!(said.contains("standard output") && said.contains("No space left"), "{said}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(printed(at, words, writer.into()), (Some(0), String::new()), "{words}");
    }
    let version = printed(at, "--version", std::process::Stdio::null());
    assert_eq!(version, (Some(0), String::new()));
}

#[test]
fn langevin_flags_of_another_method() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let base = "langevin --target gaussian -n 5 --warmup 5 -o x.csv";
    for (method, flag) in [
        ("ula", "--leapfrogs 9"),
        ("mala", "--friction 2"),
        ("hmc", "--levels 3"),
        ("annealed", "--hottest 9"),
        ("tempered", "--sigma-max 9"),
        ("underdamped", "--sigma-min 0.2"),
        ("ula", "--acceptance 0.5"),
    ] {
        let name = flag.split(' ').next().unwrap();
        let words = format!("{base} --method {method} {flag}");
        mistake(at, &words, 2, &[name, method, "nothing reads it"]);
    }
    let fixed = format!("{base} --fixed --acceptance 0.5");
    mistake(at, &fixed, 2, &["--acceptance", "--fixed", "nothing reads it"]);
    assert!(!at.join("x.csv").exists());
    for read in ["hmc --leapfrogs 2", "tempered --levels 3 --hottest 9", "underdamped --friction 2"]
    {
        let words = format!("{base} --method {read}");
        succeed(at, &words.split(' ').collect::<Vec<_>>());
    }
    let help = succeed(at, &["langevin", "--help"]);
    for default in ["5", "1", "10", "50", "0.1"] {
        assert!(help.contains(&format!("[default: {default}]")), "{help}");
    }
}

#[test]
fn other_flags_that_nothing_reads() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    tables(at);
    let unread = |words: &str, names: &[&str]| {
        mistake(at, words, 2, &[names, &["nothing reads it"]].concat());
    };
    let bridge = "bridge --source a.csv --target b.csv --steps 2 --out run";
    unread(&format!("{bridge} --method ot-cfm --sigma 0.5"), &["--sigma is 0.5", "ot-cfm"]);
    unread(&format!("{bridge} --method sf2m --components 3"), &["--components", "sf2m"]);
    unread(&format!("{bridge} --pairs exact --rho 3"), &["--rho", "--pairs exact"]);
    let carried = format!("{bridge} --method ot-cfm --pairs sinkhorn --sigma 0.5");
    assert!(!at.join("run").exists());
    succeed(at, &carried.split(' ').collect::<Vec<_>>());
    let inpaint = "inpaint run --data a.csv -o x.csv";
    unread(&format!("{inpaint} --resample 5"), &["--resample", "pigdm"]);
    unread(&format!("{inpaint} --scale nan"), &["--scale", "pigdm"]);
    unread(&format!("{inpaint} --method dps --variance 2"), &["--variance", "dps"]);
    let distance = "distance a.csv b.csv --metric w2";
    unread(&format!("{distance} --epsilon 0.1"), &["--epsilon", "--metric w2"]);
    unread(&format!("{distance},sinkhorn --directions 9"), &["--directions"]);
    unread("simulate --process ou --law 1 --steps 9 -o x.csv", &["--steps is 9", "exact"]);
    let config = quick(at, "moons", 5);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--split", "0", "--out", "moons"]);
    fs::write(at.join("rows.csv"), "x,y\n0.1,0.2\n0.3,0.1\n").unwrap();
    unread("density moons --data rows.csv --draws 9 -o x.csv", &["--draws is 9"]);
    assert!(!at.join("x.csv").exists());
}

#[test]
fn names_are_given_once_and_are_not_empty() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let simulate = "simulate --process ou --law 1 -o x.csv";
    mistake(at, &format!("{simulate} --set theta=1 --set theta=2"), 2, &["`theta` is given twice"]);
    mistake(at, &format!("{simulate} --set theta=1,theta=1"), 2, &["`theta` is given twice"]);
    let fit = "fit-density --target banana --set layers=2,layers=3";
    mistake(at, fit, 2, &["`layers` is given twice"]);
    mistake(at, "fit-density --target banana --set =3", 2, &["=3", "name is missing"]);
    let train = "train --data moons --model flow-matching --out out";
    mistake(at, &format!("{train} --set width=4 --set width=5"), 2, &["`width` is given twice"]);
    mistake(at, &format!("{train} --set =3"), 2, &["`=3` has no name"]);
    mistake(at, &format!("{train} --set widht=4"), 2, &["`widht`", "did you mean `width`?"]);
    for model in ["realnvp", "vae", "gan", "ffjord"] {
        let words = format!("train --data moons --model {model} --out out --set widht=4");
        mistake(at, &words, 2, &["`widht`", "did you mean `width`?"]);
    }
    // Nothing is like it: what there is.
    mistake(at, &format!("{train} --set zzz=4"), 2, &["`zzz`", "`width`"]);
    assert!(!at.join("out").exists());
}

#[test]
fn threads_are_bounded_everywhere() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    tables(at);
    for words in [
        "distance a.csv b.csv",
        "train --data moons --model flow-matching --out out",
        "langevin --target gaussian -o x.csv",
        "fit-density --target banana",
        "bridge --source a.csv --target b.csv --out out",
        "sample none -n 3 -o x.csv",
        "evaluate none",
    ] {
        for count in ["1000000", "1025"] {
            let words = format!("{words} --threads {count}");
            mistake(at, &words, 2, &[&format!("--threads is {count}"), "1024"]);
        }
    }
    succeed(at, &["distance", "a.csv", "b.csv", "--threads", "1024"]);
}

/// Steps that explode are doubted; a process that stays is not.
#[test]
fn a_blow_up_is_doubted() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let said = |words: &str| {
        let args: Vec<&str> = words.split(' ').collect();
        let output = run(at, &args);
        assert!(output.status.success(), "{words}: {}", text(&output.stderr));
        text(&output.stderr)
    };
    let grown = said("simulate --process double-well --law 100 --steps 1 -n 2 -o x.csv");
    assert!(grown.contains("warning: |x| grew") && grown.contains("1 step of"), "{grown}");
    let calm = said("simulate --process double-well --law 1 -n 2 -o x.csv");
    assert!(!calm.contains("warning"), "{calm}");
}

#[test]
fn values_reasons_and_rows_are_said() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "sbi-two-moons", 5);
    let config = config.to_str().unwrap();
    succeed(at, &["train", "--config", config, "--context", "x1,x2", "--out", "run"]);
    for value in ["inf", "-inf", "NaN"] {
        let words = format!("sample run -n 3 --given x1={value},x2=0 -o x.csv");
        mistake(at, &words, 2, &[&format!("x1 = {value}: a finite number")]);
    }
    let nowhere = "sample run -n 3 --given x1=0,x2=0 -o no/x.csv";
    mistake(at, nowhere, 1, &["no/x.csv", "cannot be written", "No such file"]);
    if Path::new("/dev/full").exists() {
        let full = "sample run -n 3000 --given x1=0,x2=0 -o /dev/full";
        mistake(at, full, 1, &["/dev/full", "No space left"]);
    }
    let one = succeed(at, &["sample", "run", "-n", "1", "--given", "x1=0,x2=0", "-o", "x.csv"]);
    assert!(one.contains("wrote 1 sample of 2 columns"), "{one}");
    // A checkerboard has squares of density 0, and no gradient.
    let squares = "fit-density --target checkerboard";
    mistake(at, squares, 2, &["checkerboard", "banana", "rings"]);
    let output = run(at, &["langevin", "--target", "gaussian", "--device", "gpu", "-o", "x.csv"]);
    let (said, listed) = (text(&output.stderr), succeed(at, &["info", "--list"]));
    let devices = listed.lines().find_map(|l| l.strip_prefix("devices: ")).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("`gpu`") && said.contains(devices), "{said}");
}

/// Averages of other widths, in the order of the help.
#[test]
fn the_commands_of_average_work_in_order() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 40);
    let train = ["train", "--config", config.to_str().unwrap(), "--relative", "0.1"];
    succeed(at, &[&train[..], &["--out", "averaged"]].concat());
    let said = succeed(at, &["average", "averaged", "--relative", "0.15", "--out", "wide"]);
    assert!(said.contains("relative width of 0.15"), "{said}");
    succeed(at, &["sample", "wide", "-n", "3", "-o", "x.csv"]);
    mistake(at, "train --data moons --model flow-matching --relative 2 --out no", 2, &["relative"]);
}

/// While data are read and once the model is trained the first Ctrl-C ends the program.
#[cfg(unix)]
#[test]
fn interrupts_end_what_is_no_loop() {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};
    let root = tempfile::tempdir().unwrap();
    let start = |words: &str| {
        let mut command = crate::transport();
        command.current_dir(root.path()).args(words.split_whitespace());
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let ends = |mut child: Child, signal: &str| {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was told to");
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let told = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    };
    // Minutes of simulations before the first step.
    let reading = "train --data sbi-lotka-volterra --points 200000 --model flow-matching --out a";
    for signal in ["-INT", "-TERM"] {
        let child = start(reading);
        std::thread::sleep(Duration::from_millis(700));
        ends(child, signal);
    }
    assert!(!root.path().join("a").exists());
    // Seconds of distances after the last one.
    let training = "train --data moons --points 20000 --split 0.5 --model gaussian --out b";
    let mut child = start(training);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok);
    assert!(said.any(|line| line.starts_with("evaluating")), "the evaluation is announced");
    ends(child, "-INT");
    assert!(root.path().join("b/model.safetensors").exists());
}
