//! The files of the project: what git knows or would add, with their text.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// Folders that are not looked into where git cannot be asked.
const SKIPPED: [&str; 6] = [".git", ".cache", "target", "data", "node_modules", "dist"];

/// One file; the path is relative to the root, with slashes.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The part of the path after the last slash.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// What follows the last dot of the name; empty when there is none.
    pub(crate) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Whether the whole file serves tests and measurements only.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.name();
        matches!(name, "tests.rs" | "testing.rs")
            || name.ends_with("_tests.rs")
            || ["/tests/", "/examples/", "/benches/"].iter().any(|folder| self.path.contains(folder))
            || self.path.starts_with("crates/testkit/")
    }
}

/// Every file of the project.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the files below `root`; those that are not UTF-8 count as empty.
    pub(crate) fn read(root: &Path) -> io::Result<Tree> {
        let paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => {
                let mut found = BTreeSet::new();
                walk(root, "", &mut found)?;
                found
            }
        };
        let mut files = Vec::new();
        for path in paths {
            // A file may be deleted and still be listed by git until the deletion is committed.
            let Ok(bytes) = fs::read(root.join(&path)) else { continue };
            files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
        }
        Ok(Tree { files })
    }

    /// Whether there is a file of this path, or one below it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.iter().any(|file| {
                file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    /// The file of exactly this path.
    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn listed_by_git(root: &Path) -> Option<BTreeSet<String>> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path, below: &str, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            found.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_serves_tests() {
        let is_test = |path: &str| File { path: path.into(), text: String::new() }.is_test();
        assert!(is_test("crates/core/src/registry/tests.rs"));
        assert!(is_test("crates/web/src/kit/page_tests.rs"));
        assert!(is_test("crates/db/src/testing.rs"));
        assert!(is_test("crates/server/tests/it/main.rs"));
        assert!(is_test("crates/testkit/src/lib.rs"));
        assert!(!is_test("crates/core/src/registry/push.rs"));
    }

    #[test]
    fn a_folder_is_there_when_a_file_below_it_is() {
        let tree =
            Tree { files: vec![File { path: "docs/decisions/README.md".into(), text: String::new() }] };
        assert!(tree.has("docs/decisions/"));
        assert!(tree.has("docs/decisions/README.md"));
        assert!(!tree.has("docs/dec"));
    }
}
