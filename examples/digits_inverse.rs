//! Digits that are seen in part: their right halves, their details, and what lies between two of them.
//!
//! cargo run --release --example digits_inverse [-- FOLDER]
//!
//! Writes inpainting.png, super_resolution.png and interpolation.png to the folder.
#[path = "digits/run.rs"]
mod digits;

use digits::{Fault, by_class, run};
use std::path::{Path, PathBuf};
use transport::core::Space;
use transport::core::device::{select, to_host};
use transport::data::Table;
use transport::sde::Solver;
use transport::sde::guide::slerp;
use transport::sde::inverse::{Linear, Method, Operator};
use transport::train::config::SampleConfig;
use transport::train::problem::Problem;
use transport::train::{Conditioning, Run};
use transport::viz::{Grid, Points, image_blocks};

/// Held-out digits that are looked at.
const COUNT: usize = 20;
/// Held-out digits that errors are measured on.
const JUDGED: usize = 60;
const METHODS: [(&str, Method); 4] = [
    ("replacement", Method::Replacement { resample: 1 }),
    ("replacement, each step 5 times", Method::Replacement { resample: 5 }),
    ("DPS", Method::Dps { scale: 0.3 }),
    ("ΠGDM", Method::PiGdm { variance: 1.0, from: 0.1 }),
];

fn main() -> Result<(), Fault> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let (run, _) = run()?;
    let test = Problem::prepare(&run.config().data, run.config().train.seed)?.test;
    let test = test.select_rows(&(0..JUDGED).collect::<Vec<_>>());
    let digits = test.select_rows(&(0..COUNT).collect::<Vec<_>>());
    inpainting(&run, &test, &digits, &out)?;
    super_resolution(&run, &test, &digits, &out)?;
    interpolation(&run, &out)
}

fn save(path: &Path, blocks: &[(String, Table)]) -> Result<(), Fault> {
    let grid = Grid { height: 8, width: 8, channels: 1, columns: COUNT, range: (0.0, 16.0) };
    let views: Result<Vec<_>, Fault> =
        blocks.iter().map(|(c, t)| Ok((c.as_str(), Points::new(t.values(), 64)?))).collect();
    Ok(image_blocks(path, &views?, &grid)?)
}

/// The root mean square error of the mean of `draws`, and of a draw, over the pixels that count.
fn errors(truth: &Table, filled: &Table, draws: usize, counts: impl Fn(usize) -> bool) -> [f64; 2] {
    let (mut of_mean, mut of_draw, mut n) = (0.0, 0.0, 0.0);
    for i in 0..truth.rows() {
        for j in (0..64).filter(|j| counts(*j)) {
            let values: Vec<f64> = (0..draws).map(|k| filled.row(i * draws + k)[j]).collect();
            let mean = values.iter().sum::<f64>() / draws as f64;
            of_mean += (mean - truth.row(i)[j]).powi(2);
            of_draw += (values[0] - truth.row(i)[j]).powi(2);
            n += 1.0;
        }
    }
    [(of_mean / n).sqrt(), (of_draw / n).sqrt()]
}

fn inpainting(run: &Run, test: &Table, digits: &Table, out: &Path) -> Result<(), Fault> {
    let hidden = |j: usize| j % 8 >= 4;
    let gaps = |table: &Table| -> Result<Table, Fault> {
        let hide = |(k, v): (usize, &f64)| if hidden(k % 64) { f64::NAN } else { *v };
        let values = table.values().iter().enumerate().map(hide).collect();
        Ok(Table::new(table.names().to_vec(), values)?)
    };
    let mut blocks = vec![
        ("held-out digits".to_owned(), digits.clone()),
        ("what is seen".to_owned(), gaps(digits)?),
    ];
    println!("{:<34} {:>12} {:>12}", "right halves, RMSE in grey levels", "mean of 8", "a draw");
    for (name, method) in METHODS {
        let how = Conditioning { draws: 8, method, ..Conditioning::default() };
        let [mean, draw] = errors(test, &run.impute(&gaps(test)?, &how)?, 8, hidden);
        println!("{name:<34} {mean:>12.2} {draw:>12.2}");
        let how = Conditioning { draws: 1, method, ..Conditioning::default() };
        blocks.push((name.to_owned(), run.impute(&gaps(digits)?, &how)?));
    }
    save(&out.join("inpainting.png"), &blocks)
}

