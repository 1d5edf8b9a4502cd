//! Model files, checkpoints and the folder: whole, or refused with the reason.

use crate::folder;
use serde_json::{Map, Value};
use std::fs;
use transport_train::store::{Archive, RunState, StoreError, read, write};
use transport_train::weights::{Array, Weights};

fn archive(value: f32) -> Archive {
    let array = Array { shape: vec![2, 2], values: vec![value, -1.0, f32::MIN_POSITIVE, 4.0] };
    let mut weights = Weights(Default::default());
    weights.0.insert("b.weight".into(), array.clone());
    weights.0.insert("a.bias".into(), Array { shape: vec![1], values: vec![value] });
    weights.put("nested", Weights([("x".to_owned(), array)].into()));
    let card: Map<String, Value> =
        [("step".to_owned(), 3.into()), ("pi".to_owned(), std::f64::consts::PI.into())]
            .into_iter()
            .collect();
    Archive { card, weights }
}

#[test]
fn what_is_written_is_read_and_equal_content_is_equal_bytes() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (root.path().join("a"), root.path().join("b"));
    write(&a, &archive(1.0)).unwrap();
    write(&b, &archive(1.0)).unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    let back = read(&a).unwrap();
    assert_eq!(back.weights, archive(1.0).weights);
    assert_eq!(back.card["pi"].as_f64(), Some(std::f64::consts::PI));
    assert_eq!(back.weights.part("nested").0.len(), 1);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("m");
    write(&path, &archive(1.0)).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for k in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[k] ^= 0x20;
        fs::write(&path, &damaged).unwrap();
        match read(&path) {
            Err(_) => noticed += 1,
            // White space after the header's JSON carries nothing.
            Ok(same) => assert_eq!(same, {
                fs::write(&path, &whole).unwrap();
                read(&path).unwrap()
            }),
        }
    }
    assert!(noticed > whole.len() - 16, "{noticed} of {}", whole.len());
    for cut in [0, 1, 7, 8, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(read(&path).is_err(), "cut to {cut} bytes");
    }
    // A header that announces more than the file holds.
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&path, &huge).unwrap();
    assert!(matches!(read(&path).unwrap_err(), StoreError::Malformed { .. }));
}

#[test]
fn a_damaged_checkpoint_offers_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    folder.begin().unwrap();
    assert!(folder.read_checkpoint().unwrap().is_none());
    folder.write_checkpoint(&archive(1.0)).unwrap();
    folder.write_checkpoint(&archive(2.0)).unwrap();
    assert_eq!(folder.read_checkpoint().unwrap().unwrap().weights, archive(2.0).weights);

    let newest = folder.file("checkpoint.safetensors");
    let mut bytes = fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&newest, bytes).unwrap();
    let error = folder.read_checkpoint().unwrap_err();
    assert!(matches!(error, StoreError::PreviousWhole { .. }));
    let text = error.to_string();
    assert!(text.contains("checksum") && text.contains("previous checkpoint"), "{text}");
    fs::rename(folder.file("checkpoint.previous.safetensors"), &newest).unwrap();
    assert_eq!(folder.read_checkpoint().unwrap().unwrap().weights, archive(1.0).weights);
}

#[test]
fn a_folder_knows_what_it_holds() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    assert_eq!(folder.state(), RunState::Empty);
    let error = folder.read_model().unwrap_err().to_string();
    assert!(error.contains("no trained model") && error.contains("transport train"), "{error}");
    folder.begin().unwrap();
    folder.write_config("a = 1").unwrap();
    assert_eq!(folder.state(), RunState::Unfinished);
    assert!(folder.begin().unwrap_err().to_string().contains("--resume"));
    folder.write_checkpoint(&archive(1.0)).unwrap();
    folder.finish(&archive(1.0)).unwrap();
    assert_eq!(folder.state(), RunState::Finished);
    assert!(!folder.file("checkpoint.safetensors").exists());
    fs::write(folder.file("notes.txt"), "mine").unwrap();
    // A finished run waits until the one in its place has finished, and comes back if that fails.
    folder.replace().unwrap();
    assert_eq!(folder.state(), RunState::Empty);
    assert!(folder.file("notes.txt").exists(), "only a run's own files are moved");
    folder.write_config("a = 2").unwrap();
    folder.replace().unwrap();
    folder.restore().unwrap();
    assert_eq!(folder.read_model().unwrap().weights, archive(1.0).weights);
    assert_eq!(folder.read_config().unwrap(), "a = 1");
    folder.replace().unwrap();
    folder.begin().unwrap();
    folder.finish(&archive(2.0)).unwrap();
    assert!(!folder.file("replaced").exists());
    folder.restore().unwrap();
    assert_eq!(folder.read_model().unwrap().weights, archive(2.0).weights);
}

#[test]
fn metrics_are_rewound_and_survive_a_cut_line() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path(), "run");
    folder.begin().unwrap();
    for step in [10, 20, 30] {
        folder.append_metrics(&serde_json::json!({ "step": step })).unwrap();
    }
    let path = folder.file("metrics.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"step\": 4");
    fs::write(&path, text).unwrap();
    assert_eq!(folder.metrics().unwrap().len(), 3);
    folder.rewind_metrics(20).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":10}\n{\"step\":20}\n");
}

#[test]
fn weights_that_do_not_fit_name_the_array() {
    let weights = archive(1.0).weights;
    let missing = weights.get("c", &[1]).unwrap_err().to_string();
    assert!(missing.contains("`c`"), "{missing}");
    let shape = weights.get("a.bias", &[3]).unwrap_err().to_string();
    assert!(shape.contains("[1]") && shape.contains("[3]"), "{shape}");
}
