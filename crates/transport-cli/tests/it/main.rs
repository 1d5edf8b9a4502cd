//! The binary as a person uses it, mistakes included.

mod bad_input;
mod bridge;
mod distance;
mod fit_density;
mod inpaint;
mod interchange;
mod kept;
mod langevin;
mod main_job;
mod names;
mod refused;
mod simulate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn transport() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transport"));
    command.env_remove("TRANSPORT_DEVICE");
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    transport().current_dir(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs and expects success; returns what was printed.
fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs and expects an exit code and words on standard error; nothing panics.
fn fail(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let output = run(folder, args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?} should say `{word}`: {said}");
    }
}

/// A config for a run of a second.
fn quick(folder: &Path, data: &str, steps: u32) -> PathBuf {
    let path = folder.join(format!("quick-{steps}.toml"));
    let text = format!(
        "[data]\nsource = \"{data}\"\npoints = 300\n[model]\nname = \"flow-matching\"\nwidth = 24\ndepth = 2\n\
         [train]\nsteps = {steps}\nbatch_size = 64\n[sample]\nsolver = \"heun\"\nsteps = 10\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}
