//! The grammar of `q`.

use super::{Match, Scalar, Term, same_key};
use crate::Timestamp;

/// Why a `q` was refused, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// More conditions than any list has columns. Each new one is compared with those before it.
const MAX_TERMS: usize = 64;
/// Each item is a parameter of the statement, of which an engine takes some ten thousand.
const MAX_ITEMS: usize = 500;

/// Reads a `q`, already decoded once as any query parameter; clients encode it once more, so it is decoded again.
/// An empty one has no terms. Of two terms with the same key the last counts.
pub fn parse_q(raw: &str) -> Result<Vec<Term>, Invalid> {
    let mut terms: Vec<Term> = Vec::new();
    if raw.is_empty() {
        return Ok(terms);
    }
    // A value that cannot be decoded was meant as it stands.
    let text = unescape(raw).unwrap_or_else(|| raw.to_owned());
    if text.contains('\0') {
        return Err(Invalid("the query string contains a NUL".to_owned()));
    }
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or_default();
        if key.is_empty() || value.is_empty() {
            return Err(Invalid(
                r#"the query string must contain "=" and the key/value cannot be empty"#.to_owned(),
            ));
        }
        let value = pattern(value)?;
        let Some((key, value)) = operator(key, value) else { continue };
        if let Match::AnyOf(items) | Match::AllOf(items) = &value
            && items.len() > MAX_ITEMS
        {
            return Err(Invalid(format!("a list in the query string has more than {MAX_ITEMS} items")));
        }
        terms.retain(|term| !same_key(&term.key, key));
        if terms.len() == MAX_TERMS {
            return Err(Invalid(format!("the query string has more than {MAX_TERMS} conditions")));
        }
        terms.push(Term { key: key.to_owned(), value });
    }
    Ok(terms)
}

/// Form decoding: `+` is a space, `%2B` a plus. `None` if an escape is broken.
fn unescape(raw: &str) -> Option<String> {
    let bytes = raw.as_bytes();
    let broken = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        bytes[at] == b'%' && !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(broken) {
        return None;
    }
    let spaced = raw.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

fn pattern(value: &str) -> Result<Match, Invalid> {
    let invalid = || Invalid(format!("invalid query string value: {value}"));
    let inside = |close: char| value[1..].strip_suffix(close).ok_or_else(invalid);
    Ok(match value.as_bytes()[0] {
        b'~' if value.len() > 1 => Match::Fuzzy(value[1..].to_owned()),
        b'~' => return Err(invalid()),
        b'[' => {
            let (low, high) = inside(']')?.split_once('~').ok_or_else(invalid)?;
            if high.contains('~') || (low.is_empty() && high.is_empty()) {
                return Err(invalid());
            }
            let end = |text: &str| (!text.is_empty()).then(|| scalar(text));
            Match::Range(end(low), end(high))
        }
        b'{' => Match::AnyOf(items(inside('}')?)),
        b'(' => Match::AllOf(items(inside(')')?)),
        _ => Match::Exact(value.strip_prefix('\\').unwrap_or(value).to_owned()),
    })
}

fn items(list: &str) -> Vec<Scalar> {
    list.split(' ').filter(|item| !item.is_empty()).map(scalar).collect()
}

/// A time, a decimal number, or a text with its quotes removed. A number that would not print as it was written, as
/// `007`, stays a text: it may well be the name of a tag.
fn scalar(text: &str) -> Scalar {
    if let Some(time) = time(text) {
        return Scalar::Time(time);
    }
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Scalar::Int(number),
        _ => Scalar::Text(text.trim_matches(['"', '\'']).to_owned()),
    }
}

/// `2024-05-01T08:00:00`, in UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let looks = text.len() == 19 && text.as_bytes()[10] == b'T';
    looks.then(|| Timestamp::parse_rfc3339(&format!("{text}Z"))).flatten()
}

/// `key__op` changes what the value means. `None` for an operator that we do not know: such a term is ignored.
fn operator(key: &str, value: Match) -> Option<(&str, Match)> {
    let Some((key, operator)) = key.rsplit_once("__") else { return Some((key, value)) };
    if key.is_empty() {
        return None;
    }
    let Match::Exact(text) = value else {
        return matches!(operator, "exact" | "icontains" | "in").then_some((key, value));
    };
    let value = match operator {
        "exact" => Match::Exact(text),
        "icontains" => Match::Fuzzy(text),
        "in" => Match::AnyOf(items(&text)),
        "gte" => Match::Range(Some(scalar(&text)), None),
        "lte" => Match::Range(None, Some(scalar(&text))),
        "gt" => Match::Range(Some(next(scalar(&text), 1)), None),
        "lt" => Match::Range(None, Some(next(scalar(&text), -1))),
        _ => return None,
    };
    Some((key, value))
}

