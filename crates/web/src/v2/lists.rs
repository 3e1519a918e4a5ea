//! `GET /v2/`, the catalog, tags and referrers.

use super::Call;
use super::auth::Answer;
use crate::kit::Params;
use axum::response::{IntoResponse, Response};
use haven_core::Error;
use haven_core::registry::{self, Listing, Referrer, Wanted};
use haven_oci::{Digest, RepositoryName, media_type};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

impl Call {
    /// Whether the client is logged in.
    pub(super) fn base(&self) -> Answer {
        if self.client.is_known() {
            return Ok(json_response(&json!({}), "application/json"));
        }
        Err(self.challenge(None, "unauthorized: unauthorized"))
    }

    pub(super) async fn catalog(&self) -> Answer {
        let grant = self.may_list_catalog()?;
        let (limit, last) = self.window()?;
        let listing = registry::repositories(&self.web.app, &grant, limit, &last).await?;
        let body = json!({ "repositories": listing.names });
        Ok(paged(&body, &listing, limit, "/v2/_catalog"))
    }

    pub(super) async fn tags(&self, name: &RepositoryName) -> Answer {
        let grant = self.may_pull(name).await?;
        let (limit, last) = self.window()?;
        let listing = registry::tags(&self.web.app, &grant, name, limit, &last).await?;
        let body = json!({ "name": name, "tags": listing.names });
        Ok(paged(&body, &listing, limit, &format!("/v2/{name}/tags/list")))
    }

    pub(super) async fn referrers(&self, name: &RepositoryName, subject: &Digest) -> Answer {
        let grant = self.may_pull(name).await?;
        let (limit, last) = self.window()?;
        let unknown = |_| Error::bad_request("last is not where a page of this list ended");
        let after = if last.is_empty() { 0 } else { last.parse().map_err(unknown)? };
        let wanted = Wanted { artifact_type: self.query()?.text("artifactType"), after, limit };
        let found = registry::referrers(&self.web.app, &grant, name, subject, &wanted).await?;
        let manifests: Vec<Value> = found.page.into_iter().map(descriptor).collect();
        let body = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests });
        let mut response = json_response(&body, media_type::OCI_INDEX);
        let headers = response.headers_mut();
        headers.insert(TOTAL_COUNT, HeaderValue::from(found.total));
        if wanted.artifact_type.is_some() {
            headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        }
        if let Some(next) = found.next {
            add_link(headers, &following(&format!("/v2/{name}/referrers/{subject}"), &wanted, next));
        }
        Ok(response)
    }

    pub(super) fn query(&self) -> Result<Params, Error> {
        Params::parse(self.parts.uri.query().unwrap_or_default())
    }

    /// `n` and `last`.
    fn window(&self) -> Result<(Option<usize>, String), Error> {
        let query = self.query()?;
        let limit = match query.text("n") {
            None => None,
            Some(n) => Some(n.parse().map_err(|_| Error::bad_request("the N must be a positive int type"))?),
        };
        Ok((limit, query.text("last").unwrap_or_default()))
    }
}

fn descriptor(referrer: Referrer) -> Value {
    let mut entry = Map::new();
    entry.insert("mediaType".into(), referrer.media_type.into());
    entry.insert("digest".into(), referrer.digest.into());
    entry.insert("size".into(), referrer.size.into());
    if !referrer.artifact_type.is_empty() {
        entry.insert("artifactType".into(), referrer.artifact_type.into());
    }
    if !referrer.annotations.is_empty() {
        entry.insert("annotations".into(), referrer.annotations.into());
    }
    entry.into()
}

fn paged(body: &Value, listing: &Listing, limit: Option<usize>, path: &str) -> Response {
    let mut response = json_response(body, "application/json; charset=utf-8");
    if let (true, Some(last)) = (listing.more, listing.names.last()) {
        let limit = limit.unwrap_or(listing.names.len());
        let next = format!("{path}?last={}&n={limit}", last.replace('/', "%2F"));
        add_link(response.headers_mut(), &next);
    }
    response
}

/// The address of the page of referrers that follows this position.
fn following(path: &str, wanted: &Wanted, position: i64) -> String {
    let mut next = format!("{path}?last={position}");
    if let Some(limit) = wanted.limit {
        let _ = write!(next, "&n={limit}");
    }
    if let Some(kind) = &wanted.artifact_type {
        let _ = write!(next, "&artifactType={}", utf8_percent_encode(kind, NON_ALPHANUMERIC));
    }
    next
}

fn add_link(headers: &mut HeaderMap, next: &str) {
    if let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")) {
        headers.insert(header::LINK, link);
    }
}

fn json_response(body: &Value, content_type: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body.to_string()).into_response()
}