fn super_resolution(run: &Run, test: &Table, digits: &Table, out: &Path) -> Result<(), Fault> {
    let average = Linear::average(8, 8, 2)?;
    let space = Space::f64(&select(None)?);
    let coarse = |table: &Table| {
        to_host(average.apply(space.tensor(table.values().to_vec(), [table.rows(), 64])))
    };
    let seen: Vec<f64> = coarse(digits);
    let large = seen
        .chunks_exact(16)
        .flat_map(|image| (0..64).map(|j| image[j / 16 * 4 + j % 8 / 2]).collect::<Vec<_>>());
    let mut blocks = vec![
        ("held-out digits".to_owned(), digits.clone()),
        ("4 × 4 means".to_owned(), Table::new(digits.names().to_vec(), large.collect())?),
    ];
    println!("{:<34} {:>12} {:>12}", "4 to 8, RMSE in grey levels", "mean of 8", "a draw");
    for (name, method) in METHODS {
        let how = Conditioning { draws: 8, method, ..Conditioning::default() };
        let [mean, draw] = errors(test, &run.restore(&average, &coarse(test), &how)?, 8, |_| true);
        println!("{name:<34} {mean:>12.2} {draw:>12.2}");
        let how = Conditioning { draws: 1, method, ..Conditioning::default() };
        blocks.push((name.to_owned(), run.restore(&average, &seen, &how)?));
    }
    save(&out.join("super_resolution.png"), &blocks)
}

/// Codes of digits and back, arcs between codes, and deterministic beside stochastic samples.
fn interpolation(run: &Run, out: &Path) -> Result<(), Fault> {
    let dataset = transport::data::digits();
    let pick = |i: usize| dataset.table.select_rows(&[i]);
    let plan = SampleConfig { solver: Solver::Heun, steps: 50 };
    let space = Space::f64(&select(None)?);
    let (mut paths, mut worst) = (Vec::new(), 0f64);
    for (a, b) in [(0, 10), (1, 11), (3, 13), (8, 18)] {
        let (left, right) = (run.encode(&pick(a), plan)?, run.encode(&pick(b), plan)?);
        let label = pick(a).row(0)[64];
        let given = [("label".to_owned(), label)];
        let d = left.len();
        let at = |z: &[f64]| space.tensor::<2>(z.to_vec(), [1, d]);
        for k in 0..10 {
            let z = to_host(slerp(at(&left), at(&right), f64::from(k) / 9.0));
            paths.extend(run.decode(&z, &given, plan)?.into_values());
        }
        let (back, digit) = (run.decode(&left, &given, plan)?, pick(a));
        let gap = back.row(0).iter().zip(digit.row(0)).map(|(x, y)| (x - y).abs());
        worst = worst.max(gap.fold(0.0, f64::max));
    }
    println!("there and back: {worst:.1e} grey levels at most (Heun, 50 steps)");
    let names = run.card().schema.names.clone();
    let ddpm = Some(SampleConfig { solver: Solver::Ddpm, steps: 100 });
    save(
        &out.join("interpolation.png"),
        &[
            ("from one digit to another of its class".to_owned(), Table::new(names, paths)?),
            ("deterministic: Heun, 50 steps".to_owned(), by_class(run, 2, None, Some(plan))?),
            (
                "stochastic: DDPM, 100 steps, the same noise".to_owned(),
                by_class(run, 2, None, ddpm)?,
            ),
        ],
    )
}
