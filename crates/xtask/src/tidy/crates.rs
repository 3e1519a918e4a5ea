//! The direction of dependencies between the crates: server > web > core > {jobs, blobs, outbound} > {db, oci}.

use super::Violation;
use crate::files::{File, Tree};

/// What each crate may build on.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("oci", &[]),
    ("db", &[]),
    ("jobs", &["db"]),
    ("blobs", &["oci"]),
    ("outbound", &["oci"]),
    ("core", &["jobs", "blobs", "outbound", "db", "oci"]),
    ("web", &["core", "jobs", "blobs", "db", "oci"]),
    ("server", &["web", "core", "jobs", "blobs", "outbound", "db", "oci"]),
    ("testkit", &["web", "core", "jobs", "blobs", "outbound", "db", "oci"]),
    ("xtask", &[]),
];

/// What a crate must not take from outside, because another one owns that subject.
const FORBIDDEN: [(&str, &[&str], &str); 2] = [
    (
        "core",
        &["axum", "http", "hyper", "tower-http", "rusqlite", "tokio-postgres"],
        "rules know no HTTP and no engine",
    ),
    ("web", &["rusqlite", "tokio-postgres", "reqwest"], "web speaks HTTP inwards and nothing else"),
];

const RULE: &str = "dependencies";

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    for file in &tree.files {
        let folder = file.path.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml"));
        if let Some(name) = folder.filter(|folder| !folder.contains('/')) {
            manifest(file, name, found);
        }
    }
}

fn manifest(file: &File, name: &str, found: &mut Vec<Violation>) {
    let Some((_, may_use)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
        found.push(Violation::new(
            file,
            1,
            RULE,
            format!("`{name}` has no place in the order of crates yet"),
        ));
        return;
    };
    let forbidden = FORBIDDEN.iter().find(|(known, ..)| *known == name);
    for (line, dependency, section) in dependencies(&file.text) {
        let message = match dependency.strip_prefix("haven-") {
            Some("testkit") if section == Section::Tests => continue,
            Some(own) if may_use.contains(&own) || own == name => continue,
            Some(own) => format!("`{name}` must not build on `{own}`"),
            None => match forbidden {
                Some((_, names, why)) if section == Section::Program && names.contains(&dependency) => {
                    format!("`{name}` must not use `{dependency}`: {why}")
                }
                _ => continue,
            },
        };
        found.push(Violation::new(file, line, RULE, message));
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    Program,
    Tests,
}

/// Line, name and section of each dependency of a `Cargo.toml`.
fn dependencies(text: &str) -> Vec<(usize, &str, Section)> {
    let mut section = None;
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            section = section_of(header);
            let single = header.rsplit_once("dependencies.").map(|(_, name)| name);
            all.extend(section.zip(single).map(|(section, name)| (index + 1, name, section)));
            section = section.filter(|_| single.is_none());
        } else if let Some(section) = section.filter(|_| line.contains('=')) {
            let name = line.split(['=', '.', ' ']).next().unwrap_or("").trim_matches('"');
            all.push((index + 1, name, section));
        }
    }
    all
}

fn section_of(header: &str) -> Option<Section> {
    let table = header.rsplit_once("dependencies.").map_or(header, |(table, _)| table);
    if table.contains("dev-dependencies") || header.contains("dev-dependencies") {
        Some(Section::Tests)
    } else if header.contains("dependencies") {
        Some(Section::Program)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    fn messages(name: &str, manifest: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&tree(&[(&format!("crates/{name}/Cargo.toml"), manifest)]), &mut found);
        found.into_iter().map(|violation| format!("{}: {}", violation.line, violation.message)).collect()
    }

    #[test]
    fn dependencies_point_downwards() {
        let manifest = "[dependencies]\nhaven-core.workspace = true\nhaven-oci = { path = \"../oci\" }\n";
        assert!(messages("web", manifest).is_empty());
        assert_eq!(messages("blobs", manifest), ["2: `blobs` must not build on `core`"]);
    }

    #[test]
    fn every_way_of_writing_a_dependency_is_seen() {
        let expected = ["2: `oci` must not build on `db`"];
        assert_eq!(messages("oci", "[target.'cfg(unix)'.dependencies]\n\"haven-db\" = \"1\""), expected);
        assert_eq!(messages("oci", "[build-dependencies]\nhaven-db.workspace=true"), expected);
        assert_eq!(messages("oci", "[package]\n[dependencies.haven-db]\nworkspace = true"), expected);
        assert!(messages("oci", "[features]\nhaven-db = []").is_empty());
    }

    #[test]
    fn tests_may_use_the_testkit_and_programs_may_not() {
        assert!(messages("core", "[dev-dependencies]\nhaven-testkit.workspace = true").is_empty());
        assert!(messages("core", "[dev-dependencies.haven-testkit]\nworkspace = true").is_empty());
        assert_eq!(messages("core", "[dependencies]\nhaven-testkit.workspace = true").len(), 1);
    }

    #[test]
    fn subjects_stay_with_their_crate() {
        assert_eq!(messages("core", "[dependencies]\naxum.workspace = true").len(), 1);
        assert!(messages("core", "[dependencies]\nhttparse = \"1\"").is_empty());
        assert!(messages("web", "[dependencies]\naxum.workspace = true").is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(messages("misc", "[dependencies]"), ["1: `misc` has no place in the order of crates yet"]);
    }
}
