//! The report: reads samples, makes tables, puts them into a page between two markers.

mod statistics;
mod table;
mod targets;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::sample::Sample;

/// What goes where.
#[derive(Args)]
pub(crate) struct Options {
    /// Files of samples; what one of them says about the machine stands above the tables.
    samples: Vec<PathBuf>,
    /// A page with the markers `<!-- bench:begin -->` and `<!-- bench:end -->`; without it the tables go to standard
    /// output.
    #[arg(long)]
    into: Option<PathBuf>,
}

const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->\n";

/// A line of a file of samples that is not one.
#[derive(Serialize, Deserialize)]
struct Fact {
    fact: String,
}

/// One file of samples: what was said about the run, and its values.
#[derive(Default)]
struct Run {
    facts: Vec<String>,
    samples: Vec<Sample>,
}

/// Says something about a run.
pub(crate) fn say_fact(text: &str) -> Result<()> {
    let line = serde_json::to_string(&Fact { fact: text.to_owned() })?;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let runs = options.samples.iter().map(|path| read(path)).collect::<Result<Vec<Run>>>()?;
    let text = page(&runs);
    match &options.into {
        Some(path) => {
            let page = std::fs::read_to_string(path)?;
            let page = between(&page, &text).ok_or("the page has no markers")?;
            Ok(std::fs::write(path, page)?)
        }
        None => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}

fn read(path: &Path) -> Result<Run> {
    let mut run = Run::default();
    for line in std::fs::read_to_string(path)?.lines() {
        if let Ok(Fact { fact }) = serde_json::from_str(line) {
            run.facts.push(fact);
        } else {
            run.samples.push(serde_json::from_str(line)?);
        }
    }
    Ok(run)
}

/// The text with everything between the markers replaced; none without markers.
fn between(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{text}{END}{after}"))
}

/// All runs, one section each, in the order in which they are given.
fn page(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        for measure in table::measures(&run.samples) {
            text.push_str(&table::section(&measure, &run.samples));
            let facts: String = run.facts.iter().map(|fact| format!("{fact}. ")).collect();
            text.push_str(&format!("{facts}{}\n", statistics::noise(&run.samples)));
        }
        if run.samples.is_empty() {
            text.extend(run.facts.iter().map(|fact| format!("\n- {fact}")));
            text.push('\n');
        }
    }
    text
}
