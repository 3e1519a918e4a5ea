//! Authorization, found out as clients do it: ask, read the challenge, get a token. Servers without a token service get
//! one that is signed here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::Result;
use crate::client::{Connection, expect};
use crate::peer::{Peer, Signer};

/// The value of the `Authorization` header for these actions on a repository; empty where none is asked for.
pub(crate) async fn authorization(
    peer: &Peer,
    connection: &mut Connection,
    repository: &str,
    actions: &str,
) -> Result<String> {
    if peer.folder.is_some() {
        return Ok(String::new());
    }
    if let Some(signer) = &peer.signer {
        return Ok(format!("Bearer {}", sign(signer, repository, actions)?));
    }
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {}\r\n\r\n", peer.host);
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let challenge = head.get("www-authenticate").unwrap_or_default().to_owned();
    let body = connection.body(&head).await?;
    if head.status == 200 {
        return Ok(String::new());
    }
    expect(head.status, 401, "GET /v2/", &body)?;
    let Some(token) = token_request(peer, &challenge, repository, actions)? else {
        return basic(peer).ok_or_else(|| peer.wrong("wants a password and none was given"));
    };
    connection.send(token.as_bytes()).await?;
    let head = connection.head().await?;
    let body = connection.body(&head).await?;
    expect(head.status, 200, "the token service", &body)?;
    let answer: Value = serde_json::from_slice(&body)?;
    let token = answer["token"].as_str().ok_or_else(|| peer.wrong("an answer without a token"))?;
    Ok(format!("Bearer {token}"))
}

/// The credentials of the server, if there are any.
pub(crate) fn basic(peer: &Peer) -> Option<String> {
    let (user, password) = peer.credentials.as_ref()?;
    Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// The request for a token that a challenge leads to; none when it is not one for tokens.
pub(crate) fn token_request(
    peer: &Peer,
    challenge: &str,
    repository: &str,
    actions: &str,
) -> Result<Option<String>> {
    let Some(parameters) = challenge.strip_prefix("Bearer ") else { return Ok(None) };
    let parameter = |name: &str| {
        let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    let realm: http::Uri = parameter("realm").ok_or("a challenge without a realm")?.parse()?;
    let service = parameter("service").unwrap_or_default();
    let authorization = basic(peer).map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    Ok(Some(format!(
        "GET {}?service={service}&scope=repository:{repository}:{actions} HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n",
        realm.path(),
        peer.host,
    )))
}

/// A token as the distribution registry verifies it: by the certificate in its head.
fn sign(signer: &Signer, repository: &str, actions: &str) -> Result<String> {
    let actions: Vec<&str> = actions.split(',').collect();
    // Good for as long as any measurement can take, so no clock is needed.
    let claims = json!({
        "iss": signer.issuer, "aud": signer.service, "sub": "bench", "jti": "bench",
        "nbf": 0, "iat": 0, "exp": 4_102_444_800_u64,
        "access": [{ "type": "repository", "name": repository, "actions": actions }],
    });
    let certificate = std::fs::read_to_string(&signer.certificate)?;
    let der = certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    let header = Header { x5c: Some(vec![der]), ..Header::new(Algorithm::RS256) };
    let key = EncodingKey::from_rsa_pem(&std::fs::read(&signer.key)?)?;
    Ok(jsonwebtoken::encode(&header, &claims, &key)?)
}
