//! Names of others' arrays, rewritten by the rules of a file.

use super::ImportError;
use crate::store::StoreError;
use crate::weights::Weights;
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Rules for names, applied in order to each.
///
/// ```toml
/// [[rules]]
/// prefix = "module."                  # what a name begins with
/// to = ""
///
/// [[rules]]
/// regex = '\.gamma$'                  # anywhere in a name; $1, $2, … are its groups
/// to = ".weight"
///
/// [[rules]]
/// drop = '^ema\.'                     # arrays that are left out
/// ```
///
/// JSON holds the same: `{"rules": [{"prefix": "module.", "to": ""}]}`.
///
/// # Checked by
/// `tests/it/import.rs`
#[derive(Clone, Debug, Default)]
pub struct KeyMap(Vec<Rule>);

#[derive(Clone, Debug)]
enum Rule {
    Prefix(String, String),
    Regex(Regex, String),
    Drop(Regex),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    prefix: Option<String>,
    regex: Option<String>,
    drop: Option<String>,
    to: Option<String>,
}

impl KeyMap {
    /// Reads the rules of a TOML or JSON file.
    ///
    /// # Errors
    /// [`ImportError`] when it cannot be read, or a rule is none.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let text = std::fs::read_to_string(path).map_err(StoreError::io(path, "reading"))?;
        let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        Self::parse(&text, json)
            .map_err(|reason| ImportError::KeyMap { path: path.to_owned(), reason })
    }

    /// The rules of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, json: bool) -> Result<Self, String> {
        let file: File = if json {
            serde_json::from_str(text).map_err(|e| e.to_string())?
        } else {
            toml::from_str(text).map_err(|e| e.to_string())?
        };
        let rule = |(i, entry): (usize, Entry)| {
            Self::rule(entry).map_err(|reason| format!("rule {}: {reason}", i + 1))
        };
        Ok(Self(file.rules.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?))
    }

    fn rule(entry: Entry) -> Result<Rule, String> {
        let regex = |text: &str| Regex::new(text).map_err(|e| e.to_string());
        match (entry.prefix, entry.regex, entry.drop, entry.to) {
            (Some(prefix), None, None, Some(to)) => Ok(Rule::Prefix(prefix, to)),
            (None, Some(pattern), None, Some(to)) => Ok(Rule::Regex(regex(&pattern)?, to)),
            (None, None, Some(pattern), None) => Ok(Rule::Drop(regex(&pattern)?)),
            _ => Err("it has `prefix` and `to`, or `regex` and `to`, or `drop` alone".to_owned()),
        }
    }

    /// A name after all rules, `None` when one drops it.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<String> {
        self.0.iter().try_fold(name.to_owned(), |name, rule| match rule {
            Rule::Prefix(prefix, to) => Some(match name.strip_prefix(prefix.as_str()) {
                Some(rest) => format!("{to}{rest}"),
                None => name,
            }),
            Rule::Regex(regex, to) => Some(regex.replace_all(&name, to.as_str()).into_owned()),
            Rule::Drop(regex) => (!regex.is_match(&name)).then_some(name),
        })
    }

    /// The arrays under their new names.
    ///
    /// # Errors
    /// [`ImportError::Collision`] when two arrays come to the same name.
    pub fn apply(&self, weights: Weights) -> Result<Weights, ImportError> {
        let (mut renamed, mut origins) = (Weights::default(), BTreeMap::new());
        for (name, array) in weights.0 {
            let Some(to) = self.name(&name) else { continue };
            if let Some(first) = origins.insert(to.clone(), name.clone()) {
                return Err(ImportError::Collision { first, second: name, to });
            }
            renamed.0.insert(to, array);
        }
        Ok(renamed)
    }
}
