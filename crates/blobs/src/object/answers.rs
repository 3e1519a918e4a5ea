//! What Azure's answers say and the client library does not look at.
//!
//! A success has no body, so that the page of a portal would do as well for the library; what Azure itself says has an id.
//!
//! It may answer before it has copied. Until then, and for ever if the copy fails, there is a blob of which the length says
//! nothing. Its head tells; such a blob counts as one that is not there, and an answer to a request for a copy counts only
//! if it tells.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService};

/// In every request to the storage, and in none for rights.
const VERSION: &str = "x-ms-version";
const ID: &str = "x-ms-request-id";
const COPY_SOURCE: &str = "x-ms-copy-source";
const COPY_STATUS: &str = "x-ms-copy-status";
const DONE: &str = "success";
const UNDER_WAY: &str = "pending";

/// A way to the network on which only Azure can say that something is done.
#[derive(Clone, Debug)]
pub(super) struct Checked<C>(pub(super) C);

impl<C: HttpConnector> HttpConnector for Checked<C> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(CheckedClient(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct CheckedClient(HttpClient);

#[async_trait]
impl HttpService for CheckedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_storage = request.headers().contains_key(VERSION);
        let is_copy = request.headers().contains_key(COPY_SOURCE);
        let mut answer = self.0.execute(request).await?;
        if !is_storage || !answer.status().is_success() {
            return Ok(answer);
        }
        let copy = answer.headers().get(COPY_STATUS);
        let is_begun = copy.is_some_and(|copy| copy == DONE || copy == UNDER_WAY);
        if !answer.headers().contains_key(ID) || (is_copy && !is_begun) {
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
        } else if is_look && copy.is_some_and(|copy| copy != DONE) {
            *answer.status_mut() = StatusCode::NOT_FOUND;
            *answer.body_mut() = Bytes::new().into();
        }
        Ok(answer)
    }
}
