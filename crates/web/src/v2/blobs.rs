//! Blobs: whole, in part, or only their size.

use super::Call;
use super::auth::Answer;
use super::manifests::{CONTENT_DIGEST, etag, matches, value};
use crate::conn::Origin;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use haven_core::access::{Grant, permissions::Pull};
use haven_core::registry::{self, Blob};
use haven_core::{Code, Error};
use haven_oci::range::{self, Ranges};
use haven_oci::{Digest, RepositoryName};
use http::{HeaderValue, Method, StatusCode, Version, header};
use std::ops::Range;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// A digest's bytes never change.
const FOREVER: HeaderValue = HeaderValue::from_static("max-age=31536000");

impl Call {
    pub(super) async fn get_blob(&self, name: &RepositoryName, digest: &Digest) -> Answer {
        let grant = self.may_pull(name).await?;
        let blob = registry::stat_blob(&self.web.app, &grant, digest).await?;
        if matches(&self.parts.headers, digest) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag(digest))]).into_response());
        }
        let (status, range) = match self.range(&blob) {
            Some(Ok(range)) => (StatusCode::PARTIAL_CONTENT, range),
            Some(Err(())) => return unsatisfiable(&blob),
            None => (StatusCode::OK, 0..blob.size),
        };
        if let Some(elsewhere) = self.elsewhere(&grant, &blob).await? {
            return Ok(elsewhere);
        }
        let length = range.end - range.start;
        let content_range = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), blob.size);
        let body = if self.parts.method == Method::HEAD {
            Body::empty()
        } else {
            let metrics = self.web.metrics.clone();
            // HTTP/1 passes bytes on as they are, HTTP/2 copies some of them into its frames.
            let stream = match self.parts.version {
                Version::HTTP_2 => registry::open_blob(&self.web.app, &grant, &blob, range).await?,
                _ => registry::send_blob(&self.web.app, &grant, &blob, range).await?,
            };
            Body::from_stream(stream.inspect_ok(move |chunk| metrics.blob_bytes_out(chunk.len() as u64)))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, OCTETS);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(CONTENT_DIGEST, value(digest.as_str())?);
        headers.insert(header::ETAG, etag(digest));
        headers.insert(header::CACHE_CONTROL, FOREVER);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status == StatusCode::PARTIAL_CONTENT {
            headers.insert(header::CONTENT_RANGE, value(&content_range)?);
        }
        Ok(response)
    }

    /// The answer that sends the client to the storage; it repeats its range there. A HEAD asks us and nobody else.
    async fn elsewhere(&self, grant: &Grant<Pull>, blob: &Blob) -> Result<Option<Response>, Error> {
        let client = self.parts.extensions.get::<Origin>().cloned().unwrap_or_default().client_ip;
        if self.parts.method == Method::HEAD || !self.web.redirects.include(client) {
            return Ok(None);
        }
        let Some(link) = registry::link_blob(&self.web.app, grant, blob).await else { return Ok(None) };
        let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, value(&link)?);
        headers.insert(CONTENT_DIGEST, value(blob.digest.as_str())?);
        // The link is good for a while and for whoever has it, so nobody on the way should keep it.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(Some(response))
    }

    pub(super) async fn delete_blob(&self, name: &RepositoryName, digest: &Digest) -> Answer {
        let grant = self.may_delete(name).await?;
        registry::delete_blob(&self.web.app, &grant, digest).await?;
        Ok(StatusCode::ACCEPTED.into_response())
    }

    /// The part that is asked for; none when the whole is to be sent, which RFC 9110 allows for several ranges too.
    fn range(&self, blob: &Blob) -> Option<Result<Range<u64>, ()>> {
        let headers = &self.parts.headers;
        let header = headers.get(header::RANGE)?.to_str().ok()?;
        if let Some(condition) = headers.get(header::IF_RANGE)
            && condition != etag(&blob.digest)
        {
            return None;
        }
        match range::parse(header, blob.size) {
            Ranges::Whole => None,
            Ranges::Unsatisfiable => Some(Err(())),
            Ranges::Partial(ranges) => match <[Range<u64>; 1]>::try_from(ranges) {
                Ok([range]) => Some(Ok(range)),
                Err(_) => None,
            },
        }
    }
}

fn unsatisfiable(blob: &Blob) -> Answer {
    let error = Error::new(Code::RangeInvalid, format!("the blob has {} bytes", blob.size));
    let mut response = crate::kit::OciError(error).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, value(&format!("bytes */{}", blob.size))?);
    Ok(response)
}
