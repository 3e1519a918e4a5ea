//! The program on a bucket: whose rights it has there, and whose certificates it trusts. Only with `HAVEN_TEST_S3`, and on a
//! container of Azure only with `HAVEN_TEST_AZURE`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::processes::{Haven, answer, ask, get};
use axum::Json;
use axum::Router;
use axum::routing::{get as on_get, put as on_put};
use haven_blobs::object::testing::bucket;
use haven_blobs::object::{Options, Service};
use haven_db::Engine;
use haven_db::testing::{TestDb, empty};
use haven_oci::Digest;
use haven_testkit::image;
use http::{HeaderMap, StatusCode};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An installation whose blobs are in the bucket of the tests.
struct Scene {
    db: TestDb,
    folder: TempDir,
    bucket: Options,
}

impl Scene {
    /// On S3, or nothing.
    async fn new() -> Option<Self> {
        Self::on(Service::S3).await
    }

    async fn on(service: Service) -> Option<Self> {
        let bucket = bucket().filter(|bucket| bucket.service == service)?;
        let folder = tempfile::tempdir().unwrap();
        Some(Self { db: empty(Engine::Sqlite).await.unwrap(), folder, bucket })
    }

    /// What a client of the bucket is told by this name.
    fn told(&self, name: &str) -> String {
        let found = self.bucket.settings.iter().rev().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    }

    /// A file in the folder.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Begins to start with these variables beside those that say where the bucket is.
    async fn begin(&self, env: &[(&str, &str)]) -> Haven {
        let told = environment(&self.bucket);
        let is_place = |name: &str| !["KEY", "TOKEN", "__REGION"].iter().any(|end| name.ends_with(end));
        let place = told.iter().filter(|(name, _)| is_place(name));
        let mut all: Vec<_> = place.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.push(("HAVEN_STORAGE_SERVICE__REDIRECT__DISABLE", "true"));
        all.extend(env);
        Haven::begin(self.folder.path(), &self.db.options(), &all).await
    }

    /// A story of a start that succeeds: an image is pushed and pulled.
    async fn serves(&self, env: &[(&str, &str)]) {
        let mut haven = self.begin(env).await;
        haven.says("listening").await;
        haven.answers().await;
        push_and_pull(&haven).await;
        haven.stop().await;
    }

