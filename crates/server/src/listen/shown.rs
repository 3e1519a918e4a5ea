//! Bytes that show a file, on their way into what makes new bytes of them: TLS, or a copy to the socket.
//!
//! To touch them is to read the file, and where that fails, because the file was cut short behind our back or a disk or a
//! network does not deliver, the kernel ends the process with a signal. So they are read from the file in the ordinary
//! way, which ends the connection at worst.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use haven_blobs::Origin;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one write passes on: as much as TLS takes at a time.
const PIECE: usize = 64 << 10;

thread_local! {
    /// For a thread and not for a connection, for what is in it is passed on before anybody else is served.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A transport that reads files where it is given bytes that show one.
pub(super) struct Reading<S> {
    inner: S,
}

impl<S> Reading<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }
}

/// Gives `write` the first of these bytes, those of files as the files have them.
fn gathered(
    slices: &[IoSlice<'_>],
    write: impl FnOnce(&[u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(PIECE, 0);
        match gather(slices, buffer) {
            Ok(filled) => write(&buffer[..filled]),
            Err(error) => Poll::Ready(Err(error)),
        }
    })
}

fn gather(slices: &[IoSlice<'_>], into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    for slice in slices {
        let count = slice.len().min(into.len() - filled);
        let (taken, target) = (&slice[..count], &mut into[filled..filled + count]);
        match Origin::of(taken) {
            Some(origin) => origin.read(target)?,
            None => target.copy_from_slice(taken),
        }
        filled += count;
    }
    Ok(filled)
}

impl<S: AsyncRead + Unpin> AsyncRead for Reading<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Reading<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = Pin::new(&mut self.inner);
        match Origin::of(bytes) {
            Some(_) => gathered(&[IoSlice::new(bytes)], |bytes| inner.as_mut().poll_write(cx, bytes)),
            None => inner.poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = Pin::new(&mut self.inner);
        if slices.iter().any(|slice| Origin::of(slice).is_some()) {
            return gathered(slices, |bytes| inner.as_mut().poll_write(cx, bytes));
        }
        inner.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use futures::TryStreamExt as _;
    use haven_blobs::{BlobStore as _, Filesystem};
    use haven_oci::Digest;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A blob of these bytes as a socket is given it, and the path of its file.
    async fn shown(folder: &std::path::Path, content: &Bytes) -> (Vec<Bytes>, std::path::PathBuf) {
        let store = Filesystem::open(folder).unwrap();
        let digest = Digest::sha256(content);
        store.put(&digest, content.clone()).await.unwrap();
        let size = content.len() as u64;
        let slices = store.send(&digest, size, 0..size).await.unwrap().try_collect().await.unwrap();
        let shelf = folder.join("docker/registry/v2/blobs/sha256").join(&digest.hex()[..2]);
        (slices, shelf.join(digest.hex()).join("data"))
    }

    async fn write(transport: &mut Reading<tokio::io::DuplexStream>, parts: &[&[u8]]) -> io::Result<usize> {
        let vectors: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        poll_fn(|cx| Pin::new(&mut *transport).poll_write_vectored(cx, &vectors)).await
    }

    #[tokio::test]
    async fn files_and_other_bytes_arrive_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let content: Bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let (slices, _) = shown(folder.path(), &content).await;
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut transport = Reading::new(near);
        let parts: [&[u8]; 4] = [b"head", b"", &slices[0][5..9_000], b"tail"];
        assert_eq!(write(&mut transport, &parts).await.unwrap(), 9_003);
        let parts: [&[u8]; 2] = [&slices[0][9_000..], b"after"];
        assert_eq!(write(&mut transport, &parts).await.unwrap(), PIECE, "as much as fits");
        assert_eq!(write(&mut transport, &[b"end"]).await.unwrap(), 3);
        drop(transport);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert!(
            got == [b"head", &content[5..9_000], b"tail", &content[9_000..9_000 + PIECE], b"end"].concat()
        );
    }

    #[tokio::test]
    async fn a_file_that_was_cut_short_ends_the_connection_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (slices, path) = shown(folder.path(), &vec![7; 1 << 20].into()).await;
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(4096).unwrap();
        let (near, _far) = tokio::io::duplex(1 << 20);
        let mut transport = Reading::new(near);
        assert_eq!(write(&mut transport, &[&slices[0][..4096]]).await.unwrap(), 4096);
        let error = write(&mut transport, &[b"head", &slices[0][4096..]]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
