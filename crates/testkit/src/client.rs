//! Somebody who asks, and what they are told.

use crate::contract;
use crate::image::Image;
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

/// A person at the front door, with Basic credentials, a token, or nothing.
#[derive(Clone)]
pub struct Client {
    router: Router,
    credentials: Option<(String, String)>,
    authorization: Option<String>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's text, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The message of the first error.
    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) fn new(router: Router, credentials: Option<(String, String)>) -> Self {
        let basic = |(name, password): &(String, String)| {
            let text = format!("{name}:{password}");
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
        };
        Self { router, authorization: credentials.as_ref().map(basic), credentials }
    }

    /// At the same door with these credentials instead, right or wrong.
    pub fn with_password(&self, name: &str, password: &str) -> Self {
        Self::new(self.router.clone(), Some((name.to_owned(), password.to_owned())))
    }

    /// The same person with a bearer token instead.
    pub fn with_token(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self.clone() }
    }

    /// Fetches a token for these scopes and goes on with it.
    pub async fn token(&self, scopes: &[&str]) -> Self {
        let token = self.fetch_token(scopes).await;
        self.with_token(&token)
    }

    /// Fetches a token for these scopes.
    pub async fn fetch_token(&self, scopes: &[&str]) -> String {
        let scopes: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        let answer = self.get(&format!("/service/token?service=harbor-registry{scopes}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// At the same door without any credentials.
    pub fn without_credentials(&self) -> Self {
        Self::new(self.router.clone(), None)
    }

    /// The name of Basic credentials.
    pub fn name(&self) -> Option<&str> {
        self.credentials.as_ref().map(|(name, _)| name.as_str())
    }

    /// Sends a request as it is, with the credentials added.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().entry("authorization").or_insert(authorization.parse().unwrap());
        }
        request.headers_mut().entry("host").or_insert("haven.test".parse().unwrap());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        contract::check(&method, &path, &answer);
        answer
    }

    /// Sends a request with headers and a body.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Sends a GET of which the answer breaks off; returns its head with what came, and why no more did. Fails the test
    /// if all comes.
    pub async fn get_broken(&self, path: &str, headers: &[(&str, &str)]) -> (Answer, axum::Error) {
        let mut request = Request::builder().uri(path).header("host", "haven.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Body::empty()).unwrap();
        let (parts, mut body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let mut came = Vec::new();
        loop {
            match body.frame().await {
                Some(Ok(frame)) => came.extend_from_slice(frame.data_ref().unwrap()),
                Some(Err(error)) => {
                    let body = Bytes::from(came);
                    return (Answer { status: parts.status.as_u16(), headers: parts.headers, body }, error);
                }
                None => panic!("{} and {} bytes, all of them", parts.status, came.len()),
            }
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        self.request(Method::HEAD, path, &[], Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Uploads a blob in one request.
    pub async fn push_blob(&self, repository: &str, content: &[u8]) -> Answer {
        let digest = haven_oci::Digest::sha256(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        if content.is_empty() {
            let started =
                self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"), &[], "").await;
            let location = started.header("location").replace("http://haven.test", "");
            return self.request(Method::PUT, &format!("{location}?digest={digest}"), &[], "").await;
        }
        self.request(Method::POST, &path, &[], content.to_vec()).await
    }

    /// Puts a manifest.
    pub async fn push_manifest(&self, repository: &str, reference: &str, image: &Image) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.request(Method::PUT, &path, &[("content-type", &image.media_type)], image.manifest.clone()).await
    }

    /// Pushes a whole image: blobs, then its manifest. Fails the test at the first refusal of a blob.
    pub async fn push(&self, repository: &str, reference: &str, image: &Image) -> Answer {
        for blob in &image.blobs {
            let pushed = self.push_blob(repository, blob).await;
            assert_eq!(pushed.status, 201, "{}", pushed.text());
        }
        self.push_manifest(repository, reference, image).await
    }
}