    /// A story of a start that fails, and says this.
    async fn refuses(&self, env: &[(&str, &str)], words: &[&str]) {
        let (status, said) = self.begin(env).await.ended().await;
        assert_eq!(status, Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        let secret = match self.bucket.service {
            Service::S3 => "secret_access_key",
            Service::Gcs => "bearer_token",
            Service::Azure => "account_key",
        };
        assert!(!said.contains("panicked") && !said.contains(&self.told(secret)), "{said}");
    }
}

/// What the program is told by its environment, to reach this bucket with its rights.
pub(crate) fn environment(bucket: &Options) -> Vec<(String, String)> {
    let told = |name: &str| {
        let found = bucket.settings.iter().rfind(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    let (section, settings) = match bucket.service {
        Service::Azure => (
            "AZURE",
            vec![
                ("CONTAINER", bucket.bucket.clone()),
                ("ACCOUNTNAME", told("account_name")),
                ("ACCOUNTKEY", told("account_key")),
                ("SERVICEURL", told("endpoint")),
            ],
        ),
        Service::Gcs => ("GCS", vec![("BUCKET", bucket.bucket.clone()), ("ENDPOINT", told("base_url"))]),
        Service::S3 => (
            "S3",
            vec![
                ("BUCKET", bucket.bucket.clone()),
                ("ACCESSKEY", told("access_key_id")),
                ("SECRETKEY", told("secret_access_key")),
                ("REGION", told("region")),
                ("REGIONENDPOINT", told("endpoint")),
            ],
        ),
    };
    let root = ("ROOTDIRECTORY", bucket.root.clone());
    let name = |key: &str| format!("HAVEN_STORAGE_SERVICE__{section}__{key}");
    let token =
        (bucket.service == Service::Gcs).then(|| ("GOOGLE_BEARER_TOKEN".to_owned(), told("bearer_token")));
    settings.into_iter().chain([root]).map(|(key, value)| (name(key), value)).chain(token).collect()
}

/// Pushes an image of two blobs and pulls it.
pub(crate) async fn push_and_pull(haven: &Haven) {
    let image = image("a small one");
    let send = async |method: &str, path: &str, headers: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(haven.addr).await.unwrap();
        ask(&mut stream, method, path, headers, body).await.unwrap();
        assert_eq!(answer(&mut stream).await.0, 201, "{path}");
    };
    for blob in &image.blobs {
        let path = format!("/v2/library/app/blobs/uploads/?digest={}", Digest::sha256(blob));
        send("POST", &path, "", blob).await;
    }
    let media_type = format!("content-type: {}\r\n", image.media_type);
    send("PUT", "/v2/library/app/manifests/v1", &media_type, &image.manifest).await;
    let manifest = get(haven.addr, "/v2/library/app/manifests/v1").await.unwrap();
    assert!(manifest.ends_with(std::str::from_utf8(&image.manifest).unwrap()), "{manifest}");
    for blob in &image.blobs {
        let path = format!("/v2/library/app/blobs/{}", Digest::sha256(blob));
        let pulled = get(haven.addr, &path).await.unwrap();
        assert!(pulled.ends_with(std::str::from_utf8(blob).unwrap()), "{pulled}");
    }
}

#[tokio::test]
async fn rights_are_given_by_keys_by_files_or_by_the_environment() {
    let Some(scene) = Scene::new().await else { return };
    let (key, secret) = (scene.told("access_key_id"), scene.told("secret_access_key"));
    const KEY: &str = "HAVEN_STORAGE_SERVICE__S3__ACCESSKEY";
    const SECRET: &str = "HAVEN_STORAGE_SERVICE__S3__SECRETKEY";
    scene.serves(&[(KEY, &key), (SECRET, &secret)]).await;
    let (key_file, secret_file) =
        (scene.file("key", &format!("{key}\n")), scene.file("secret", &format!("{secret}\n")));
    scene.serves(&[(&format!("{KEY}_FILE"), &key_file), (&format!("{SECRET}_FILE"), &secret_file)]).await;
    let by_environment = [
        ("AWS_ACCESS_KEY_ID", key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &secret),
        // Neither where the bucket is nor how it is spoken to is for the environment to say.
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_BUCKET", "another"),
    ];
    scene.serves(&by_environment).await;
    let refused = ["refuses our credentials", "the storage refuses our credentials"];
    scene.refuses(&[(KEY, &key), (SECRET, "Wrong12345")], &refused).await;
    scene.refuses(&[("AWS_ACCESS_KEY_ID", &key), ("AWS_SECRET_ACCESS_KEY", "Wrong12345")], &refused).await;
}

#[tokio::test]
async fn a_container_of_azure_is_reached_by_its_url() {
    let Some(mut scene) = Scene::on(Service::Azure).await else { return };
    let key = scene.told("account_key");
    const KEY: &str = "HAVEN_STORAGE_SERVICE__AZURE__ACCOUNTKEY";
    scene.serves(&[(KEY, &key)]).await;
    let by_environment = [
        ("AZURE_STORAGE_ACCOUNT_KEY", key.as_str()),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "another"),
        ("AZURE_CONTAINER_NAME", "another"),
        ("AZURE_STORAGE_USE_EMULATOR", "true"),
        ("AZURE_SKIP_SIGNATURE", "true"),
    ];
    scene.serves(&by_environment).await;
    let refused = ["refuses our credentials", "the storage refuses our credentials"];
    scene.refuses(&[(KEY, "d3Jvbmc=")], &refused).await;
    "no-such-container".clone_into(&mut scene.bucket.bucket);
    scene.refuses(&[(KEY, &key)], &["bucket no-such-container does not exist"]).await;
}

#[tokio::test]
async fn a_bucket_in_the_words_of_google_is_reached_by_its_endpoint() {
    let Some(mut scene) = Scene::on(Service::Gcs).await else { return };
    const TOKEN: &str = "GOOGLE_BEARER_TOKEN";
    let token = scene.told("bearer_token");
    scene
        .serves(&[(TOKEN, &token), ("GOOGLE_BASE_URL", "http://127.0.0.1:1"), ("GOOGLE_BUCKET", "another")])
        .await;
    let refused = ["refuses our credentials", "the storage refuses our credentials"];
    scene.refuses(&[(TOKEN, "wrong")], &refused).await;
    "no-such-bucket".clone_into(&mut scene.bucket.bucket);
    scene.refuses(&[(TOKEN, &token)], &["bucket no-such-bucket does not exist"]).await;
}

/// Answers as the agent beside a container does, and as the metadata service of a machine.
async fn agent(key: &str, secret: &str) -> String {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let keys = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": key, "SecretAccessKey": secret, "Token": "of the session",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let given = |name: &'static str, expected: &'static str, answer: Value| {
        on_get(move |headers: HeaderMap| async move {
            match headers.get(name) {
                Some(value) if value == expected => Ok(match answer {
                    Value::String(text) => text,
                    keys => keys.to_string(),
                }),
                _ => Err(StatusCode::FORBIDDEN),
            }
        })
    };
    let of_machine = "x-aws-ec2-metadata-token";
    let router = Router::new()
        .route("/container", given("authorization", "of the container", keys.clone()))
        .route(
            "/open",
            on_get({
                let keys = keys.clone();
                async move || Json(keys)
            }),
        )
        .route("/latest/api/token", on_put(async || "of the machine"))
        .route(ROLES, given(of_machine, "of the machine", json!("registry")))
        .route(&format!("{ROLES}registry"), given(of_machine, "of the machine", keys));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, router).await });
    url
}

