//! Densities by probes and by the variational bound, on rows and on images of whole numbers.

use crate::folder;
use std::f64::consts::{LN_2, PI};
use transport_core::Noise;
use transport_data::{Table, write_npy};
use transport_sde::likelihood::{Hutchinson, Probe, Variational};
use transport_train::bits::bits_by_estimate;
use transport_train::evaluate::held_out_path;
use transport_train::problem::Problem;
use transport_train::registry::Estimated;
use transport_train::{Config, Mode, Run, Silent, train};

fn quick(source: &str, model: &str, steps: u64) -> Config {
    let mut config = Config::new(source, model).unwrap();
    config.model.settings.insert("width".into(), 32.into());
    config.model.settings.insert("depth".into(), 2.into());
    config.train.steps = steps;
    config.train.batch_size = 128;
    config.sample.steps = 40;
    config
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0) / n).sqrt())
}

/// On Gaussian rows: probes agree with the exact trace within 4.5 standard errors of the gap
/// (false alarm under 1e-5), and the bound is below the entropy and not far.
#[test]
fn estimates_and_bounds_surround_the_density() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("rows.npy");
    let draw = |seed, n| {
        let rows = Noise::new(seed, n).normal_values(3);
        let bent = rows.chunks(3).flat_map(|r| [2.0 * r[0], r[0] + 0.5 * r[1], 3.0 + r[2]]);
        Table::from_rows_unnamed(3, bent.collect()).unwrap()
    };
    write_npy(&path, &draw(1, 4000)).unwrap();
    for model in ["score-vp", "edm", "flow-matching"] {
        let config = quick(&path.display().to_string(), model, 400);
        let folder = folder(root.path(), model);
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
        let run = Run::open(folder.path()).unwrap();
        let fresh = draw(2, 600);
        let exact = run.log_prob(&fresh).unwrap();
        let trace = Hutchinson::new(Probe::Rademacher, 4).unwrap();
        let found = run.log_prob_estimate(&fresh, trace, config.sample, 5).unwrap().unwrap();
        let gaps: Vec<f64> = exact.iter().zip(&found.values).map(|(e, v)| e - v).collect();
        let (gap, error) = mean_and_error(&gaps);
        assert!(gap.abs() < 4.5 * error + 1e-4, "{model}: {gap} ± {error}");
        let bound = run.variational_bound(&fresh, Variational::whole(32).unwrap(), 5);
        let (bound, error) = mean_and_error(&bound.unwrap().unwrap().values);
        // Var of the columns: 4, 0.25 given the first, 1.
        let best = -1.5 * (1.0 + (2.0 * PI).ln()) - 2f64.ln() - 0.5f64.ln();
        println!("{model}: bound {bound:.3} ± {error:.3}, best {best:.3}");
        assert!(bound < best + 4.5 * error && bound > best - 1.0, "{model}: {bound} for {best}");
    }
}

/// A uniform law over L levels costs log₂ L bits a value: the offset is the whole of it.
#[test]
fn the_offset_of_bits_is_that_of_the_uniform_law() {
    let problem = Problem::prepare(&Config::new("digits", "edm").unwrap().data, 0).unwrap();
    let (states, d) = (problem.rows.states.clone(), problem.rows.dim);
    let states: Vec<f64> = states[..20 * d].iter().map(|v| f64::from(*v)).collect();
    let uniform = |points: &[f64], _: &Noise| {
        let volume = d as f64 * (17.0 * problem.spacing()).ln();
        let n = points.len() / d;
        Ok::<_, ()>(Some(Estimated { values: vec![-volume; n], std_errs: vec![LN_2 * 64.0; n] }))
    };
    let found = bits_by_estimate(&problem, &states, 0, uniform).unwrap().unwrap();
    let expected = d as f64 / 64.0 * 17f64.log2();
    assert!(found.values.iter().all(|b| (b - expected).abs() < 1e-9), "{:?}", found.values);
    assert!(found.std_errs.iter().all(|e| (e - 1.0).abs() < 1e-12));
}

/// Images by both: finite, with errors, and the bound not below the flow's by more than its error.
#[test]
fn images_have_bits_by_probes_and_by_the_bound() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick("digits", "score-vp", 300);
    config.sample.steps = 25;
    let folder = folder(root.path(), "digits");
    train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();
    let path = held_out_path(&run, 2, 32, 0).unwrap().unwrap();
    let (bits, bound) = (path.bits.unwrap(), path.bits_bound.unwrap());
    println!("{bits:?}\n{bound:?}");
    assert!(path.log_prob.is_none() && path.bound.is_none(), "levels have no density");
    assert!(
        bits.own > 0.0 && bits.own < bits.std_err && bits.value > 0.5 && bits.value < 17f64.log2()
    );
    assert!(bound.value > bits.value - 4.5 * bits.std_err && bound.value < 6.0);
    let none = Run::open(folder.path()).unwrap();
    assert!(held_out_path(&none, 1, 32, 0).unwrap().is_none(), "one probe has no error");
}
