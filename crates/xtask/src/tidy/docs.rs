//! Documents: links and mentions lead to pages that are here, and every decision is in the index.

use super::Violation;
use crate::files::Tree;
use crate::rust_text::{RustText, line_of};
use std::collections::BTreeMap;

const DECISIONS: &str = "docs/decisions/";
const INDEX: &str = "docs/decisions/README.md";

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    decisions(tree, found);
    for file in tree.files.iter().filter(|file| file.extension() == "md") {
        let text = without_code(&file.text);
        for (at, target) in links(&text) {
            if is_inside(target) && !resolve(&file.path, target).is_some_and(|path| tree.has(&path)) {
                let message = format!("`{target}` leads nowhere");
                found.push(Violation::new(file, line_of(&text, at), "link", message));
            }
        }
    }
    for file in tree.files.iter().filter(|file| file.extension() == "rs" && file.text.contains(".md")) {
        let comments = RustText::read(&file.text).comments;
        for (at, page) in mentions(&comments).filter(|(_, page)| !is_here(tree, page)) {
            let message = format!("there is no page `{page}` in this project");
            found.push(Violation::new(file, line_of(&comments, at), "mention", message));
        }
    }
}

/// Names of pages in comments. `NNNN` stands for any number.
fn mentions(comments: &str) -> impl Iterator<Item = (usize, &str)> {
    comments.match_indices(".md").filter_map(|(at, ending)| {
        let end = at + ending.len();
        let part_of_name = |c: char| c.is_alphanumeric() || "_-./".contains(c);
        let goes_on = comments[end..].starts_with(|c: char| c.is_alphanumeric());
        let start = comments[..at].rfind(|c| !part_of_name(c)).map_or(0, |before| before + 1);
        let page = comments.get(start..end).filter(|page| !goes_on && !page.contains("NNNN"))?;
        Some((start, page))
    })
}

/// Whether a page is named by its path or by the end of it.
fn is_here(tree: &Tree, page: &str) -> bool {
    tree.files.iter().any(|file| {
        file.path.strip_suffix(page).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
    })
}

/// Every `NNNN-title.md` is linked from the index, and no number is taken twice.
fn decisions(tree: &Tree, found: &mut Vec<Violation>) {
    let index = tree.get(INDEX).map_or("", |file| file.text.as_str());
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for file in &tree.files {
        let Some(name) = file.path.strip_prefix(DECISIONS).filter(|name| is_decision(name)) else { continue };
        if !index.contains(&format!("({name})")) {
            found.push(Violation::new(file, 1, "decision-index", format!("is not listed in {INDEX}")));
        }
        if let Some(other) = numbers.insert(&name[..4], name) {
            found.push(Violation::new(file, 1, "decision-index", format!("has the same number as {other}")));
        }
    }
}

fn is_decision(name: &str) -> bool {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4 && name[4..].starts_with('-') && name.ends_with(".md")
}

/// Blanks fenced blocks and code spans, keeping lines and offsets.
fn without_code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut fenced = false;
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        let mut span = false;
        for c in line.chars() {
            span ^= c == '`';
            let hidden = (fenced || fence || span) && c != '\n';
            kept.extend(std::iter::repeat_n(
                if hidden { ' ' } else { c },
                if hidden { c.len_utf8() } else { 1 },
            ));
        }
        fenced ^= fence;
    }
    kept
}

/// The targets of `[text](target)`, with the place where each stands.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("](").filter_map(|(at, opening)| {
        let start = at + opening.len();
        let length = text[start..].find(')')?;
        text[start..start + length].split_whitespace().next().map(|target| (start, target))
    })
}

fn is_inside(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://") && !target.starts_with("mailto:")
}

/// The path of the target, seen from the root; `None` when it leaves the project.
fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.split('#').next().unwrap_or("");
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let mut found = Vec::new();
        check(&tree(files), &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_must_lead_somewhere() {
        let page =
            "[a](docs/x.md) [b](docs/) [c](docs/x.md#part) [d](#here) [e](https://example.org/)\n[f](y.md)";
        let docs = ("docs/x.md", "[up](../README.md) [out](../../etc)");
        assert_eq!(
            complaints(&[("README.md", page), docs]),
            ["README.md:2: link: `y.md` leads nowhere", "docs/x.md:1: link: `../../etc` leads nowhere"]
        );
    }

    #[test]
    fn code_in_a_page_has_no_links() {
        assert!(complaints(&[("README.md", "`a[0](x)`\n```\n[b](y)\n```\n")]).is_empty());
    }

    #[test]
    fn pages_named_in_comments_are_here() {
        let code = "//! See docs/x.md, x.md §2 and `y.md`.\n// NNNN-title.md\nconst A: &str = \"z.md\";";
        assert_eq!(
            complaints(&[("crates/db/src/a.rs", code), ("docs/x.md", "")]),
            ["crates/db/src/a.rs:1: mention: there is no page `y.md` in this project"]
        );
    }

    #[test]
    fn decisions_are_listed_once() {
        let index = (INDEX, "- [1](0001-db.md)\n");
        let files = [("docs/decisions/0001-db.md", ""), index];
        assert!(complaints(&files).is_empty());
        let two = [("docs/decisions/0001-blobs.md", ""), files[0], index];
        assert_eq!(
            complaints(&two),
            [
                "docs/decisions/0001-blobs.md:1: decision-index: is not listed in docs/decisions/README.md",
                "docs/decisions/0001-db.md:1: decision-index: has the same number as 0001-blobs.md"
            ]
        );
    }
}
