//! `docs/api-coverage.md`: which of Harbor's operations are here, made from `api/harbor-operations.tsv` and
//! `api/openapi.yaml`.

use crate::files::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// What is made.
pub(crate) const PAGE: &str = "docs/api-coverage.md";
const WANTED: &str = "api/harbor-operations.tsv";
const CONTRACT: &str = "api/openapi.yaml";
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// Writes the page and answers its path.
pub(crate) fn write(root: &Path, tree: &Tree) -> io::Result<String> {
    let page = page(tree).ok_or_else(|| io::Error::other(format!("{WANTED} or {CONTRACT} is missing")))?;
    fs::write(root.join(PAGE), page)?;
    Ok(PAGE.to_owned())
}

/// The page as it should be; none without the files that it is made from.
pub(crate) fn page(tree: &Tree) -> Option<String> {
    let text = |path: &str| tree.files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    Some(render(&wanted(text(WANTED)?), &served(text(CONTRACT)?)))
}

/// A method with a path, in which the names of parameters do not count.
type Operation = (String, String);

fn operation(method: &str, path: &str) -> Operation {
    let mut plain = String::new();
    let mut within = false;
    for letter in path.trim_end_matches('/').chars() {
        within = letter == '{' || within && letter != '}';
        if !within || letter == '{' {
            plain.push(letter);
        }
    }
    (method.to_ascii_uppercase(), plain)
}

/// By group, the lines of the table: method, path, id. What follows is for a test of the contract.
fn wanted(text: &str) -> BTreeMap<&str, Vec<[&str; 3]>> {
    let mut groups: BTreeMap<&str, Vec<[&str; 3]>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let [group, path, method, id, ..] = line.split('\t').collect::<Vec<_>>()[..] {
            groups.entry(group).or_default().push([method, path, id]);
        }
    }
    groups
}

/// The operations of the contract with their paths as written there.
fn served(text: &str) -> BTreeMap<Operation, String> {
    let mut operations = BTreeMap::new();
    let (mut in_paths, mut path) = (false, "");
    for line in text.lines() {
        if !line.starts_with([' ', '#']) && !line.is_empty() {
            in_paths = line == "paths:";
        } else if let Some(name) = line.strip_prefix("  /").filter(|_| in_paths) {
            path = name.trim_end_matches(':');
        } else if let Some(word) = line.strip_prefix("    ").and_then(|word| word.strip_suffix(':'))
            && in_paths
            && METHODS.contains(&word)
        {
            operations.insert(operation(word, &format!("/{path}")), format!("/{path}"));
        }
    }
    operations
}

fn render(wanted: &BTreeMap<&str, Vec<[&str; 3]>>, served: &BTreeMap<Operation, String>) -> String {
    let is_here = |[method, path, _]: &&[&str; 3]| served.contains_key(&operation(method, path));
    let (mut here, mut all, mut tables) = (0, 0, String::new());
    for (group, operations) in wanted {
        let count = operations.iter().filter(is_here).count();
        (here, all) = (here + count, all + operations.len());
        let _ = write!(
            tables,
            "\n## {group}: {count} of {}\n\n| | operation | id |\n|---|---|---|\n",
            operations.len()
        );
        for row in operations {
            let mark = if is_here(&row) { "yes" } else { "not yet" };
            let [method, path, id] = row;
            let _ = writeln!(tables, "| {mark} | `{method} {path}` | {id} |");
        }
    }
    let known: BTreeSet<Operation> =
        wanted.values().flatten().map(|[method, path, _]| operation(method, path)).collect();
    let own: Vec<String> = served
        .iter()
        .filter(|(key, _)| !known.contains(key))
        .map(|((method, _), path)| format!("| `{method} {path}` |\n"))
        .collect();
    format!(
        "# The REST API: what is there\n\nMade by `cargo xtask api-coverage` from [api/openapi.yaml](../api/openapi.yaml) and \
         [Harbor's operations](../api/harbor-operations.tsv); do not edit.\n\n\
         **{here} of Harbor's {all} operations are here**, and {} more that only Haven has.\n{tables}\n\
         ## Haven's own\n\n| operation |\n|---|\n{}",
        own.len(),
        own.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "# head\nuser\t/users/{user_id}\tGET\tgetUser\t\t200,404\nuser\t/users/\tPOST\tcreateUser\n";
    const YAML: &str = "openapi: 3.1.0\npaths:\n  /users/{id}:\n    parameters:\n    get:\n      put:\n  /more:\n    put:\n\
        components:\n  /no:\n    get:\n";

    #[test]
    fn operations_meet_whatever_their_parameters_are_called() {
        let page = render(&wanted(TABLE), &served(YAML));
        assert!(page.contains("**1 of Harbor's 2 operations are here**, and 1 more"), "{page}");
        assert!(page.contains("## user: 1 of 2"));
        assert!(page.contains("| yes | `GET /users/{user_id}` | getUser |"));
        assert!(page.contains("| not yet | `POST /users/` | createUser |"));
        assert!(page.contains("| `PUT /more` |") && !page.contains("/no"));
    }
}
