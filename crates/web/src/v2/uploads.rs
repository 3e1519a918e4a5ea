//! Upload sessions over HTTP.

use super::Call;
use super::auth::{Answer, Refused};
use super::manifests::{CONTENT_DIGEST, value};
use super::route::repository;
use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use haven_core::registry::{self, Chunk, Session};
use haven_core::{Code, Error};
use haven_oci::{Algorithm, Digest, RepositoryName, range};
use http::{HeaderName, StatusCode, header};
use std::io;

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Call {
    /// `POST`: a session, a mount, or a whole blob at once.
    pub(super) async fn start_upload(&self, name: &RepositoryName, body: Body) -> Answer {
        let grant = self.may_push(name).await?;
        let query = self.query()?;
        let app = &self.web.app;
        if let Some(mount) = query.text("mount") {
            let digest: Digest = mount.parse()?;
            let from = query.text("from").map(|from| repository(&from)).transpose()?;
            let caller = &self.client.caller;
            if let Some(blob) = registry::mount(app, caller, &grant, &digest, from.as_ref()).await? {
                return self.created(name, &blob.digest);
            }
        }
        let digest = query.text("digest").map(|digest| digest.parse::<Digest>()).transpose()?;
        match digest {
            // Without a body the client goes on with PUT.
            Some(digest) if !body.is_end_stream() => {
                let chunk = self.chunk(body)?;
                registry::push_blob(app, &grant, name, digest.clone(), chunk).await?;
                self.created(name, &digest)
            }
            digest => {
                let algorithm = digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
                let session = registry::start(app, &grant, name, algorithm).await?;
                self.accepted(StatusCode::ACCEPTED, name, &session)
            }
        }
    }

    pub(super) async fn upload_status(&self, name: &RepositoryName, id: &str) -> Answer {
        let grant = self.may_pull(name).await?;
        let session = registry::status(&self.web.app, &grant, name, id).await?;
        self.accepted(StatusCode::NO_CONTENT, name, &session)
    }

    pub(super) async fn append_upload(&self, name: &RepositoryName, id: &str, body: Body) -> Answer {
        let grant = self.may_upload(name, id).await?;
        let chunk = self.chunk(body)?;
        let session = registry::append(&self.web.app, &grant, name, id, chunk).await?;
        self.accepted(StatusCode::ACCEPTED, name, &session)
    }

    pub(super) async fn finish_upload(&self, name: &RepositoryName, id: &str, body: Body) -> Answer {
        let grant = self.may_upload(name, id).await?;
        let digest = self.query()?.text("digest");
        let digest: Digest =
            digest.ok_or_else(|| Error::new(Code::DigestInvalid, "digest missing"))?.parse()?;
        let chunk = self.chunk(body)?;
        registry::finish(&self.web.app, &grant, name, id, digest.clone(), chunk).await?;
        self.created(name, &digest)
    }

    pub(super) async fn cancel_upload(&self, name: &RepositoryName, id: &str) -> Answer {
        let grant = self.may_delete(name).await?;
        registry::cancel(&self.web.app, &grant, name, id).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// The body with what the headers say of it.
    fn chunk(&self, body: Body) -> Result<Chunk, Refused> {
        let header =
            |name| self.parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let mut length = body.size_hint().exact();
        let mut from = None;
        if let Some(text) = header(header::CONTENT_RANGE) {
            let malformed = || Error::new(Code::RangeInvalid, format!("malformed Content-Range {text:?}"));
            let range = range::parse_content_range(text).ok_or_else(malformed)?;
            let spans = (range.end() - range.start()).checked_add(1).ok_or_else(malformed)?;
            if length.is_some_and(|length| length != spans) {
                return Err(Error::new(Code::SizeInvalid, "Content-Range and Content-Length differ").into());
            }
            length = Some(spans);
            from = Some(*range.start());
        }
        let metrics = self.web.metrics.clone();
        let stream = body.into_data_stream().map_err(io::Error::other);
        let counted = stream.inspect_ok(move |chunk| metrics.blob_bytes_in(chunk.len() as u64));
        Ok(Chunk { from, length, body: Box::pin(counted) })
    }

    /// Where to go on, and how far the session has come.
    fn accepted(&self, status: StatusCode, name: &RepositoryName, session: &Session) -> Answer {
        let location = format!("{}/v2/{name}/blobs/uploads/{}", self.origin.base_url(), session.id);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, value(&location)?);
        headers.insert(header::RANGE, value(&format!("0-{}", session.size.saturating_sub(1)))?);
        headers.insert(UPLOAD_UUID, value(&session.id)?);
        Ok(response)
    }

    fn created(&self, name: &RepositoryName, digest: &Digest) -> Answer {
        let location = format!("{}/v2/{name}/blobs/{digest}", self.origin.base_url());
        let mut response: Response = StatusCode::CREATED.into_response();
        response.headers_mut().insert(header::LOCATION, value(&location)?);
        response.headers_mut().insert(CONTENT_DIGEST, value(digest.as_str())?);
        Ok(response)
    }
}
