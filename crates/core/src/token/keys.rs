//! The RSA key that signs tokens: made once, kept in the database under the installation's secret key.

use super::sql;
use crate::vault::Vault;
use crate::{Error, Options, Result};
use haven_db::params;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::DecodePrivateKey;

const NAME: &str = "token-signing-key";
const BITS: usize = 2048;

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
    let sealed = Vault::new(&options.secret_key).seal(der.as_bytes())?;
    options.db.execute(sql::INSERT_KEY, params![NAME, sealed, options.clock.now()]).await?;
    stored(options).await?.ok_or_else(|| Error::internal("the signing key that was just stored is gone"))
}

async fn stored(options: &Options) -> Result<Option<RsaPrivateKey>> {
    let Some(row) = options.db.query_opt(sql::KEY, params![NAME]).await? else { return Ok(None) };
    let sealed: Vec<u8> = row.get(0)?;
    let der = Vault::new(&options.secret_key).open(&sealed)?;
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