/// The neighbour of a value, which makes an open end a closed one.
fn next(scalar: Scalar, step: i64) -> Scalar {
    match scalar {
        Scalar::Int(number) => Scalar::Int(number.saturating_add(step)),
        Scalar::Time(time) => Scalar::Time(Timestamp(time.0.saturating_add(step))),
        Scalar::Text(text) => Scalar::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(raw: &str) -> Match {
        let mut terms = parse_q(raw).unwrap();
        assert_eq!(terms.len(), 1, "{raw}");
        terms.remove(0).value
    }

    #[test]
    fn every_form_of_value() {
        assert_eq!(only("name=lib"), Match::Exact("lib".into()));
        assert_eq!(only(r"name=\~lib"), Match::Exact("~lib".into()));
        assert_eq!(only("name=a=b"), Match::Exact("a=b".into()));
        assert_eq!(only("name=~li_b"), Match::Fuzzy("li_b".into()));
        assert_eq!(only("id=[1~5]"), Match::Range(Some(Scalar::Int(1)), Some(Scalar::Int(5))));
        assert_eq!(only("id=[~-5]"), Match::Range(None, Some(Scalar::Int(-5))));
        assert_eq!(
            only("push_time=[2024-05-01T08:00:00~]"),
            Match::Range(Some(Scalar::Time(Timestamp::from_secs(1_714_550_400))), None)
        );
        assert_eq!(
            only("level={1  'two' \"three\" 007}"),
            Match::AnyOf(vec![
                Scalar::Int(1),
                Scalar::Text("two".into()),
                Scalar::Text("three".into()),
                Scalar::Text("007".into())
            ])
        );
        assert_eq!(only("labels=(1 2)"), Match::AllOf(vec![Scalar::Int(1), Scalar::Int(2)]));
    }

    #[test]
    fn operators_in_the_key() {
        assert_eq!(only("name__icontains=a"), Match::Fuzzy("a".into()));
        assert_eq!(only("id__in={1}"), Match::AnyOf(vec![Scalar::Int(1)]));
        assert_eq!(only("id__gt=5"), Match::Range(Some(Scalar::Int(6)), None));
        assert_eq!(only("id__lte=5"), Match::Range(None, Some(Scalar::Int(5))));
        assert_eq!(parse_q("id__regex=5,owner__name__startswith=a"), Ok(vec![]));
    }

    #[test]
    fn it_is_decoded_a_second_time() {
        assert_eq!(parse_q("name%3D~a%2Fb").unwrap()[0].value, Match::Fuzzy("a/b".into()));
        assert_eq!(only("type=a%2Bb+c"), Match::Exact("a+b c".into()));
        assert_eq!(only("type=100%"), Match::Exact("100%".into()));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let terms = parse_q("ProjectID=1,name=x,project_id=2").unwrap();
        assert_eq!(terms.len(), 2);
        assert_eq!(terms[1], Term { key: "project_id".into(), value: Match::Exact("2".into()) });
    }

    #[test]
    fn conditions_are_counted() {
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(parse_q(&many(64)).unwrap().len(), 64);
        assert!(parse_q(&many(65)).is_err());
        let items = |count: usize| parse_q(&format!("id={{{}}}", "1 ".repeat(count)));
        assert!(items(500).is_ok() && items(501).is_err());
        assert_eq!(parse_q("__in={0},__exact=1"), Ok(vec![]));
    }

    #[test]
    fn what_is_refused() {
        for raw in ["name", "=a", "name=", "a=b,", ","] {
            let message = parse_q(raw).unwrap_err().to_string();
            assert_eq!(message, r#"the query string must contain "=" and the key/value cannot be empty"#);
        }
        for value in ["~", "[1~2", "[1]", "[~]", "[1~2~3]", "{a b", "(a"] {
            let message = parse_q(&format!("k={value}")).unwrap_err().to_string();
            assert_eq!(message, format!("invalid query string value: {value}"));
        }
        assert_eq!(parse_q(""), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn never_panics(raw in "\\PC{0,40}", tail in "[%=~,{}()\\[\\]0-9a-f_\\\\ é-]{0,20}") {
            let _ = parse_q(&raw);
            let _ = parse_q(&format!("k={tail}"));
            let _ = parse_q(&format!("k__{tail}"));
        }
    }
}
