//! The signature around claims: a JSON Web Signature (RFC 7515) in its compact form, with one key and RS256 alone.

use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::EncodePublicKey;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "RS256";

/// The key, in the form that signs and in the form that verifies.
pub(super) struct Key {
    pair: RsaKeyPair,
    public: UnparsedPublicKey<Vec<u8>>,
    /// The header of every token, encoded.
    header: String,
}

/// What is looked at in the header of a token that came in.
#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood; none is (RFC 7515, 4.1.11).
    crit: Option<serde_json::Value>,
}

impl Key {
    /// # Errors
    /// When the key has not 2048 to 4096 bits, or its parts do not belong together.
    pub(super) fn new(key: &RsaPrivateKey) -> Result<Self> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::internal("the token signing key cannot be used").because(error)
        };
        let public = key.to_public_key();
        let private = key.to_pkcs1_der().map_err(|error| failed(error.into()))?;
        let pair = RsaKeyPair::from_der(private.as_bytes()).map_err(|error| failed(error.into()))?;
        let spki = public.to_public_key_der().map_err(|error| failed(error.into()))?;
        let der = public.to_pkcs1_der().map_err(|error| failed(error.into()))?;
        let header =
            serde_json::json!({ "typ": "JWT", "alg": ALGORITHM, "kid": fingerprint(spki.as_bytes()) });
        Ok(Self {
            pair,
            public: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.into_vec()),
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
        })
    }

    /// A token around claims in JSON. Takes a millisecond of the processor and more.
    pub(super) fn sign(&self, claims: &[u8]) -> Result<String> {
        self.under(&self.header, claims)
    }

    #[cfg(test)]
    pub(super) fn sign_under(&self, header: &serde_json::Value, claims: &[u8]) -> Result<String> {
        self.under(&URL_SAFE_NO_PAD.encode(header.to_string()), claims)
    }

    fn under(&self, header: &str, claims: &[u8]) -> Result<String> {
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|error| Error::internal("token signature").because(error))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The claims inside a token that this key signed.
    pub(super) fn open(&self, token: &str) -> Option<Vec<u8>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.public.verify(signed.as_bytes(), &signature).ok()?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let ours = header.alg == ALGORITHM && header.crit.is_none();
        ours.then(|| URL_SAFE_NO_PAD.decode(claims).ok()).flatten()
    }
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
