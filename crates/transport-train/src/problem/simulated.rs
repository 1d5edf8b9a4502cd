//! Data sets that are drawn from a simulator: its parameters beside its data.

use transport_core::Noise;
use transport_core::law::PointLaw;
use transport_core::law::simulator::{self, Joint, Simulator};
use transport_data::{DataError, Dataset, Support, Table};

/// The simulators as data sets, in the library's order.
pub(super) const NAMES: [&str; 8] = [
    "sbi-two-moons",
    "sbi-gaussian-linear",
    "sbi-gaussian-linear-uniform",
    "sbi-gaussian-mixture",
    "sbi-slcp",
    "sbi-bernoulli-glm",
    "sbi-sir",
    "sbi-lotka-volterra",
];

fn by_name(name: &str) -> Option<Box<dyn Simulator>> {
    name.strip_prefix("sbi-").and_then(simulator::by_name)
}

/// `theta1, …, x1, …`
fn columns(simulator: &dyn Simulator) -> Vec<String> {
    let theta = (1..=simulator.parameters()).map(|k| format!("theta{k}"));
    theta.chain((1..=simulator.data()).map(|k| format!("x{k}"))).collect()
}

/// `n` draws of parameters and data, when the name is a simulator's.
///
/// # Errors
/// [`DataError`] never, for the simulators of the library.
pub(super) fn draw(name: &str, n: usize, seed: u64) -> Result<Option<Dataset>, DataError> {
    let Some(simulator) = by_name(name) else { return Ok(None) };
    let columns = columns(&*simulator);
    let values = Joint(simulator).draws(&Noise::new(seed, n).purpose("data"));
    let source = format!("{n} draws of the simulator `{name}`");
    Ok(Some(Dataset::from_table(name, Table::new(columns, values)?, source)))
}

/// The supports of a table's columns, known for the parameters of a simulator.
///
/// # Errors
/// [`DataError`] never, for the simulators of the library.
pub(super) fn supports(name: &str, table: &Table) -> Result<Vec<Option<Support>>, DataError> {
    let simulator = by_name(name);
    let support = |column: &String| match &simulator {
        Some(s) if column.starts_with("theta") => {
            let interval = s.support();
            Support::new(interval.start, interval.end)
        }
        _ => Ok(None),
    };
    table.names().iter().map(support).collect()
}
