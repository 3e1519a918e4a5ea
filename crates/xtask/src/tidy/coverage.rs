//! `docs/api-coverage.md` says what the contract says.

use super::Violation;
use crate::coverage::{PAGE, page};
use crate::files::Tree;

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let Some(wanted) = page(tree) else { return };
    if tree.files.iter().any(|file| file.path == PAGE && file.text == wanted) {
        return;
    }
    found.push(Violation {
        path: PAGE.to_owned(),
        line: 1,
        rule: "coverage",
        message: "is not current: cargo xtask api-coverage".to_owned(),
        amount: 1,
    });
}
