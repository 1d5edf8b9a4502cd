use proptest::prelude::*;
use transport_data::{Scaler, Table};

/// Rows of a few columns, every third one constant, with at least one that varies.
fn any_table() -> impl Strategy<Value = Table> {
    (1..7_usize, 2..9_usize).prop_flat_map(|(columns, rows)| {
        let value = (-1e3..1e3_f64, -9..9_i32).prop_map(|(x, e)| x * 10f64.powi(e));
        proptest::collection::vec(value, rows * columns).prop_map(move |mut values| {
            for i in columns..rows * columns {
                if i % columns % 3 == 2 {
                    values[i] = values[i % columns];
                }
            }
            values[0] = values[columns] + 1.0;
            Table::from_rows_unnamed(columns, values).unwrap()
        })
    })
}

/// Relative to the column's spread and offset.
fn close(x: f64, y: f64, size: f64) -> bool {
    (x - y).abs() <= 1e-13 * size
}

proptest! {
    #[test]
    fn inverse_undoes_transform(table in any_table(), shared: bool) {
        let fit = if shared { Scaler::shared(&table, None) } else { Scaler::standardize(&table) };
        let scaler = fit.unwrap();
        let z = scaler.transform(&table).unwrap();
        prop_assert_eq!(z.len(), table.rows() * scaler.output_dim());
        let back = Table::from_rows_unnamed(table.cols(), scaler.inverse(&z)).unwrap();
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |m: f64, x| m.max(x.abs()));
        let all = largest(&mut table.values().iter().copied());
        for j in 0..table.cols() {
            let size = if shared { all } else { largest(&mut table.column(j)) };
            let constant = scaler.constant_columns().contains(&j);
            for (x, y) in table.column(j).zip(back.column(j)) {
                let same = if constant { x.to_bits() == y.to_bits() } else { close(x, y, size) };
                prop_assert!(same);
            }
        }
        for i in 0..table.rows() {
            prop_assert_eq!(scaler.off_support(table.row(i)), None);
        }
    }

    /// Bit for bit: also what the scaler does afterwards.
    #[test]
    fn stored_is_read_back_exactly(table in any_table(), shared: bool, low in any::<f64>()) {
        let range = Some((low, f64::MAX)).filter(|r| r.0 < r.1 && r.0.is_finite());
        let fit = if shared { Scaler::shared(&table, range) } else { Scaler::standardize(&table) };
        let scaler = fit.unwrap();
        let json: Scaler = serde_json::from_str(&serde_json::to_string(&scaler).unwrap()).unwrap();
        let toml: Scaler = toml::from_str(&toml::to_string(&scaler).unwrap()).unwrap();
        prop_assert_eq!(&json, &scaler);
        prop_assert_eq!(&toml, &scaler);
        let z = vec![0.3; scaler.output_dim()];
        let bits = |s: &Scaler| s.inverse(&z).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&json), bits(&scaler));
        prop_assert_eq!(bits(&toml), bits(&scaler));
    }
}

#[test]
fn a_shared_scaler_is_stored_in_few_lines() {
    let data = transport_data::digits().select(None, &[]).unwrap();
    let scaler = Scaler::shared(&data.features, data.range).unwrap();
    // Three pixels are blank in every image of the set.
    assert_eq!(scaler.constant_columns(), [0, 32, 39]);
    let text = toml::to_string(&scaler).unwrap();
    assert!(text.lines().count() == 6 && text.len() < 300, "{text}");
}

#[test]
#[should_panic(expected = "3 values, rows of 2")]
fn inverse_wants_whole_rows() {
    let t = Table::from_rows_unnamed(2, vec![1.0, 2.0, 3.0, 5.0]).unwrap();
    Scaler::standardize(&t).unwrap().inverse(&[0.0; 3]);
}
