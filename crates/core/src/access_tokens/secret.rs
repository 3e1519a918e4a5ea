//! How a token is written: a beginning that all share, a part that finds the row, and a part that nobody can guess.

use crate::identity::random_text;
use crate::{Error, Result};
use ring::digest;
use subtle::ConstantTimeEq as _;

/// So that scanners of leaked secrets find it.
const PREFIX: &str = "haven_pat_";
const LOOKUP: usize = 12;
/// Over 190 bits.
const RANDOM: usize = 32;
const SALT: usize = 16;
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A token as text. Never logged.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn random() -> Result<Self> {
        Ok(Self(format!("{PREFIX}{}", random_text(ALPHABET, LOOKUP + RANDOM)?)))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        looks_like_one(text).then(|| Self(text.to_owned()))
    }

    /// The part that finds the row.
    pub(super) fn lookup(&self) -> &str {
        &self.0[PREFIX.len()..PREFIX.len() + LOOKUP]
    }

    /// A new salt, and the hash under it.
    pub(super) fn protect(&self) -> Result<([u8; SALT], Vec<u8>)> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        let hash = self.hash(&salt);
        Ok((salt, hash))
    }

    pub(super) fn matches(&self, salt: &[u8], hash: &[u8]) -> bool {
        self.hash(salt).ct_eq(hash).into()
    }

    /// To show it, once.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn hash(&self, salt: &[u8]) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(salt);
        context.update(self.0.as_bytes());
        context.finish().as_ref().to_vec()
    }
}

/// Whether a text has the form of a token, right or wrong. No password of a person is taken for one by accident.
pub fn looks_like_one(text: &str) -> bool {
    let rest = text.strip_prefix(PREFIX);
    rest.is_some_and(|rest| {
        rest.len() == LOOKUP + RANDOM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// How the token of this look-up part begins.
pub(super) fn beginning(lookup: &str) -> String {
    format!("{PREFIX}{lookup}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(looks_like_one(&one.0) && one.0 != two.0 && one.0.len() == 54);
        let (salt, hash) = one.protect().unwrap();
        assert!(one.matches(&salt, &hash) && !two.matches(&salt, &hash));
        assert!(!one.matches(&[0; SALT], &hash) && !one.matches(&salt, &[]));
        assert_ne!(one.protect().unwrap().1, hash, "the salt is another one each time");
        assert_eq!(beginning(one.lookup()), one.0[..22]);
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let good = format!("{PREFIX}{}", "a".repeat(44));
        assert!(looks_like_one(&good));
        for bad in
            ["", "haven_pat_", &good[1..], &good[..53], &format!("{good}a"), &good.replace("aaaa", "é a")]
        {
            assert!(!looks_like_one(bad), "{bad}");
        }
    }
}
