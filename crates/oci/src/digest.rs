//! Digests: the name of content, `<algorithm>:<lower-case hex>`.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha512};

use crate::error::{Error, ErrorCode};
use crate::text::{excerpt, validated_text};

/// The hash functions that the image specification registers and every client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The name in front of the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of the raw hash in bytes.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => {
                let message = format!("unsupported digest algorithm: {}", excerpt(text));
                Err(Error::new(ErrorCode::DigestInvalid, message))
            }
        }
    }
}

/// A well-formed digest. Upper-case hex is refused, so equal digests are equal texts.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

validated_text!(Digest);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::sha256(bytes),
            Algorithm::Sha512 => Self::from_hash(algorithm, &Sha512::digest(bytes)),
        }
    }

    /// The canonical digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::from_hash(Algorithm::Sha256, &Sha256::digest(bytes))
    }

    /// The digest of a hash computed elsewhere, if it has the length that the algorithm gives.
    pub fn from_parts(algorithm: Algorithm, raw_hash: &[u8]) -> Option<Self> {
        (raw_hash.len() == algorithm.hash_len()).then(|| Self::from_hash(algorithm, raw_hash))
    }

    pub fn algorithm(&self) -> Algorithm {
        // The two algorithms differ in length, and the text was checked when it was made.
        if self.hex().len() == 2 * Algorithm::Sha256.hash_len() {
            Algorithm::Sha256
        } else {
            Algorithm::Sha512
        }
    }

    /// The part after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut text = String::with_capacity(algorithm.as_str().len() + 1 + 2 * hash.len());
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in hash {
            text.push(DIGITS[usize::from(byte >> 4)]);
            text.push(DIGITS[usize::from(byte & 0x0f)]);
        }
        Self(text)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorCode::DigestInvalid, format!("invalid digest: {}: {why}", excerpt(text)))
        };
        let (name, hex) = text.split_once(':').ok_or_else(|| invalid("no algorithm"))?;
        let algorithm: Algorithm = name.parse()?;
        if hex.len() != 2 * algorithm.hash_len() {
            return Err(invalid("wrong length"));
        }
        if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid("not lower-case hexadecimal"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY_256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const EMPTY_512: &str = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

    #[test]
    fn known_content_has_its_known_digest() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").as_str(), EMPTY_256);
        assert_eq!(Digest::of(Algorithm::Sha512, b"").as_str(), EMPTY_512);
        assert_eq!(Digest::sha256(b"").to_string(), EMPTY_256);
    }

    #[test]
    fn the_parts_of_a_digest_can_be_read() {
        let digest: Digest = EMPTY_512.parse().unwrap();
        assert_eq!(digest.algorithm(), Algorithm::Sha512);
        assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), EMPTY_512);
        assert_eq!(EMPTY_256.parse::<Digest>().unwrap().algorithm(), Algorithm::Sha256);
    }

    #[test]
    fn a_malformed_digest_is_refused() {
        let short = &EMPTY_256[..EMPTY_256.len() - 1];
        let upper = EMPTY_256.replace('e', "E");
        let swapped = EMPTY_256.replace("sha256", "sha512");
        let non_ascii = format!("sha256:{}", "é".repeat(32));
        let hex = &EMPTY_256[7..];
        let other = format!("md5:{hex}");
        let upper_name = format!("SHA256:{hex}");
        let spaced = format!(" {EMPTY_256}");
        let newline = format!("{EMPTY_256}\n");
        for text in [
            "",
            ":",
            "sha256",
            "sha256:",
            hex,
            short,
            &upper,
            &swapped,
            &non_ascii,
            &other,
            &upper_name,
            &spaced,
            &newline,
        ] {
            let error = text.parse::<Digest>().unwrap_err();
            assert_eq!(error.code, ErrorCode::DigestInvalid, "{text:?}");
        }
    }

    #[test]
    fn a_raw_hash_must_have_the_length_of_its_algorithm() {
        assert!(Digest::from_parts(Algorithm::Sha256, &[0; 32]).is_some());
        assert!(Digest::from_parts(Algorithm::Sha512, &[0; 32]).is_none());
        assert!(Digest::from_parts(Algorithm::Sha256, &[]).is_none());
    }

    #[test]
    fn serde_checks_what_it_reads() {
        let json = format!("\"{EMPTY_256}\"");
        let digest: Digest = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&digest).unwrap(), json);
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
        assert!(serde_json::from_str::<Digest>("7").is_err());
    }

    proptest! {
        #[test]
        fn every_computed_digest_round_trips(bytes: Vec<u8>, long: bool) {
            let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let digest = Digest::of(algorithm, &bytes);
            prop_assert_eq!(digest.algorithm(), algorithm);
            prop_assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        }

        #[test]
        fn any_accepted_text_is_kept_as_it_was(text in "(sha256|sha512|x)?:?[0-9a-g]{0,3}([0-9a-f]{64}){0,2}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.as_str(), &text);
                prop_assert_eq!(digest.hex().len(), 2 * digest.algorithm().hash_len());
            }
        }
    }
}
