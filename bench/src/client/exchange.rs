//! HTTP/1.1: one request after the other on a connection that stays open.

use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::Stream;
use crate::peer::Peer;
use crate::{Result, blob};

/// Big enough that reading is not what limits a pull.
const BUFFER: usize = 512 << 10;

/// A connection with what was read and not yet looked at.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    text: String,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)?.to_owned();
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Self { status: status.ok_or("the answer is not HTTP")?, text })
    }

    /// The first value of a header; the name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// How long the body is; none when it comes in chunks.
    pub(crate) fn length(&self) -> Result<Option<u64>> {
        match self.get("content-length") {
            Some(length) => Ok(Some(length.parse()?)),
            None if self.get("transfer-encoding").is_some() => Ok(None),
            None => Ok(Some(0)),
        }
    }
}

impl Connection {
    pub(crate) async fn open(peer: &Peer) -> Result<Self> {
        let stream = peer.connector.open(peer, false).await?;
        Ok(Self { stream, buffer: vec![0; BUFFER], start: 0, end: 0 })
    }

    /// Sends bytes as they are: the head of a request, or its body.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Result<Head> {
        let end = self.find(b"\r\n\r\n").await?;
        let head = Head::parse(&self.buffer[self.start..end])?;
        self.start = end + 4;
        Ok(head)
    }

    /// Reads the body and gives it to nobody; says how long it was.
    pub(crate) async fn discard(&mut self, head: &Head) -> Result<u64> {
        let length = head.length()?.ok_or("a body in chunks where one of known length was expected")?;
        self.pass(length, |_| {}).await?;
        Ok(length)
    }

    /// Reads the body until it ends or time is up; says how much that was. After less than all of it the connection is of
    /// no further use.
    pub(crate) async fn discard_until(&mut self, length: u64, end: Instant) -> Result<u64> {
        let mut read = 0;
        while read < length && Instant::now() < end {
            let piece = (length - read).min(BUFFER as u64);
            self.pass(piece, |_| {}).await?;
            read += piece;
        }
        Ok(read)
    }

    /// Reads the body and says its digest.
    pub(crate) async fn digest(&mut self, head: &Head) -> Result<String> {
        let length = head.length()?.ok_or("a body in chunks where one of known length was expected")?;
        let mut hash = Sha256::new();
        self.pass(length, |bytes| hash.update(bytes)).await?;
        Ok(blob::named(&hash.finalize()))
    }

    /// Reads the body into memory.
    pub(crate) async fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = head.length()? {
            self.pass(length, |bytes| body.extend_from_slice(bytes)).await?;
            return Ok(body);
        }
        loop {
            let end = self.find(b"\r\n").await?;
            let line = std::str::from_utf8(&self.buffer[self.start..end])?;
            let length = u64::from_str_radix(line.split(';').next().unwrap_or_default(), 16)?;
            self.start = end + 2;
            self.pass(length, |bytes| body.extend_from_slice(bytes)).await?;
            self.pass(2, |_| {}).await?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    async fn pass(&mut self, length: u64, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut left = length;
        while left > 0 {
            if self.start == self.end {
                self.start = 0;
                self.end = self.stream.read(&mut self.buffer).await?;
                if self.end == 0 {
                    return Err(format!("the connection ended {left} bytes before the body did").into());
                }
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            each(&self.buffer[self.start..self.start + take]);
            self.start += take;
            left -= take as u64;
        }
        Ok(())
    }

    /// Where this stands in the buffer, which is filled until it does.
    async fn find(&mut self, what: &[u8]) -> Result<usize> {
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(at) = held.windows(what.len()).position(|bytes| bytes == what) {
                return Ok(self.start + at);
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let read = self.stream.read(&mut self.buffer[self.end..]).await?;
            if read == 0 {
                return Err("the connection ended before the answer did".into());
            }
            self.end += read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answers(text: &'static [u8]) -> Connection {
        let (near, mut far) = tokio::io::duplex(64);
        tokio::spawn(async move { far.write_all(text).await });
        Connection { stream: Box::new(near), buffer: vec![0; 256], start: 0, end: 0 }
    }

    #[tokio::test]
    async fn answers_follow_each_other() {
        let mut connection = answers(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 404 Not Found\r\ntransfer-encoding: \
              chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        )
        .await;
        let head = connection.head().await.unwrap();
        assert_eq!((head.status, head.get("content-length")), (200, Some("5")));
        assert_eq!(connection.digest(&head).await.unwrap(), blob::digest(b"hello"));
        let head = connection.head().await.unwrap();
        assert_eq!(head.status, 404);
        assert_eq!(connection.body(&head).await.unwrap(), b"abcde");
        let head = connection.head().await.unwrap();
        assert_eq!((head.status, connection.discard(&head).await.unwrap()), (204, 0));
    }

    #[tokio::test]
    async fn a_short_body_is_an_error() {
        let mut connection = answers(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello").await;
        let head = connection.head().await.unwrap();
        assert!(connection.discard(&head).await.is_err());
    }
}
