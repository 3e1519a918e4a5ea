//! The list of exceptions. It may only shrink: an entry says exactly how much it excuses, and must still be needed.
//!
//! A line is `rule path amount # reason`; the amount is the number of lines for `length`, and otherwise the number of
//! places in that file.

use super::Violation;
use crate::files::Tree;

const PATH: &str = "crates/xtask/tidy-allow.txt";
const RULE: &str = "allow-list";

struct Entry<'a> {
    rule: &'a str,
    path: &'a str,
    amount: usize,
}

/// Takes out what the list excuses, and adds what is wrong with the list.
pub(super) fn apply(tree: &Tree, found: Vec<Violation>) -> Vec<Violation> {
    let Some(list) = tree.get(PATH) else { return found };
    let mut left = found;
    for (index, text) in list.text.lines().enumerate() {
        let line = index + 1;
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let complaint = match read(text) {
            Some(entry) => excuse(&entry, &mut left),
            None => Some("write `rule path amount # reason`".to_owned()),
        };
        left.extend(complaint.map(|message| Violation::new(list, line, RULE, message)));
    }
    left
}

fn read(text: &str) -> Option<Entry<'_>> {
    let (entry, reason) = text.split_once('#')?;
    let mut words = entry.split_whitespace();
    let (rule, path, amount) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let whole = words.next().is_none() && !reason.trim().is_empty();
    whole.then_some(Entry { rule, path, amount })
}

/// Removes the violations that the entry covers; answers what is wrong with the entry.
fn excuse(entry: &Entry<'_>, left: &mut Vec<Violation>) -> Option<String> {
    let covers = |violation: &Violation| violation.rule == entry.rule && violation.path == entry.path;
    let amount: usize = left.iter().filter(|v| covers(v)).map(|v| v.amount).sum();
    if amount == 0 {
        return Some(format!("{} of {} is no longer needed: remove the entry", entry.rule, entry.path));
    }
    if amount > entry.amount {
        return Some(format!(
            "{} allows {}, but there is {amount}; the list may only shrink",
            entry.path, entry.amount
        ));
    }
    left.retain(|violation| !covers(violation));
    (amount < entry.amount).then(|| format!("{} has come down: lower the entry to {amount}", entry.path))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, tree};
    use super::*;

    fn long(lines: usize) -> Violation {
        let mut violation = Violation::new(&file("a.rs", ""), lines, "length", "too long");
        violation.amount = lines;
        violation
    }

    fn rules(list: &str, found: Vec<Violation>) -> Vec<&'static str> {
        apply(&tree(&[(PATH, list)]), found).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn an_exact_entry_excuses() {
        assert!(rules("# exceptions\n\nlength a.rs 500 # generated table\n", vec![long(500)]).is_empty());
    }

    #[test]
    fn growth_is_not_excused() {
        assert_eq!(rules("length a.rs 500 # table", vec![long(501)]), ["length", RULE]);
    }

    #[test]
    fn an_entry_must_shrink_with_its_file_and_go_with_its_need() {
        assert_eq!(rules("length a.rs 500 # table", vec![long(450)]), [RULE]);
        assert_eq!(rules("length a.rs 500 # table", Vec::new()), [RULE]);
        assert_eq!(rules("length b.rs 500 # table", vec![long(500)]), ["length", RULE]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        assert_eq!(rules("length a.rs 500", vec![long(500)]), ["length", RULE]);
        assert_eq!(rules("length a.rs 500 #", vec![long(500)]), ["length", RULE]);
    }

    #[test]
    fn places_of_other_rules_are_counted() {
        let env = |line| Violation::new(&file("a.rs", ""), line, "env", "no");
        assert!(rules("env a.rs 2 # reads PATH", vec![env(1), env(7)]).is_empty());
        assert_eq!(rules("env a.rs 1 # reads PATH", vec![env(1), env(7)]), ["env", "env", RULE]);
    }
}
