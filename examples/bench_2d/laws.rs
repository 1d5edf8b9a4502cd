//! The laws of the planar benchmark, each with its exact definition.

use std::sync::Arc;
use transport::core::Noise;
use transport::core::law::{Gaussian, Mixture, PointLaw, plane};
use transport::core::noise::Stream;

/// `a ⊙ x + b` of a planar law.
struct Moved {
    law: Box<dyn PointLaw>,
    scale: [f64; 2],
    shift: [f64; 2],
}

impl PointLaw for Moved {
    fn dim(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        self.law.draw(stream, out);
        (0..2).for_each(|i| out[i] = self.scale[i] * out[i] + self.shift[i]);
    }
}

/// A pair of laws with its definition in words.
pub struct Task {
    pub name: &'static str,
    pub source: Arc<dyn PointLaw>,
    pub target: Arc<dyn PointLaw>,
}

/// What each law is, to the last number.
pub const DEFINITIONS: [(&str, &str); 4] = [
    ("normal", "N(0, I)"),
    (
        "8gaussians",
        "8 equal round Gaussians of variance 0.1, centres at radius 5, the first at angle 0",
    ),
    (
        "moons",
        "half circles of radius 3: 3 (cos a, sin a) − 1 and 3 (1 − cos a, ½ − sin a) − 1, a uniform on [0, π], noise of standard deviation 0.6",
    ),
    (
        "s-curve",
        "3 (sin a, sgn(a)(cos a − 1)), a uniform on [−3π/2, 3π/2], noise of standard deviation 0.2",
    ),
];

fn law(name: &str) -> Arc<dyn PointLaw> {
    match name {
        "normal" => Arc::new(Gaussian::standard(2)),
        "8gaussians" => Arc::new(Mixture::circle(8, 5.0, 0.1f64.sqrt())),
        // The library's moons are doubled and centred at (½, ¼).
        "moons" => Arc::new(Moved {
            law: Box::new(plane::Moons { noise: 0.4 }),
            scale: [1.5; 2],
            shift: [0.5, -0.25],
        }),
        "s-curve" => Arc::new(Moved {
            law: Box::new(plane::SCurve { noise: 0.1 }),
            scale: [2.0; 2],
            shift: [0.0; 2],
        }),
        other => unreachable!("a law called {other}"),
    }
}

/// The tasks by name.
pub fn tasks(names: &[String]) -> Result<Vec<Task>, String> {
    let known = ["normal-8gaussians", "8gaussians-moons", "normal-moons", "normal-s-curve"];
    let task = |name: &String| {
        let name = known.into_iter().find(|k| k == name);
        let name = name.ok_or_else(|| format!("tasks are {}", known.join(", ")))?;
        let (source, target) = name.split_once('-').ok_or("a task has two ends")?;
        Ok(Task { name, source: law(source), target: law(target) })
    };
    names.iter().map(task).collect()
}

/// `n` draws of a law for one purpose.
pub fn draws(law: &Arc<dyn PointLaw>, seed: u64, purpose: &str, n: usize) -> Vec<f64> {
    law.draws(&Noise::new(seed, n).purpose("bench").purpose(purpose))
}
