//! Errors of the service, sorted by what helps.

use std::error::Error as StdError;

use object_store::Error as Failure;

use crate::error::{Error, Kind};

/// An error of the service, while doing `context`.
pub(super) fn failed(context: impl Into<String>, failure: Failure) -> Error {
    let kind = kind(&failure);
    let context = context.into();
    match failure {
        Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. } => {
            Error::with_source(kind, format!("{context}: the storage refuses our credentials"), failure)
        }
        _ => Error::with_source(kind, context, failure),
    }
}

fn kind(failure: &Failure) -> Kind {
    match failure {
        Failure::NotFound { .. } => Kind::NotFound,
        Failure::InvalidPath { .. } => Kind::Invalid,
        _ if is_full(failure) => Kind::Full,
        _ => Kind::Unavailable,
    }
}

/// No service has a status for this that all agree on, so their own words decide.
fn is_full(failure: &Failure) -> bool {
    let text = failure.to_string();
    ["QuotaExceeded", "StorageFull", "InsufficientStorage", "507 Insufficient"]
        .iter()
        .any(|word| text.contains(word))
}

/// Whether the error says that there is no such bucket, rather than no such object.
pub(super) fn is_bucket_missing(error: &Error) -> bool {
    says(error, &["NoSuchBucket", "ContainerNotFound", "bucket does not exist"])
}

/// Whether the service has refused the credentials. Not all errors of the library have a kind for that.
pub(super) fn is_refused(error: &Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<Failure>());
    matches!(cause, Some(Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. }))
        || says(error, &["status code: 401", "status code: 403"])
}

/// Whether one of the causes has one of these words.
fn says(error: &Error, words: &[&str]) -> bool {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.map(ToString::to_string).any(|text| words.iter().any(|word| text.contains(word)))
}
