//! Ranges: what is answered exists, is not more than there is, and means the same when written again.
//! The first eight bytes are the length of the content, the rest is the header.

#![no_main]

use haven_oci::range::{self, Ranges};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &str)| {
    let (len, header) = input;
    // Short content is the common case and the one with more edges.
    for len in [len, len % 256, 0] {
        requested(header, len);
        requested(&format!("bytes={header}"), len);
    }
    uploaded(header);
});

fn requested(header: &str, len: u64) {
    let ranges = range::parse(header, len);
    match &ranges {
        Ranges::Whole => {}
        Ranges::Unsatisfiable => assert_ne!(len, 0),
        Ranges::Partial(parts) => {
            assert!((1..=16).contains(&parts.len()));
            assert!(parts.iter().all(|part| part.start < part.end && part.end <= len));
            assert!(
                parts.iter().map(|part| u128::from(part.end - part.start)).sum::<u128>() <= u128::from(len)
            );
            let list: Vec<String> =
                parts.iter().map(|part| format!("{}-{}", part.start, part.end - 1)).collect();
            assert_eq!(range::parse(&format!("bytes={}", list.join(",")), len), ranges);
        }
    }
}

fn uploaded(header: &str) {
    let Some(span) = range::parse_content_range(header) else {
        return;
    };
    let (first, last) = span.clone().into_inner();
    assert!(first <= last && last <= i64::MAX as u64);
    for written in [format!("{first}-{last}"), format!("bytes {first}-{last}/*")] {
        assert_eq!(range::parse_content_range(&written), Some(span.clone()), "{written}");
    }
    // A total is larger than the last position, and the largest position leaves no room for one.
    let with_total = range::parse_content_range(&format!("bytes {first}-{last}/{}", last + 1));
    assert_eq!(with_total, (last < i64::MAX as u64).then_some(span));
}
