//! PyTorch's files: what they hold, and what damaged or hostile ones do: nothing but an error.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use transport_train::store::{StoreError, TorchError, read_arrays};
use transport_train::weights::Weights;

/// Made by `tests/torch/tiny.py`.
const TINY: &[u8] = include_bytes!("../torch/tiny.pth");
const LEGACY: &[u8] = include_bytes!("../torch/tiny_legacy.pth");

fn read(content: &[u8]) -> Result<Weights, StoreError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    read_arrays(file.path())
}

fn torch_error(content: &[u8]) -> TorchError {
    match read(content) {
        Err(StoreError::Torch { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

/// The numbers of `tiny.py`; the counter is no floating-point number and is left out.
#[test]
fn archives_and_the_older_layout_hold_the_same() {
    for content in [TINY, LEGACY] {
        let weights = read(content).unwrap();
        let names: Vec<&str> = weights.0.keys().map(String::as_str).collect();
        let model = ["brain", "double", "empty", "half", "parameter", "part", "plain", "scalar"];
        let mut expected = vec!["7.ema".to_owned()];
        expected.extend(model.iter().map(|name| format!("model.{name}")));
        expected.push("model.turned".to_owned());
        assert_eq!(names, expected);
        let check = |name: &str, shape: &[usize], values: &[f32]| {
            let array = &weights.0[name];
            assert_eq!(
                (array.shape.as_slice(), array.values.as_slice()),
                (shape, values),
                "{name}"
            );
        };
        let base: Vec<f32> = (0..12u8).map(|k| f32::from(k) / 8.0).collect();
        let turned: Vec<f32> = (0..12).map(|k| base[(k % 3) * 4 + k / 3]).collect();
        check("7.ema", &[1], &[0.0]);
        check("model.plain", &[3, 4], &base);
        check("model.turned", &[4, 3], &turned);
        check("model.part", &[4], &base[5..9]);
        check("model.half", &[2], &[1.5, -0.25]);
        check("model.brain", &[2], &[3.0, -0.5]);
        check("model.double", &[1, 1], &[0.1]);
        check("model.scalar", &[], &[7.0]);
        check("model.empty", &[0, 3], &[]);
        check("model.parameter", &[1], &[2.0]);
    }
}

/// An archive of stored entries, with right checksums.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let offset = file.len() as u32;
        let mut middle = vec![0u8; 8];
        middle.extend(crc(data).to_le_bytes());
        middle.extend((data.len() as u32).to_le_bytes());
        middle.extend((data.len() as u32).to_le_bytes());
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        file.extend(b"PK\x03\x04\x14\x00");
        file.extend(&middle);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x14\x00\x14\x00");
        directory.extend(&middle);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size, count) = (file.len() as u32, directory.len() as u32, entries.len() as u16);
    file.extend(directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn crc(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

/// A file with this pickle and one storage of four numbers, 1 to 4.
fn with(pickle: &[u8]) -> Vec<u8> {
    let storage: Vec<u8> = [1f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    archive(&[("x/data.pkl", pickle), ("x/data/0", &storage)])
}

/// `{"w": tensor}` with the given pickled offset, shape and strides.
fn tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut p = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    p.extend(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ");
    p.extend([offset, shape, strides].concat());
    p.extend(b"\x89}tRs.");
    p
}

#[test]
fn a_tensor_is_a_view_of_its_storage() {
    let weights = read(&with(&tensor(b"K\x01", b"K\x02\x85", b"K\x02\x85"))).unwrap();
    assert_eq!(weights.0["w"].values, [2.0, 4.0]);
}

/// Sizes beyond the storage, beyond memory, negative, of the wrong number; what overflows.
#[test]
fn tensors_that_cannot_be_are_refused() {
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let cases: [(&[u8], Vec<u8>, Vec<u8>); 8] = [
        (b"K\x04", b"K\x01\x85".to_vec(), b"K\x01\x85".to_vec()),
        (b"K\x00", b"K\x05\x85".to_vec(), b"K\x01\x85".to_vec()),
        (b"K\x00", [&huge[..], b"\x85"].concat(), b"K\x01\x85".to_vec()),
        (b"K\x00", [&huge[..], &huge[..], b"\x86"].concat(), b"K\x00K\x00\x86".to_vec()),
        (b"K\x00", b"K\x02\x85".to_vec(), [&huge[..], b"\x85"].concat()),
        (b"J\xff\xff\xff\xff", b"K\x01\x85".to_vec(), b"K\x01\x85".to_vec()),
        (b"K\x00", b"J\xfe\xff\xff\xff\x85".to_vec(), b"K\x01\x85".to_vec()),
        (b"K\x00", b"K\x01K\x01\x86".to_vec(), b"K\x01\x85".to_vec()),
    ];
    for (offset, shape, strides) in cases {
        let error = torch_error(&with(&tensor(offset, &shape, &strides)));
        assert!(matches!(&error, TorchError::Tensor { name, .. } if name == "w"), "{error}");
    }
    let many = [&b"("[..], &b"K\x01".repeat(17), b"t"].concat();
    let error = torch_error(&with(&tensor(b"K\x00", &many, &many)));
    assert!(error.to_string().contains("more sides"), "{error}");
    // One number, a billion times over: no more memory than the file is worth.
    let wide = tensor(b"K\x00", b"J\x00\x00\x00\x40\x85", b"K\x00\x85");
    assert_eq!(torch_error(&with(&wide)), TorchError::Large);
}

/// A call is written down, not made; a file that holds nothing else holds no tensors.
#[test]
fn pickles_are_not_run() {
    let marker = std::env::temp_dir().join("transport-pickle-was-run");
    let command = format!("touch {}", marker.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    assert_eq!(torch_error(&with(&pickle)), TorchError::Empty);
    assert!(!marker.exists());
}

#[test]
fn hostile_pickles_are_refused() {
    let error = |pickle: &[u8]| torch_error(&with(pickle));
    // A dictionary that holds itself.
    assert_eq!(error(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."), TorchError::Nesting);
    // Twelve dictionaries, each holding the one before sixteen times.
    let mut laughs = b"\x80\x02}q\x00".to_vec();
    for level in 1..=12u8 {
        laughs.extend(b"}(");
        for key in 0..16u8 {
            laughs.extend([b'K', key, b'h', level - 1]);
        }
        laughs.extend([b'u', b'q', level]);
    }
    laughs.push(b'.');
    assert_eq!(error(&laughs), TorchError::Large);
    // A parameter of a parameter of …, and a million nested tuples: no recursion, so no overflow.
    let deep = [b"\x80\x02N".to_vec(), vec![0x85; 1_000_000], b".".to_vec()].concat();
    assert_eq!(error(&deep), TorchError::Empty);
    for (pickle, expected) in [
        (&b"\x80\x02"[..], "cut short"),
        (b".", "do not fit"),
        (b"\x80\x02t.", "do not fit"),
        (b"\x80\x02(Nu.", "do not fit"),
        (b"\x80\x02Ns.", "do not fit"),
        (b"\x80\x02h\x07.", "do not fit"),
        (b"\x80\x02X\xff\xff\xff\xffa.", "cut short"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", "cut short"),
        (b"\x80\x02\x82\x01.", "0x82"),
        (b"\x80\x02K\x01.", "no tensors"),
    ] {
        let said = error(pickle).to_string();
        assert!(said.contains(expected), "{pickle:?}: {said}");
    }
}

#[test]
fn archives_that_are_not_pytorchs_are_refused() {
    let storage = [0u8; 16];
    assert!(matches!(torch_error(&archive(&[("x/data/0", &storage)])), TorchError::Entry { .. }));
    let alone = archive(&[("x/data.pkl", &tensor(b"K\x00", b"K\x01\x85", b"K\x01\x85"))]);
    let error = torch_error(&alone);
    assert!(matches!(&error, TorchError::Entry { entry } if entry == "x/data/0"), "{error}");
    let big = archive(&[("x/data.pkl", b"}."), ("x/byteorder", b"big")]);
    assert_eq!(torch_error(&big), TorchError::ByteOrder);
    let mut compressed = with(b"}.");
    let at = compressed.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    compressed[at + 10] = 8;
    assert!(matches!(torch_error(&compressed), TorchError::Compressed { .. }));
    let mut damaged = TINY.to_vec();
    let at = damaged.windows(4).position(|w| w == 0.125f32.to_le_bytes()).unwrap();
    damaged[at] ^= 1;
    assert!(matches!(torch_error(&damaged), TorchError::Checksum { .. }));
}

/// The pickle of `tiny.pth`.
fn tiny_pickle() -> Vec<u8> {
    let at = TINY.windows(2).position(|w| w == b"\x80\x02").unwrap();
    let end = at + TINY[at..].windows(4).position(|w| w == b"PK\x07\x08").unwrap();
    TINY[at..end].to_vec()
}

fn mutated(content: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut content = content.to_vec();
    for (place, byte) in changes {
        let place = place.index(content.len());
        content[place] = *byte;
    }
    content
}

/// Weights, if they are read, are whole: as many values as their shape says.
fn survives(content: &[u8]) {
    if let Ok(weights) = read(content) {
        for array in weights.0.values() {
            assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_no_panic(changes in changes(), legacy: bool) {
        survives(&mutated(if legacy { LEGACY } else { TINY }, &changes));
    }

    /// Behind a checksum that is right, so that the changes reach the pickle's reader.
    #[test]
    fn changed_pickles_are_no_panic(changes in changes()) {
        let pickle = mutated(&tiny_pickle(), &changes);
        let storage = [0u8; 96];
        let keys: Vec<String> = (0..10).map(|k| format!("x/data/{k}")).collect();
        let mut entries: Vec<(&str, &[u8])> = vec![("x/data.pkl", &pickle)];
        entries.extend(keys.iter().map(|key| (key.as_str(), &storage[..])));
        survives(&archive(&entries));
    }

    #[test]
    fn cut_files_are_errors(cut in 0usize..100, legacy: bool) {
        let whole = if legacy { LEGACY } else { TINY };
        prop_assert!(read(&whole[..whole.len() * cut / 100]).is_err());
    }

    /// Random instructions.
    #[test]
    fn noise_is_no_panic(pickle in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&with(&pickle));
    }

    /// A safetensors file with changed bytes in its header.
    #[test]
    fn changed_safetensors_are_no_panic(changes in changes()) {
        let text = br#"{"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F64","shape":[1],"data_offsets":[12,20]}}"#;
        let mut file = (text.len() as u64).to_le_bytes().to_vec();
        file.extend(text);
        file.extend([1; 20]);
        let whole = read(&file).unwrap();
        prop_assert_eq!(whole.0.keys().collect::<Vec<_>>(), ["b", "w"]);
        survives(&mutated(&file, &changes));
    }
}

/// A file of the reader's own kind is the same through either container.
#[test]
fn half_precision_is_exact_where_it_can_be() {
    let bits: BTreeMap<&str, (u16, f32)> = BTreeMap::from([
        ("one", (0x3c00, 1.0)),
        ("smallest", (0x0001, 5.960_464_5e-8)),
        ("largest", (0x7bff, 65504.0)),
        ("negative", (0xc000, -2.0)),
    ]);
    for (bits, value) in bits.values() {
        let text = br#"{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#;
        let mut file = (text.len() as u64).to_le_bytes().to_vec();
        file.extend(text);
        file.extend(bits.to_le_bytes());
        assert_eq!(read(&file).unwrap().0["w"].values, [*value]);
    }
}

/// The published weights: `.safetensors`, and where it is there `.pth`, hold the same.
#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn published_weights_are_whole() {
    let folder = PathBuf::from(std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA"));
    let folder = folder.join("weights/ddpm_mnist_cnn");
    let weights = read_arrays(&folder.join("ddpm_mnist_100ep.safetensors")).unwrap();
    assert_eq!(weights.0.values().map(|a| a.values.len()).sum::<usize>(), 293_235);
}
