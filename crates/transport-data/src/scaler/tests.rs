//! Scaling, its inverse and its determinant; what is stored; what is refused.

use super::stored::decimal;
use super::*;
use crate::DataError;

/// Columns: varies, constant −0, varies.
fn table() -> Table {
    let rows = vec![1.0, -0.0, 10.0, 2.0, -0.0, 30.0, 6.0, -0.0, 20.0];
    Table::from_rows_unnamed(3, rows).unwrap()
}

#[test]
fn standardized_columns_have_mean_0_and_variance_1() {
    let scaler = Scaler::standardize(&table()).unwrap();
    assert_eq!((scaler.input_dim(), scaler.output_dim()), (3, 2));
    let z = Table::from_rows_unnamed(2, scaler.transform(&table()).unwrap()).unwrap();
    for j in 0..2 {
        assert!((z.column(j).sum::<f64>()).abs() < 1e-14);
        assert!((z.column(j).map(|z| z * z).sum::<f64>() / 3.0 - 1.0).abs() < 1e-14);
    }
}

/// log|det| against the Jacobian by finite differences: the map is affine, so they are exact.
#[test]
fn log_abs_det_is_that_of_the_jacobian() {
    for scaler in [Scaler::standardize(&table()), Scaler::shared(&table(), None)] {
        let scaler = scaler.unwrap();
        let at = |x: [f64; 3]| {
            scaler.transform(&Table::from_rows_unnamed(3, x.to_vec()).unwrap()).unwrap()
        };
        let (origin, a, b) = (at([0.0; 3]), at([1.0, 0.0, 0.0]), at([0.0, 0.0, 1.0]));
        let det = (a[0] - origin[0]) * (b[1] - origin[1]);
        assert!((scaler.log_abs_det() - det.ln()).abs() < 1e-13);
    }
}

/// A box and a half-line, stored and read: samples lie inside, values outside are named, and the
/// determinant is that of differences.
#[test]
fn supports_are_kept() {
    let t = Table::from_rows_unnamed(3, vec![0.1, 5.0, 7.0, 0.9, 0.5, 7.0, 0.5, 1.0, 7.0]).unwrap();
    let supports = [
        Support::new(0.0, 1.0).unwrap(),
        Support::new(0.0, f64::INFINITY).unwrap(),
        Support::new(6.0, 8.0).unwrap(),
    ];
    let fitted = Scaler::standardize_within(&t, &supports).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    let scaler: Scaler = serde_json::from_str(&text).unwrap();
    assert_eq!((scaler.clone(), scaler.constant_columns()), (fitted, vec![2]));
    let z = scaler.transform(&t).unwrap();
    assert!((z[0] + z[2] + z[4]).abs() < 1e-12 && (z[1] + z[3] + z[5]).abs() < 1e-12);
    let back = scaler.inverse(&z);
    assert!(back.iter().zip(t.values()).all(|(a, b)| (a - b).abs() < 1e-12));
    let far = scaler.inverse(&[-1e3, -1e3, 1e3, 1e2]);
    assert!(far[0] > 0.0 && far[1] > 0.0 && far[3] < 1.0 && far[4].is_finite());

    let at = |x: f64, y: f64| {
        let t = Table::from_rows_unnamed(3, vec![x, y, 7.0]).unwrap();
        (scaler.transform(&t).unwrap(), scaler.log_abs_dets(&t)[0])
    };
    let h = 1e-6;
    let slope = |up: Vec<f64>, down: Vec<f64>, k: usize| ((up[k] - down[k]) / (2.0 * h)).ln();
    let dx = slope(at(0.3 + h, 2.0).0, at(0.3 - h, 2.0).0, 0);
    let dy = slope(at(0.3, 2.0 + h).0, at(0.3, 2.0 - h).0, 1);
    assert!((dx + dy - at(0.3, 2.0).1).abs() < 1e-8);
    let outside = Table::from_rows_unnamed(3, vec![0.3, 2.0, 7.0, 1.0, 2.0, 7.0]).unwrap();
    let e = scaler.transform(&outside).unwrap_err().to_string();
    assert_eq!(e, "row 2, column `x0`: 1 is not between 0 and 1");
}

