//! The rules of the house that no compiler knows: one module for each kind of rule, one list of exceptions.

mod allow;
mod bans;
mod coverage;
mod crates;
mod docs;
mod length;
mod sql;
mod words;

use crate::files::{File, Tree};
use std::fmt;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    /// How much of it there is; 1 except where a rule measures.
    pub(crate) amount: usize,
}

impl Violation {
    fn new(file: &File, line: usize, rule: &'static str, message: impl Into<String>) -> Violation {
        Violation { path: file.path.clone(), line, rule, message: message.into(), amount: 1 }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}

/// Everything that is wrong with the tree and not excused, sorted by place.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    crates::check(tree, &mut found);
    docs::check(tree, &mut found);
    coverage::check(tree, &mut found);
    for file in &tree.files {
        length::check(file, &mut found);
        words::check(file, &mut found);
        bans::check(file, &mut found);
        sql::check(file, &mut found);
    }
    let mut left = allow::apply(tree, found);
    left.sort();
    left
}

/// Builds small trees for the tests of the rules.
#[cfg(test)]
mod testing {
    use super::{File, Tree, Violation};

    pub(super) fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        Tree { files: files.iter().map(|(path, text)| file(path, text)).collect() }
    }

    /// The rules that `check` finds broken in one file, with their lines.
    pub(super) fn broken(
        check: fn(&File, &mut Vec<Violation>),
        path: &str,
        text: &str,
    ) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        check(&file(path, text), &mut found);
        found.into_iter().map(|violation| (violation.rule, violation.line)).collect()
    }
}
