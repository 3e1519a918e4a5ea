//! Manifests: exact bytes in, exact bytes out.

use super::Call;
use super::auth::{Answer, Refused};
use crate::kit::body::{self, Unread};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use haven_core::{Code, Error, registry};
use haven_oci::{Digest, Manifest, Reference, RepositoryName};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// How Harbor names itself when it replicates.
const REPLICATION_AGENT: &str = "harbor-registry-client";
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Call {
    pub(super) async fn get_manifest(&self, name: &RepositoryName, reference: &Reference) -> Answer {
        let grant = self.may_pull(name).await?;
        let found = registry::manifest(&self.web.app, &grant, name, reference).await?;
        let etag = etag(&found.digest);
        if matches(&self.parts.headers, &found.digest) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
        }
        if self.parts.method == Method::GET && !self.is_replication() {
            registry::count_pull(&self.web.app, &grant, name, reference, &found);
        }
        let length = found.content.len();
        let body = if self.parts.method == Method::HEAD { Body::empty() } else { Body::from(found.content) };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, value(&found.media_type)?);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(CONTENT_DIGEST, value(found.digest.as_str())?);
        headers.insert(header::ETAG, etag);
        Ok(response)
    }

    /// Another registry that copies what is here does not use it.
    fn is_replication(&self) -> bool {
        self.parts.headers.get(header::USER_AGENT).is_some_and(|agent| agent == REPLICATION_AGENT)
    }

    pub(super) async fn put_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        body: Body,
    ) -> Answer {
        let grant = self.may_push(name).await?;
        let content = read(body).await?;
        let content_type = self.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        let pushed = registry::push(&self.web.app, &grant, name, reference, content_type, content).await?;
        let location = format!("{}/v2/{name}/manifests/{}", self.origin.base_url(), pushed.digest);
        let mut response = StatusCode::CREATED.into_response();
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, value(&location)?);
        headers.insert(CONTENT_DIGEST, value(pushed.digest.as_str())?);
        if let Some(subject) = pushed.subject {
            headers.insert(OCI_SUBJECT, value(subject.as_str())?);
        }
        Ok(response)
    }

    pub(super) async fn delete_manifest(&self, name: &RepositoryName, reference: &Reference) -> Answer {
        let grant = self.may_delete(name).await?;
        registry::delete_manifest(&self.web.app, &grant, name, reference).await?;
        Ok(StatusCode::ACCEPTED.into_response())
    }
}

/// The whole manifest, which is small; more is refused before it is read.
async fn read(body: Body) -> Result<Bytes, Refused> {
    body::collect(body, Manifest::MAX_BYTES).await.map_err(|unread| match unread {
        Unread::TooLarge => Error::new(Code::TooLarge, "manifest is larger than 4 MiB").into(),
        Unread::Broken(error) => {
            let text = "the request body ended before it was complete";
            Error::new(Code::ManifestInvalid, text).because(error).into()
        }
    })
}

/// Whether the client has this content already: the digest is named, quoted or bare, or `*` for whatever there is.
pub(super) fn matches(headers: &http::HeaderMap, digest: &Digest) -> bool {
    let Some(etags) = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let bare = |etag: &str| etag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    etags.split(',').any(|etag| etag.trim() == "*" || bare(etag) == digest.as_str())
}

pub(super) fn etag(digest: &Digest) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

pub(super) fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::internal("a response header").because(error))
}
