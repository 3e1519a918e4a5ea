//! One table for each measure: a row for each case, a column for each server, and how often Haven is as good.

use super::statistics::{Summary, summary};
use super::targets::goals;
use crate::sample::{Sample, Unit};

/// Title of a table, and what one has to know to read it.
const TITLES: [(&str, &str, &str); 9] = [
    ("pull", "Pulls of one blob", "All clients together."),
    ("push", "Pushes of one blob", "POST, one PATCH in chunks, PUT, as docker does it."),
    ("manifests", "Manifests by tag", "Connections stay open; every request is authorised by a token."),
    (
        "tokens",
        "Tokens",
        "For the administrator with the right password, and for a robot of the system with its secret, over connections that \
         stay open.",
    ),
    (
        "images",
        "Small images",
        "Configuration, one layer of 16 KiB and manifest; asked for first, then pushed. Haven checks tokens here, the \
         others are open to everybody.",
    ),
    ("memory", "Memory under load", "Pushes and pulls at once; the most that was seen, looking every 20 ms."),
    (
        "lists",
        "Lists",
        "Pages of 15 over the REST API by 64 clients as the administrator, any page of any project: 1,000 projects of 100 \
         repositories of 10 artifacts with 5 tags and a label each, a million lines in the audit log; and with a tenth of \
         the projects and lines.",
    ),
    (
        "audit",
        "A long audit log",
        "Any of the first five pages of 15 lines by 64 clients, over the REST API as the administrator: of ten million lines, \
         and of a hundred thousand, about 100 projects.",
    ),
    ("growth", "Growth", "Manifests by tag with a million artifacts, and with a thousand."),
];

/// The first of a name's columns: Haven itself, whatever its database.
const OWN: &str = "haven";

/// The measures of these samples, in the order of the titles.
pub(super) fn measures(samples: &[Sample]) -> Vec<String> {
    let known = TITLES.iter().map(|(measure, ..)| (*measure).to_owned());
    let mut all: Vec<String> =
        known.filter(|measure| samples.iter().any(|it| it.measure == *measure)).collect();
    for sample in samples {
        if !all.contains(&sample.measure) {
            all.push(sample.measure.clone());
        }
    }
    all
}

/// Title, introduction and table of a measure.
pub(super) fn section(measure: &str, samples: &[Sample]) -> String {
    let samples: Vec<&Sample> = samples.iter().filter(|sample| sample.measure == measure).collect();
    let (title, note) = TITLES
        .iter()
        .find(|(known, ..)| *known == measure)
        .map_or((measure, ""), |(_, title, note)| (*title, *note));
    let own = distinct(samples.iter().map(|sample| sample.peer.as_str()).filter(|peer| is_own(peer)));
    let peers = distinct(samples.iter().map(|sample| sample.peer.as_str()).filter(|peer| !is_own(peer)));
    let mut head = vec![String::new(), "Haven".to_owned()];
    head.extend(peers.iter().map(|peer| (*peer).to_owned()));
    head.push("target".to_owned());
    let mut rows = Vec::new();
    for case in distinct(samples.iter().map(|sample| sample.case.as_str())) {
        for flavour in &own {
            rows.extend(row(measure, case, flavour, &peers, &samples));
        }
    }
    if rows.iter().all(|row| row.last().is_none_or(String::is_empty)) {
        head.pop();
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    format!("\n### {title}\n\n{note}\n\n{}\n", markdown(&head, &rows))
}

fn is_own(peer: &str) -> bool {
    peer == OWN || peer.starts_with("haven on ")
}

/// The cells of a row; none when Haven was not measured there.
fn row(measure: &str, case: &str, flavour: &str, peers: &[&str], samples: &[&Sample]) -> Option<Vec<String>> {
    let find = |peer: &str| {
        let found: Vec<_> = samples.iter().filter(|it| it.case == case && it.peer == peer).collect();
        let unit = found.first()?.unit;
        Some((summary(found.iter().map(|sample| sample.value))?, unit))
    };
    let (own, unit) = find(flavour)?;
    let title = flavour.strip_prefix(OWN).unwrap_or_default();
    let mut cells = vec![format!("{case}{title}"), cell(own, unit)];
    for peer in peers {
        cells.push(find(peer).map_or("–".to_owned(), |(theirs, unit)| {
            format!("{}, {}", cell(theirs, unit), factor(own.median, theirs.median, unit))
        }));
    }
    let judged = goals(measure, case, unit.more_is_better())
        .filter_map(|goal| goal.judge(own.median, |peer| find(peer).map(|(theirs, _)| theirs.median)));
    cells.push(judged.collect::<Vec<_>>().join("; "));
    Some(cells)
}

fn cell(summary: Summary, unit: Unit) -> String {
    let value = format!("{} {}", number(summary.median), unit.text());
    if summary.rounds > 1 { format!("{value} ± {:.0} %", summary.spread) } else { value }
}

/// How many times as good Haven is; a loss stands out.
fn factor(own: f64, theirs: f64, unit: Unit) -> String {
    let factor = if unit.more_is_better() { own / theirs } else { theirs / own };
    if !factor.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{factor:.2} ×");
    if factor < 0.995 { format!("**{text}**") } else { text }
}

/// Three digits that count, thousands apart.
pub(super) fn number(value: f64) -> String {
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut apart = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(head), format!("|{}", "---|".repeat(head.len()))];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n") + "\n"
}

/// Each text once, in the order of its first appearance.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
