//! Settings that another setting leaves without effect.

use toml::{Table, Value};

/// One choice, whether it was made, and the settings that are not read with it.
pub(super) type Choice<'a> = (&'a str, bool, &'a [&'static str]);

/// What is wrong with settings that were changed from their defaults and would not be read: said,
/// rather than ignored.
///
/// A default may stand beside a choice that does not read it: `config.toml` names every setting.
pub(super) fn unread(
    settings: &Table,
    defaults: &Table,
    choices: &[Choice<'_>],
) -> Result<(), String> {
    let changed = |name: &&&str| match (settings.get(**name), defaults.get(**name)) {
        (Some(value), Some(default)) => !same(value, default),
        (value, _) => value.is_some(),
    };
    for (choice, made, names) in choices {
        if let Some(name) = names.iter().filter(|_| *made).find(changed) {
            let value = &settings[*name];
            return Err(format!("{name} is {value}, but with {choice} nothing reads it"));
        }
    }
    Ok(())
}

/// Whether two values are equal; 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
