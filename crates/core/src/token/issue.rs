//! Issuing and verifying tokens.

use super::scope::Scope;
use crate::access::{self, Action, Caller, Resource, TokenAccess, TokenCaller};
use crate::{App, Code, Error, Result, projects, settings};
use haven_db::Timestamp;
use haven_oci::ProjectName;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::EncodePublicKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// The name of the service in challenges and tokens.
pub const SERVICE: &str = "harbor-registry";
const ISSUER: &str = "harbor-token-issuer";
/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;
/// No token of ours is longer; anything longer is refused before it is looked at.
const MAX_LENGTH: usize = 64 * 1024;
/// Longer ones are verified each time: anybody can have tokens made of what they ask for.
const MAX_REMEMBERED: usize = 4 * 1024;

/// The signing key with what has been verified lately.
pub struct Tokens {
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    /// By SHA-256 of the token. Only what the signature covers; time is looked at on every use.
    verified: Cache<[u8; 32], Claims>,
}

/// A token that was made.
#[derive(Debug)]
pub struct Issued {
    pub token: String,
    pub expires_in: i64,
    pub issued_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sub: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: Option<Vec<Access>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
}

impl Tokens {
    pub(super) fn new(key: &RsaPrivateKey) -> Result<Self> {
        let failed = |what: &'static str| {
            move |error: Box<dyn std::error::Error + Send + Sync>| Error::internal(what).because(error)
        };
        let private = key.to_pkcs1_der().map_err(|error| failed("signing key")(error.into()))?;
        let public =
            key.to_public_key().to_pkcs1_der().map_err(|error| failed("signing key")(error.into()))?;
        let spki =
            key.to_public_key().to_public_key_der().map_err(|error| failed("signing key")(error.into()))?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(fingerprint(spki.as_bytes()));
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[SERVICE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss"]);
        // Times are compared with the application's clock, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            header,
            signing: EncodingKey::from_rsa_der(private.as_bytes()),
            verifying: DecodingKey::from_rsa_der(public.as_bytes()),
            validation,
            verified: Cache::builder().max_capacity(4_096).time_to_live(Duration::from_secs(60)).build(),
        })
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(claims) = self.verified.get(&key) {
            return Some(claims);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).ok()?.claims;
        if token.len() <= MAX_REMEMBERED {
            self.verified.insert(key, claims.clone());
        }
        Some(claims)
    }

    #[cfg(test)]
    pub(super) fn reads(&self, token: &str) -> bool {
        self.claims(token).is_some()
    }

    #[cfg(test)]
    pub(super) fn sign_for_test(&self, subject: &str, now: i64) -> String {
        let (iss, aud, jti) = (ISSUER.into(), SERVICE.into(), "id".into());
        let claims =
            Claims { iss, sub: subject.into(), aud, exp: now, nbf: now, iat: now, jti, access: None };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).unwrap()
    }
}

/// Makes a token with everything that the caller may do on what it asks for. Asking for too much is no error: the
/// token then says less.
///
/// # Errors
/// `Unauthorized` when nobody asks for nothing; otherwise only failures.
pub async fn issue(app: &App, caller: &Caller, scopes: &[Scope]) -> Result<Issued> {
    if matches!(caller, Caller::Anonymous) && scopes.is_empty() {
        return Err(Error::new(Code::Unauthorized, "unauthorized"));
    }
    let lifetime = settings::get(app).await?.token_expiration * 60;
    let now = app.clock.now();
    let mut granted = Vec::with_capacity(scopes.len());
    let mut known = HashMap::new();
    let mut newest = now;
    for scope in scopes {
        let actions = allowed(app, caller, scope, &mut known, &mut newest).await?;
        granted.push(Access { kind: scope.kind.clone(), name: scope.name.clone(), actions });
    }
    let claims = Claims {
        iss: ISSUER.into(),
        sub: caller.actor(),
        aud: SERVICE.into(),
        exp: now.as_secs() + lifetime,
        nbf: now.as_secs(),
        // Not before its projects were made, though the clock may have been turned back since.
        iat: newest.as_secs(),
        jti: uuid::Uuid::new_v4().simple().to_string()[..16].to_owned(),
        access: (!granted.is_empty()).then_some(granted),
    };
    let tokens = &app.tokens;
    let token = jsonwebtoken::encode(&tokens.header, &claims, &tokens.signing)
        .map_err(|error| Error::internal("token signature").because(error))?;
    Ok(Issued { token, expires_in: lifetime, issued_at: now })
}

/// What the caller may do of a scope. Rights are by project, so each project is looked at once; `newest` becomes the time
/// when the last of them was made, if that is later.
async fn allowed(
    app: &App,
    caller: &Caller,
    scope: &Scope,
    known: &mut HashMap<ProjectName, Vec<String>>,
    newest: &mut Timestamp,
) -> Result<Vec<String>> {
    match scope.kind.as_str() {
        "repository" => {}
        "registry" if scope.name == "catalog" && caller.is_sysadmin() => return Ok(scope.actions.clone()),
        _ => return Ok(Vec::new()),
    }
    let Some((project, _)) = scope.name.split_once('/') else { return Ok(Vec::new()) };
    let Ok(name) = project.parse::<ProjectName>() else { return Ok(Vec::new()) };
    if let Some(actions) = known.get(&name) {
        return Ok(actions.clone());
    }
    let mut actions = Vec::new();
    if let Some(project) = projects::by_name(app, &name).await? {
        *newest = project.created_at.max(*newest);
        for action in [Action::Pull, Action::Push, Action::Delete, Action::ScannerPull] {
            if access::may(app, caller, &project, Resource::Repository, action).await? {
                actions.push(action.as_str().to_owned());
            }
        }
    }
    known.insert(name, actions.clone());
    Ok(actions)
}

/// The caller behind a token, or none when the token is not ours, of another algorithm, or not yet valid.
pub fn verify(app: &App, token: &str) -> Option<TokenCaller> {
    let claims = app.tokens.claims(token)?;
    let now = app.clock.now().as_secs();
    if claims.nbf > now + LEEWAY {
        return None;
    }
    let entries = claims.access.unwrap_or_default();
    // Such an entry is issued to administrators only.
    let catalog = entries.iter().any(|entry| {
        entry.kind == "registry"
            && entry.name == "catalog"
            && entry.actions.iter().any(|action| action == "*")
    });
    let entries = entries.into_iter();
    let repositories = entries.filter(|entry| entry.kind == "repository");
    let access = repositories.filter_map(|entry| {
        let project = entry.name.split_once('/')?.0.to_owned();
        Some(TokenAccess { project, actions: entry.actions })
    });
    Some(TokenCaller {
        subject: claims.sub,
        issued_at: Timestamp::from_secs(claims.iat),
        expired: claims.exp + LEEWAY < now,
        catalog,
        access: access.collect(),
    })
}

/// The key's name in the header: base32 of the first 240 bits of SHA-256 of the public key, in groups of four.
fn fingerprint(spki: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(spki);
    let mut letters = Vec::with_capacity(60);
    for five in hash[..30].chunks(5) {
        let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        letters.extend((0..8).rev().map(|at| ALPHABET[(bits >> (at * 5) & 31) as usize]));
    }
    let groups: Vec<String> =
        letters.chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    groups.join(":")
}
