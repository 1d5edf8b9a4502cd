//! Bad input: a clear error, the right exit code, nothing lost.

use crate::{fail, quick, succeed};
use std::fs;
use std::io::Write;
use std::path::Path;

fn train(at: &Path, data: &str, code: i32, words: &[&str]) {
    let args =
        ["train", "--data", data, "--model", "flow-matching", "--steps", "3", "--out", "out"];
    fail(at, &args, code, words);
    assert!(!at.join("out").exists(), "{data}: nothing is created for a run that cannot begin");
}

#[test]
fn tables() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let file = |name: &str, content: &[u8]| fs::write(at.join(name), content).unwrap();
    train(at, "nowhere.csv", 1, &["nowhere.csv"]);
    file("empty.csv", b"");
    train(at, "empty.csv", 1, &["empty.csv"]);
    file("header.csv", b"a,b\n");
    train(at, "header.csv", 1, &["header.csv"]);
    file("one.csv", b"a,b\n1,2\n");
    train(at, "one.csv", 1, &["one.csv", "2"]);
    file("ragged.csv", b"a,b\n1,2\n3\n4,5\n");
    train(at, "ragged.csv", 1, &["ragged.csv", "line 3"]);
    file("text.csv", b"a,b\n1,2\n3,x\n4,5\n");
    train(at, "text.csv", 1, &["text.csv", "`x`", "b"]);
    file("nan.csv", b"a,b\n1,2\n3,NaN\n4,5\n");
    train(at, "nan.csv", 1, &["nan.csv", "b", "2"]);
    file("inf.csv", b"a,b\n1,2\ninf,3\n4,5\n");
    train(at, "inf.csv", 1, &["inf.csv", "a"]);
    file("constant.csv", b"a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n");
    let args = ["--data", "constant.csv", "--model", "flow-matching", "--split", "0"];
    let args = [&["train"][..], &args[..], &["--out", "out"]].concat();
    fail(at, &args, 1, &["constant"]);
    file("good.csv", b"height,weight\n1,2\n2,3\n4,5\n7,5\n");
    let columns =
        ["train", "--data", "good.csv", "--model", "gaussian", "--split", "0", "--out", "out"];
    let with = |name: &'static str| [&columns[..], &["--columns", name]].concat();
    fail(at, &with("hieght"), 1, &["hieght", "height"]);
    train(at, "good.xyz", 1, &["good.xyz"]);
}

#[test]
fn binary_files() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let file = |name: &str, content: &[u8]| fs::write(at.join(name), content).unwrap();
    file("a.npy", b"not numpy at all");
    train(at, "a.npy", 1, &["a.npy"]);
    // A header that announces 10^12 rows in a file of a hundred bytes.
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2), }";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    file("b.npy", &npy);
    train(at, "b.npy", 1, &["b.npy"]);
    file("c-idx3-ubyte", &[0, 0, 9, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7]);
    train(at, "c-idx3-ubyte", 1, &["c-idx3-ubyte"]);
    file("d-idx3-ubyte", &[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1, 7]);
    train(at, "d-idx3-ubyte", 1, &["d-idx3-ubyte"]);
    let mut gz = flate2_like_header();
    gz.extend([1, 2, 3]);
    file("e.csv.gz", &gz);
    train(at, "e.csv.gz", 1, &["e.csv.gz"]);
    fs::create_dir(at.join("pictures")).unwrap();
    train(at, "pictures", 1, &["pictures", "png"]);
}

/// The ten bytes that begin a gzip stream, and nothing that continues one.
fn flate2_like_header() -> Vec<u8> {
    vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
}

