//! The configuration file: every key in it is known, or the operator is told which one was probably meant.

use super::{
    keys::{self, Kind},
    problems::Problem,
    settings::Settings,
    tree::{self, Entry, Node, Value},
};

/// Lays the file's settings into `settings`. Only a text that is not YAML at all stops before its end.
pub(super) fn read(name: &str, text: &str, settings: &mut Settings) {
    match tree::parse(name, text) {
        Ok(root) => section("", root, settings),
        Err(Problem { place: Some(place), message }) => settings.problems.at(&place, message),
        Err(Problem { place: None, message }) => settings.problems.general(message),
    }
}

fn section(path: &str, node: Node, settings: &mut Settings) {
    match node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries {
                setting(path, entry, settings);
            }
        }
        _ if path.is_empty() => settings.problems.at(&node.place, "the file must be a list of `key: value`"),
        _ => {
            let names = listed(keys::children(path));
            settings.problems.at(&node.place, format!("`{path}` is a section; it may hold {names}"));
        }
    }
}

fn setting(parent: &str, entry: Entry, settings: &mut Settings) {
    let path = if parent.is_empty() { entry.key.clone() } else { format!("{parent}.{}", entry.key) };
    if let Some(key) = keys::find(&path) {
        // A section that is refused is reported where it begins.
        let refused = matches!(key.role, keys::Role::Unsupported(_)) && key.kind == Kind::Any;
        let node = if refused { Node { place: entry.place, ..entry.node } } else { entry.node };
        settings.put(key, node);
    } else if keys::is_section(&path) {
        section(&path, entry.node, settings);
    } else {
        let hint = suggestion(parent, &entry.key)
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        settings.problems.at(&entry.place, format!("unknown key `{path}`{hint}"));
    }
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    let mut unique: Vec<&str> = names.collect();
    unique.dedup();
    unique.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The key that was probably meant: a similar name in the same section, or the same name elsewhere.
pub(super) fn suggestion(parent: &str, name: &str) -> Option<String> {
    let join = |child: &str| if parent.is_empty() { child.to_owned() } else { format!("{parent}.{child}") };
    closest(name, keys::children(parent)).map(join).or_else(|| elsewhere(name))
}

fn elsewhere(name: &str) -> Option<String> {
    let mut found = keys::KEYS.iter().filter(|key| key.path.rsplit('.').next() == Some(name));
    let first = found.next()?;
    found.next().is_none().then(|| first.path.to_owned())
}

/// The candidate with the fewest edits, if those are few for a word of this length.
pub(super) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, two neighbouring letters swapped counting as one edit.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *b && right[j - 1] == *a {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}
