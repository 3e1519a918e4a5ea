//! How long a source file may be.

use super::Violation;
use crate::files::File;

const LIMIT: usize = 400;
const TEST_LIMIT: usize = 800;
const SOURCES: [&str; 5] = ["rs", "ts", "tsx", "sh", "py"];

pub(super) fn check(file: &File, found: &mut Vec<Violation>) {
    if !SOURCES.contains(&file.extension()) {
        return;
    }
    let limit = if file.extension() == "rs" && file.is_test() { TEST_LIMIT } else { LIMIT };
    let lines = file.text.lines().count();
    if lines > limit {
        let message = format!("{lines} lines, {limit} are allowed: split it by noun");
        found.push(Violation { amount: lines, ..Violation::new(file, lines, "length", message) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::broken;
    use super::*;

    #[test]
    fn limits_depend_on_the_kind_of_file() {
        let text = |lines: usize| "x\n".repeat(lines);
        assert!(broken(check, "crates/db/src/a.rs", &text(400)).is_empty());
        assert_eq!(broken(check, "crates/db/src/a.rs", &text(401)), [("length", 401)]);
        assert!(broken(check, "crates/db/src/tests.rs", &text(800)).is_empty());
        assert_eq!(broken(check, "crates/db/src/tests.rs", &text(801)), [("length", 801)]);
        assert_eq!(broken(check, "e2e/run.sh", &text(401)), [("length", 401)]);
        assert!(broken(check, "api/openapi.yaml", &text(9000)).is_empty());
    }
}
