use std::path::Path;

use transport_data::{DataError, read, read_csv, read_idx, read_npy};

use crate::{file, folder, names};

#[test]
fn kinds_are_told_by_ending() {
    let dir = folder();
    for name in ["t.csv", "t.TSV", "t.txt", "t.data", "t.dat"] {
        let data = read(&file(&dir, name, "a\tb\n1\t2\n3\t4\n")).unwrap();
        assert_eq!((data.name.as_str(), data.features), ("t", vec![0, 1]));
        assert!(data.source.contains(name) && data.image.is_none() && data.skipped.is_empty());
    }
    let path = file(&dir, "t.parquet", "PAR1");
    let e = read(&path).unwrap_err();
    names(&e, &path);
    assert!(matches!(e, DataError::UnknownKind { .. }) && e.to_string().contains(".csv"));
}

#[test]
fn too_few_rows_are_refused_by_read_only() {
    let dir = folder();
    for (content, n) in [("a,b\n", 0), ("a,b\n1,2\n", 1)] {
        let path = file(&dir, "t.csv", content);
        let e = read(&path).unwrap_err();
        names(&e, &path);
        assert!(matches!(e, DataError::TooFewRows { rows, needed: 2, .. } if rows == n));
        assert_eq!(read_csv(&path).unwrap().rows(), n);
    }
}

#[test]
fn paths_without_a_file_are_named() {
    let dir = folder();
    let missing = dir.path().join("none.csv");
    type Reader = fn(&Path) -> Result<(), DataError>;
    let readers: [Reader; 4] = [
        |p| read(p).map(drop),
        |p| read_csv(p).map(drop),
        |p| read_npy(p).map(drop),
        |p| read_idx(p, None).map(drop),
    ];
    for reader in readers {
        let e = reader(&missing).unwrap_err();
        names(&e, &missing);
        assert!(matches!(e, DataError::Missing { .. }));
    }
    for reader in &readers[1..] {
        let e = reader(dir.path()).unwrap_err();
        names(&e, dir.path());
        assert!(matches!(e, DataError::IsFolder { .. }));
    }
    for (name, empty) in
        [("t.csv", ""), ("t.csv.gz", ""), ("t.npy", ""), ("t.idx", ""), ("what", "")]
    {
        let path = file(&dir, name, empty);
        assert!(matches!(read(&path).unwrap_err(), DataError::Empty { .. }), "{name}");
    }
    let under_a_file = file(&dir, "t.csv", "1\n2\n").join("x.csv");
    let e = read(&under_a_file).unwrap_err();
    assert!(std::error::Error::source(&e).is_some(), "{e}");
    assert!(matches!(e, DataError::Read { .. }));
}

#[test]
fn errors_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<DataError>();
}
