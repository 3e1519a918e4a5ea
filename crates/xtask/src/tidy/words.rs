//! Words that may stand in no file at all, or in no source.

use super::Violation;
use crate::files::File;
use crate::rust_text::{RustText, find_word, line_of};

/// Folders of somebody's machine. Split, so that this file passes its own check.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Notes that something is not finished.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_IN: [&str; 11] =
    ["sh", "py", "ts", "tsx", "css", "html", "sql", "toml", "yaml", "yml", "Makefile"];

pub(super) fn check(file: &File, found: &mut Vec<Violation>) {
    for word in MACHINE_PATHS {
        let places = file.text.match_indices(word).map(|(at, _)| at);
        for at in places.filter(|at| starts_a_path(&file.text[..*at])) {
            let message = format!("`{word}` is a folder of one machine");
            found.push(Violation::new(file, line_of(&file.text, at), "machine-path", message));
        }
    }
    if file.extension() == "rs" {
        let rust = RustText::read(&file.text);
        unfinished(file, &rust.comments, found);
        unfinished(file, &rust.code, found);
    } else if UNFINISHED_IN.contains(&file.extension()) || UNFINISHED_IN.contains(&file.name()) {
        unfinished(file, &file.text, found);
    }
}

/// A slash that follows a name or a variable goes on with a path; any other begins one.
fn starts_a_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "_-.}/*>~)".contains(c))
}

fn unfinished(file: &File, text: &str, found: &mut Vec<Violation>) {
    for word in UNFINISHED {
        for at in find_word(text, word) {
            let message = format!("`{word}`: finish it, or write it where plans are kept");
            found.push(Violation::new(file, line_of(text, at), "unfinished", message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::broken;
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found_everywhere() {
        let text = format!(
            "see `{}main`\nfine: e2e/.work/ and $dir/work/x\n{}x",
            MACHINE_PATHS[0], MACHINE_PATHS[1]
        );
        assert_eq!(broken(check, "README.md", &text), [("machine-path", 1), ("machine-path", 3)]);
    }

    #[test]
    fn unfinished_work_is_found_in_sources() {
        let note = UNFINISHED[0];
        assert_eq!(
            broken(check, "crates/db/src/a.rs", &format!("//! A.\n// {note}: x")),
            [("unfinished", 2)]
        );
        assert!(broken(check, "crates/db/src/a.rs", &format!("const A: &str = \"{note}\";")).is_empty());
        assert_eq!(broken(check, "Makefile", &format!("# {note}")), [("unfinished", 1)]);
        assert!(
            broken(check, "scripts/a.sh", &format!("mktemp -d {}{}", UNFINISHED[2], UNFINISHED[2]))
                .is_empty()
        );
    }
}
