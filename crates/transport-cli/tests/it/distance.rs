//! `transport distance`: numbers that can be checked by hand, and mistakes.

use crate::{fail, succeed};
use std::fs;

/// Two points shifted by (3, 4): every distance of transport is 5, the energy distance by hand.
#[test]
fn a_shift() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    fs::write(at.join("a.csv"), "x,y\n0,0\n1,0\n0,1\n").unwrap();
    fs::write(at.join("b.csv"), "x,y\n3,4\n4,4\n3,5\n").unwrap();
    let said = succeed(at, &["distance", "a.csv", "b.csv", "--json"]);
    let json: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(json["rows"], serde_json::json!([3, 3]));
    let value = |name: &str| {
        let all = json["metrics"].as_array().unwrap();
        all.iter().find(|m| m["metric"] == name).unwrap()["value"].as_f64().unwrap()
    };
    for name in ["w1", "w2", "bures", "max-sliced"] {
        assert!((value(name) - 5.0).abs() < 1e-6, "{name}: {}", value(name));
    }
    assert!((value("sinkhorn") - 25.0).abs() < 1e-4, "{}", value("sinkhorn"));
    assert!((value("sliced") - 5.0 / 2f64.sqrt()).abs() < 0.3);
    let table = succeed(at, &["distance", "a.csv", "b.csv", "--metric", "w2,energy"]);
    assert!(table.contains("5.000000") && !table.contains("sliced"), "{table}");
    let again = ["distance", "a.csv", "b.csv", "--json", "--threads", "1"];
    assert_eq!(said, succeed(at, &again), "threads change nothing");
}

#[test]
fn mistakes() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    fs::write(at.join("a.csv"), "x,y\n0,0\n1,0\n2,2\n").unwrap();
    fs::write(at.join("b.csv"), "x,y,z\n3,4,5\n4,4,6\n").unwrap();
    fs::write(at.join("one.csv"), "x,y\n3,4\n").unwrap();
    fail(at, &["distance", "a.csv", "b.csv"], 2, &["a.csv has 2", "b.csv has 3", "--columns"]);
    succeed(at, &["distance", "a.csv", "b.csv", "--columns", "x,y"]);
    fail(at, &["distance", "a.csv", "one.csv"], 1, &["one.csv", "2"]);
    fail(at, &["distance", "a.csv", "a.csv", "--metric", "w3"], 2, &["w3", "w2"]);
    for epsilon in ["0", "-1", "NaN"] {
        let args = ["distance", "a.csv", "a.csv", "--metric", "sinkhorn", "--epsilon", epsilon];
        fail(at, &args, 2, &["epsilon", "positive"]);
    }
    fail(at, &["distance", "a.csv", "a.csv", "--directions", "0"], 2, &["--directions"]);
}
