use proptest::prelude::*;
use transport_data::{DataError, ImageShape, read, read_idx};

use crate::{file, folder, gzip, names};

fn idx(code: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, sizes.len() as u8];
    sizes.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn error(content: impl AsRef<[u8]>) -> DataError {
    let dir = folder();
    let path = file(&dir, "a-ubyte", content);
    let e = read_idx(&path, None).unwrap_err();
    names(&e, &path);
    e
}

#[test]
fn images_and_their_labels() {
    let dir = folder();
    let images = idx(8, &[3, 1, 2], &[0, 1, 2, 3, 4, 255]);
    let path = file(&dir, "train-images-idx3-ubyte.gz", gzip(&images));
    let alone = read(&path).unwrap();
    assert_eq!(alone.table.names(), ["p00", "p01"]);
    file(&dir, "train-labels-idx1-ubyte", idx(8, &[3], &[7, 8, 9]));
    for place in [path.as_path(), dir.path()] {
        let data = read(place).unwrap();
        assert_eq!(data.table.names(), ["p00", "p01", "label"]);
        assert_eq!(data.table.row(2), [4.0, 255.0, 9.0]);
        assert_eq!(data.features, [0, 1]);
        assert_eq!(data.image, Some(ImageShape { height: 1, width: 2, channels: 1 }));
        assert_eq!(data.range, Some((0.0, 255.0)));
    }
    file(&dir, "train-labels-idx1-ubyte", idx(8, &[2], &[7, 8]));
    let e = read(&path).unwrap_err();
    assert!(matches!(e, DataError::LabelCount { images: 3, labels: 2, .. }), "{e}");
    file(&dir, "train-labels-idx1-ubyte", idx(8, &[3, 2], &[0; 6]));
    assert!(matches!(read(&path).unwrap_err(), DataError::Shape { .. }));
}

#[test]
fn every_element_type() {
    let dir = folder();
    for (code, one, minus_two) in [
        (0x09, vec![1], vec![0xfe]),
        (0x0b, vec![0, 1], vec![0xff, 0xfe]),
        (0x0c, vec![0, 0, 0, 1], vec![0xff, 0xff, 0xff, 0xfe]),
        (0x0d, 1f32.to_be_bytes().to_vec(), (-2f32).to_be_bytes().to_vec()),
        (0x0e, 1f64.to_be_bytes().to_vec(), (-2f64).to_be_bytes().to_vec()),
    ] {
        let path = file(&dir, "a.idx", idx(code, &[2, 1], &[one, minus_two].concat()));
        let data = read(&path).unwrap();
        assert_eq!((data.table.values(), data.range), (&[1.0, -2.0][..], None));
    }
    let colour = read(&file(&dir, "a.idx", idx(8, &[2, 1, 1, 3], &[1, 2, 3, 4, 5, 6]))).unwrap();
    assert_eq!(colour.table.names(), ["p00_0", "p00_1", "p00_2"]);
    // Told by content.
    assert_eq!(read(&file(&dir, "what", idx(8, &[2], &[1, 2]))).unwrap().table.names(), ["x0"]);
}

#[test]
fn broken_arrays_are_refused() {
    let e = error(b"PNG!");
    assert!(matches!(&e, DataError::IdxMagic { found, .. } if found == b"PNG!"));
    assert!(e.to_string().contains("[50, 4e, 47, 21]"), "{e}");
    assert!(matches!(error([0, 0]), DataError::IdxMagic { .. }));
    assert!(matches!(error(idx(0x0a, &[1], &[1])), DataError::IdxMagic { .. }));
    assert!(matches!(error([0, 0, 8, 5]), DataError::IdxMagic { .. }));
    assert!(matches!(
        error([0, 0, 8, 2, 0, 0]),
        DataError::Truncated { expected: 8, found: 2, .. }
    ));
    let e = error(idx(8, &[2, 3], &[0; 5]));
    assert!(matches!(e, DataError::Truncated { expected: 6, found: 5, .. }), "{e}");
    assert!(matches!(
        error(idx(8, &[2, 3], &[0; 7])),
        DataError::TrailingBytes { expected: 6, .. }
    ));
    assert!(matches!(error(idx(8, &[2, 0], &[])), DataError::Shape { .. }));
    assert!(matches!(error(idx(8, &[0, 2], &[])), DataError::TooFewRows { rows: 0, .. }));
    let nan = idx(
        0x0d,
        &[2, 2],
        &[[0; 12], [0x7f, 0xc0, 0, 0].repeat(3).try_into().unwrap()].concat()[..16],
    );
    let e = error(nan);
    assert!(matches!(&e, DataError::NotFinite { row: 2, column, .. } if column == "x1"), "{e}");
}

/// Sizes are believed only when the bytes are there.
#[test]
fn announced_sizes_allocate_nothing() {
    let huge = [u32::MAX; 4];
    assert!(matches!(error(idx(8, &huge, &[0; 9])), DataError::Truncated { found: 9, .. }));
    assert!(matches!(error(gzip(idx(8, &huge, &[0; 9]))), DataError::TooLarge { .. }));
    let e = error(gzip(idx(8, &[1 << 29, 2], &[0; 9])));
    assert!(matches!(e, DataError::Truncated { found: 9, .. }), "{e}");
    let e = error(gzip(idx(8, &[1, 1 << 28], &[0; 9])));
    assert!(matches!(e, DataError::TooLarge { what: "columns", .. }), "{e}");
    assert!(matches!(error(gzip(idx(8, &[2], &[0; 9]))), DataError::TrailingBytes { .. }));
    let whole = gzip(idx(8, &[2000], &(0..2000).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()));
    assert!(matches!(error(&whole[..whole.len() / 2]), DataError::Gzip { .. }));
}

proptest! {
    #[test]
    fn nothing_panics(start in prop::sample::select(vec![0x08, 0x09, 0x0b, 0x0e]), k in 1..5_u8, rest: Vec<u8>) {
        let dir = folder();
        let _ = read_idx(&file(&dir, "a.idx", [vec![0, 0, start, k], rest].concat()), None);
    }
}
