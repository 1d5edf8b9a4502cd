//! The planar transport benchmark: one CSV row per task, method and seed, resumable cell by cell.
//!
//! cargo run --release --example bench_2d -- --tasks normal-8gaussians,8gaussians-moons \
//!     --methods i-cfm,ot-cfm,sb-cfm,rf,sf2m-exact,sf2m-i,dsbm-imf --seeds 3 --out DIR
//!
//! MLP 3×64 SELU on [x, t], AdamW, learning rate 1e-3 with half a cosine, batch 512, moving average
//! of the weights; the flow by 100 steps of Euler. `w2`: exact between 10,000 ends and 10,000 draws
//! of the target; `w2_floor`: the same between two draws. `npe` = |∫E|v|²dt − W2²(q0, q1)|/W2²(q0,
//! q1), both on the same points; `npe_noise`: the difference of npe between the two halves.
//!
//! Methods `torchcfm-i-cfm` and `torchcfm-ot-cfm` score what `benches/peers/torchcfm_peer.py` left in
//! DIR/points for the same starts, which each cell writes there. Method `stream` writes there what
//! training begins with and sees, for the peer: first weights and batches, 40 bytes a row.

mod laws;
mod methods;
mod stream;

use laws::{DEFINITIONS, Task, draws, tasks};
use methods::{Budget, METHODS, fit};
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use transport::core::device::{Space, select, to_host};
use transport::data::{Table, write_npy};
use transport::ot::{assignment, cost::Euclidean};
use transport::train::bridge::transported;

const HEADER: &str = "task,method,seed,w2,w2_floor,npe,npe_noise,steps_per_s";

struct Arguments {
    tasks: Vec<String>,
    methods: Vec<String>,
    seeds: u64,
    steps: u64,
    points: usize,
    out: PathBuf,
}

impl Arguments {
    /// A file that this program and a peer share.
    fn points(&self, task: &Task, seed: u64, what: &str) -> PathBuf {
        self.out.join("points").join(format!("{}-{seed}-{what}.npy", task.name))
    }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut found = Arguments {
        tasks: list("normal-8gaussians,8gaussians-moons"),
        methods: list("i-cfm,ot-cfm"),
        seeds: 3,
        steps: 20_000,
        points: 10_000,
        out: PathBuf::from("bench_2d"),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--tasks" => found.tasks = list(&value),
            "--methods" => found.methods = list(&value),
            "--seeds" => found.seeds = value.parse()?,
            "--steps" => found.steps = value.parse()?,
            "--points" => found.points = value.parse()?,
            "--out" => found.out = value.into(),
            _ => {
                return Err(format!(
                    "unknown {flag}: --tasks --methods --seeds --steps --points --out"
                )
                .into());
            }
        }
    }
    if let Some(method) = found.methods.iter().find(|m| !METHODS.contains(&m.as_str())) {
        return Err(format!("unknown method {method}: methods are {}", METHODS.join(", ")).into());
    }
    Ok(found)
}

fn w2_squared(x: &[f64], y: &[f64]) -> Result<f64, Box<dyn Error>> {
    Ok(assignment(&Euclidean::squared(x, y, 2)?)?.value)
}

/// What a method makes of the starts: ends, energies, and training steps per second.
struct Outcome {
    end: Vec<f64>,
    energy: Vec<f64>,
    speed: f64,
}

fn ours(
    task: &Task,
    method: &str,
    seed: u64,
    start: &[f64],
    steps: u64,
) -> Result<Outcome, Box<dyn Error>> {
    let space = Space::f32(&select(None)?);
    let began = Instant::now();
    let field = fit(task, method, &Budget { steps, seed }, &space)?;
    let speed = steps as f64 / began.elapsed().as_secs_f64();
    let moved = transported(&*field, space.tensor(start.to_vec(), [start.len() / 2, 2]), 100);
    Ok(Outcome { end: to_host(moved.end), energy: to_host(moved.energy), speed })
}

