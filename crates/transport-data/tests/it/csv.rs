use proptest::prelude::*;
use transport_data::{DataError, Table, read, read_csv, write_csv};

use crate::{file, folder, gzip, names};

fn table(content: impl AsRef<[u8]>) -> Table {
    let dir = folder();
    read_csv(&file(&dir, "t.csv", content)).unwrap()
}

fn error(content: impl AsRef<[u8]>) -> DataError {
    let dir = folder();
    let path = file(&dir, "t.csv", content);
    let e = read_csv(&path).unwrap_err();
    names(&e, &path);
    e
}

#[test]
fn forms_of_one_table() {
    for content in [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4",
        "a,b\r1,2\r3,4\r",
        "\u{feff}a,b\n1,2\n3,4\n",
        "\na , b\n\n1, 2\n   \n3,4\n\n",
        "a;b\n1;2\n3;4\n",
        "a\tb\n1\t2\n3\t4\n",
        "a b\n1 2\n3   4\n",
        "  a   b\n  1   2\n  3   4\n",
        "\"a\",\"b\"\n\"1\",\"2\"\n3,+4e0\n",
    ] {
        let t = table(content);
        assert_eq!(
            (t.names(), t.values()),
            (&["a".into(), "b".into()][..], &[1., 2., 3., 4.][..]),
            "{content:?}"
        );
    }
}

#[test]
fn headers_are_told_from_data() {
    assert_eq!(table("1,2\n3,4\n").names(), ["x0", "x1"]);
    assert_eq!(table("1,2\n3,4\n").rows(), 2);
    assert_eq!(table("1\n2\n").values(), [1.0, 2.0]);
    assert_eq!(table("my column\n2\n").names(), ["my column"]);
    assert_eq!(table(",b\n1,2\n").names(), ["x0", "b"]);
    assert_eq!(table("\"two\nlines, one name\",b\n1,2\n").names(), ["two\nlines, one name", "b"]);
    assert_eq!(table("a,b\n").rows(), 0);
    // No header, but a column of text: no row is lost.
    let iris = table("5.1,3.5,setosa\n6.2,2.9,virginica\n");
    assert_eq!((iris.rows(), iris.names()), (2, &["x0".to_string(), "x1".to_string()][..]));
    // A name that is a number.
    assert_eq!(table("2019,kind\n1,2\n").names(), ["2019", "kind"]);
}

#[test]
fn columns_of_text_are_left_out_and_named() {
    let dir = folder();
    let path = file(&dir, "t.csv", "id,x,who\na1,1,nan\na2,2,bob\n");
    let e = read(&path).unwrap_err();
    assert!(matches!(&e, DataError::NotFinite { column, row: 1, .. } if column == "who"), "{e}");
    let path = file(&dir, "t.csv", "id,x,who\na1,1,bob\na2,2,nan\n");
    let data = read(&path).unwrap();
    assert_eq!(data.table.names(), ["x"]);
    assert_eq!(data.skipped, ["id", "who"]);
    let e = data.select(Some(&["who".to_string()]), &[]).unwrap_err();
    assert!(matches!(e, DataError::NotNumeric { name } if name == "who"));
    assert_eq!(read_csv(&path).unwrap().values(), [1.0, 2.0]);
}

#[test]
fn cells_that_are_no_numbers_are_named() {
    for (content, at) in [
        ("a,b\n1,2\n\n3,four\n", (4, 2, "b", "four")),
        ("a,b\n1,2\n3,\n", (3, 2, "b", "")),
        ("a,b\n1,1;2\n3,4\n", (2, 1, "b", "1;2")),
        ("a;b\n1;2\n3;1,5\n", (3, 2, "b", "1,5")),
        ("1,NA\n3,4\n", (1, 1, "x1", "NA")),
        ("1,,3\n4,5,6\n", (1, 1, "x1", "")),
        ("\"a\nname\",b\n1,2\n3,x\n", (4, 2, "b", "x")),
    ] {
        let e = error(content);
        let DataError::NotANumber { line, row, column, text, .. } = &e else { panic!("{e}") };
        assert_eq!((*line, *row, column.as_str(), text.as_str()), at, "{content:?}");
        assert!(
            e.to_string()
                .contains(&format!("line {line} (row {row}), column `{column}`: `{text}`"))
        );
    }
    let long = error(format!("a\n1\n{}\n", "y".repeat(100)));
    assert!(matches!(long, DataError::NotANumber { text, .. } if text.len() == 40));
}

