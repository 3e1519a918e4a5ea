//! The listeners over TLS: versions, handshakes, certificates that change.

use std::path::Path;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;

struct Issued {
    certificate: String,
    key: String,
}

fn issue() -> Issued {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Issued { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn write(folder: &Path, issued: &Issued) -> Certificates {
    std::fs::write(folder.join("tls.crt"), &issued.certificate).unwrap();
    std::fs::write(folder.join("tls.key"), &issued.key).unwrap();
    Certificates::load(&folder.join("tls.crt"), &folder.join("tls.key")).unwrap()
}

/// Connects with trust in exactly this certificate.
async fn connect(server: &Server, trust: &Issued, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trust.certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

#[tokio::test]
async fn http2_is_negotiated() {
    let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
    let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
    let server = Server::with(listener, hello(), long());
    let stream = connect(&server, &issued, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().uri("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "127.0.0.1 true");
    drop(sender);
    assert_eq!(server.stop().await, Stopped::Drained);
}

#[tokio::test]
async fn http1_is_served_to_those_who_ask_for_it() {
    let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
    let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
    let server = Server::with(listener, hello(), long());
    let stream = connect(&server, &issued, b"http/1.1").await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request("/")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_cut() {
    let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
    let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
    let server = Server::with(listener, hello(), Limits { handshake_timeout: SHORT, ..long() });
    assert!(until_closed(&mut server.connect().await).await.is_empty());
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let (folder, old, new) = (tempfile::tempdir().unwrap(), issue(), issue());
    let certificates = write(folder.path(), &old);
    let server = Server::with(Listener::tls(loopback().await, certificates.clone()), hello(), long());
    assert!(connect(&server, &old, b"h2").await.is_ok());
    assert!(!certificates.reload().unwrap(), "nothing changed");

    std::fs::write(folder.path().join("tls.crt"), &new.certificate).unwrap();
    let error = certificates.reload().unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
    assert!(!certificates.reload().unwrap(), "complained about once");
    assert!(connect(&server, &old, b"h2").await.is_ok(), "the former pair stays");

    std::fs::write(folder.path().join("tls.key"), &new.key).unwrap();
    assert!(certificates.reload().unwrap());
    assert!(connect(&server, &new, b"h2").await.is_ok());
    assert!(connect(&server, &old, b"h2").await.is_err());

    std::fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
    assert!(matches!(certificates.reload(), Err(TlsError::Content { .. })));
    std::fs::remove_file(folder.path().join("tls.key")).unwrap();
    assert!(matches!(certificates.reload(), Err(TlsError::Read { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_files_are_followed() {
    let (folder, new) = (tempfile::tempdir().unwrap(), issue());
    let certificates = write(folder.path(), &issue());
    let stop = CancellationToken::new();
    let following = tokio::spawn(super::super::tls::follow(vec![certificates.clone()], stop.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    std::fs::write(folder.path().join("tls.crt"), &new.certificate).unwrap();
    std::fs::write(folder.path().join("tls.key"), &new.key).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!certificates.reload().unwrap(), "taken up already");
    stop.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn a_configuration_is_opened() {
    let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
    write(folder.path(), &issued);
    let tls = config::Tls {
        certificate: folder.path().join("tls.crt"),
        private_key: folder.path().join("tls.key"),
    };
    let addr = ([127, 0, 0, 1], 0).into();
    let wanted = [Serves::Http, Serves::Https, Serves::Redirect { https_port: 8443 }]
        .map(|serves| config::Listen { addr, serves });
    assert_eq!(open(&wanted, Some(&tls)).await.unwrap().len(), 3);
    assert!(matches!(open(&wanted, None).await, Err(OpenError::NoCertificate(_))));
    let taken = loopback().await;
    let wanted = [config::Listen { addr: taken.local_addr().unwrap(), serves: Serves::Http }];
    assert!(matches!(open(&wanted, None).await, Err(OpenError::Bind { .. })));
}
