//! KL(p ‖ q) of a trained diffusion or continuous flow on a 2-D law with a known density, by paired log p − log q on
//! 50,000 fresh points, log q along the probability flow with the exact divergence.
//!
//! cargo run --release --example score_kl -- LAW MODEL STEPS SEED [KEY=VALUE ...]
//!
//! LAW is `8gaussians`, `unequal` (a mixture of five unlike Gaussians), `rings` or `checkerboard`;
//! MODEL a diffusion of the registry, or `ffjord`; KEY `lr`, `batch`, `ema`, `points`, `solver` and `solve` (the method and the
//! steps of the flow), `test` (fresh points) or a setting of the model, such as `width` or `weighting`.
use transport::core::device::{select, to_host};
use transport::core::law::plane::{Checkerboard, Rings};
use transport::core::law::{Density, Gaussian, Mixture, PointLaw};
use transport::core::{Noise, Space};
use transport::data::{Table, write_npy};
use transport::sde::Solver;
use transport::train::config::SampleConfig;
use transport::train::{Config, Folder, Mode, Run, Silent, train};

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [law_name, model, steps, seed, settings @ ..] = words.as_slice() else {
        return Err("usage: score_kl LAW MODEL STEPS SEED [KEY=VALUE ...]".into());
    };
    let law = law(law_name)?;
    let (steps, seed): (u64, u64) = (steps.parse()?, seed.parse()?);
    let mut plan =
        Plan { config: Config::new("", model)?, solve: 200, points: 200_000, test: 50_000 };
    plan.config.model.settings.insert("width".into(), 128.into());
    if matches!(model.as_str(), "score-vp" | "score-subvp") {
        // Sharp edges are learned at small noise, of which a uniform clock sees little.
        plan.set("head", "v")?;
        plan.set("times", "log-snr")?;
    }
    plan.config.train.steps = steps;
    plan.config.train.seed = seed;
    plan.config.train.batch_size = 512;
    plan.config.data.split = 0.0;
    for word in settings {
        let (key, value) = word.split_once('=').ok_or("settings are KEY=VALUE")?;
        plan.set(key, value)?;
    }

    let root = std::env::temp_dir().join(format!("transport-kl-{law_name}-{model}-{seed}"));
    std::fs::create_dir_all(&root)?;
    let file = root.join("points.npy");
    write_npy(&file, &table(law.draws(&Noise::new(seed, plan.points).purpose("data")))?)?;
    plan.config.data.source = file.display().to_string();
    let folder = Folder::new(&root.join("run"));
    let began = std::time::Instant::now();
    train(&plan.config, &folder, Mode::Overwrite, &mut Silent)?;
    let seconds = began.elapsed().as_secs_f64();

    let run = Run::open(folder.path())?;
    let points = law.draws(&Noise::new(seed, plan.test).purpose("test"));
    let x = Space::f64(&select(None)?).tensor(points.clone(), [plan.test, 2]);
    let log_p = to_host(law.log_prob(x));
    let log_q = run.log_prob_by(&table(points.clone())?, plan.sampling(1))?;
    let gaps: Vec<f64> = log_p.iter().zip(&log_q).map(|(p, q)| p - q).collect();
    let (kl, error) = mean(&gaps);
    // Twice the steps on a part: what the solver's error is.
    let part = (plan.test / 10).max(1);
    let finer = run.log_prob_by(&table(points[..2 * part].to_vec())?, plan.sampling(2))?;
    let shifts: Vec<f64> = finer.iter().zip(&log_q).map(|(fine, q)| fine - q).collect();
    println!(
        "{law_name:<13} {model:<12} KL {kl:.4} ± {error:.4} nats; halving the solver's step moves it \
         by {:+.4}; {steps} training steps, {seconds:.0} s",
        -mean(&shifts).0
    );
    Ok(())
}

struct Plan {
    config: Config,
    solve: usize,
    points: usize,
    test: usize,
}

impl Plan {
    fn set(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        match key {
            "lr" => self.config.optim.lr = value.parse()?,
            "ema" => self.config.optim.ema = value.parse()?,
            "batch" => self.config.train.batch_size = value.parse()?,
            "points" => self.points = value.parse()?,
            "solve" => self.solve = value.parse()?,
            "solver" => {
                let known = Solver::ALL.iter().find(|solver| solver.name() == value);
                self.config.sample.solver = *known.ok_or_else(|| format!("no solver `{value}`"))?;
            }
            "test" => self.test = value.parse()?,
            key => {
                let old = self.config.model.settings.get(key);
                let value = match old.ok_or_else(|| format!("no setting `{key}`"))? {
                    v if v.is_integer() => value.parse::<i64>()?.into(),
                    v if v.is_float() => value.parse::<f64>()?.into(),
                    _ => value.into(),
                };
                self.config.model.settings.insert(key.to_owned(), value);
            }
        }
        Ok(())
    }

    fn sampling(&self, times: usize) -> SampleConfig {
        SampleConfig { steps: self.solve * times, ..self.config.sample }
    }
}

/// A law with exact samples and an exact density.
trait Known: PointLaw + Density {}
impl<L: PointLaw + Density> Known for L {}

fn law(name: &str) -> Result<Box<dyn Known>, Fault> {
    Ok(match name {
        "8gaussians" => Box::new(Mixture::circle(8, 3.0, 0.2)),
        "unequal" => Box::new(unequal()?),
        "rings" => Box::new(Rings::default()),
        "checkerboard" => Box::new(Checkerboard),
        _ => {
            return Err(
                format!("`{name}` is none of 8gaussians, unequal, rings, checkerboard").into()
            );
        }
    })
}

/// Five Gaussians of unlike weights, shapes and sizes.
fn unequal() -> Result<Mixture, Fault> {
    let parts = [
        (0.35, [-2.0, 0.5], [0.30, 0.20, 0.30]),
        (0.25, [1.5, 1.5], [0.10, -0.05, 0.40]),
        (0.20, [0.5, -2.0], [0.50, 0.10, 0.06]),
        (0.15, [2.5, -1.0], [0.05, 0.00, 0.05]),
        (0.05, [-1.0, 2.5], [0.08, 0.02, 0.04]),
    ];
    let gaussian = |(_, mean, [a, b, c]): &(f64, [f64; 2], [f64; 3])| {
        Gaussian::new(mean.to_vec(), vec![*a, *b, *b, *c])
    };
    let components: Result<Vec<Gaussian>, _> = parts.iter().map(gaussian).collect();
    Ok(Mixture::new(parts.iter().map(|(w, ..)| *w).collect(), components?)?)
}

fn table(values: Vec<f64>) -> Result<Table, Fault> {
    Ok(Table::new(vec!["x".into(), "y".into()], values)?)
}

/// The mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