/// What the peer left for the same starts: rows (x, y, energy), then one with the speed.
fn theirs(path: &Path) -> Result<Outcome, Box<dyn Error>> {
    let missing = |e| format!("{}: {e}; run benches/peers/torchcfm_peer.py first", path.display());
    let table = transport::data::read(path).map_err(missing)?.table;
    let rows: Vec<&[f64]> = (0..table.rows()).map(|r| table.row(r)).collect();
    let (last, rows) = rows.split_last().ok_or("an empty file")?;
    let end = rows.iter().flat_map(|r| [r[0], r[1]]).collect();
    Ok(Outcome { end, energy: rows.iter().map(|r| r[2]).collect(), speed: last[0] })
}

/// The points of a task and a seed, which all methods share, and their distances.
struct Points {
    start: Vec<f64>,
    test: Vec<f64>,
    /// W₂ between two draws of the target.
    floor: f64,
    /// W₂² from the starts to the test points: all, and of each half.
    apart: [(std::ops::Range<usize>, f64); 3],
}

impl Points {
    fn new(task: &Task, seed: u64, n: usize) -> Result<Self, Box<dyn Error>> {
        let start = draws(&task.source, seed, "start", n);
        let test = draws(&task.target, seed, "test", n);
        let other = draws(&task.target, seed, "other", n);
        let apart = |rows: std::ops::Range<usize>| -> Result<_, Box<dyn Error>> {
            let part = 2 * rows.start..2 * rows.end;
            Ok((rows, w2_squared(&start[part.clone()], &test[part])?))
        };
        let apart = [apart(0..n)?, apart(0..n / 2)?, apart(n / 2..n)?];
        Ok(Self { floor: w2_squared(&other, &test)?.sqrt(), start, test, apart })
    }

    /// The normalised path energy over all points and over each half.
    fn npe(&self, energy: &[f64]) -> [f64; 3] {
        self.apart.clone().map(|(rows, distance)| {
            let mean = energy[rows.clone()].iter().sum::<f64>() / rows.len() as f64;
            (mean - distance).abs() / distance
        })
    }
}

/// The cell's row.
fn cell(
    task: &Task,
    method: &str,
    seed: u64,
    shared: &Points,
    of: &Arguments,
) -> Result<String, Box<dyn Error>> {
    let Points { start, test, floor, .. } = shared;
    let points = |what: &str| of.points(task, seed, what);
    write_npy(&points("start"), &Table::new(vec!["x".into(), "y".into()], start.clone())?)?;
    let Outcome { end, energy, speed } = if method.starts_with("torchcfm-") {
        theirs(&points(method))?
    } else {
        ours(task, method, seed, start, of.steps)?
    };
    let w2 = w2_squared(&end, test)?.sqrt();
    let [whole, first, second] = shared.npe(&energy);
    let noise = (first - second).abs();
    Ok(format!("{},{method},{seed},{w2:.4},{floor:.4},{whole:.5},{noise:.5},{speed:.0}", task.name))
}

fn done(path: &Path, start: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.starts_with(start)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    for (name, definition) in DEFINITIONS {
        println!("{name:<11} {definition}");
    }
    fs::create_dir_all(arguments.out.join("points"))?;
    let path = arguments.out.join("bench_2d.csv");
    if !path.exists() {
        fs::write(&path, format!("{HEADER}\n"))?;
    }
    println!("\n{HEADER}");
    for task in tasks(&arguments.tasks)? {
        for seed in 0..arguments.seeds {
            let cell_of = |method: &str| format!("{},{method},{seed},", task.name);
            let open = arguments.methods.iter().filter(|m| !done(&path, &cell_of(m)));
            let open: Vec<&String> = open.collect();
            if open.is_empty() {
                continue;
            }
            let shared = Points::new(&task, seed, arguments.points)?;
            for method in open {
                if method == "stream" {
                    let space = Space::f32(&select(None)?);
                    let at = |what: &str| arguments.points(&task, seed, what);
                    stream::write(&task, seed, arguments.steps, &space, at)?;
                    continue;
                }
                let row = cell(&task, method, seed, &shared, &arguments)?;
                println!("{row}");
                let mut file = OpenOptions::new().append(true).open(&path)?;
                writeln!(file, "{row}")?;
            }
        }
    }
    println!("\nwrote {}", path.display());
    Ok(())
}
