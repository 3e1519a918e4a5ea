//! The certificate: read from its files, replaced in place when they change.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no usable {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What the reader says, if anything.
        source: Option<rustls::pki_types::pem::Error>,
    },
    /// The two do not belong together, or the key is of a kind that cannot be used.
    #[error("{} and {} cannot be used together", certificate.display(), private_key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        private_key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// A certificate with its key, as last read from their files. Clones share what is read.
#[derive(Clone)]
pub struct Certificates {
    shared: Arc<Shared>,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("certificate", &self.shared.certificate).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Shared {
    certificate: PathBuf,
    private_key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// A hash of what the files last held, good or bad, so that a bad pair is complained about once.
    seen: Mutex<u64>,
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let files = Files::read(certificate, private_key)?;
        let shared = Arc::new(Shared {
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
            current: RwLock::new(Arc::new(pair(&files, certificate, private_key)?)),
            seen: Mutex::new(files.hash()),
        });
        let resolver: Arc<dyn ResolvesServerCert> = shared.clone();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| shared.unusable(source))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { shared, config: Arc::new(config) })
    }

    /// Takes up what the files hold if that has changed; says whether it did. On an error the former pair stays in
    /// use, and the same bad content is not tried again.
    ///
    /// # Errors
    /// When the new content cannot be read or used.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Shared { certificate, private_key, current, seen } = &*self.shared;
        let files = Files::read(certificate, private_key)?;
        let hash = files.hash();
        if std::mem::replace(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner), hash) == hash {
            return Ok(false);
        }
        let new = Arc::new(pair(&files, certificate, private_key)?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl Shared {
    fn unusable(&self, source: rustls::Error) -> TlsError {
        let (certificate, private_key) = (self.certificate.clone(), self.private_key.clone());
        TlsError::Pair { certificate, private_key, source }
    }
}

struct Files {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
}

impl Files {
    fn read(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
        };
        Ok(Self { certificate: read(certificate)?, private_key: read(private_key)? })
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.certificate.hash(&mut hasher);
        self.private_key.hash(&mut hasher);
        hasher.finish()
    }
}

fn pair(files: &Files, certificate: &Path, private_key: &Path) -> Result<CertifiedKey, TlsError> {
    let unusable = |path: &Path, what, source| TlsError::Content { path: path.to_owned(), what, source };
    let chain = CertificateDer::pem_slice_iter(&files.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| unusable(certificate, "certificate", Some(source)))?;
    if chain.is_empty() {
        return Err(unusable(certificate, "certificate", None));
    }
    let key = PrivateKeyDer::from_pem_slice(&files.private_key)
        .map_err(|source| unusable(private_key, "private key", Some(source)))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| TlsError::Pair {
        certificate: certificate.to_owned(),
        private_key: private_key.to_owned(),
        source,
    })
}

/// Looks at the files every few seconds, and at once on SIGHUP, until the server stops.
pub(super) async fn follow(certificates: Vec<Certificates>, stop: CancellationToken) {
    let mut hangup = signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(error = %error, "SIGHUP cannot be heard"))
        .ok();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(INTERVAL), if !certificates.is_empty() => {}
            () = heard(&mut hangup) => tracing::info!("SIGHUP: looking for new certificates"),
        }
        for each in certificates.clone() {
            // File systems may hang; a connection must not.
            let outcome = tokio::task::spawn_blocking(move || report(&each, each.reload())).await;
            if let Err(error) = outcome {
                tracing::error!(error = %error, "looking for new certificates broke off");
            }
        }
    }
}

async fn heard(hangup: &mut Option<Signal>) {
    let received = match hangup {
        Some(hangup) => hangup.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

fn report(certificates: &Certificates, outcome: Result<bool, TlsError>) {
    let path = certificates.shared.certificate.display();
    match outcome {
        Ok(true) => tracing::info!(certificate = %path, "took up a new certificate"),
        Ok(false) => {}
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "a new certificate is of no use; the former one stays");
        }
    }
}
