//! Requests, one connection each, with bodies that arrive in pieces as from a network.

use axum::body::Body;
use axum::body::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// A body comes in pieces of that size, or in so many larger ones.
const PIECE: usize = 16 << 10;
const MOST_PIECES: usize = 80;

/// Where to ask, and as whom.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: String,
    pub(crate) authorization: String,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Api {
    pub(crate) fn new(address: String) -> Self {
        Self { address, authorization: String::new() }
    }

    /// An error is a broken connection: the answer, if there was one, did not come.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> io::Result<Answer> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(connection);
        let path = path.strip_prefix(&format!("http://{}", self.address)).unwrap_or(path);
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-length", body.len()).body(dripping(body)).unwrap();
        let answer = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answer = tokio::time::timeout(Duration::from_secs(120), answer).await;
        driver.abort();
        answer
            .map_err(|_| io::Error::other(format!("no answer for two minutes: {path}")))?
            .map_err(io::Error::other)
    }

    pub(crate) async fn get(&self, path: &str) -> io::Result<Answer> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }
}

fn dripping(body: Bytes) -> Body {
    let size = PIECE.max(body.len() / MOST_PIECES);
    Body::from_stream(futures::stream::unfold(body, move |mut rest: Bytes| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(size));
        if rest.len() > size {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        Some((Ok::<_, io::Error>(piece), rest))
    }))
}
