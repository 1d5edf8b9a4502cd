//! The digit classifier: published outputs, and files that are not its weights.

use std::path::PathBuf;
use transport_core::testkit::max_or_nan;
use transport_data::read;
use transport_train::evaluate::{Classifier, ClassifierError};
use transport_train::store::StoreError;
use transport_train::weights::{Array, Weights, WeightsError};

fn data(name: &str) -> PathBuf {
    let folder = std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA names the data sets");
    PathBuf::from(folder).join(name)
}

fn opened() -> Classifier {
    Classifier::open(data("weights/mnist_cnn_burn/mnist.safetensors")).unwrap()
}

/// The test images, without their labels.
fn images() -> Vec<f64> {
    let set = read(&data("mnist/t10k-images-idx3-ubyte.gz")).unwrap();
    set.select(None, &[]).unwrap().features.values().to_vec()
}

fn close(got: &[f64], name: &str) {
    let expected = read(&data(&format!("weights/mnist_cnn_burn/{name}"))).unwrap().table;
    assert_eq!(got.len(), expected.values().len());
    let gap = got.iter().zip(expected.values()).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
    assert!(gap < 1e-4, "{name}: {gap}");
}

/// Outputs on MNIST test images 0 to 7, made with PyTorch and stored beside the weights; the same
/// source measured an accuracy of 99.17 % and a Fréchet distance of 7.594 between the features of
/// the first and the last 5000 test images.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn published_outputs_are_met() {
    let (classifier, images) = (opened(), images());
    let eight = &images[..8 * 784];
    close(&classifier.log_probabilities(eight), "fixture_test0-7_logsoftmax.npy");
    close(&classifier.features(eight), "fixture_test0-7_feat32.npy");
    let (first, last) = images.split_at(5000 * 784);
    let judged = classifier.judge(first, last);
    assert!((judged.frechet - 7.594).abs() < 0.01, "{judged:?}");
    assert!(judged.sure > 0.97 && (judged.smallest_share - 0.085).abs() < 0.01, "{judged:?}");
}

#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn it_reads_the_labels_of_mnist() {
    let set = read(&data("mnist/t10k-images-idx3-ubyte.gz")).unwrap();
    let label = set.table.index_of("label").unwrap();
    let p = opened().probabilities(&images());
    let right = p.chunks_exact(10).enumerate().filter(|(i, p)| {
        let best = (0..10).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
        set.table.row(*i)[label] == best as f64
    });
    assert_eq!(right.count(), 9917);
}

/// A file with the given arrays, in the classifier's format.
fn file(weights: &Weights) -> tempfile::NamedTempFile {
    use safetensors::tensor::{Dtype, TensorView};
    let bytes: Vec<(&String, &Array, Vec<u8>)> = weights
        .0
        .iter()
        .map(|(n, a)| (n, a, a.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes.iter().map(|(name, array, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, array.shape.clone(), bytes).unwrap())
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
    file
}

fn blank() -> Weights {
    let shapes: [(&str, &[usize]); 18] = [
        ("conv1.weight", &[8, 1, 3, 3]),
        ("conv1.bias", &[8]),
        ("conv2.weight", &[16, 8, 3, 3]),
        ("conv2.bias", &[16]),
        ("conv3.weight", &[24, 16, 3, 3]),
        ("conv3.bias", &[24]),
        ("norm1.weight", &[24]),
        ("norm1.bias", &[24]),
        ("norm1.running_mean", &[24]),
        ("norm1.running_var", &[24]),
        ("fc1.weight", &[32, 11616]),
        ("fc1.bias", &[32]),
        ("fc2.weight", &[10, 32]),
        ("fc2.bias", &[10]),
        ("norm2.weight", &[10]),
        ("norm2.bias", &[10]),
        ("norm2.running_mean", &[10]),
        ("norm2.running_var", &[10]),
    ];
    let array = |shape: &[usize]| Array {
        shape: shape.to_vec(),
        values: vec![0.01; shape.iter().product()],
    };
    Weights(shapes.into_iter().map(|(name, shape)| (name.to_owned(), array(shape))).collect())
}

/// Equal weights make equal classes: every probability is a tenth.
#[test]
fn equal_weights_are_undecided() {
    let classifier = Classifier::open(file(&blank()).path()).unwrap();
    let p = classifier.probabilities(&vec![128.0; 3 * 784]);
    assert_eq!(p.len(), 30);
    assert!(p.iter().all(|p| (p - 0.1).abs() < 1e-6));
    assert_eq!(classifier.features(&vec![0.0; 784]).len(), 32);
}

#[test]
fn files_that_are_not_its_weights_are_refused_by_name() {
    let mut missing = blank();
    missing.0.remove("norm2.running_var");
    let error = Classifier::open(file(&missing).path()).unwrap_err();
    assert!(
        matches!(&error, ClassifierError::Store(StoreError::Weights {
            source: WeightsError::Missing { name }, ..
        }) if name == "norm2.running_var"),
        "{error}"
    );
    for (name, shape) in [("fc1.weight", vec![32, 100]), ("conv3.bias", vec![8, 3])] {
        let mut wrong = blank();
        let values = vec![0.0; shape.iter().product()];
        wrong.0.insert(name.to_owned(), Array { shape, values });
        let error = Classifier::open(file(&wrong).path()).unwrap_err();
        assert!(
            matches!(&error, ClassifierError::Store(StoreError::Weights {
                source: WeightsError::Shape { name: found, .. }, ..
            }) if found == name),
            "{error}"
        );
    }
    let error = Classifier::open("no/such/file").unwrap_err();
    assert!(matches!(error, ClassifierError::Store(StoreError::Io { .. })), "{error}");
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "weights").unwrap();
    let error = Classifier::open(text.path()).unwrap_err();
    assert!(matches!(error, ClassifierError::Store(StoreError::Malformed { .. })), "{error}");
}

#[test]
fn a_run_without_such_images_is_refused() {
    use transport_train::{Config, Folder, Mode, Run, Silent, train};
    let root = tempfile::tempdir().unwrap();
    let classifier = Classifier::open(file(&blank()).path()).unwrap();
    for (source, found) in [("digits", "8×8×1"), ("moons", "2 columns that are no image")] {
        let folder = Folder::new(&root.path().join(source));
        let mut config = Config::new(source, "gaussian").unwrap();
        config.train.steps = 1;
        train(&config, &folder, Mode::Fresh, &mut Silent).unwrap();
        let error = classifier.judge_run(&Run::open(folder.path()).unwrap(), 10, 0).unwrap_err();
        assert!(error.to_string().ends_with(found), "{error}");
    }
}
