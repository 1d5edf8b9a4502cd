use std::error::Error;
use std::path::Path;

use transport_data::{DataError, Table, write_csv, write_npy, write_npy_array};

use crate::{file, folder, names};

fn table() -> Table {
    Table::new(vec!["a".into(), "b c,d".into()], vec![1.0, 0.1, -0.0, 1e300]).unwrap()
}

type Writer = fn(&Path, &Table) -> Result<(), DataError>;

const WRITERS: [Writer; 2] = [write_csv, write_npy];

#[test]
fn csv_is_the_shortest_text() {
    let dir = folder();
    let path = dir.path().join("t.csv");
    write_csv(&path, &table()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "\"a\",\"b c,d\"\n1,0.1\n-0,1e300\n");
}

#[test]
fn nothing_else_is_left_in_the_folder() {
    let dir = folder();
    let path = file(&dir, "t", "old");
    for writer in WRITERS {
        writer(&path, &table()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_ne!(std::fs::read(&path).unwrap(), b"old");
    }
}

#[test]
fn targets_that_cannot_be_written_are_named() {
    let dir = folder();
    let nowhere = dir.path().join("none").join("t.csv");
    for writer in WRITERS {
        let e = writer(&nowhere, &table()).unwrap_err();
        names(&e, &nowhere);
        assert!(matches!(e, DataError::Write { .. }) && e.source().is_some());
        let e = writer(dir.path(), &table()).unwrap_err();
        assert!(matches!(e, DataError::IsFolder { .. }));
    }
    let path = file(&dir, "t.csv", "old");
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    assert!(matches!(write_csv(&path, &table()).unwrap_err(), DataError::Write { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = Path::new("/dev/full");
    for writer in WRITERS {
        let e = writer(full, &table()).unwrap_err();
        names(&e, full);
        let DataError::Write { source, .. } = e else { panic!("{e}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        writer(Path::new("/dev/null"), &table()).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_modes_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let (target, link) = (file(&dir, "target.csv", "old"), dir.path().join("link.csv"));
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write_csv(&link, &table()).unwrap();
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(&target).unwrap().starts_with("\"a\","));
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
}

/// Version 1.0, a dictionary with a Python tuple, the values at a multiple of 64.
#[test]
fn arrays_have_the_shape_asked_for() {
    let dir = folder();
    let path = dir.path().join("a.npy");
    for (shape, tuple) in [(vec![2, 3, 1], "(2, 3, 1)"), (vec![6], "(6,)")] {
        write_npy_array(&path, &shape, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert!(header.is_multiple_of(64) && bytes.len() == header + 48);
        assert!(String::from_utf8_lossy(&bytes[..header]).contains(tuple));
        assert_eq!(bytes[header + 8..header + 16], 1f64.to_le_bytes());
    }
}
