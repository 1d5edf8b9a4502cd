//! Weights in and out, mistakes included.

use crate::{fail, quick, succeed};
use std::fs;

#[test]
fn a_run_goes_out_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let config = quick(at, "moons", 8);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", "run"]);
    let said = succeed(at, &["export", "run", "-o", "run.safetensors"]);
    assert!(said.contains("run.safetensors"), "{said}");
    let import = ["import", "run.safetensors", "--format", "transport", "--out", "back"];
    succeed(at, &import);
    let model = |run: &str| fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert_eq!(model("run"), model("back"));
    succeed(at, &["sample", "back", "-n", "3", "-o", "x.csv"]);
    fail(at, &import, 1, &["back", "--overwrite"]);
    succeed(at, &[&import[..], &["--overwrite"]].concat());
    assert!(succeed(at, &["info", "back"]).contains("flow-matching"));
}

#[test]
fn what_cannot_be_imported_says_why() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let import = |file: &'static str, format: &'static str| {
        ["import", file, "--format", format, "--out", "out"]
    };
    fail(at, &import("none.pth", "unet2d"), 1, &["none.pth"]);
    fail(at, &import("none.pth", "unet3d"), 2, &["unet3d", "did you mean `unet2d`"]);
    fs::write(at.join("text.pth"), "weights").unwrap();
    fail(at, &import("text.pth", "ddpm-mnist-cnn"), 1, &["text.pth", "not a readable"]);
    fs::write(at.join("cut.pth"), b"PK\x03\x04 and no more").unwrap();
    fail(at, &import("cut.pth", "ddpm-mnist-cnn"), 1, &["cut.pth", "cut short"]);
    fs::create_dir(at.join("folder")).unwrap();
    fail(at, &import("folder", "unet2d"), 1, &["diffusion_pytorch_model.safetensors"]);
    fs::write(at.join("keys.toml"), "rules = [{ prefix = 'a' }]").unwrap();
    let map = [&import("text.pth", "unet2d")[..], &["--map", "keys.toml"]].concat();
    fail(at, &map, 1, &["keys.toml", "rule 1"]);
    fail(at, &["export", "none", "-o", "x.safetensors"], 1, &["none"]);
    fail(at, &["train", "--data", "digits", "--model", "unet2d", "--out", "out"], 2, &["import"]);
    assert!(!at.join("out").exists());
}
