//! Names and references: the parsers accept exactly what the regular expressions of the specifications match.

#![no_main]

use std::str::FromStr;
use std::sync::LazyLock;

use haven_oci::{Digest, Error, ErrorCode, ProjectName, Reference, RepositoryName, TagName};
use libfuzzer_sys::fuzz_target;
use regex_lite::Regex;

static PROJECT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[a-z0-9]+(?:[._-][a-z0-9]+)*\z").unwrap());
static REPOSITORY: LazyLock<Regex> = LazyLock::new(|| {
    let component = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
    Regex::new(&format!(r"\A{component}(?:/{component})+\z")).unwrap()
});
static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9_][A-Za-z0-9._-]*\z").unwrap());

fuzz_target!(|text: &str| {
    check::<ProjectName>(text, PROJECT.is_match(text) && text.len() <= 255, ErrorCode::NameInvalid);
    check::<RepositoryName>(text, REPOSITORY.is_match(text) && text.len() <= 255, ErrorCode::NameInvalid);
    let is_tag = TAG.is_match(text) && text.len() <= 128;
    check::<TagName>(text, is_tag, ErrorCode::TagInvalid);

    if let Ok(name) = text.parse::<RepositoryName>() {
        assert_eq!(format!("{}/{}", name.project(), name.path()), text);
        assert!(!name.project().contains('/') && !name.path().is_empty());
    }
    let as_digest = text.contains(':');
    let code = if as_digest { ErrorCode::DigestInvalid } else { ErrorCode::TagInvalid };
    let good = if as_digest { text.parse::<Digest>().is_ok() } else { is_tag };
    check::<Reference>(text, good, code);
});

fn check<T: FromStr<Err = Error> + ToString>(text: &str, good: bool, code: ErrorCode) {
    match text.parse::<T>() {
        Ok(value) => {
            assert!(good, "accepted {text:?}");
            assert_eq!(value.to_string(), text);
        }
        Err(error) => {
            assert!(!good, "refused {text:?}");
            assert_eq!(error.code, code);
            assert!(error.message.len() < 500, "an error does not repeat all of its input");
        }
    }
}
