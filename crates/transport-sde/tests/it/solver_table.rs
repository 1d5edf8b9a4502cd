//! The table of solvers in the book is the declared constants'.

use transport_sde::Solver;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/solvers.md");
const BEGIN: &str = "<!-- generated from the declared constants: begin -->\n\n";
const END: &str = "\n<!-- end -->";

fn table() -> String {
    let head = "| name | integrates | declared order | evaluations a step | embedded | dense |\n\
                |---|---|---|---|---|---|\n";
    let row = |solver: &Solver| {
        let adaptive = solver.adaptivity();
        let embedded = adaptive
            .map(|a| a.embedded.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let dense = adaptive.map(|a| a.dense.to_string());
        format!(
            "| `{}` | {:?} | {} | {} | {} | {} |\n",
            solver.name(),
            solver.kind(),
            solver.order(),
            solver.stages(),
            embedded.unwrap_or_default(),
            dense.unwrap_or_default(),
        )
    };
    head.to_owned() + &Solver::ALL.iter().map(row).collect::<String>()
}

#[test]
fn the_books_table_is_the_registrys() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the marker");
    let (committed, after) = rest.split_once(END).expect("the page has the end marker");
    let generated = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, [before, BEGIN, &generated, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        committed, generated,
        "the table is out of date: UPDATE_DOCS=1 cargo test --release -p transport-sde --test it \
         -- solver_table"
    );
}
