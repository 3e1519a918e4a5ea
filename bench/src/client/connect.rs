//! Opening connections, plain and TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::peer::Peer;

/// A connection, whatever it is made of.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens connections to servers whose certificate is trusted.
pub(crate) struct Connector {
    http1: TlsConnector,
    http2: TlsConnector,
}

impl Connector {
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = ca {
            roots.add(CertificateDer::from_pem_file(ca)?)?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Ok(Self { http1: speaking(b"http/1.1"), http2: speaking(b"h2") })
    }

    /// A connection on which HTTP/1.1 is spoken, or HTTP/2, which takes TLS.
    pub(crate) async fn open(&self, peer: &Peer, http2: bool) -> Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(&peer.host).await?;
        stream.set_nodelay(true)?;
        if !peer.tls {
            return Ok(Box::new(stream));
        }
        let host = peer.host.rsplit_once(':').map_or(peer.host.as_str(), |(host, _)| host);
        let name = ServerName::try_from(host.to_owned())?;
        let connector = if http2 { &self.http2 } else { &self.http1 };
        let stream = connector.connect(name, stream).await?;
        if http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(peer.wrong("does not speak HTTP/2"));
        }
        Ok(Box::new(stream))
    }
}
