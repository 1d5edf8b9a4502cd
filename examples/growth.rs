//! How time and memory grow with the number of particles, the dimension, the steps, the width and
//! the batch.
//!
//! cargo run --release --example growth [-- docs/src/growth.md]
//!
//! Each cell is a process of its own: the processor's time, all threads together, and by how much
//! the resident size grew above what it was before (`/proc/self`, so Linux only). Exponents are
//! slopes of log-log lines fitted by least squares; bytes are those of one more, between the two
//! largest sizes. With a path, the part of that file between its two comments is replaced by what
//! was measured.
#[path = "support/measure.rs"]
mod measure;

use measure::{exponent, forget_peak, peak, processor};
use std::process::Command;
use std::sync::Arc;
use transport::core::{Noise, Space, device::select};
use transport::sde::Solver;
use transport::train::batch::Rows;
use transport::train::config::{Config, SampleConfig};
use transport::train::problem::{Problem, Shape};
use transport::train::registry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error>;

const MODEL: &str = "score-vp";
const COMMENTS: [&str; 2] = ["<!-- measured: begin -->", "<!-- measured: end -->"];

/// What a cell is made of.
#[derive(Clone, Copy)]
struct Sizes {
    width: usize,
    dim: usize,
    /// Particles, or rows of a batch.
    rows: usize,
    /// Steps of the sampler; 0 is a step of training.
    steps: usize,
}

const BASE: Sizes = Sizes { width: 64, dim: 2, rows: 10_000, steps: 50 };
const TRAINED: Sizes = Sizes { width: 128, dim: 2, rows: 512, steps: 0 };
const SDE: &str = "euler-maruyama";

/// A table: what grows, the jobs beside each other, and the sizes of its rows.
struct Table {
    title: &'static str,
    grows: &'static str,
    jobs: &'static [&'static str],
    base: Sizes,
    values: &'static [usize],
    with: fn(Sizes, usize) -> Sizes,
}

const TABLES: [Table; 6] = [
    Table {
        title: "Particles: width 64, dimension 2, 50 steps",
        grows: "particles",
        jobs: &["euler", SDE],
        base: BASE,
        values: &[1_000, 10_000, 100_000, 1_000_000],
        with: |base, rows| Sizes { rows, ..base },
    },
    Table {
        title: "Dimension: 10,000 particles, width 64, 50 steps",
        grows: "dimension",
        jobs: &["euler", SDE],
        base: BASE,
        values: &[2, 8, 32, 128, 512],
        with: |base, dim| Sizes { dim, ..base },
    },
    Table {
        title: "Steps: 10,000 particles, width 64, dimension 2",
        grows: "steps",
        jobs: &["euler", SDE],
        base: BASE,
        values: &[50, 100, 200, 400, 800, 1600],
        with: |base, steps| Sizes { steps, ..base },
    },
    Table {
        title: "Width: 10,000 particles, dimension 2, 50 steps",
        grows: "width",
        jobs: &["euler"],
        base: BASE,
        values: &[32, 64, 128, 256, 512],
        with: |base, width| Sizes { width, ..base },
    },
    Table {
        title: "Batch: a training step, width 128, dimension 2",
        grows: "batch",
        jobs: &["train"],
        base: TRAINED,
        values: &[128, 512, 2048, 8192, 32768],
        with: |base, rows| Sizes { rows, ..base },
    },
    Table {
        title: "Width: a training step, batch 512, dimension 2",
        grows: "width",
        jobs: &["train"],
        base: TRAINED,
        values: &[32, 64, 128, 256, 512],
        with: |base, width| Sizes { width, ..base },
    },
];

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [job, width, dim, rows, steps] = words.as_slice() {
        let [width, dim, rows, steps] =
            [width.parse()?, dim.parse()?, rows.parse()?, steps.parse()?];
        return cell(job, Sizes { width, dim, rows, steps });
    }
    let mut measured = String::new();
    for table in &TABLES {
        let text = table.measure()?;
        println!("{text}");
        measured += &text;
    }
    words.first().map_or(Ok(()), |path| write(path, &measured))
}

/// Puts what was measured between the comments of a page.
fn write(path: &str, measured: &str) -> Result<(), Fault> {
    let page = std::fs::read_to_string(path)?;
    let place = |comment: &str| page.find(comment).ok_or(format!("{path} has no {comment}"));
    let (begin, end) = (place(COMMENTS[0])? + COMMENTS[0].len(), place(COMMENTS[1])?);
    Ok(std::fs::write(path, format!("{}\n\n{measured}{}", &page[..begin], &page[end..]))?)
}

