//! The raw layer: settings of a file, of the environment and of flags, laid over each other.
//!
//! Here a key is known or unknown and a value has the right type or not; what a value means is for the sections.

use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

use super::{
    keys::{Key, Kind, Role},
    problems::{Place, Problems},
    secret::Secret,
    tree::{Node, Value},
    units,
};

/// The settings by the path of their key, the last one inserted winning, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<&'static str, Node>,
    pub(super) problems: Problems,
}

impl Settings {
    /// Puts a setting over an earlier one of the same key. A null leaves the earlier one alone.
    pub(super) fn put(&mut self, key: &'static Key, node: Node) {
        match (&node.value, key.role) {
            (Value::Null, _) => {}
            (_, Role::Unsupported(why)) => self.problems.at(&node.place, format!("`{}` {why}", key.path)),
            _ => drop(self.values.insert(key.path, node)),
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// Whether anything below `path` is set.
    pub(super) fn has_section(&self, path: &str) -> bool {
        self.values.keys().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    pub(super) fn place(&self, path: &str) -> Option<Place> {
        self.values.get(path).map(|node| node.place.clone())
    }

    /// Complains about the setting at `path`, or in general when it is not there.
    pub(super) fn complain(&mut self, path: &str, message: impl Display) {
        match self.place(path) {
            Some(place) => self.problems.at(&place, format!("`{path}`: {message}")),
            None => self.problems.general(format!("`{path}`: {message}")),
        }
    }

    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        let node = self.values.get(path)?;
        if let Value::Scalar(text) = &node.value {
            return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        }
        self.complain(path, "must be a single value, not a list or a section");
        None
    }

    /// The value exactly as written, spaces included.
    pub(super) fn secret(&mut self, path: &str) -> Option<Secret> {
        self.text(path)?;
        match &self.values.get(path)?.value {
            Value::Scalar(text) => Some(Secret::new(text.as_str())),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, path: &str) -> Option<bool> {
        self.convert(path, "true or false", units::boolean)
    }

    pub(super) fn duration(&mut self, path: &str) -> Option<Duration> {
        self.convert(path, "a duration such as `90s`, `5m` or `24h`", units::duration)
    }

    /// A duration that may not be zero.
    pub(super) fn span(&mut self, path: &str) -> Option<Duration> {
        let found = self.duration(path)?;
        if found.is_zero() {
            self.complain(path, "must be more than zero");
        }
        Some(found)
    }

    pub(super) fn number<T>(&mut self, path: &str, least: T, most: T) -> Option<T>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let expected = format!("a whole number from {least} to {most}");
        self.convert(path, &expected, |text| {
            text.parse::<T>().ok().filter(|number| *number >= least && *number <= most)
        })
    }

    /// A list, or one text with commas.
    pub(super) fn list(&mut self, path: &str) -> Option<Vec<String>> {
        let node = self.values.get(path)?;
        let items: Option<Vec<String>> = match &node.value {
            Value::List(items) => items.iter().map(scalar).collect(),
            Value::Scalar(text) => Some(split(text)),
            _ => None,
        };
        if items.is_none() {
            self.complain(path, "must be a list of single values");
        }
        items
    }

    /// Every setting that is accepted and not used, with the two words of its role.
    pub(super) fn ignored(&self) -> impl Iterator<Item = (&Node, &'static str, &'static str)> {
        super::keys::KEYS.iter().filter_map(|key| match key.role {
            Role::Ignored(what, why) => Some((self.values.get(key.path)?, what, why)),
            _ => None,
        })
    }

    /// Reads settings that are accepted without effect only to check their type.
    pub(super) fn check_quiet(&mut self) {
        for key in super::keys::KEYS.iter().filter(|key| key.role == Role::Quiet) {
            match key.kind {
                Kind::Bool => drop(self.flag(key.path)),
                Kind::Int => drop(self.number::<i64>(key.path, 0, i64::MAX)),
                _ => drop(self.text(key.path)),
            }
        }
    }

    fn convert<T>(&mut self, path: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(path)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.complain(path, format_args!("`{text}` is not {expected}"));
        }
        parsed
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}
