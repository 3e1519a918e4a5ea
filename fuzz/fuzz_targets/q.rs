//! The list grammar: every term that is read can be written so that the same term is read again.

#![no_main]

use haven_db::list::{Match, Page, Query, Scalar, Sort, Term, parse_q, parse_sort};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let sort = parse_sort(raw);
    assert!(sort.iter().all(|sort| !sort.key.is_empty() && !sort.key.contains(',')));
    let written: Vec<String> = sort.iter().map(write_sort).collect();
    assert_eq!(parse_sort(&written.join(",")), sort);

    let terms = match parse_q(raw) {
        Ok(terms) => terms,
        Err(invalid) => return assert!(!invalid.to_string().is_empty()),
    };
    assert!(terms.iter().all(|term| !term.key.is_empty()));
    let mut query = Query { terms: terms.clone(), sort, page: Page::default() };
    for term in &terms {
        check(term);
        // No two terms have the same key, in whatever spelling.
        assert_eq!(query.take(&term.key).as_ref(), Some(&term.value));
        assert_eq!(query.take(&term.key), None);
    }
    let written: Option<Vec<String>> = terms.iter().map(write_term).collect();
    if let Some(written) = written {
        assert_eq!(parse_q(&written.join("%2C")).as_ref(), Ok(&terms), "{written:?}");
    }
});

fn check(term: &Term) {
    assert!(!term.key.contains([',', '=']));
    match &term.value {
        Match::Exact(text) | Match::Fuzzy(text) => assert!(!text.contains(',')),
        Match::Range(low, high) => assert!(low.is_some() || high.is_some()),
        Match::AnyOf(items) | Match::AllOf(items) => {
            assert!(items.iter().all(|item| !matches!(item, Scalar::Text(text) if text.contains(' '))));
        }
    }
}

fn write_sort(sort: &Sort) -> String {
    format!("{}{}", if sort.descending { "-" } else { "" }, sort.key)
}

/// With the operator spelled out, because the key may look as if it had one. `None` if a time is finer than the
/// grammar can say, which the neighbour of a time is.
fn write_term(term: &Term) -> Option<String> {
    let (operator, value) = match &term.value {
        Match::Exact(text) => ("exact", format!("\\{text}")),
        Match::Fuzzy(text) => ("icontains", format!("\\{text}")),
        Match::Range(Some(low), None) => ("gte", format!("\\{}", write_scalar(low)?)),
        Match::Range(None, Some(high)) => ("lte", format!("\\{}", write_scalar(high)?)),
        Match::Range(Some(low), Some(high)) => {
            ("exact", format!("[{}~{}]", write_scalar(low)?, write_scalar(high)?))
        }
        Match::Range(None, None) => return None,
        Match::AnyOf(items) => ("exact", format!("{{{}}}", write_items(items)?)),
        Match::AllOf(items) => ("exact", format!("({})", write_items(items)?)),
    };
    Some(encode(&format!("{}__{operator}={value}", term.key)))
}

fn write_items(items: &[Scalar]) -> Option<String> {
    Some(items.iter().map(write_scalar).collect::<Option<Vec<_>>>()?.join(" "))
}

fn write_scalar(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::Int(number) => Some(number.to_string()),
        Scalar::Time(time) if time.0 % 1_000_000 != 0 => None,
        Scalar::Time(time) => Some(time.rfc3339_secs().trim_end_matches('Z').to_owned()),
        Scalar::Text(text) => Some(format!("'{text}'")),
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
