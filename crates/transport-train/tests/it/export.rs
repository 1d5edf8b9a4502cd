//! Runs as one file for others, and back.

use crate::{bytes, folder, small};
use serde_json::Value;
use transport_train::export::ExportError;
use transport_train::import::{Format, Import, ImportError, import};
use transport_train::store::StoreError;
use transport_train::{Config, Mode, Run, Silent, export, train};

fn made(name: &str, config: &Config, root: &std::path::Path) -> transport_train::Folder {
    let folder = folder(root, name);
    train(config, &folder, Mode::Fresh, &mut Silent).unwrap();
    folder
}

/// Out and back, the model file and the samples are the same to the bit, for a learned velocity, a
/// flow with two-way layers, a model with a context and a baseline.
#[test]
fn a_run_comes_back_to_the_bit() {
    let root = tempfile::tempdir().unwrap();
    for name in ["flow-matching", "edm", "nsf", "gaussian", "context"] {
        let mut config = small(5);
        if name == "context" {
            config.data.source = "digits".into();
            config.data.context = vec!["label".into()];
        } else {
            let fresh = Config::new("moons", name).unwrap();
            (config.model, config.sample) = (fresh.model, fresh.sample);
        }
        config.sample.steps = 3;
        let run = made(name, &config, root.path());
        let file = root.path().join(format!("{name}.safetensors"));
        export(&run, &file).unwrap();
        let back = folder(root.path(), &format!("{name}-back"));
        import(&Import::new(&file, Format::Transport), &back, false).unwrap();
        let model = "model.safetensors";
        assert_eq!(bytes(&run, model), bytes(&back, model), "{name}");
        let draw = |folder: &transport_train::Folder| {
            Run::open(folder.path()).unwrap().sample(20, 3).unwrap().values().to_vec()
        };
        assert_eq!(draw(&run), draw(&back), "{name}");
        let config = Config::parse(&back.read_config().unwrap()).unwrap();
        assert_eq!(config.model, Config::parse(&run.read_config().unwrap()).unwrap().model);
    }
}

/// What the card promises is there: shapes of all tensors, the network's sizes, the schedule's
/// table, what is predicted.
#[test]
fn the_card_says_how_to_read_the_file() {
    let root = tempfile::tempdir().unwrap();
    let run = made("run", &small(5), root.path());
    let file = root.path().join("out.safetensors");
    export(&run, &file).unwrap();
    let content = std::fs::read(&file).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&content).unwrap();
    let text = header.metadata().as_ref().unwrap()["transport"].clone();
    let card: Value = serde_json::from_str(&text).unwrap();
    let about = &card["export"];
    let tensors = safetensors::SafeTensors::deserialize(&content).unwrap();
    assert_eq!(about["tensors"].as_object().unwrap().len(), tensors.len());
    for (name, view) in tensors.iter() {
        assert_eq!(about["tensors"][name], serde_json::json!(view.shape()), "{name}");
    }
    assert_eq!(about["network"]["kind"], "mlp");
    assert_eq!(about["network"]["width"], 32);
    let turns = about["network"]["turns"].as_array().unwrap();
    assert_eq!((turns.len(), &turns[0], &turns[15]), (16, &0.25.into(), &16.0.into()));
    assert_eq!(about["head"]["predicts"]["plain"], "velocity");
    assert_eq!(about["schedule"]["name"], "rectified");
    for row in about["schedule"]["table"].as_array().unwrap() {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(row, [row[0], row[0], 1.0 - row[0], 1.0, -1.0]);
    }
}

#[test]
fn what_is_no_export_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let nothing = export(&folder(root.path(), "none"), &root.path().join("x")).unwrap_err();
    assert!(matches!(nothing, ExportError::Store(StoreError::NoModel { .. })), "{nothing}");
    let run = made("run", &small(5), root.path());
    let file = root.path().join("out.safetensors");
    export(&run, &file).unwrap();
    let nowhere = export(&run, &root.path().join("no/such/file")).unwrap_err();
    assert!(matches!(nowhere, ExportError::Store(StoreError::Io { .. })), "{nowhere}");
    let mut damaged = std::fs::read(&file).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let back = folder(root.path(), "back");
    let what = Import::new(&file, Format::Transport);
    let error = import(&what, &back, false).unwrap_err();
    let damage =
        matches!(&error, ImportError::Export(ExportError::Store(StoreError::Checksum { .. })));
    assert!(damage && !back.path().exists(), "{error}");
    let renamed = Import { map: Some(file.clone()), ..what };
    let error = import(&renamed, &back, false).unwrap_err();
    assert!(matches!(error, ImportError::Unread { option: "map", .. }), "{error}");
}

/// Weights that do not open as a run replace none.
#[test]
fn a_run_is_kept_until_another_opens() {
    let root = tempfile::tempdir().unwrap();
    let run = made("run", &small(5), root.path());
    let mut archive = run.read_model().unwrap();
    let lost = archive.weights.0.keys().next().unwrap().clone();
    archive.weights.0.remove(&lost);
    let broken = folder(root.path(), "broken");
    broken.begin().unwrap();
    broken.finish(&archive).unwrap();
    let what = Import::new(&broken.file("model.safetensors"), Format::Transport);
    let error = import(&what, &run, true).unwrap_err();
    assert!(matches!(error, ImportError::Open(_)) && error.to_string().contains(&lost), "{error}");
    Run::open(run.path()).unwrap();
}
