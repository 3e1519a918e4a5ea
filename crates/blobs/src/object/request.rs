//! Requests that the client library does not know: signed as a URL, and sent by the same client.

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use object_store::client::{HttpClient, HttpError, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};

use super::failure::failed;
use crate::error::{Error, Kind, Result};

const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// One request without a body.
pub(super) struct Signed<'a> {
    pub(super) method: Method,
    pub(super) key: &'a Path,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What it is for, in messages.
    pub(super) context: String,
}

/// What the service says to it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: String,
    context: String,
}

impl Signed<'_> {
    /// Sends it once.
    ///
    /// # Errors
    /// When there is no answer. A refusal is one.
    pub(super) async fn send(self, http: &HttpClient, signer: &dyn Signer) -> Result<Answer> {
        let context = self.context.clone();
        let request = self.sign(signer).await?;
        let lost = |error| Error::with_source(Kind::Unavailable, context.as_str(), error);
        let (status, text) = exchange(http, request).await.map_err(lost)?;
        Ok(Answer { status, text, context })
    }

    /// The request, ready to be sent.
    ///
    /// # Errors
    /// When it cannot be signed, which sending it again would not mend.
    pub(super) async fn sign(self, signer: &dyn Signer) -> Result<http::Request<HttpRequestBody>> {
        let Self { method, key, query, headers, context } = self;
        let invalid = |error: http::Error| Error::with_source(Kind::Invalid, context.as_str(), error);
        let mut options = SignedUrlOptions::new().with_query(query);
        let mut request = http::Request::builder().method(method.clone());
        for (name, value) in headers {
            let value = HeaderValue::try_from(value).map_err(|error| invalid(error.into()))?;
            options = options.with_signed_header(HeaderName::from_static(name), value.clone());
            request = request.header(name, value);
        }
        let url = signer.signed_url_opts(method, key, LIFETIME, &options).await;
        let url = url.map_err(|error| failed(context.as_str(), error))?;
        request.uri(url.as_str()).body(HttpRequestBody::empty()).map_err(invalid)
    }
}

/// Sends a request and reads the whole answer, whatever it says.
pub(super) async fn exchange(
    http: &HttpClient,
    request: http::Request<HttpRequestBody>,
) -> std::result::Result<(StatusCode, String), HttpError> {
    let answer = http.execute(request).await?;
    let status = answer.status();
    let body = answer.into_body().bytes().await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

impl Answer {
    /// The answer as an error.
    pub(super) fn refused(self) -> Error {
        let kind = if self.status.is_client_error() { Kind::Invalid } else { Kind::Unavailable };
        let text = format!("the storage answers {}: {}", self.status, self.text);
        Error::with_source(kind, self.context, text)
    }
}
