//! Published data, in the folder that `TRANSPORT_DATA` names.

use std::path::PathBuf;

use transport_data::{ImageShape, read};

fn data(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("TRANSPORT_DATA").unwrap()).join(name)
}

/// UCI red wine: 1599 rows of 11 measurements and a quality from 3 to 8.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn wine() {
    let wine = read(&data("tabular_uci/wine.csv.gz")).unwrap();
    assert_eq!((wine.table.rows(), wine.table.cols(), wine.skipped.len()), (1599, 12, 0));
    assert_eq!((wine.name.as_str(), wine.table.names()[11].as_str()), ("wine", "x11"));
}

/// MNIST: 60000 images; 5923 of them are zeros (LeCun et al.).
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn mnist() {
    let start = std::time::Instant::now();
    let mnist = read(&data("mnist")).unwrap();
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert_eq!((mnist.table.rows(), mnist.table.cols()), (60000, 785));
    assert_eq!(mnist.image, Some(ImageShape { height: 28, width: 28, channels: 1 }));
    assert_eq!(mnist.table.column(784).filter(|label| *label == 0.0).count(), 5923);
    assert_eq!((mnist.name.as_str(), mnist.features.len()), ("mnist", 784));
}

/// The Datasaurus Dozen: 13 sets of 142 points, the set's name in a column of text.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn datasaurus() {
    let points = read(&data("points2d/DatasaurusDozen-Long.tsv")).unwrap();
    assert_eq!((points.table.rows(), points.table.cols()), (13 * 142, 2));
    assert_eq!(points.skipped, ["dataset"]);
}
