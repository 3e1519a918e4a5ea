//! What is secret in the database, under the installation's secret key (AES-256-GCM, a random nonce before each text).

use crate::{Error, Result};
use aes_gcm::aead::{Aead, Generate, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const NONCE: usize = 12;
/// Before sealed text, so that a value that is none is noticed.
const MARK: &str = "sealed:";

/// Seals and opens with one key, the same on every replica.
pub(crate) struct Vault(Aes256Gcm);

impl Vault {
    pub(crate) fn new(secret_key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*secret_key)))
    }

    /// Bytes that only the same key opens.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = Nonce::generate();
        let sealed = self.0.encrypt(&nonce, plain).map_err(|_| Error::internal("encryption"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed.
    ///
    /// # Errors
    /// When it was sealed with another key, or damaged.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(wrong_key)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| wrong_key())?;
        self.0.decrypt(&nonce, sealed).map_err(|_| wrong_key())
    }

    /// As [`Vault::seal`], for columns of text.
    pub(crate) fn seal_text(&self, plain: &str) -> Result<String> {
        Ok(format!("{MARK}{}", STANDARD_NO_PAD.encode(self.seal(plain.as_bytes())?)))
    }

    /// As [`Vault::open`], for columns of text.
    pub(crate) fn open_text(&self, sealed: &str) -> Result<String> {
        let sealed = sealed.strip_prefix(MARK).ok_or_else(wrong_key)?;
        let sealed = STANDARD_NO_PAD.decode(sealed).map_err(|_| wrong_key())?;
        String::from_utf8(self.open(&sealed)?).map_err(|_| wrong_key())
    }
}

fn wrong_key() -> Error {
    Error::internal(
        "the keys in the database were encrypted with another secret key: give every replica the same secret.key",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal_text("pass word").unwrap();
        assert!(!sealed.contains("pass"));
        assert_ne!(sealed, vault.seal_text("pass word").unwrap(), "every sealing has a nonce of its own");
        assert_eq!(vault.open_text(&sealed).unwrap(), "pass word");
        assert!(Vault::new(&[8; 32]).open_text(&sealed).is_err());
        assert!(vault.open_text("pass word").is_err());
        assert!(vault.open(&[1, 2, 3]).is_err());
    }
}
