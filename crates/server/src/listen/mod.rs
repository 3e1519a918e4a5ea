//! The sockets: accepting connections, TLS, and the bounds on how long a client may keep one busy.
//!
//! Requests go to an axum router as they come; which of them are allowed is not known here. `watch` decides when a
//! connection has rested or stalled for too long, `tls` follows the files of the certificate.

mod accept;
mod body;
mod connection;
mod file;
mod linger;
mod redirect;
mod shown;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod watch;

use std::{io, net::SocketAddr, sync::Arc};

use axum::Router;
use haven_web::conn::ConnInfo;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::tls::{Certificates, TlsError};
pub use crate::config::ConnectionLimits as Limits;
use crate::config::{self, Serves};

/// Connections that a listener apart (metrics) may have, beside those of the product.
const SEPARATE_CONNECTIONS: usize = 64;

/// A bound socket and what is spoken there.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// Answers here; the product's own router when there is none.
    router: Option<Router>,
    certificates: Option<Certificates>,
    /// Whether its connections count by themselves, so that a crowd elsewhere cannot shut it out.
    separate: bool,
}

impl Listener {
    /// The product over plain HTTP.
    #[must_use]
    pub fn plain(socket: TcpListener) -> Self {
        Self { socket, router: None, certificates: None, separate: false }
    }

    /// The product over TLS.
    #[must_use]
    pub fn tls(socket: TcpListener, certificates: Certificates) -> Self {
        Self { certificates: Some(certificates), ..Self::plain(socket) }
    }

    /// Sends every request to the same host over HTTPS.
    #[must_use]
    pub fn redirect(socket: TcpListener, https_port: u16) -> Self {
        Self { router: Some(redirect::router(https_port)), ..Self::plain(socket) }
    }

    /// Another router over plain HTTP, such as that of the metrics.
    #[must_use]
    pub fn separate(socket: TcpListener, router: Router) -> Self {
        Self { router: Some(router), separate: true, ..Self::plain(socket) }
    }

    /// Where it listens; the true port when port 0 was asked for.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Why the sockets of a configuration could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An address is taken, not ours, or a port below 1024 without the right to it.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// HTTPS without a certificate. A checked configuration never asks for that.
    #[error("{0} shall serve HTTPS but there is no certificate")]
    NoCertificate(SocketAddr),
}

/// Binds one address.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, OpenError> {
    TcpListener::bind(addr).await.map_err(|source| OpenError::Bind { addr, source })
}

/// Opens every socket that the configuration names, except that of the metrics.
///
/// # Errors
/// When the certificate cannot be used or an address cannot be had.
pub async fn open(wanted: &[config::Listen], tls: Option<&config::Tls>) -> Result<Vec<Listener>, OpenError> {
    let certificates = tls.map(|tls| Certificates::load(&tls.certificate, &tls.private_key)).transpose()?;
    let mut listeners = Vec::with_capacity(wanted.len());
    for config::Listen { addr, serves } in wanted.iter().copied() {
        let socket = bind(addr).await?;
        listeners.push(match (serves, &certificates) {
            (Serves::Http, _) => Listener::plain(socket),
            (Serves::Redirect { https_port }, _) => Listener::redirect(socket, https_port),
            (Serves::Https, Some(certificates)) => Listener::tls(socket, certificates.clone()),
            (Serves::Https, None) => return Err(OpenError::NoCertificate(addr)),
        });
    }
    Ok(listeners)
}

/// How serving came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request in flight was answered.
    Drained,
    /// The grace was over before that, and what was left was cut.
    Cut,
}

/// Serves until `shutdown` is cancelled, then lets requests in flight finish for `limits.shutdown_grace`.
pub async fn serve(
    listeners: Vec<Listener>,
    app: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> Stopped {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let room = Arc::new(Semaphore::new(limits.max_connections));
    let loops = TaskTracker::new();
    let certificates = listeners.iter().filter_map(|listener| listener.certificates.clone()).collect();
    loops.spawn(tls::follow(certificates, shutdown.clone()));
    for listener in listeners {
        let own = || Arc::new(Semaphore::new(SEPARATE_CONNECTIONS));
        let door = accept::Door {
            room: if listener.separate { own() } else { Arc::clone(&room) },
            handler: connection::Handler {
                router: listener.router.unwrap_or_else(|| app.clone()),
                acceptor: listener.certificates.as_ref().map(Certificates::acceptor),
                limits,
                stop: shutdown.clone(),
                cut: cut.clone(),
                tasks: connections.clone(),
            },
        };
        loops.spawn(accept::run(listener.socket, door));
    }
    drop(app);
    loops.close();
    loops.wait().await;
    drain(connections, &cut, limits).await
}

async fn drain(connections: TaskTracker, cut: &CancellationToken, limits: Limits) -> Stopped {
    connections.close();
    if tokio::time::timeout(limits.shutdown_grace, connections.wait()).await.is_ok() {
        return Stopped::Drained;
    }
    tracing::warn!(tasks = connections.len(), "cutting connections that are still busy");
    cut.cancel();
    connections.wait().await;
    Stopped::Cut
}
