//! Byte ranges: the `Range` of a download (RFC 9110, section 14) and the `Content-Range` of an upload.

use std::ops::{Range, RangeInclusive};

/// The most ranges answered at once; more are an attack or a mistake, and are answered with the whole.
const MOST_RANGES: usize = 16;

/// Which part of the content was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// All of it: the header is malformed, in another unit, or not worth honouring.
    Whole,
    /// At least one range, in the order asked for; each is non-empty and ends within the content.
    Partial(Vec<Range<u64>>),
    /// The header is sound, but nothing that it asks for exists.
    Unsatisfiable,
}

/// Reads a `Range` header for content of `len` bytes.
///
/// A header may always be ignored, and is when the content is empty, since some clients send `bytes=0-` with every
/// request, and when overlapping ranges would make the answer larger than the content.
pub fn parse(header: &str, len: u64) -> Ranges {
    let Some(specs) = specs(header) else {
        return Ranges::Whole;
    };
    if len == 0 || specs.len() > MOST_RANGES {
        return Ranges::Whole;
    }
    let ranges: Vec<Range<u64>> = specs.into_iter().filter_map(|spec| spec.resolve(len)).collect();
    if ranges.is_empty() {
        return Ranges::Unsatisfiable;
    }
    let total = ranges.iter().try_fold(0_u64, |sum, range| sum.checked_add(range.end - range.start));
    if total.is_none_or(|total| total > len) { Ranges::Whole } else { Ranges::Partial(ranges) }
}

/// Reads the `Content-Range` of an uploaded chunk, either as the distribution API writes it, `0-5`, or as HTTP does,
/// `bytes 0-5/10`.
pub fn parse_content_range(header: &str) -> Option<RangeInclusive<u64>> {
    let header = header.trim();
    let range = match header.split_once(' ') {
        Some((unit, range)) if unit.eq_ignore_ascii_case("bytes") => range.trim_start(),
        Some(_) => return None,
        None => header,
    };
    let (range, total) = match range.split_once('/') {
        Some((range, "*")) => (range, None),
        Some((range, total)) => (range, Some(position(total)?)),
        None => (range, None),
    };
    let (first, last) = range.split_once('-')?;
    let (first, last) = (position(first)?, position(last)?);
    (first <= last && total.is_none_or(|total| last < total)).then_some(first..=last)
}

/// One range as it was asked for.
enum Spec {
    Span { first: u64, last: u64 },
    Suffix(u64),
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        if first.is_empty() {
            return Some(Self::Suffix(saturating(last)?));
        }
        let first = saturating(first)?;
        let last = if last.is_empty() { u64::MAX } else { saturating(last)? };
        // A span that runs backwards is told apart by `resolve`: registries answer it with 416, and clients check that.
        Some(Self::Span { first, last })
    }

    /// The bytes that exist of it, if any do.
    fn resolve(self, len: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Span { first, last } => first..last.saturating_add(1).min(len),
            Self::Suffix(count) => len.saturating_sub(count)..len,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// The ranges of a header that is sound as a whole. Empty list elements are legal and mean nothing.
fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, list) = header.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let elements = list.split(',').map(|element| element.trim_matches([' ', '\t']));
    let specs: Vec<Spec> =
        elements.filter(|element| !element.is_empty()).map(Spec::parse).collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

