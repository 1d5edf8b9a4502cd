use npyz::WriterBuilder;
use proptest::prelude::*;
use transport_data::{DataError, ImageShape, Table, read, read_npy, write_npy};

use crate::{file, folder, gzip, names};

/// An array with this header and these bytes.
fn npy(descr: &str, fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    raw(
        &format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"),
        values,
    )
}

fn raw(header: &str, values: &[u8]) -> Vec<u8> {
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), values].concat()
}

fn error(content: impl AsRef<[u8]>) -> DataError {
    let dir = folder();
    let path = file(&dir, "a.npy", content);
    let e = read_npy(&path).unwrap_err();
    names(&e, &path);
    e
}

fn values(content: impl AsRef<[u8]>) -> Vec<f64> {
    let dir = folder();
    read_npy(&file(&dir, "a.npy", content)).unwrap().table.into_values()
}

#[test]
fn every_element_type() {
    macro_rules! check {
        ($($descr:literal $t:ty),*) => {$(
            let (one, max) = (1 as $t, <$t>::MAX);
            let little = [one.to_le_bytes(), max.to_le_bytes()].concat();
            let big = [one.to_be_bytes(), max.to_be_bytes()].concat();
            assert_eq!(values(npy(concat!("<", $descr), false, "(2,)", &little)), [1.0, max as f64]);
            assert_eq!(values(npy(concat!(">", $descr), false, "(2,)", &big)), [1.0, max as f64]);
        )*};
    }
    check!("i1" i8, "i2" i16, "i4" i32, "i8" i64, "u1" u8, "u2" u16, "u4" u32, "u8" u64, "f4" f32, "f8" f64);
    assert_eq!(values(npy("|b1", false, "(2,)", &[0, 1])), [0.0, 1.0]);
    assert_eq!(values(npy("|i1", false, "(2,)", &[0xff, 1])), [-1.0, 1.0]);
}

#[test]
fn shapes_become_rows() {
    let dir = folder();
    let bytes: Vec<u8> = (0..12).collect();
    let read = |shape: &str, fortran| {
        read(&file(&dir, "a.npy", npy("|u1", fortran, shape, &bytes))).unwrap()
    };
    assert_eq!(read("(12,)", false).table.names(), ["x0"]);
    let data = read("(3, 4)", false);
    assert_eq!((data.table.row(1), data.image, data.range), (&[4., 5., 6., 7.][..], None, None));
    assert_eq!(read("(3, 4)", true).table.row(1), [1.0, 4.0, 7.0, 10.0]);
    let data = read("(3, 2, 2)", false);
    assert_eq!(data.image, Some(ImageShape { height: 2, width: 2, channels: 1 }));
    assert_eq!((data.table.names()[2].as_str(), data.range), ("p10", Some((0.0, 255.0))));
    let data = read("(2, 1, 2, 3)", false);
    assert_eq!(data.image, Some(ImageShape { height: 1, width: 2, channels: 3 }));
    assert_eq!(read("(2, 3, 2)", true).table.row(1), [1., 7., 3., 9., 5., 11.]);
}

#[test]
fn versions_compression_and_content() {
    let dir = folder();
    let v1 = npy("<i2", false, "(2, 1)", &[1, 0, 2, 0]);
    let header = &v1[10..v1.len() - 4];
    for version in [2, 3] {
        let mut bytes = [b"\x93NUMPY", &[version, 0][..]].concat();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend([1, 0, 2, 0]);
        assert_eq!(values(bytes), [1.0, 2.0]);
    }
    assert_eq!(values(gzip(&v1)), [1.0, 2.0]);
    assert_eq!(read(&file(&dir, "what", &v1)).unwrap().table.values(), [1.0, 2.0]);
    assert_eq!(read(&file(&dir, "a.npy.gz", gzip(&v1))).unwrap().name, "a");
}

