//! The rights of a container: asked of the agent beside it, as Amazon's tools are told by the environment.
//!
//! The client knows such agents too, but it takes the token from its file as it is, and ends with a panic where that makes
//! no header, as with a newline at the end.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpRequestBody};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::options::Options;
use super::request::exchange;

/// The agent of those who are told a path only.
const AGENT: &str = "http://169.254.170.2";
/// How long credentials are used before the agent is asked again. It renews them some minutes before they end.
const FRESH: Duration = Duration::from_secs(60);
/// The agent is on the same machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked by whoever has nothing yet, and the pause before it is asked again.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where the agent is, and what it said last.
pub(super) struct ContainerRole {
    url: String,
    token_file: Option<PathBuf>,
    http: HttpClient,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credential: Arc<AwsCredential>,
    asked: Instant,
}

impl ContainerRole {
    /// Where an agent is to be asked, if these options say so and give no rights that come first.
    pub(super) fn url(options: &Options) -> Option<String> {
        let told = |name: &str| options.told(name).or_else(|| options.told(&format!("aws_{name}")));
        let by_key = told("access_key_id").or_else(|| told("secret_access_key")).is_some();
        let by_identity = told("web_identity_token_file").and_then(|_| told("role_arn")).is_some();
        if by_key || by_identity {
            return None;
        }
        let path = told("container_credentials_relative_uri").map(|path| format!("{AGENT}{path}"));
        path.or_else(|| told("container_credentials_full_uri").map(str::to_owned))
    }

    pub(super) fn new(url: String, options: &Options, http: HttpClient) -> Self {
        let token_file = options.told("aws_container_authorization_token_file").map(PathBuf::from);
        Self { url, token_file, http, kept: Mutex::default() }
    }

    async fn ask_again(&self) -> Result<AwsCredential, Failure> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            if let Ok(credential) = self.ask().await {
                return Ok(credential);
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.ask().await
    }

    async fn ask(&self) -> Result<AwsCredential, Failure> {
        let mut request = http::Request::get(&self.url);
        if let Some(path) = self.token_file.clone() {
            // Read each time, because it is replaced before it expires.
            let token = tokio::task::spawn_blocking(move || read_container_token(&path)).await??;
            request = request.header(AUTHORIZATION, token);
        }
        let exchange = exchange(&self.http, request.body(HttpRequestBody::empty())?);
        let answer = timeout(PATIENCE, exchange).await;
        let (status, text) = answer.map_err(|_| format!("{} does not answer", self.url))??;
        if !status.is_success() {
            return Err(format!("{} answers {status}", self.url).into());
        }
        credential(&text).ok_or_else(|| format!("{} does not answer with credentials", self.url).into())
    }
}

#[async_trait]
impl CredentialProvider for ContainerRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        let asked = match &mut *kept {
            Some(last) if last.asked.elapsed() < FRESH => return Ok(Arc::clone(&last.credential)),
            // They are good for some minutes more.
            Some(last) => Ok(self.ask().await.map_or_else(
                |error| {
                    let error = &*error as &dyn std::error::Error;
                    tracing::warn!(error, "the credentials of the container's role are not renewed");
                    Arc::clone(&last.credential)
                },
                Arc::new,
            )),
            None => self.ask_again().await.map(Arc::new),
        };
        let credential = asked.map_err(|source| object_store::Error::Generic { store: "S3", source })?;
        *kept = Some(Kept { credential: Arc::clone(&credential), asked: Instant::now() });
        Ok(credential)
    }
}

impl fmt::Debug for ContainerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerRole").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The token that a container shows its agent, without what surrounds it.
///
/// # Errors
/// Says what is wrong with the file.
pub fn read_container_token(path: &Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let mut token = HeaderValue::from_str(text.trim())
        .ok()
        .filter(|token| !token.is_empty())
        .ok_or_else(|| format!("{} does not hold a token in one line", path.display()))?;
    token.set_sensitive(true);
    Ok(token)
}

fn credential(text: &str) -> Option<AwsCredential> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| answer.get(name)?.as_str().map(str::to_owned);
    Some(AwsCredential {
        key_id: field("AccessKeyId")?,
        secret_key: field("SecretAccessKey")?,
        token: field("Token"),
    })
}
