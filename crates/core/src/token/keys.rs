//! The RSA key that signs tokens: made once, kept in the database under the installation's secret key.

use super::sql;
use crate::{Error, Options, Result};
use aes_gcm::aead::{Aead, Generate, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use haven_db::params;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::DecodePrivateKey;

const NAME: &str = "token-signing-key";
const BITS: usize = 2048;
const NONCE: usize = 12;

/// The key that is kept in the database, made now if there is none.
pub(super) async fn shared(options: &Options) -> Result<RsaPrivateKey> {
    if let Some(found) = stored(options).await? {
        return Ok(found);
    }
    let made = tokio::task::spawn_blocking(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS))
        .await
        .map_err(|error| Error::internal("signing key").because(error))?
        .map_err(|error| Error::internal("signing key").because(error))?;
    let der = made.to_pkcs1_der().map_err(|error| Error::internal("signing key").because(error))?;
    let sealed = seal(&options.secret_key, der.as_bytes())?;
    options.db.execute(sql::INSERT_KEY, params![NAME, sealed, options.clock.now()]).await?;
    stored(options).await?.ok_or_else(|| Error::internal("the signing key that was just stored is gone"))
}

async fn stored(options: &Options) -> Result<Option<RsaPrivateKey>> {
    let Some(row) = options.db.query_opt(sql::KEY, params![NAME]).await? else { return Ok(None) };
    let sealed: Vec<u8> = row.get(0)?;
    let der = open(&options.secret_key, &sealed)?;
    let key =
        RsaPrivateKey::from_pkcs1_der(&der).map_err(|error| Error::internal("signing key").because(error))?;
    Ok(Some(key))
}

/// A key of the operator's own, PKCS#1 or PKCS#8.
pub(super) fn from_pem(pem: &str) -> Result<RsaPrivateKey> {
    RsaPrivateKey::from_pkcs1_pem(pem)
        .or_else(|_| RsaPrivateKey::from_pkcs8_pem(pem))
        .map_err(|error| Error::internal("the token signing key is no RSA private key in PEM").because(error))
}

fn seal(secret: &[u8; 32], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = Nonce::generate();
    let sealed = cipher(secret).encrypt(&nonce, plain).map_err(|_| Error::internal("encryption"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(secret: &[u8; 32], sealed: &[u8]) -> Result<Vec<u8>> {
    let wrong = || {
        Error::internal(
            "the keys in the database were encrypted with another secret key: give every replica the same secret.key",
        )
    };
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(wrong)?;
    let nonce = Nonce::try_from(nonce).map_err(|_| wrong())?;
    cipher(secret).decrypt(&nonce, sealed).map_err(|_| wrong())
}

fn cipher(secret: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*secret))
}