/// A position beyond every content is still a sound position.
fn saturating(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// A position that content can have: lengths are stored as signed numbers.
fn position(digits: &str) -> Option<u64> {
    let number: i64 = is_number(digits).then(|| digits.parse().ok())??;
    u64::try_from(number).ok()
}

/// Stricter than `parse`, which takes a sign.
fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn partial(ranges: &[(u64, u64)]) -> Ranges {
        Ranges::Partial(ranges.iter().map(|&(start, end)| start..end).collect())
    }

    #[test]
    fn sound_headers_are_resolved_against_the_length() {
        for (header, expected) in [
            ("bytes=0-4", partial(&[(0, 5)])),
            ("bytes=0-0", partial(&[(0, 1)])),
            ("bytes=5-", partial(&[(5, 10)])),
            ("bytes=9-", partial(&[(9, 10)])),
            ("bytes=-3", partial(&[(7, 10)])),
            ("bytes=-99", partial(&[(0, 10)])),
            ("bytes=0-99", partial(&[(0, 10)])),
            ("bytes=0-99999999999999999999999", partial(&[(0, 10)])),
            ("bytes=-99999999999999999999999", partial(&[(0, 10)])),
            ("BYTES=1-2", partial(&[(1, 3)])),
            (" bytes=1-2 ", partial(&[(1, 3)])),
            ("bytes=0-1, 4-5 ,\t-1", partial(&[(0, 2), (4, 6), (9, 10)])),
            ("bytes=,0-1,,", partial(&[(0, 2)])),
            ("bytes=4-5,0-1", partial(&[(4, 6), (0, 2)])),
            ("bytes=0-1,50-60", partial(&[(0, 2)])),
            ("bytes=10-", Ranges::Unsatisfiable),
            ("bytes=5-4", Ranges::Unsatisfiable),
            ("bytes=5-4,0-1", partial(&[(0, 2)])),
            ("bytes=10-20,-0", Ranges::Unsatisfiable),
            ("bytes=99999999999999999999999-", Ranges::Unsatisfiable),
        ] {
            assert_eq!(parse(header, 10), expected, "{header:?}");
        }
    }

    #[test]
    fn other_headers_are_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5",
            "bytes=a-b",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes= 1 - 2",
            "bytes =1-2",
            "bytes:1-2",
            "items=0-1",
            "bytes=0-1,x",
            "bytes=0x1-2",
            "bytes=٣-٤",
            "bytes=0-9,0-9",
            "bytes=0-,0-,0-",
        ] {
            assert_eq!(parse(header, 10), Ranges::Whole, "{header:?}");
        }
        let header = |count| format!("bytes={}", "0-0,".repeat(count));
        assert!(matches!(parse(&header(MOST_RANGES), 100), Ranges::Partial(_)));
        assert_eq!(parse(&header(MOST_RANGES + 1), 100), Ranges::Whole);
    }

    #[test]
    fn empty_content_has_no_parts() {
        for header in ["bytes=0-", "bytes=-1", "bytes=5-6"] {
            assert_eq!(parse(header, 0), Ranges::Whole);
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let header = format!("bytes=0-{}", u64::MAX);
        assert_eq!(parse(&header, u64::MAX), partial(&[(0, u64::MAX)]));
        assert_eq!(parse("bytes=0-,0-", u64::MAX), Ranges::Whole);
        assert_eq!(parse_content_range(&format!("0-{}", i64::MAX)), Some(0..=i64::MAX as u64));
        assert_eq!(parse_content_range(&format!("0-{}", u64::MAX)), None);
    }

    #[test]
    fn content_ranges_are_read_in_both_forms() {
        for (header, expected) in [
            ("0-5", Some(0..=5)),
            (" 7-7 ", Some(7..=7)),
            ("bytes 0-5/10", Some(0..=5)),
            ("Bytes 0-5/6", Some(0..=5)),
            ("bytes 0-5/*", Some(0..=5)),
            ("bytes 0-5", Some(0..=5)),
            ("0-5/6", Some(0..=5)),
            ("bytes 0-5/5", None),
            ("bytes */10", None),
            ("5-4", None),
            ("0-", None),
            ("-5", None),
            ("0-5-6", None),
            ("0 - 5", None),
            ("+0-5", None),
            ("items 0-5/6", None),
            ("bytes=0-5", None),
            ("0-5/", None),
            ("", None),
        ] {
            assert_eq!(parse_content_range(header), expected, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn every_part_lies_within_the_content(header in "bytes=([0-9]{0,3}-[0-9]{0,3},? ?){0,5}", len in 0..200_u64) {
            if let Ranges::Partial(ranges) = parse(&header, len) {
                prop_assert!(!ranges.is_empty());
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= len));
                prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= len);
            }
        }

        #[test]
        fn a_range_within_the_content_is_itself(start in 0..100_u64, more in 0..100_u64) {
            let last = start + more;
            let parsed = parse(&format!("bytes={start}-{last}"), last + 1);
            prop_assert_eq!(parsed, partial(&[(start, last + 1)]));
            prop_assert_eq!(parse_content_range(&format!("{start}-{last}")), Some(start..=last));
            let http = format!("bytes {start}-{last}/{}", last + 1);
            prop_assert_eq!(parse_content_range(&http), Some(start..=last));
        }

        #[test]
        fn no_text_is_too_strange(header: String, len: u64) {
            parse(&header, len);
            parse(&format!("bytes={header}"), len);
            parse_content_range(&header);
        }
    }
}
