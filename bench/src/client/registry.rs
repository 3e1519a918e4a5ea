//! What registry clients do: a connection with its authorization, and the requests of pushes.

use super::{Connection, Head, expect};
use crate::Result;
use crate::auth;
use crate::blob::Blobs;
use crate::peer::Peer;

/// A client of one repository of a server.
pub(crate) struct Registry {
    connection: Connection,
    host: String,
    repository: String,
    /// The value of the header; empty where none is asked for.
    pub(crate) authorization: String,
}

impl Registry {
    /// Connects, and gets the authorization for these actions: `pull`, or `pull,push`.
    pub(crate) async fn open(peer: &Peer, repository: &str, actions: &str) -> Result<Self> {
        let mut connection = Connection::open(peer).await?;
        let authorization = auth::authorization(peer, &mut connection, repository, actions).await?;
        Ok(Self { connection, host: peer.host.clone(), repository: repository.to_owned(), authorization })
    }

    /// The head of a request; `more` are further header lines, each with its end.
    pub(crate) fn request(&self, method: &str, path: &str, more: &str) -> String {
        let authorization = match self.authorization.as_str() {
            "" => String::new(),
            value => format!("Authorization: {value}\r\n"),
        };
        let host = &self.host;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{more}\r\n")
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Where a blob of the repository is.
    pub(crate) fn blob(&self, digest: &str) -> String {
        format!("/v2/{}/blobs/{digest}", self.repository)
    }

    /// Where a manifest of the repository is.
    pub(crate) fn manifest(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.repository)
    }

    /// Sends a whole request and reads the whole answer.
    async fn ask(&mut self, request: &str, body: &[u8]) -> Result<(Head, Vec<u8>)> {
        let mut bytes = request.as_bytes().to_vec();
        bytes.extend_from_slice(body);
        self.connection.send(&bytes).await?;
        let head = self.connection.head().await?;
        let body = self.connection.body(&head).await?;
        Ok((head, body))
    }

    /// Whether a blob is there, as every client asks before it pushes one.
    pub(crate) async fn has(&mut self, digest: &str) -> Result<bool> {
        let request = self.request("HEAD", &self.blob(digest), "");
        self.connection.send(request.as_bytes()).await?;
        Ok(self.connection.head().await?.status == 200)
    }

    async fn begin_upload(&mut self) -> Result<String> {
        let path = format!("/v2/{}/blobs/uploads/", self.repository);
        let request = self.request("POST", &path, "Content-Length: 0\r\n");
        let (head, body) = self.ask(&request, b"").await?;
        expect(head.status, 202, "POST of an upload", &body)?;
        location(&head)
    }

    async fn end_upload(&mut self, location: &str, digest: &str) -> Result<()> {
        let joint = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{joint}digest={}", digest.replace(':', "%3A"));
        let request = self.request("PUT", &path, "Content-Length: 0\r\n");
        let (head, body) = self.ask(&request, b"").await?;
        expect(head.status, 201, "PUT of an upload", &body)
    }

    /// Pushes a blob of any size as docker does: one PATCH in chunks, then PUT.
    pub(crate) async fn push(&mut self, blobs: &Blobs, seed: u64) -> Result<()> {
        let location = self.begin_upload().await?;
        let more = "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n";
        let request = self.request("PATCH", &location, more);
        self.connection.send(request.as_bytes()).await?;
        for piece in blobs.chunked(seed) {
            self.connection.send(&piece).await?;
        }
        let head = self.connection.head().await?;
        let body = self.connection.body(&head).await?;
        expect(head.status, 202, "PATCH of an upload", &body)?;
        let location = self::location(&head)?;
        self.end_upload(&location, &blobs.digest(seed)).await
    }

    /// Pushes a blob that fits into one chunk, in the same steps.
    pub(crate) async fn push_small(&mut self, content: &[u8], digest: &str) -> Result<()> {
        let location = self.begin_upload().await?;
        let more = "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n";
        let request = self.request("PATCH", &location, more);
        let mut body = format!("{:x}\r\n", content.len()).into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        let (head, body) = self.ask(&request, &body).await?;
        expect(head.status, 202, "PATCH of an upload", &body)?;
        let location = self::location(&head)?;
        self.end_upload(&location, digest).await
    }

    /// Pushes a manifest.
    pub(crate) async fn put_manifest(&mut self, tag: &str, manifest: &str) -> Result<()> {
        let more = format!(
            "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: {}\r\n",
            manifest.len()
        );
        let request = self.request("PUT", &self.manifest(tag), &more);
        let (head, body) = self.ask(&request, manifest.as_bytes()).await?;
        expect(head.status, 201, "PUT of a manifest", &body)
    }
}

/// Path and query of the `Location` header, which may be a whole URL.
fn location(head: &Head) -> Result<String> {
    let text = head.get("location").ok_or("an upload without a Location")?;
    let uri: http::Uri = text.parse()?;
    Ok(uri.path_and_query().map_or_else(|| text.to_owned(), ToString::to_string))
}
