//! HTTP/2, with the windows that clients written in Go offer.

use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::Result;
use crate::peer::Peer;

/// What Go's client lets a server send unasked, on one stream and on all of them.
const STREAM: u32 = 4 << 20;
const CONNECTION: u32 = 1 << 30;

/// A connection that speaks HTTP/2.
pub(crate) struct Multiplexed {
    requests: SendRequest<Empty<Bytes>>,
}

impl Multiplexed {
    pub(crate) async fn open(peer: &Peer) -> Result<Self> {
        let stream = peer.connector.open(peer, true).await?;
        let (requests, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM)
            .initial_connection_window_size(CONNECTION)
            .handshake(TokioIo::new(stream))
            .await?;
        // What goes wrong on the connection comes out of the request as well.
        tokio::spawn(connection);
        Ok(Self { requests })
    }

    /// Reads a body and gives it to nobody, until it ends or time is up; says status and how much was read.
    pub(crate) async fn discard_until(
        &mut self,
        url: &str,
        authorization: &str,
        end: Instant,
    ) -> Result<(u16, u64)> {
        let mut request = Request::get(url);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let answer = self.requests.send_request(request.body(Empty::new())?).await?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let mut read = 0;
        while Instant::now() < end {
            let Some(frame) = body.frame().await else { break };
            read += frame?.data_ref().map_or(0, Bytes::len) as u64;
        }
        Ok((status, read))
    }
}
