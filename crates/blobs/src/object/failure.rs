//! Errors of the service, sorted by what helps.
//!
//! The library keeps the kinds of its errors to itself, but for a few. What they say is stable enough: the status, and
//! the service's own words behind it.

use std::error::Error as StdError;
use std::io;

use object_store::Error as Failure;

use crate::error::{Error, Kind};

const ABSENT: &str = "status code: 404 Not Found: ";
const BUCKET_MISSING: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"];
const PARTS_MISSING: [&str; 3] = ["<Code>InvalidPart", "<Code>InvalidBlockList", "<Code>NoSuchUpload"];
/// No service has a status for this that all agree on.
const FULL: [&str; 4] = ["QuotaExceeded", "StorageFull", "InsufficientStorage", "507 Insufficient"];
/// In the context of an error that says so.
const NO_BUCKET: &str = "the bucket does not exist";
const NO_RIGHTS: &str = "the storage refuses our credentials";
const REFUSED: [&str; 2] = ["status code: 401", "status code: 403"];
/// The service did not answer, or not with what it thinks of the request.
const NO_ANSWER: [&str; 4] = ["HTTP error: ", "status code: 5", "status code: 408", "status code: 429"];

/// In what TLS says of a certificate that time may make good: by a renewal, or by the right time.
const NOT_NOW: [&str; 4] = ["expired", "Expired", "not valid yet", "NotValidYet"];

/// More of what was said is not kept.
const MOST_SAID: usize = 2000;

/// An error of the service, while doing `context`.
#[expect(clippy::needless_pass_by_value, reason = "this is where it ends")]
pub(super) fn failed(context: impl Into<String>, failure: Failure) -> Error {
    let (kind, mut context) = (kind(&failure), context.into());
    let text = failure.to_string();
    let why = if kind != Kind::Unavailable {
        None
    } else if has(&text, &BUCKET_MISSING) {
        Some(NO_BUCKET)
    } else {
        (is_refusal(&failure) || has(&text, &REFUSED)).then_some(NO_RIGHTS)
    };
    if let Some(why) = why {
        context = format!("{context}: {why}");
    }
    Error::with_source(kind, context, one_line(&failure))
}

/// The same of a body that is being read.
pub(super) fn broken(failure: Failure) -> io::Error {
    let text = one_line(&failure);
    io::Error::new(io::Error::from(failure).kind(), text)
}

/// An error with its causes, for one line of the log. What a storage answers, or whoever answers in its place, may be of any
/// length and have anything in it.
pub(super) fn one_line(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in std::iter::successors(Some(error), |cause| (*cause).source()) {
        let said = cause.to_string();
        // Most say what their cause says, too.
        if !text.ends_with(&said) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{said}");
        }
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(MOST_SAID).collect()
}

/// As [`failed`], for a request to which nothing can be missing but the bucket itself.
pub(super) fn failed_to_make(context: impl Into<String>, failure: Failure) -> Error {
    let mut error = failed(context, failure);
    if error.kind == Kind::NotFound {
        error.kind = Kind::Unavailable;
    }
    error
}

fn kind(failure: &Failure) -> Kind {
    match failure {
        Failure::InvalidPath { .. } => Kind::Invalid,
        _ if has(&failure.to_string(), &FULL) => Kind::Full,
        Failure::NotFound { .. } if is_absence(&failure.to_string()) => Kind::NotFound,
        _ => Kind::Unavailable,
    }
}

/// Whether a 404 is about the object. One about the bucket is not, nor is that of a proxy which does not know the service
/// at the moment: what was stored is not gone because somebody on the way has never heard of it.
fn is_absence(text: &str) -> bool {
    let Some((_, said)) = text.split_once(ABSENT) else { return true };
    // A HEAD says nothing more.
    said.trim().is_empty() || (said.contains("<Code>") && !has(said, &BUCKET_MISSING))
}

fn is_refusal(failure: &Failure) -> bool {
    matches!(failure, Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. })
}

/// Whether it is of no use to ask the service anything else now.
pub(super) fn is_outage(failure: &Failure) -> bool {
    let text = failure.to_string();
    let is_astray = text.contains(ABSENT) && !is_absence(&text);
    is_refusal(failure) || is_astray || has(&text, &NO_ANSWER) || has(&text, &REFUSED)
}

/// Whether the connection broke, so that nobody knows what became of the request.
pub(super) fn is_cut(failure: &Failure) -> bool {
    failure.to_string().contains("HTTP error: ")
}

/// Whether the service does not have the parts that it was told to join.
pub(super) fn is_part_missing(error: &Error) -> bool {
    error.source().is_some_and(|cause| has(&cause.to_string(), &PARTS_MISSING))
}

/// Whether the error says that there is no such bucket, rather than no such object.
pub(super) fn is_bucket_missing(error: &Error) -> bool {
    error.context.ends_with(NO_BUCKET)
}

