//! What may not be written in Rust here, or only in one place.

use super::Violation;
use crate::files::File;
use crate::rust_text::{RustText, find_word, line_of};

/// Module names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "manager", "base", "misc"];

/// Words that may stand in code only where `home` says so.
struct Ban {
    rule: &'static str,
    words: &'static [&'static str],
    /// Whether the word is at home in this file.
    home: fn(&File) -> bool,
    /// Whether parts compiled for tests are left alone.
    spares_tests: bool,
    message: &'static str,
}

const BANS: [Ban; 6] = [
    Ban {
        rule: "unfinished",
        words: &["todo!", "unimplemented!"],
        home: |_| false,
        spares_tests: false,
        message: "finish it",
    },
    Ban {
        rule: "ignored-test",
        words: &["#[ignore"],
        home: |_| false,
        spares_tests: false,
        message: "a test runs or it goes",
    },
    Ban {
        rule: "allow",
        words: &["#[allow(", "#![allow("],
        home: |_| false,
        spares_tests: false,
        message: "write #[expect(lint, reason = \"..\")], which complains when it is no longer needed",
    },
    Ban {
        rule: "http-in-core",
        words: &["axum", "StatusCode", "hyper", "tower_http"],
        home: |file| !file.path.starts_with("crates/core/"),
        spares_tests: false,
        message: "core knows no HTTP: answer with a code, web makes a status of it",
    },
    Ban {
        rule: "engine",
        words: &["rusqlite", "tokio_postgres", "deadpool_postgres", "refinery_core"],
        home: |file| file.path.starts_with("crates/db/"),
        spares_tests: false,
        message: "only db knows the engines",
    },
    Ban {
        rule: "environment",
        words: &["std::env", "env::var", "env::var_os", "env::vars", "env::temp_dir", "env::current_dir"],
        home: reads_environment,
        spares_tests: true,
        message: "configuration is read once, in server::config, and handed in",
    },
];

pub(super) fn check(file: &File, found: &mut Vec<Violation>) {
    if file.extension() != "rs" {
        return;
    }
    let rust = RustText::read(&file.text);
    if !file.text.starts_with("//!") {
        let message = "begin with `//!` and say what the file owns";
        found.push(Violation::new(file, 1, "head", message));
    }
    for ban in BANS.iter().filter(|ban| !(ban.home)(file)) {
        for at in ban.words.iter().flat_map(|word| find_word(&rust.code, word)) {
            if !(ban.spares_tests && (file.is_test() || rust.in_tests(at))) && !repeats(ban, &rust.code, at) {
                found.push(Violation::new(file, line_of(&file.text, at), ban.rule, ban.message));
            }
        }
    }
    unsafe_code(file, &rust, found);
    names(file, &rust, found);
}

/// `std::env::var` is one place, not two.
fn repeats(ban: &Ban, code: &str, at: usize) -> bool {
    ban.rule == "environment" && code[at..].starts_with("env::") && code[..at].ends_with("std::")
}

fn reads_environment(file: &File) -> bool {
    let config = file.path.starts_with("crates/server/src/config");
    config || file.path.starts_with("crates/xtask/") || file.name() == "build.rs"
}

/// `unsafe` stands only in modules whose head explains what makes it safe.
fn unsafe_code(file: &File, rust: &RustText, found: &mut Vec<Violation>) {
    let mut head = file.text.lines().take_while(|line| line.starts_with("//!"));
    if head.any(|line| line.to_lowercase().contains("safety")) {
        return;
    }
    for at in find_word(&rust.code, "unsafe") {
        let message = "the head of the file must say, under `Safety`, why this is sound";
        found.push(Violation::new(file, line_of(&file.text, at), "unsafe", message));
    }
}

fn names(file: &File, rust: &RustText, found: &mut Vec<Violation>) {
    let message = |name: &str| format!("`{name}` says nothing; name it after the thing it owns");
    let parts = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    for part in parts.filter(|part| EMPTY_NAMES.contains(part)) {
        found.push(Violation::new(file, 1, "empty-name", message(part)));
    }
    for at in find_word(&rust.code, "mod") {
        let rest = rust.code[at + 3..].trim_start();
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        if rest[name.len()..].trim_start().starts_with('{') && EMPTY_NAMES.contains(&name) {
            found.push(Violation::new(file, line_of(&file.text, at), "empty-name", message(name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::broken;
    use super::*;

    /// The rules broken by a line of code under a proper head.
    fn rules(path: &str, code: &str) -> Vec<&'static str> {
        broken(check, path, &format!("//! Head.\n{code}")).into_iter().map(|(rule, _)| rule).collect()
    }

    const CORE: &str = "crates/core/src/a.rs";
    const WEB: &str = "crates/web/src/a.rs";

    #[test]
    fn a_file_begins_with_its_head() {
        assert_eq!(broken(check, CORE, "use std::fmt;\n//! Late."), [("head", 1)]);
        assert!(rules(CORE, "fn a() {}").is_empty());
    }

    #[test]
    fn shortcuts_are_banned() {
        assert_eq!(rules(CORE, "fn a() { todo!() }"), ["unfinished"]);
        assert_eq!(rules(CORE, "#[test]\n#[ignore = \"slow\"]\nfn a() {}"), ["ignored-test"]);
        assert_eq!(rules(CORE, "#[allow(dead_code)]\nfn a() {}"), ["allow"]);
        assert!(rules(CORE, "// #[allow(dead_code)] is banned, and so is todo!()").is_empty());
    }

    #[test]
    fn core_knows_no_http_and_only_db_the_engines() {
        assert_eq!(rules(CORE, "use axum::Router;"), ["http-in-core"]);
        assert_eq!(rules(CORE, "fn a() -> StatusCode {}"), ["http-in-core"]);
        assert!(rules(WEB, "use axum::Router;").is_empty());
        assert_eq!(rules(WEB, "use rusqlite::Connection;"), ["engine"]);
        assert!(rules("crates/db/src/sqlite.rs", "use rusqlite::Connection;").is_empty());
    }

    #[test]
    fn the_environment_is_read_in_one_place() {
        assert_eq!(rules(WEB, "let a = std::env::var(\"A\");"), ["environment"]);
        assert_eq!(rules(WEB, "use std::{env, fs};\nlet a = env::var(\"A\");"), ["environment"]);
        assert!(rules("crates/server/src/config/environment.rs", "std::env::vars()").is_empty());
        assert!(rules(WEB, "#[cfg(test)]\nmod tests { fn a() { std::env::temp_dir() } }").is_empty());
        assert!(rules(WEB, "env!(\"CARGO_PKG_VERSION\")").is_empty());
    }

    #[test]
    fn unsafe_needs_a_reason_in_the_head() {
        assert_eq!(rules(CORE, "unsafe { a() }"), ["unsafe"]);
        let safe = "//! Mapped files.\n//!\n//! Safety: a blob never changes.\nfn a() { unsafe { b() } }";
        assert!(broken(check, CORE, safe).is_empty());
        assert!(rules(CORE, "#![expect(unsafe_code, reason = \"..\")]").is_empty());
    }

    #[test]
    fn names_must_say_something() {
        assert_eq!(rules("crates/core/src/utils/a.rs", ""), ["empty-name"]);
        assert_eq!(rules("crates/core/src/helpers.rs", ""), ["empty-name"]);
        assert_eq!(rules(CORE, "mod common { }"), ["empty-name"]);
        assert!(rules(CORE, "mod commons { }").is_empty());
    }
}
