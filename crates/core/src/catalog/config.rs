//! An artifact's config: a JSON object from outside, read member by member and never believed to be small.
//!
//! Members stay text until somebody wants one, so that a config that would be huge as values costs its own length only.
//! Pure.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;

/// The most that is kept of one config, as JSON: a page shows up to a hundred artifacts.
pub(super) const MOST_KEPT: usize = 64 << 10;

/// The members of a config, in their order; of two with one name the last counts.
#[derive(Debug, Default)]
pub(super) struct Config<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Config<'a> {
    /// Reads the members; none if the bytes are no JSON object.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::default() };
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Members).and_then(|members| reader.end().map(|()| members));
        Self(members.unwrap_or_default())
    }

    /// A member as it is written.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known == name)?;
        Some(value.get())
    }

    /// A member's value, unless it is too large or too deep to be worth showing.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        value(self.raw(name)?)
    }

    /// A text that says something.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// These members, as far as they fit.
    pub(super) fn only(&self, names: &[&str]) -> Map<String, Value> {
        fitting(names.iter().filter_map(|name| Some((*name, self.raw(name)?))))
    }

    /// All members but these, as far as they fit.
    pub(super) fn without(&self, names: &[&str]) -> Map<String, Value> {
        let wanted = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        fitting(wanted.map(|(name, value)| (name.as_str(), value.get())))
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

fn value(raw: &str) -> Option<Value> {
    if raw.len() > MOST_KEPT { None } else { serde_json::from_str(raw).ok() }
}

/// What fits into [`MOST_KEPT`]; a member that does not is left out, and those after it are tried.
fn fitting<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    let mut kept = Map::new();
    let mut room = MOST_KEPT;
    for (name, raw) in members {
        if name.len() + raw.len().min(4) > room {
            continue;
        }
        let Some(value) = value(raw) else { continue };
        // As it will be printed, which may be longer than it was written.
        let cost = Value::from(name).to_string().len() + value.to_string().len() + 2;
        if cost <= room {
            room -= cost;
            kept.insert(name.to_owned(), value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_are_read_one_by_one() {
        let bytes = br#" {"a": 1, "b": {"c": [null]}, "a": "two", "": true, "text": ""} "#;
        let config = Config::read(bytes);
        assert_eq!(config.raw("b"), Some(r#"{"c": [null]}"#));
        assert_eq!(
            (config.text("a"), config.text("text"), config.text("b")),
            (Some("two".into()), None, None)
        );
        assert_eq!(Value::from(config.only(&["b", "none", "a"])), json!({"b": {"c": [null]}, "a": "two"}));
        assert_eq!(Value::from(config.without(&["b"])), json!({"a": "two", "": true, "text": ""}));
    }

    #[test]
    fn what_is_no_object_tells_nothing() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for bytes in [&b""[..], b"[1]", b"null", b"{", b"{} {}", b"{\"a\":\xff}", deep.as_bytes()] {
            assert!(Config::read(bytes).0.is_empty());
        }
    }

    #[test]
    fn a_member_that_is_too_deep_or_too_large_is_left_out() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let text = format!(r#"{{"deep":{deep},"large":"{}","small":1,"odd":1e999}}"#, "x".repeat(MOST_KEPT));
        let config = Config::read(text.as_bytes());
        assert!(config.raw("large").is_some());
        assert_eq!(Value::from(config.without(&[])), json!({"small": 1}));
    }

    #[test]
    fn many_members_are_cut_off() {
        let members: Vec<String> = (0..200_000).map(|n| format!("\"{n}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        let kept = Value::from(Config::read(text.as_bytes()).without(&[]));
        assert!(kept.to_string().len() <= MOST_KEPT + 2);
        assert!(kept.as_object().unwrap().len() > 1_000);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let config = Config::read(&bytes);
            let _ = (config.without(&[]), config.value("a"));
        }

        #[test]
        fn what_fits_is_kept_as_it_was(value in json()) {
            let text = value.to_string();
            let kept = Config::read(text.as_bytes()).without(&[]);
            prop_assert!(Value::from(kept.clone()).to_string().len() <= MOST_KEPT + 2);
            let expected: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(kept, expected.as_object().cloned().unwrap_or_default());
        }
    }
}