/// Whether the service has refused the credentials.
pub(super) fn is_refused(error: &Error) -> bool {
    error.context.ends_with(NO_RIGHTS)
}

/// Whether nobody whom we trust has vouched for the service.
pub(super) fn is_untrusted(error: &Error) -> bool {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    text.split_once("invalid peer certificate: ").is_some_and(|(_, why)| !has(why, &NOT_NOW))
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the library tells of an answer.
    fn answered(status: u16, said: &str) -> Failure {
        let text = format!(
            "Error performing GET http://s3/b/k in 1ms - Server returned non-2xx status code: {status} {}: {said}",
            http::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap(),
        );
        let (path, source) = ("k".to_owned(), text.into());
        match status {
            404 => Failure::NotFound { path, source },
            403 => Failure::PermissionDenied { path, source },
            _ => Failure::Generic { store: "S3", source },
        }
    }

    #[test]
    fn only_the_service_itself_can_say_that_an_object_is_not_there() {
        for (said, kind) in [
            ("", Kind::NotFound),
            ("<Error><Code>NoSuchKey</Code></Error>", Kind::NotFound),
            ("<Error><Code>NoSuchUpload</Code></Error>", Kind::NotFound),
            ("<Error><Code>NoSuchBucket</Code></Error>", Kind::Unavailable),
            ("<Error><Code>ContainerNotFound</Code></Error>", Kind::Unavailable),
            ("default backend - 404", Kind::Unavailable),
            ("<html>Not Found</html>", Kind::Unavailable),
        ] {
            assert_eq!(failed("read k", answered(404, said)).kind, kind, "{said}");
        }
        let elsewhere = Failure::NotFound { path: "k".to_owned(), source: "no data in memory".into() };
        assert_eq!(failed("read k", elsewhere).kind, Kind::NotFound);
        let bucket = failed("write k", answered(404, "<Code>NoSuchBucket</Code>"));
        assert_eq!(bucket.to_string(), "write k: the bucket does not exist");
        assert_eq!(failed_to_make("write k", answered(404, "")).kind, Kind::Unavailable);
    }

    #[test]
    fn a_full_storage_is_full_whatever_its_status() {
        for (status, said) in
            [(507, ""), (507, "<Code>XMinioStorageFull</Code>"), (403, "<Code>QuotaExceeded</Code>")]
        {
            let error = failed("write k", answered(status, said));
            assert_eq!((error.kind, error.to_string().as_str()), (Kind::Full, "write k"), "{status} {said}");
        }
    }

    #[test]
    fn refused_credentials_are_named() {
        let error = failed("write k", answered(403, "<Code>InvalidAccessKeyId</Code>"));
        assert_eq!(error.kind, Kind::Unavailable);
        assert_eq!(error.to_string(), "write k: the storage refuses our credentials");
        assert!(is_refused(&error) && !is_bucket_missing(&error));
    }

    #[test]
    fn what_anybody_may_have_said_is_one_line_of_a_bounded_length() {
        let said = format!("<?xml?>\r\n<Error>\x1b[31m{}</Error>", "x".repeat(9000));
        let error = failed("read k", answered(503, &said));
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("<?xml?> <Error> [31mxxx") && cause.len() <= MOST_SAID, "{cause}");
        assert!(!cause.chars().any(char::is_control));
        let inner = io::Error::other(io::Error::other("disk on fire"));
        assert_eq!(
            one_line(&Failure::Generic { store: "S3", source: inner.into() }),
            "Generic S3 error: disk on fire"
        );
    }

    #[test]
    fn a_certificate_that_will_never_do_is_told_from_one_of_another_time() {
        for (why, untrusted) in [
            ("UnknownIssuer", true),
            ("BadSignature", true),
            ("certificate not valid for name \"s3\"; certificate is only valid for localhost", true),
            ("Other(OtherError(CaUsedAsEndEntity))", true),
            ("certificate expired: verification time 2 (UNIX), but certificate is not valid after 1", false),
            (
                "certificate not valid yet: verification time 1 (UNIX), but certificate is not valid before 2",
                false,
            ),
        ] {
            let source = format!("HTTP error: error sending request: invalid peer certificate: {why}").into();
            assert_eq!(
                is_untrusted(&failed("list", Failure::Generic { store: "S3", source })),
                untrusted,
                "{why}"
            );
        }
        assert!(!is_untrusted(&failed("list", answered(503, ""))));
    }

    #[test]
    fn an_outage_is_told_from_an_answer() {
        for status in [500, 503, 429, 403] {
            assert!(is_outage(&answered(status, "")), "{status}");
        }
        for status in [400, 404, 416] {
            assert!(!is_outage(&answered(status, "")), "{status}");
        }
    }
}