#[test]
fn broken_arrays_are_refused() {
    assert!(
        matches!(error(b"a,b\n1,2\n"), DataError::NpyMagic { found, .. } if found == b"a,b\n1,2\n")
    );
    assert!(matches!(error(b"\x93NUMPY\x09\x00"), DataError::NpyMagic { .. }));
    assert!(matches!(error(b"\x93NUMPY\x01\x00\x05"), DataError::Truncated { .. }));
    assert!(matches!(error(b"\x93NUMPY\x01\x00\x05\x00{"), DataError::Truncated { .. }));
    assert!(matches!(error(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"), DataError::NpyHeader { .. }));
    let e = error(raw("{'shape': 3}", &[]));
    assert!(matches!(&e, DataError::NpyHeader { header, .. } if header == "{'shape': 3}"), "{e}");
    for descr in ["<f2", "<c16", "|O", "<U3", "<M8[ns]", "f8", ""] {
        let e = error(npy(descr, false, "(1,)", &[0; 16]));
        assert!(matches!(&e, DataError::NpyType { descr: d, .. } if d == descr), "{e}");
    }
    for shape in ["()", "(1, 1, 1, 1, 1)", "(2, 0)"] {
        let e = error(npy("|u1", false, shape, if shape == "(2, 0)" { &[] } else { &[0] }));
        assert!(matches!(e, DataError::Shape { .. }), "{shape}: {e}");
    }
    assert!(matches!(
        error(npy("|u1", false, "(0, 2)", &[])),
        DataError::TooFewRows { rows: 0, .. }
    ));
    let e = error(npy("<f8", false, "(2, 2)", &[0; 31]));
    assert!(matches!(e, DataError::Truncated { expected: 32, found: 31, .. }), "{e}");
    assert!(matches!(error(npy("<f8", false, "(2,)", &[0; 17])), DataError::TrailingBytes { .. }));
    for value in [f64::NAN, f64::INFINITY] {
        let bytes = [1.0, 2.0, 3.0, value].map(f64::to_le_bytes).concat();
        let e = error(npy("<f8", false, "(2, 2)", &bytes));
        assert!(matches!(&e, DataError::NotFinite { row: 2, column, .. } if column == "x1"), "{e}");
    }
}

/// Sizes are believed only when the bytes are there.
#[test]
fn announced_sizes_allocate_nothing() {
    let max = usize::MAX;
    for shape in [format!("({max}, {max})"), format!("(1, {max})"), "(1000000000, 1000)".into()] {
        assert!(matches!(error(npy("<f8", false, &shape, &[0; 9])), DataError::Truncated { .. }));
        assert!(matches!(
            error(gzip(npy("<f8", true, &shape, &[0; 9]))),
            DataError::TooLarge { .. }
        ));
    }
    let e = error(gzip(npy("<f8", false, "(500000000, 2)", &[0; 9])));
    assert!(matches!(e, DataError::Truncated { .. }), "{e}");
}

fn any_table() -> impl Strategy<Value = Table> {
    (1..5_usize, 1..6_usize).prop_flat_map(|(columns, rows)| {
        let finite = any::<f64>().prop_filter("finite", |x| x.is_finite());
        proptest::collection::vec(finite, rows * columns)
            .prop_map(move |values| Table::from_rows_unnamed(columns, values).unwrap())
    })
}

proptest! {
    #[test]
    fn written_is_read_back(table in any_table(), compressed: bool) {
        let dir = folder();
        let path = dir.path().join(if compressed { "a.npy.gz" } else { "a.npy" });
        write_npy(&path, &table).unwrap();
        prop_assert_eq!(read_npy(&path).unwrap().table, table);
    }

    /// What is written, another library reads.
    #[test]
    fn npyz_reads_what_is_written(table in any_table()) {
        let dir = folder();
        let path = dir.path().join("a.npy");
        write_npy(&path, &table).unwrap();
        let array = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).unwrap();
        prop_assert_eq!(array.shape(), [table.rows() as u64, table.cols() as u64]);
        prop_assert_eq!(array.into_vec::<f64>().unwrap(), table.values());
    }

    /// What another library writes is read, in both orders.
    #[test]
    fn what_npyz_writes_is_read(table in any_table(), fortran: bool) {
        let dir = folder();
        let path = dir.path().join("a.npy");
        let order = if fortran { npyz::Order::Fortran } else { npyz::Order::C };
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .order(order)
            .shape(&[table.rows() as u64, table.cols() as u64])
            .writer(std::fs::File::create(&path).unwrap())
            .begin_nd()
            .unwrap();
        let by_column = (0..table.cols()).flat_map(|j| table.column(j).collect::<Vec<_>>());
        let values = if fortran { by_column.collect() } else { table.values().to_vec() };
        writer.extend(values).unwrap();
        writer.finish().unwrap();
        prop_assert_eq!(read_npy(&path).unwrap().table, table);
    }

    #[test]
    fn nothing_panics(header in "[{}()',: a-z0-9é<]{0,40}", values: Vec<u8>) {
        let dir = folder();
        let _ = read_npy(&file(&dir, "a.npy", raw(&header, &values)));
    }
}
