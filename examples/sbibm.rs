//! Amortised posteriors against a benchmark's reference samples: one conditional flow for all
//! observations of a task.
//!
//! cargo run --release --example sbibm -- FOLDER [STEPS]
//!
//! FOLDER is a task of the benchmark by its name, such as `sbibm/two_moons`, with a folder for each
//! observation that holds `observation.csv` and `reference_posterior_samples.csv` (or `.csv.gz`).
use std::path::{Path, PathBuf};
use transport::core::Noise;
use transport::data::{Table, read_csv};
use transport::train::evaluate::c2st;
use transport::train::{Config, Folder, Mode, Request, Run, Silent, train};

const SIMULATIONS: usize = 100_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("usage: sbibm FOLDER [STEPS]")?);
    let steps = args.next().map_or(Ok(12_000), |text| text.parse())?;
    let task = folder.file_name().and_then(|n| n.to_str()).ok_or("no task")?.replace('_', "-");
    let mut observations: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    observations.retain(|path| path.join("observation.csv").is_file());
    observations.sort();
    let first = observations.first().ok_or("the folder has no observations")?;
    let data = read_csv(&first.join("observation.csv"))?.cols();

    let out = Folder::new(&std::env::temp_dir().join(format!("transport-sbi-{task}-{steps}")));
    train(&config(&task, data, steps)?, &out, Mode::Resume, &mut Silent)?;
    let run = Run::open(out.path())?;
    let mut sum = 0.0;
    for (k, path) in observations.iter().enumerate() {
        let accuracy = against(&run, path, k as u64)?;
        println!("{}  C2ST {accuracy:.4}", path.display());
        sum += accuracy;
    }
    println!("{task}: mean C2ST {:.4}", sum / observations.len() as f64);
    Ok(())
}

fn config(task: &str, data: usize, steps: u64) -> Result<Config, Failure> {
    let mut config = Config::new(&format!("sbi-{task}"), "nsf")?;
    config.data.context = (1..=data).map(|k| format!("x{k}")).collect();
    (config.data.points, config.data.split, config.data.validation) = (SIMULATIONS, 0.0, 0.02);
    config.train.steps = steps;
    (config.optim.lr, config.optim.weight_decay) = (2e-3, 1e-3);
    if data == 10 && task != "sir" {
        // Smooth posteriors in ten dimensions: a larger network overfits 100,000 rows.
        for (name, value) in [("layers", 3), ("width", 16), ("bins", 4)] {
            config.model.settings.insert(name.into(), value.into());
        }
        (config.optim.lr, config.optim.weight_decay) = (3e-3, 0.3);
    }
    Ok(config)
}

/// The accuracy with which posterior samples are told from the reference's: ½ is perfect.
fn against(run: &Run, path: &Path, seed: u64) -> Result<f64, Failure> {
    let x = read_csv(&path.join("observation.csv"))?;
    let plain = path.join("reference_posterior_samples.csv");
    let packed = path.join("reference_posterior_samples.csv.gz");
    let reference: Table = read_csv(if plain.is_file() { &plain } else { &packed })?;
    let given = x.row(0).iter().enumerate().map(|(k, v)| (format!("x{}", k + 1), *v)).collect();
    let n = reference.rows();
    let samples = run.draw(&Request { n, seed, given, ..Request::default() })?;
    let (d, noise) = (reference.cols(), Noise::new(seed, 1));
    let right = c2st(reference.values(), samples.values(), d, 10 * d, &noise)?;
    Ok(right.iter().sum::<f64>() / right.len() as f64)
}