#[test]
fn not_finite_cells_are_named() {
    for cell in ["nan", "NaN", "inf", "-inf", "1e999"] {
        let e = error(format!("a,b\n1,2\n3,{cell}\n"));
        assert!(matches!(&e, DataError::NotFinite { row: 2, column, .. } if column == "b"), "{e}");
    }
}

#[test]
fn broken_tables_are_refused() {
    let e = error("a,b\n1,2\n3\n");
    assert!(matches!(e, DataError::Ragged { line: 3, expected: 2, found: 1, .. }), "{e}");
    let e = error("a,b\n1,2\n3,4,5\n");
    assert!(matches!(e, DataError::Ragged { line: 3, expected: 2, found: 3, .. }), "{e}");
    let e = error("1 2 3\n4 5\n");
    assert!(matches!(e, DataError::Ragged { line: 2, expected: 3, found: 2, .. }), "{e}");
    assert!(matches!(error("a,a\n1,2\n"), DataError::DuplicateColumn { name, .. } if name == "a"));
    assert!(matches!(error("x\ny\n"), DataError::NoNumericColumns { .. }));
    assert!(matches!(error(""), DataError::Empty { .. }));
    assert!(matches!(error("\n \n"), DataError::Empty { .. }));
    assert!(matches!(error(b"a,b\n1,\xff\n"), DataError::InvalidUtf8 { line: 2, .. }));
}

#[test]
fn a_line_without_end_is_refused() {
    let dir = folder();
    let bomb = gzip(vec![b'0'; transport_data::MAX_LINE + 2]);
    let path = file(&dir, "t.csv.gz", bomb);
    assert!(matches!(read_csv(&path).unwrap_err(), DataError::LineTooLong { line: 1, .. }));
}

#[test]
fn lines_longer_than_what_is_sniffed() {
    let row = |x: usize| (0..20_000).map(|j| (x + j).to_string()).collect::<Vec<_>>().join(",");
    let t = table(format!("{}\n{}\n", row(1), row(2)));
    assert_eq!((t.rows(), t.cols(), t.row(1)[19_999]), (2, 20_000, 20_001.0));
}

#[test]
fn gzip_is_told_by_content_and_by_ending() {
    let dir = folder();
    let plain = "a,b\n1,2\n3,4\n";
    for name in ["t.csv", "t.csv.gz", "t.tsv.gz", "t.txt"] {
        assert_eq!(read(&file(&dir, name, gzip(plain))).unwrap().table.row(1), [3.0, 4.0]);
    }
    let path = file(&dir, "plain.csv.gz", plain);
    assert!(matches!(read(&path).unwrap_err(), DataError::Gzip { .. }));
    let whole = gzip(plain);
    let path = file(&dir, "short.csv.gz", &whole[..whole.len() - 4]);
    let e = read(&path).unwrap_err();
    names(&e, &path);
    assert!(matches!(e, DataError::Gzip { .. }), "{e}");
}

fn any_table() -> impl Strategy<Value = Table> {
    let name = r#"[a-z][a-z ,;"'\n]{0,6}z"#;
    (proptest::collection::hash_set(name, 1..5), 0..6_usize).prop_flat_map(|(names, rows)| {
        let finite = any::<f64>().prop_filter("finite", |x| x.is_finite());
        let names: Vec<String> = names.into_iter().collect();
        proptest::collection::vec(finite, rows * names.len())
            .prop_map(move |values| Table::new(names.clone(), values).unwrap())
    })
}

fn bits(table: &Table) -> Vec<u64> {
    table.values().iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn written_is_read_back_bit_for_bit(table in any_table(), compressed: bool) {
        let dir = folder();
        let path = dir.path().join(if compressed { "t.csv.gz" } else { "t.csv" });
        write_csv(&path, &table).unwrap();
        let back = read_csv(&path).unwrap();
        prop_assert_eq!(back.names(), table.names());
        prop_assert_eq!(bits(&back), bits(&table));
    }

    /// Any bytes give a table or a typed error.
    #[test]
    fn nothing_panics(content: Vec<u8>) {
        let dir = folder();
        let _ = read_csv(&file(&dir, "t.csv", content));
    }

    #[test]
    fn no_text_panics(content in "[0-9a,;\"\t\r\n .-]{0,60}") {
        let dir = folder();
        let _ = read_csv(&file(&dir, "t.csv", content));
    }
}