#[tokio::test]
async fn rights_are_those_of_a_container_or_of_a_machine() {
    let Some(scene) = Scene::new().await else { return };
    let (key, secret) = (scene.told("access_key_id"), scene.told("secret_access_key"));
    let agent = agent(&key, &secret).await;
    const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let uri = format!("{agent}/container");
    for token in ["of the container", "of the container\n", "\r\n of the container \r\n"] {
        scene.serves(&[(URI, &uri), (TOKEN, &scene.file("token", token))]).await;
    }
    scene.serves(&[(URI, &format!("{agent}/open"))]).await;
    scene.serves(&[("AWS_METADATA_ENDPOINT", &agent)]).await;
    let two_lines = scene.file("token", "of the\ncontainer\n");
    scene.refuses(&[(URI, &uri), (TOKEN, &two_lines)], &[TOKEN, "in one line"]).await;
    // What the agent refuses now it may give later.
    let another = scene.file("token", "of another container\n");
    let mut haven = scene.begin(&[(URI, &uri), (TOKEN, &another)]).await;
    let said = haven.says("cannot be used yet").await;
    assert!(said.contains("answers 403 Forbidden"), "{said}");
    haven.says("listening").await;
    assert!(get(haven.addr, "/healthz").await.unwrap().contains(" 503 "));
    scene.file("token", "of the container\n");
    haven.answers().await;
    push_and_pull(&haven).await;
}

/// A certificate for `localhost` that nobody has vouched for, in PEM, and what speaks TLS with it.
pub(crate) fn self_signed() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

/// A way to the server that speaks TLS, with a certificate of its own; returns where that is, and the certificate.
async fn behind_tls(server: String) -> (String, String) {
    let (acceptor, certificate) = self_signed();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", socket.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                tokio::io::copy_bidirectional(&mut client, &mut TcpStream::connect(server).await?).await
            });
        }
    });
    (url, certificate)
}

#[tokio::test]
async fn a_bucket_behind_tls_is_trusted_by_the_bundle_that_is_given() {
    let Some(mut scene) = Scene::new().await else { return };
    let endpoint = scene.told("endpoint");
    let (url, certificate) = behind_tls(endpoint.trim_start_matches("http://").to_owned()).await;
    scene.bucket = scene.bucket.clone().with("endpoint", url);
    let (key, secret) = (scene.told("access_key_id"), scene.told("secret_access_key"));
    let bundle = scene.file("ca.pem", &certificate);
    let rights = [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    const BUNDLE: &str = "HAVEN_STORAGE_SERVICE__CA_BUNDLE";
    scene.serves(&[&rights[..], &[(BUNDLE, &bundle)]].concat()).await;
    let other = scene.file("other.pem", &self_signed().1);
    let words = ["its certificate is not trusted", "storage_service.ca_bundle", "invalid peer certificate"];
    scene.refuses(&[&rights[..], &[(BUNDLE, &other)]].concat(), &words).await;
    scene.refuses(&rights, &words).await;
}
