//! A socket to which mapped blobs go as files, without passing through this process.
//!
//! Between blob and socket a response is a row of byte slices. Those that show a file are recognised here by their
//! address, and the kernel is told to send that part of the file (`sendfile`). Nothing is copied, and the pages are not even
//! brought into the memory of the process. Rests that are too short for that are read from the file.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use haven_blobs::Origin;
use rustix::{fs::sendfile, io::Errno, net::sockopt::set_tcp_cork};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::shown::Reading;

/// Below this a copy costs less.
const WORTH_IT: usize = 64 << 10;

/// A stream that sends files as files.
pub(super) struct FileSender {
    socket: Reading<TcpStream>,
    /// Whether the kernel has refused: some file systems cannot.
    refused: bool,
    /// Whether the socket sends full packets only, until the next flush.
    corked: bool,
}

impl FileSender {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket: Reading::new(socket), refused: false, corked: false }
    }

    fn origin(&self, bytes: &[u8]) -> Option<Origin> {
        if self.refused || bytes.len() < WORTH_IT { None } else { Origin::of(bytes) }
    }

    /// Lets the socket gather what it is given into full packets: a reader that sleeps is woken for each, and files come in
    /// many small pieces.
    fn cork(&mut self, wanted: bool) {
        // Where that is not to be had the bytes go out all the same.
        if self.corked != wanted && set_tcp_cork(self.socket.get_ref(), wanted).is_ok() {
            self.corked = wanted;
        }
    }

    /// Sends some of `length` bytes from `origin`; `None` when this file cannot be sent so.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        origin: &Origin,
        length: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        self.cork(true);
        let (socket, refused) = (self.socket.get_ref(), &mut self.refused);
        loop {
            ready!(socket.poll_write_ready(cx))?;
            let mut at = origin.offset;
            let sent = socket
                .try_io(Interest::WRITABLE, || Ok(sendfile(socket, &origin.file, Some(&mut at), length)?));
            return Poll::Ready(match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_unable(&error) => {
                    *refused = true;
                    Ok(None)
                }
                Err(error) => Err(error),
                Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a blob became shorter")),
                Ok(bytes) => Ok(Some(bytes)),
            });
        }
    }
}

fn is_unable(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == error.raw_os_error())
}

impl AsyncRead for FileSender {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FileSender {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(origin) = self.origin(bytes)
            && let Some(sent) = ready!(self.poll_send(cx, &origin, bytes.len()))?
        {
            return Poll::Ready(Ok(sent));
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // What stands before the file, such as the head of the response, goes first and by itself.
        let before = slices.iter().position(|slice| self.origin(slice).is_some()).unwrap_or(slices.len());
        match slices.split_at(before) {
            (head, [file, ..]) if head.iter().all(|slice| slice.is_empty()) => self.poll_write(cx, file),
            (head, _) => Pin::new(&mut self.socket).poll_write_vectored(cx, head),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cork(false);
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cork(false);
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use futures::TryStreamExt as _;
    use haven_blobs::{BlobStore as _, Filesystem};
    use haven_oci::Digest;
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    async fn sender() -> (FileSender, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (FileSender::new(listener.accept().await.unwrap().0), client)
    }

    #[tokio::test]
    async fn a_head_and_the_slices_of_a_blob_arrive_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Filesystem::open(folder.path()).unwrap();
        let content: Bytes = (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect();
        let digest = Digest::sha256(&content);
        store.put(&digest, content.clone()).await.unwrap();
        let range = 4_321..content.len() as u64;
        let slices = store.send(&digest, content.len() as u64, range).await.unwrap();
        let slices: Vec<Bytes> = slices.try_collect().await.unwrap();
        assert!(
            slices.iter().filter(|slice| slice.len() >= WORTH_IT).all(|slice| Origin::of(slice).is_some())
        );

        let (mut sender, mut client) = sender().await;
        let reading = tokio::spawn(async move {
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            received
        });
        let mut parts: Vec<&[u8]> = vec![b"head", b""];
        parts.extend(slices.iter().map(|slice| &slice[..]));
        parts.push(b"tail");
        while !parts.is_empty() {
            let vectors: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let mut sent =
                poll_fn(|cx| Pin::new(&mut sender).poll_write_vectored(cx, &vectors)).await.unwrap();
            while let Some(first) = parts.first_mut() {
                let taken = sent.min(first.len());
                (*first, sent) = (&first[taken..], sent - taken);
                if !first.is_empty() {
                    break;
                }
                parts.remove(0);
            }
        }
        assert!(!sender.refused);
        drop(sender);
        let expected = [b"head", &content[4_321..], b"tail"].concat();
        assert!(reading.await.unwrap() == expected);
    }
}