#[test]
fn names_and_numbers() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    train(at, "mons", 2, &["mons", "moons"]);
    let base = ["train", "--out", "out"];
    let with = |extra: &[&'static str]| [&base[..], extra].concat();
    fail(at, &with(&["--data", "moons", "--model", "flowmatching"]), 2, &["flow-matching"]);
    fail(at, &with(&["--data", "moons"]), 2, &["--model"]);
    fail(at, &with(&["--model", "flow-matching"]), 2, &["--data"]);
    let moons = |extra: &[&'static str]| {
        [&with(&["--data", "moons", "--model", "flow-matching"])[..], extra].concat()
    };
    fail(at, &moons(&["--steps", "0"]), 2, &["--steps", "at least 1"]);
    fail(at, &moons(&["--batch-size", "0"]), 2, &["--batch-size"]);
    fail(at, &moons(&["--lr", "-1"]), 2, &["--lr"]);
    fail(at, &moons(&["--lr", "NaN"]), 2, &["--lr"]);
    fail(at, &moons(&["--split", "1.5"]), 2, &["--split"]);
    fail(at, &moons(&["--validation", "0.95"]), 2, &["--validation", "--split"]);
    fail(at, &moons(&["--validation", "-0.1"]), 2, &["--validation"]);
    fail(at, &moons(&["--patience", "3"]), 2, &["--patience", "validation rows"]);
    fail(at, &moons(&["--keep", "first"]), 2, &["best", "last"]);
    fail(at, &moons(&["--threads", "0"]), 2, &["--threads"]);
    fail(at, &moons(&["--device", "abacus"]), 2, &["abacus", "flex"]);
    fail(at, &moons(&["--context", "z"]), 1, &["z"]);
    fail(at, &moons(&["--config", "missing.toml"]), 2, &["missing.toml"]);
    fail(at, &moons(&["--resume", "--overwrite"]), 2, &["cannot be used with"]);
    fail(at, &["tarin"], 2, &["train"]);
    fail(at, &["info"], 2, &["<RUN>"]);
    assert!(!at.join("out").exists());
}

#[test]
fn runs_that_are_not_there_or_not_whole() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    fail(at, &["sample", "none", "-n", "3", "-o", "x.csv"], 1, &["none", "transport train"]);
    let config = quick(at, "moons", 8);
    succeed(at, &["train", "--config", config.to_str().unwrap(), "--out", "run"]);
    fail(at, &["sample", "run", "-n", "0", "-o", "x.csv"], 2, &["0 samples"]);
    fail(at, &["sample", "run", "-n", "3", "-o", "x.pdf"], 2, &[".csv", ".npy", ".png"]);
    fail(at, &["sample", "run", "-n", "3", "-o", "x.csv", "--solver", "huen"], 2, &["heun"]);
    fail(at, &["sample", "run", "-n", "3", "-o", "x.csv", "--steps", "0"], 2, &["at least 1"]);
    fail(at, &["sample", "run", "-n", "3", "-o", "no/such/x.csv"], 1, &["no/such"]);
    fail(at, &["sample", "run", "-n", "3", "--given", "label=3", "-o", "x.csv"], 2, &["label"]);
    fail(at, &["evaluate", "run", "-n", "1"], 2, &["at least 2"]);
    fail(at, &["evaluate", "run", "--metrics", "energy,mdm"], 2, &["mdm", "did you mean `mmd`"]);
    fail(at, &["evaluate", "run", "-n", "20", "--metrics", "std", "--json", "no/x"], 1, &["no/x"]);
    if Path::new("/dev/full").exists() {
        fail(at, &["sample", "run", "-n", "3000", "-o", "/dev/full"], 1, &["/dev/full"]);
    }
    assert!(!at.join("x.csv").exists());

    let model = at.join("run/model.safetensors");
    let whole = fs::read(&model).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 0x40;
    fs::write(&model, &damaged).unwrap();
    fail(at, &["info", "run"], 1, &["checksum"]);
    fs::write(&model, &whole[..whole.len() - 9]).unwrap();
    fail(at, &["sample", "run", "-n", "3", "-o", "x.csv"], 1, &["model.safetensors"]);
}

#[test]
fn a_folder_that_cannot_be_written_fails_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(root.path().join("taken")).unwrap();
    file.write_all(b"a file, not a folder").unwrap();
    let config = quick(root.path(), "moons", 5);
    let args = ["train", "--config", config.to_str().unwrap(), "--out", "taken/run"];
    fail(root.path(), &args, 1, &["taken"]);
    let kept = fs::read(root.path().join("taken")).unwrap();
    assert_eq!(kept, b"a file, not a folder");
}
