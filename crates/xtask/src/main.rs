//! The project's own chores: `cargo xtask tidy`, `cargo xtask new-migration NAME` and `cargo xtask api-coverage`.
//!
//! Needs nothing but the standard library, so that it is built before anything else is.

mod coverage;
mod files;
mod migration;
mod rust_text;
mod tidy;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask tidy                  check the rules of the house that no compiler knows
cargo xtask new-migration NAME    start the next file in migrations/
cargo xtask api-coverage          write docs/api-coverage.md";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy(),
        ["new-migration", name] => {
            migration::create(&root(), name).and_then(|path| say(&path)).map(|()| true)
        }
        ["api-coverage"] => {
            let tree = files::Tree::read(&root());
            tree.and_then(|tree| coverage::write(&root(), &tree)).and_then(|path| say(&path)).map(|()| true)
        }
        _ => say(USAGE).map(|()| false),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints every violation and answers whether there was none.
fn tidy() -> io::Result<bool> {
    let tree = files::Tree::read(&root())?;
    let violations = tidy::check(&tree);
    for violation in &violations {
        say(&violation.to_string())?;
    }
    if !violations.is_empty() {
        say(&format!("tidy: {} violations in {} files", violations.len(), tree.files.len()))?;
    }
    Ok(violations.is_empty())
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