impl Table {
    fn measure(&self) -> Result<String, Fault> {
        let heads = self.jobs.iter().map(|job| format!(" {job}, s | grew, MiB |"));
        let mut text =
            format!("### {}\n\n| {} |{}\n", self.title, self.grows, heads.collect::<String>());
        text += &format!("|---|{}\n", "---|---|".repeat(self.jobs.len()));
        let mut all = vec![Vec::new(); self.jobs.len()];
        for value in self.values {
            text += &format!("| {value} |");
            for (job, cells) in self.jobs.iter().zip(&mut all) {
                let (seconds, grown) = fresh(job, (self.with)(self.base, *value))?;
                cells.push([*value as f64, seconds, grown]);
                text += &format!(" {seconds:.2e} | {grown:.1} |");
            }
            text.push('\n');
        }
        let fits = all.iter().zip(self.jobs).map(|(cells, job)| {
            let time = exponent(cells.iter().map(|c| [c[0], c[1]]));
            let memory = slope(cells);
            format!("{job}: time ∝ {}^{time:.2}, memory {memory:.0} bytes a unit", self.grows)
        });
        Ok(text + "\n" + &fits.collect::<Vec<_>>().join("; ") + ".\n\n")
    }
}

/// Bytes by which one more costs more, between the two largest sizes.
fn slope(cells: &[[f64; 3]]) -> f64 {
    let [.., last, most] = cells else { return f64::NAN };
    f64::from(1 << 20) * (most[2] - last[2]) / (most[0] - last[0])
}

/// A cell in a process of its own: seconds and MiB.
fn fresh(job: &str, sizes: Sizes) -> Result<(f64, f64), Fault> {
    let Sizes { width, dim, rows, steps } = sizes;
    let numbers = [width, dim, rows, steps].map(|n| n.to_string());
    let output = Command::new(std::env::current_exe()?).arg(job).args(numbers).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let (seconds, grown) = text.trim().split_once(' ').ok_or("a cell answers two numbers")?;
    Ok((seconds.parse()?, grown.parse()?))
}

fn cell(job: &str, sizes: Sizes) -> Result<(), Fault> {
    let Sizes { width, dim, rows, steps } = sizes;
    let mut config = Config::new("moons", MODEL)?;
    config.model.settings.insert("width".into(), (width as i64).into());
    config.model.settings.insert("depth".into(), 3.into());
    config.train.batch_size = rows;
    let mut problem = Problem::prepare(&config.data, 0)?;
    problem.rows = Arc::new(Rows::plain(Noise::new(3, 4096).normal_values(dim), dim));
    let space = Space::f32(&select(None)?);
    let entry = registry::model(MODEL)?;
    let (seconds, grown) = if job == "train" {
        let mut training = entry.begin(&config, &problem, &space)?;
        // On a worker of the pool, as the training loop runs.
        let step = |_| {
            assert!(training.step().loss.is_finite());
            Ok(())
        };
        rayon::scope(|_| grow(step).map_err(|fault| fault.to_string()))?
    } else {
        let weights = entry.begin(&config, &problem, &space)?.weights();
        let shape = Shape { dim, context: 0, image: None };
        let model = entry.open(&config, &shape, &weights, &space)?;
        let solver = Solver::by_name(job).ok_or("no such solver")?;
        // A few particles first: what is allocated once stands in the size before.
        model.sample(&Noise::new(0, 16), None, &SampleConfig { solver, steps: 2 })?;
        let plan = SampleConfig { solver, steps };
        grow(|seed| {
            model.sample(&Noise::new(seed, rows), None, &plan)?;
            Ok(())
        })?
    };
    println!("{seconds} {grown}");
    Ok(())
}

/// Seconds of the processor a run, and the growth of the resident size during the runs.
fn grow(mut run: impl FnMut(u64) -> Result<(), Fault>) -> Result<(f64, f64), Fault> {
    forget_peak()?;
    let (before, start) = (peak()?, processor()?);
    for seed in 1.. {
        run(seed)?;
        let spent = processor()? - start;
        if spent > 0.5 {
            return Ok((spent / seed as f64, peak()? - before));
        }
    }
    unreachable!("a run takes time")
}
