//! From options to a client: TLS, time limits, repetition and rights.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use super::answers::Checked;
use super::container::ContainerRole;
use super::options::{Options, Service};
use crate::error::{Error, Kind, Result};

const IDLE: Duration = Duration::from_secs(60);

/// One client, seen from its three sides.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) multiparts: Arc<dyn MultipartStore>,
    pub(super) signer: Option<Arc<dyn Signer>>,
    /// For requests that the client does not know.
    pub(super) http: Option<HttpClient>,
}

impl Bucket {
    #[cfg(test)]
    pub(super) fn of<S: ObjectStore + MultipartStore>(store: S) -> Self {
        let store = Arc::new(store);
        Self { objects: Arc::clone(&store) as _, multiparts: store, signer: None, http: None }
    }

    fn signing<S: ObjectStore + MultipartStore + Signer>(store: S) -> Self {
        let store = Arc::new(store);
        let signer = Some(Arc::clone(&store) as _);
        Self { objects: Arc::clone(&store) as _, multiparts: store, signer, http: None }
    }
}

/// The way to the network, shared by the clients of one bucket.
#[derive(Clone, Debug)]
struct Shared(Arc<dyn HttpConnector>);

impl HttpConnector for Shared {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        self.0.connect(options)
    }
}

/// Makes the client; no request is sent.
pub(super) fn connect(options: &Options) -> Result<Bucket> {
    connect_by(options, Arc::new(ReqwestConnector::default()))
}

/// As [`connect`], over `connector`.
pub(super) fn connect_by(options: &Options, connector: Arc<dyn HttpConnector>) -> Result<Bucket> {
    let connector = Shared(connector);
    // One provider for the whole process; whoever came first has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = client(options)?;
    let retry = retry(options);
    let built = match options.service {
        Service::S3 => {
            let mut builder = s3(options).with_client_options(client.clone()).with_retry(retry);
            if let Some(url) = ContainerRole::url(options) {
                let agent = client.clone().with_allow_http(true);
                let http = connector.connect(&agent).map_err(|error| unusable(options, error))?;
                builder = builder.with_credentials(Arc::new(ContainerRole::new(url, options, http)));
            }
            builder.with_http_connector(connector.clone()).build().and_then(|store| {
                let http = Some(connector.connect(&client)?);
                Ok(Bucket { http, ..Bucket::signing(store) })
            })
        }
        Service::Gcs => {
            let builder = GoogleCloudStorageBuilder::new().with_http_connector(connector);
            let configure = |builder: GoogleCloudStorageBuilder, key: GoogleConfigKey, value: &str| {
                builder.with_config(key, value)
            };
            let builder = configured(builder, options, configure);
            let builder = builder.with_client_options(client).with_retry(retry);
            builder.with_bucket_name(&options.bucket).build().map(Bucket::signing)
        }
        Service::Azure => {
            let builder = MicrosoftAzureBuilder::new().with_http_connector(Checked(connector));
            let configure = |builder: MicrosoftAzureBuilder, key: AzureConfigKey, value: &str| {
                builder.with_config(key, value)
            };
            let builder = configured(builder, options, configure);
            let builder = builder.with_client_options(client).with_retry(retry);
            builder.with_container_name(&options.bucket).build().map(Bucket::signing)
        }
    };
    built.map_err(|error| unusable(options, error))
}

fn s3(options: &Options) -> AmazonS3Builder {
    let builder = AmazonS3Builder::new()
        // TLS protects the bytes of a request; hashing them once more for its signature is for connections without it.
        .with_unsigned_payload(!options.allow_http)
        // Not every service that speaks the protocol deletes many at once.
        .with_disable_bulk_delete(true);
    let configure =
        |builder: AmazonS3Builder, key: AmazonS3ConfigKey, value: &str| builder.with_config(key, value);
    configured(builder, options, configure).with_bucket_name(&options.bucket)
}

fn configured<B, K: FromStr>(builder: B, options: &Options, configure: impl Fn(B, K, &str) -> B) -> B {
    options.settings.iter().fold(builder, |builder, (name, value)| match name.parse() {
        Ok(key) => configure(builder, key, value),
        Err(_) => builder,
    })
}

fn client(options: &Options) -> Result<ClientOptions> {
    let patience = options.patience;
    let mut client = ClientOptions::new()
        .with_allow_http(options.allow_http)
        .with_allow_invalid_certificates(options.skip_verify)
        // A blob takes as long as it takes; what may not happen is that nothing moves.
        .with_timeout_disabled()
        .with_connect_timeout(patience.connect)
        .with_read_timeout(patience.answer)
        .with_pool_idle_timeout(IDLE);
    if let Some(bundle) = &options.ca_bundle {
        let certificates = Certificate::from_pem_bundle(bundle).map_err(|error| unusable(options, error))?;
        client = certificates.into_iter().fold(client, ClientOptions::with_root_certificate);
    } else if options.allow_http {
        // A container without certificates can still speak to a service in its own network.
        client = client.with_no_system_certificates(true);
    }
    Ok(client)
}

fn retry(options: &Options) -> RetryConfig {
    let patience = options.patience;
    let backoff =
        BackoffConfig { init_backoff: patience.pause, max_backoff: Duration::from_secs(10), base: 2. };
    RetryConfig { backoff, max_retries: patience.retries, retry_timeout: patience.give_up }
}

fn unusable(options: &Options, error: object_store::Error) -> Error {
    Error::with_source(Kind::Invalid, format!("bucket {} cannot be used: {error}", options.bucket), error)
}
