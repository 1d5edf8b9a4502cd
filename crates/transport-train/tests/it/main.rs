//! Training, files, resumption and evaluation.

mod adversarial_game;
mod adversarial_losses;
mod adversarial_penalties;
mod bridges;
mod classifier;
mod continuous;
mod data;
mod evaluation;
mod export;
mod files;
mod flows;
mod guided;
mod images;
mod import;
mod interpolants;
mod light_matching;
mod likelihoods;
mod nets;
mod objectives;
mod optim;
mod power_average;
mod proportional;
mod rectify;
mod scores;
mod sessions;
mod simulators;
mod torch_files;
mod unbalanced_pairs;
mod vae;
mod validation;
mod variational;
mod weightings;

use std::path::Path;
use transport_core::{Space, device};
use transport_train::config::Config;
use transport_train::store::Folder;

/// A run that takes a second or two: two moons, a small network.
fn small(steps: u64) -> Config {
    let mut config = Config::new("moons", "flow-matching").unwrap();
    config.data.points = 500;
    config.model.settings.insert("width".into(), 32.into());
    config.model.settings.insert("depth".into(), 2.into());
    config.train.steps = steps;
    config.train.batch_size = 64;
    config.run.checkpoint_every = 20;
    config.run.log_every = 7;
    config
}

/// Double precision.
fn space() -> Space {
    Space::f64(&device::select(None).unwrap())
}

fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    std::fs::read(folder.file(name)).unwrap()
}

fn folder(root: &Path, name: &str) -> Folder {
    Folder::new(&root.join(name))
}
