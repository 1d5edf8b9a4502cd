use transport_core::device::{DeviceError, compiled, select};

#[test]
fn an_unknown_device_lists_the_known_ones() {
    let error = select(Some("abacus")).unwrap_err();
    assert!(matches!(error, DeviceError::Unknown { .. }));
    assert!(error.to_string().contains("flex"), "{error}");
    for backend in ["cuda", "vulkan", "wgpu", "ndarray"] {
        let listed = error.to_string().contains(backend);
        assert_eq!(listed, compiled().contains(&backend), "{backend}: {error}");
    }
}

#[test]
fn a_device_that_is_not_compiled_in_names_its_feature() {
    for name in ["cuda", "vulkan"] {
        if !compiled().contains(&name) {
            let error = select(Some(name)).unwrap_err();
            assert!(error.to_string().contains(&format!("feature `{name}`")), "{error}");
        }
    }
}

#[test]
fn an_index_is_a_number() {
    let error = select(Some("flex:two")).unwrap_err();
    let index = matches!(error, DeviceError::Index { .. });
    assert!(index || matches!(error, DeviceError::NotCompiled { .. }), "{error}");
}

#[test]
fn an_opened_device_knows_its_name() {
    for name in compiled() {
        // A GPU backend may be compiled in where no GPU is; then it says so instead of panicking.
        match select(Some(name)) {
            Ok(device) => assert_eq!(transport_core::device::name(&device), name),
            Err(error) => assert!(matches!(error, DeviceError::Unavailable { .. }), "{error}"),
        }
    }
}
