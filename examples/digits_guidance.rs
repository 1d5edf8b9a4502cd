//! Digits by class with classifier-free guidance: how near to the data and how sure, by weight.
//!
//! cargo run --release --example digits_guidance [-- FOLDER]
//!
//! Writes guidance_frechet.png, guidance_c2st.png and guidance_digits.png to the folder (the
//! current one by default).
#[path = "digits/run.rs"]
mod digits;

use digits::{Fault, by_class, run};
use std::path::PathBuf;
use transport::core::Noise;
use transport::data::Table;
use transport::ot::frechet_distance;
use transport::train::Guidance;
use transport::train::evaluate::{Neighbours, c2st};
use transport::viz::{Grid, Points, Series, curves, image_blocks};

/// Draws of each class.
const EACH: usize = 60;
const WEIGHTS: [f64; 6] = [0.0, 0.5, 1.0, 2.0, 3.0, 5.0];
/// An interval that leaves the noisiest and the cleanest part of the clock unguided.
const INTERVAL: (f64, f64) = (0.2, 0.7);

fn main() -> Result<(), Fault> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let (run, _) = run()?;
    let digits = transport::data::digits();
    let chosen = digits.select(None, &["label".to_owned()])?;
    let labels: Vec<f64> = chosen.context.iter().flat_map(|c| c.column(0)).collect();
    let judge = Judge { data: &chosen.features, labels: &labels };
    println!("{:<28} {:>8} {:>10} {:>8} {:>8}", "weight", "C2ST", "Fréchet", "class", "sure");
    let (mut everywhere, mut within) = (Vec::new(), Vec::new());
    for weight in WEIGHTS {
        for interval in [(0.0, 1.0), INTERVAL] {
            let guidance = Guidance { weight, interval };
            let row = judge.of(&by_class(&run, EACH, Some(guidance), None)?)?;
            let name = format!("{weight} on [{}, {}]", interval.0, interval.1);
            println!("{name:<28} {:>8.3} {:>10.1} {:>8.3} {:>8.3}", row[0], row[1], row[2], row[3]);
            if interval == INTERVAL { &mut within } else { &mut everywhere }.push((weight, row));
        }
    }
    let line = |rows: &[(f64, [f64; 4])], k: usize| -> Vec<(f64, f64)> {
        rows.iter().map(|(weight, row)| (*weight, row[k])).collect()
    };
    let half = format!("on [{}, {}]", INTERVAL.0, INTERVAL.1);
    for (file, label, k) in [
        ("guidance_frechet.png", "Fréchet distance in pixels", 1),
        ("guidance_c2st.png", "C2ST (0.5 is alike)", 0),
    ] {
        let (a, b) = (line(&everywhere, k), line(&within, k));
        let series =
            [Series { name: "at all times", points: &a }, Series { name: &half, points: &b }];
        curves(&out.join(file), &series, "guidance weight", label)?;
    }
    picture(&run, &out)
}

struct Judge<'a> {
    data: &'a Table,
    labels: &'a [f64],
}

impl Judge<'_> {
    /// C2ST against as many random digits, Fréchet distance, right class, and sure of it.
    fn of(&self, samples: &Table) -> Result<[f64; 4], Fault> {
        let (d, noise) = (self.data.cols(), Noise::new(3, 1));
        let order = noise.permutation(self.data.rows());
        let real = self.data.select_rows(&order[..samples.rows()]);
        let told = c2st(real.values(), samples.values(), d, 32, &noise)?;
        let votes = Neighbours::new(self.data, self.labels).votes(samples);
        let right = votes.winners().iter().enumerate().filter(|(i, w)| **w == i / EACH).count();
        Ok([
            told.iter().sum::<f64>() / told.len() as f64,
            frechet_distance(samples.values(), self.data.values(), d),
            right as f64 / samples.rows() as f64,
            votes.sure(0.8),
        ])
    }
}

/// The same draws at four weights, a column for each class.
fn picture(run: &transport::train::Run, out: &std::path::Path) -> Result<(), Fault> {
    let grid = Grid { height: 8, width: 8, channels: 1, columns: 20, range: (0.0, 16.0) };
    let mut blocks = Vec::new();
    for weight in [0.0, 1.0, 2.0, 5.0] {
        let table = by_class(run, 4, Some(Guidance::new(weight)), None)?;
        blocks.push((format!("weight {weight}: 0 to 9, four draws each"), table));
    }
    let views: Result<Vec<_>, Fault> = blocks
        .iter()
        .map(|(caption, t)| Ok((caption.as_str(), Points::new(t.values(), t.cols())?)))
        .collect();
    Ok(image_blocks(&out.join("guidance_digits.png"), &views?, &grid)?)
}
