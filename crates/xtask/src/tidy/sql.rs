//! Where SQL may stand, and how it may not look.

use super::Violation;
use crate::files::File;
use crate::rust_text::{RustText, line_of};

pub(super) fn check(file: &File, found: &mut Vec<Violation>) {
    match file.extension() {
        "sql" => every_column(file, &file.text, 0, found),
        "rs" if file.text.contains('"') => {
            let rust = RustText::read(&file.text);
            for literal in &rust.literals {
                every_column(file, &file.text[literal.clone()], literal.start, found);
                if is_statement(&file.text[literal.clone()])
                    && !at_home(file)
                    && !rust.in_tests(literal.start)
                {
                    let message = "SQL stands in `sql.rs` of the slice that owns the table";
                    found.push(Violation::new(
                        file,
                        line_of(&file.text, literal.start),
                        "sql-place",
                        message,
                    ));
                }
            }
        }
        _ => {}
    }
}

/// A statement begins with its verb, in upper case.
fn is_statement(text: &str) -> bool {
    let text = text.trim_start();
    let begins =
        |verb: &str| text.strip_prefix(verb).is_some_and(|rest| rest.starts_with(char::is_whitespace));
    begins("SELECT")
        || begins("INSERT INTO")
        || begins("DELETE FROM")
        || begins("CREATE TABLE")
        || begins("ALTER TABLE")
        || begins("DROP TABLE")
        || begins("UPDATE") && text.contains(" SET ")
        || begins("WITH") && text.contains("SELECT")
}

fn at_home(file: &File) -> bool {
    let home = file.name() == "sql.rs" || file.path.contains("/sql/") || file.path.starts_with("crates/db/");
    home || file.is_test()
}

fn every_column(file: &File, text: &str, offset: usize, found: &mut Vec<Violation>) {
    for (at, _) in text.match_indices(concat!("SELECT", " *")) {
        let message = "name the columns, so that a new one cannot shift the others";
        found.push(Violation::new(file, line_of(&file.text, offset + at), "sql-columns", message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::broken;
    use super::*;

    const SLICE: &str = "crates/core/src/projects/mod.rs";

    #[test]
    fn statements_have_a_home() {
        let text = "const A: &str = \"SELECT id FROM project\";\nconst B: &str = \"UPDATE project\n SET name = $1\";";
        assert_eq!(broken(check, SLICE, text), [("sql-place", 1), ("sql-place", 2)]);
        assert!(broken(check, "crates/core/src/projects/sql.rs", text).is_empty());
        assert!(broken(check, "crates/core/src/projects/sql/rows.rs", text).is_empty());
        assert!(broken(check, "crates/db/src/migrate.rs", text).is_empty());
        assert!(broken(check, "crates/core/src/projects/tests.rs", text).is_empty());
        assert!(broken(check, SLICE, &format!("#[cfg(test)]\nmod tests {{ {text} }}")).is_empty());
    }

    #[test]
    fn prose_is_not_a_statement() {
        let text = "const A: &str = \"SELECTED\"; const B: &str = \"UPDATE available\"; // SELECT id FROM t";
        assert!(broken(check, SLICE, text).is_empty());
    }

    #[test]
    fn columns_are_named() {
        let star = concat!("SELECT", " * FROM t");
        assert_eq!(broken(check, "migrations/0002_x.sql", &format!("-- x\n{star};")), [("sql-columns", 2)]);
        assert_eq!(broken(check, "crates/db/src/a.rs", &format!("\n\"{star}\"")), [("sql-columns", 2)]);
        assert!(broken(check, "crates/db/src/a.rs", "\"SELECT count(*) FROM t\"").is_empty());
    }
}
