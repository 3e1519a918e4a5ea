//! Reading a small body as a whole.

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use haven_core::{Code, Error};
use http_body_util::BodyExt as _;

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    TooLarge,
    /// It ended before it was complete.
    Broken(axum::Error),
}

impl Unread {
    /// What whoever sent it is told.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::TooLarge => Error::new(Code::TooLarge, "the body is too large"),
            Self::Broken(error) => Error::bad_request("the body ended before it was complete").because(error),
        }
    }
}

/// Reads a body of at most `limit` bytes into one piece. Kept as they come, frames of a byte each would cost many times
/// what they hold.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}
