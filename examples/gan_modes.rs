//! Whether a GAN finds every mode, and how well it fills each.
//!
//! 8 Gaussians on a ring of radius 2 and 25 on a grid of spacing 2, all of standard deviation 0.05,
//! 10,000 points. A sample belongs to the nearest mode and is good within 3 standard deviations of
//! it (98.9 % of the data are). The variance is about the mode's own centre, over its good samples
//! and over all of them, in units of the true one.
//!
//! cargo run --release --example gan_modes -- [data=ring8,grid25] [models=…] [seeds=0,1,2] [steps=N]
//!
//! Any other `name=value` is a setting of the models, such as `penalty_weight=0.1`.
use std::collections::BTreeMap;
use std::time::Instant;
use transport::core::law::Mixture;
use transport::train::{Config, Folder, Mode, Run, Silent, train};

const MODELS: &str = "wgan-gp,r1-gan,sngan,r3gan,gan";
const STD: f64 = 0.05;
/// Settings by name.
type Named = &'static [(&'static str, &'static str)];

/// What differs from a model's own settings on the plane: as many normal columns as a point has,
/// small networks, and an average that is short against the decay of the learning rate.
const PLANE: Named = &[
    ("latent", "2"),
    ("width", "64"),
    ("critic_width", "64"),
    ("steps", "6000"),
    ("ema", "0.99"),
    ("weight_decay", "0"),
];

/// What becomes of 10,000 samples.
struct Modes {
    /// The least and the greatest share, in units of the uniform one.
    share: (f64, f64),
    good: f64,
    variance: (f64, f64),
    variance_of_all: (f64, f64),
}

fn centres(data: &str) -> Vec<[f64; 2]> {
    let law = match data {
        "ring8" => Mixture::circle(8, 2.0, STD),
        _ => Mixture::grid(5, 2.0, STD),
    };
    law.components().iter().map(|c| [c.mean()[0], c.mean()[1]]).collect()
}

fn extremes(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
}

fn modes(samples: &[f64], centres: &[[f64; 2]]) -> Modes {
    let square = |x: &[f64], m: &[f64; 2]| (x[0] - m[0]).powi(2) + (x[1] - m[1]).powi(2);
    // Count, good count, squares of the good, squares of all.
    let mut sums = vec![[0.0; 4]; centres.len()];
    for x in samples.chunks_exact(2) {
        let distance = |k: &usize| square(x, &centres[*k]);
        let nearest = (0..centres.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let (k, r2) = nearest.map_or((0, 0.0), |k| (k, distance(&k)));
        let good = f64::from(u8::from(r2 < 9.0 * STD * STD));
        [1.0, good, good * r2, r2].iter().zip(&mut sums[k]).for_each(|(v, sum)| *sum += v);
    }
    let n = samples.len() as f64 / 2.0;
    let variance = |sum: f64, count: f64| sum / (2.0 * STD * STD * count.max(1.0));
    Modes {
        share: extremes(sums.iter().map(|s| s[0] * centres.len() as f64 / n)),
        good: sums.iter().map(|s| s[1]).sum::<f64>() / n,
        variance: extremes(sums.iter().map(|s| variance(s[2], s[1]))),
        variance_of_all: extremes(sums.iter().map(|s| variance(s[3], s[0]))),
    }
}

/// The configuration with one line of its TOML changed.
fn set(config: &Config, name: &str, value: &str) -> Result<Config, Box<dyn std::error::Error>> {
    let (text, start) = (config.to_toml()?, format!("{name} = "));
    let old = text.lines().find(|line| line.starts_with(&start));
    let old = old.ok_or_else(|| format!("`{name}` is no setting of `{}`", config.model.name))?;
    let was = &old[start.len()..];
    let quoted = if was.starts_with('"') { format!("\"{value}\"") } else { value.to_owned() };
    let whole = was.contains('.') && !value.contains(['.', 'e']);
    let value = if whole { format!("{quoted}.0") } else { quoted };
    Ok(Config::parse(&text.replacen(old, &format!("{start}{value}"), 1))?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut asked: BTreeMap<String, String> = BTreeMap::new();
    for argument in std::env::args().skip(1) {
        let (name, value) = argument.split_once('=').ok_or("arguments are name=value")?;
        asked.insert(name.to_owned(), value.to_owned());
    }
    let mut list = |name: &str, default: &str| -> Vec<String> {
        let values = asked.remove(name).unwrap_or_else(|| default.to_owned());
        values.split(',').map(str::to_owned).collect()
    };
    let (data, seeds) = (list("data", "ring8,grid25"), list("seeds", "0,1,2"));
    let models = list("models", MODELS);
    let folder = std::env::temp_dir().join(format!("transport-gan-modes-{}", std::process::id()));
    println!("data    model     seed  shares       good   variance     of all          seconds");
    for data in &data {
        for model in &models {
            for seed in &seeds {
                let mut config = Config::new(data, model)?;
                (config.data.split, config.train.seed) = (0.0, seed.parse()?);
                let asked = asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                for (name, value) in PLANE.iter().copied().chain(asked) {
                    config = set(&config, name, value)?;
                }
                let (folder, start) = (Folder::new(&folder), Instant::now());
                train(&config, &folder, Mode::Overwrite, &mut Silent)?;
                let seconds = start.elapsed().as_secs();
                let samples = Run::open(folder.path())?.sample(10_000, 0)?;
                let m = modes(samples.values(), &centres(data));
                println!(
                    "{data:<7} {model:<9} {seed:>4}  {:.2} – {:.2}  {:>5.1}%  {:.2} – {:.2}  {:.2} – {:<7.2} {seconds:>7}",
                    m.share.0,
                    m.share.1,
                    100.0 * m.good,
                    m.variance.0,
                    m.variance.1,
                    m.variance_of_all.0,
                    m.variance_of_all.1,
                );
            }
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
