//! From data to figure without the binary: train flow matching on two moons, judge it, draw it.
//!
//! cargo run --release --example learned_moons
use transport::train::{Config, Folder, Mode, Request, Run, Silent, evaluate, train};
use transport::viz::{Frame, Points, trajectories};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::new("moons", "flow-matching")?;
    config.model.settings.insert("width".into(), 64.into());
    config.train.steps = 2000;
    let folder = Folder::new(&std::env::temp_dir().join("transport-learned-moons"));
    train(&config, &folder, Mode::Overwrite, &mut Silent)?;

    let run = Run::open(folder.path())?;
    if let Some(report) = evaluate(&run, 1000, 0)? {
        for m in report.metrics {
            println!(
                "{:<20} {:>8.4}   gaussian {:>8.4}   floor {:>8}",
                m.name,
                m.model.value,
                m.gaussian.value,
                m.floor.map_or("-".to_owned(), |floor| format!("{:.4}", floor.value)),
            );
        }
    }
    let knots = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
    let request = Request { n: 2000, ..Request::default() };
    let states = run.trace(&request, &knots)?.ok_or("flow matching has paths")?;
    let mut frames = Vec::new();
    for (t, state) in knots.iter().zip(&states) {
        frames.push(Frame { t: *t, points: Points::new(state.values(), 2)? });
    }
    let path = folder.file("transport.png");
    trajectories(&path, &frames, None, ("x", "y"))?;
    println!("wrote {}", path.display());
    Ok(())
}
