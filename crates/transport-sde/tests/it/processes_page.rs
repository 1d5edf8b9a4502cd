//! The tables of the page on processes are what the library says.

use transport_core::process::{
    CondOt, Cosine, Ddpm, Edm, LinearSde, OrnsteinUhlenbeck, SubVp, Ve, Vp,
};
use transport_sde::simulate::named::{ALL, Entry};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/processes.md");
    std::fs::read_to_string(path).unwrap()
}

/// The marginal with default parameters.
fn linear(name: &str) -> Option<Box<dyn LinearSde>> {
    Some(match name {
        "vp" => Box::new(Vp::default()),
        "subvp" => Box::new(SubVp::default()),
        "ve" => Box::new(Ve::default()),
        "cosine" => Box::new(Cosine::default()),
        "edm" => Box::new(Edm::default()),
        "condot" => Box::new(CondOt),
        "ou" => Box::new(OrnsteinUhlenbeck::default()),
        _ => return None,
    })
}

fn row(entry: &Entry) -> String {
    let process = entry.build(&[], 2).unwrap();
    let short = |v: f64| (v * 1e4).round() / 1e4;
    let parameters: Vec<String> =
        entry.parameters.iter().map(|p| format!("{} {}", p.name, short(p.default))).collect();
    let exact = if process.exact.is_some() { "yes" } else { "no" };
    let end = linear(entry.name).map(|p| p.marginal(process.domain.followed().end));
    let (alpha, sigma) = end
        .map_or(("".to_owned(), "".to_owned()), |(a, s)| (format!("{a:.3e}"), format!("{s:.4}")));
    let parameters = parameters.join(", ");
    let (name, domain) = (entry.name, process.domain);
    format!("| `{name}` | {parameters} | {domain} | {exact} | {alpha} | {sigma} |")
}

#[test]
fn the_table_of_names_is_current() {
    let page = page();
    for line in ALL.iter().map(row) {
        assert!(page.contains(&line), "docs/src/processes.md lacks the line\n{line}");
    }
}

#[test]
fn the_table_of_gaps_is_current() {
    let page = page();
    for n in [100, 1000, 10_000] {
        let gap = Ddpm::of_vp(&Vp::default(), n).unwrap().gap(&Vp::default(), n);
        let line = format!("| {n} | {gap:.5} |");
        assert!(page.contains(&line), "docs/src/processes.md lacks the line\n{line}");
    }
}
