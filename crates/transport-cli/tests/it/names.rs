//! The README names everything that `info --list` does.

use crate::succeed;

#[test]
fn the_readme_names_every_model_solver_process_and_data_set() {
    let readme = include_str!("../../../../README.md");
    let root = tempfile::tempdir().unwrap();
    let list = succeed(root.path(), &["info", "--list"]);
    let rows = list.lines().filter(|line| line.starts_with("  "));
    let names = rows.filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| !matches!(*name, "name" | "a")).collect();
    assert!(names.len() > 50, "{list}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "`{name}` is not in the README");
    }
}
