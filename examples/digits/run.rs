//! The run that the studies of the digits share: a class-conditional model with a null context.
use transport::data::Table;
use transport::train::{Config, Folder, Guidance, Mode, Request, Run, Silent, config, train};

pub type Fault = Box<dyn std::error::Error>;

/// The trained model, trained when it is first asked for.
pub fn run() -> Result<(Run, Folder), Fault> {
    let mut config = Config::new("digits", "flow-matching")?;
    config.data.context = vec!["label".to_owned()];
    config.model.settings.insert("context_dropout".to_owned(), 0.1.into());
    config.model.settings.insert("width".to_owned(), 192.into());
    (config.train.steps, config.train.batch_size) = (6000, 128);
    let folder = Folder::new(&std::env::temp_dir().join("transport-digits-by-label"));
    train(&config, &folder, Mode::Resume, &mut Silent)?;
    Ok((Run::open(folder.path())?, folder))
}

/// `each` draws of each class, class after class.
pub fn by_class(
    run: &Run,
    each: usize,
    guidance: Option<Guidance>,
    plan: Option<config::SampleConfig>,
) -> Result<Table, Fault> {
    let mut values = Vec::new();
    for label in 0..10u32 {
        let given = vec![("label".to_owned(), f64::from(label))];
        let seed = u64::from(label);
        let request = Request { n: each, seed, given, guidance, plan };
        values.extend(run.draw(&request)?.into_values());
    }
    Ok(Table::new(run.card().schema.names.clone(), values)?)
}