#[test]
fn shared_has_one_mean_and_one_scale_and_clips() {
    let scaler = Scaler::shared(&table(), Some((0.0, 25.0))).unwrap();
    let z = scaler.transform(&table()).unwrap();
    assert!(z.iter().sum::<f64>().abs() < 1e-13);
    assert!((z.iter().map(|z| z * z).sum::<f64>() / 6.0 - 1.0).abs() < 1e-13);
    assert_eq!(scaler.inverse(&[-100.0, 100.0]), [0.0, 0.0, 25.0]);
    assert!((scaler.inverse(&z)[0] - 1.0).abs() < 1e-14);
    assert_eq!(scaler.inverse(&z)[5], 25.0);
}

#[test]
fn constants_come_back_bit_for_bit() {
    let scaler = Scaler::standardize(&table()).unwrap();
    assert_eq!(scaler.inverse(&[0.0, 0.0])[1].to_bits(), (-0.0f64).to_bits());
    assert_eq!(scaler.constant_columns(), [1]);
    assert_eq!(scaler.off_support(&[9.0, 0.0, 9.0]), None);
    assert_eq!(scaler.off_support(&[9.0, 1e-300, 9.0]), Some(1));
    assert_eq!(scaler.off_support(&[9.0, f64::NAN, 9.0]), Some(1));
}

#[test]
fn extreme_columns_are_scaled() {
    for column in [[1e9, 1e9 + 1e-6], [1e-320, 3e-320], [1e308, 1.5e308], [-1e-200, 1e-200]] {
        let t = Table::from_rows_unnamed(1, column.to_vec()).unwrap();
        let scaler = Scaler::standardize(&t).unwrap();
        let z = scaler.transform(&t).unwrap();
        assert!((z[0] + 1.0).abs() < 1e-3 && (z[1] - 1.0).abs() < 1e-3, "{column:?}: {z:?}");
        assert!(scaler.log_abs_det().is_finite());
    }
}

#[test]
fn what_cannot_be_scaled_is_refused() {
    let fit = |cols, values: &[f64]| {
        let t = Table::from_rows_unnamed(cols, values.to_vec()).unwrap();
        Scaler::standardize(&t).unwrap_err()
    };
    assert!(matches!(fit(1, &[]), DataError::TooFewRows { rows: 0, .. }));
    assert!(matches!(fit(2, &[1.0, 2.0, 1.0, 2.0]), DataError::AllConstant { columns: 2 }));
    assert!(matches!(fit(1, &[-1.7e308, 1.7e308, 1.7e308]), DataError::TooWide { .. }));
    let e = fit(2, &[1.0, 2.0, 1.0, f64::NAN]);
    assert!(matches!(&e, DataError::NotFinite { row: 2, column, .. } if column == "x1"), "{e}");
    for range in [(1.0, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0)] {
        let e = Scaler::shared(&table(), Some(range)).unwrap_err();
        assert!(matches!(e, DataError::InvalidRange { .. }));
    }
    let narrow = Table::from_rows_unnamed(2, vec![1.0, 2.0]).unwrap();
    let e = Scaler::standardize(&table()).unwrap().transform(&narrow).unwrap_err();
    assert!(matches!(e, DataError::WrongWidth { expected: 3, found: 2 }));
}

#[test]
fn damaged_scalers_are_refused() {
    let good = serde_json::to_value(Scaler::shared(&table(), Some((0.0, 1.0))).unwrap()).unwrap();
    assert!(serde_json::from_value::<Scaler>(good.clone()).is_ok());
    for (field, value) in [
        ("columns", serde_json::json!(1)),
        ("columns", serde_json::json!(u64::MAX)),
        ("constant_columns", serde_json::json!([3])),
        ("constants", serde_json::json!(["1", "2"])),
        ("means", serde_json::json!([])),
        ("means", serde_json::json!(["NaN"])),
        ("scales", serde_json::json!(["0"])),
        ("scales", serde_json::json!(["1", "1"])),
        ("range", serde_json::json!(["1", "0"])),
        ("supports", serde_json::json!([[], ["1", "0"], []])),
        ("supports", serde_json::json!([["0"]])),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let e = serde_json::from_value::<Scaler>(bad).unwrap_err().to_string();
        assert!(e.contains(field), "{field}: {e}");
    }
}

#[test]
fn decimals_are_the_shortest() {
    for (x, text) in [(1.0, "1"), (0.1, "0.1"), (1e300, "1e300"), (-0.0, "-0"), (1e-7, "1e-7")] {
        assert_eq!(decimal(x), text);
    }
}
