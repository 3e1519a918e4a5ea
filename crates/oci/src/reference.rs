//! References: the last segment of a manifest's path, a tag or a digest.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::Error;
use crate::names::TagName;

/// How a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    Tag(TagName),
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = Error;

    /// A colon cannot occur in a tag and must occur in a digest, so it decides which of the two was meant, and with
    /// which error a malformed reference is answered.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_colon_makes_it_a_digest() {
        let digest = Digest::sha256(b"x");
        assert_eq!(digest.as_str().parse::<Reference>().unwrap(), Reference::Digest(digest));
        assert!(matches!("v1".parse::<Reference>().unwrap(), Reference::Tag(tag) if tag.as_str() == "v1"));
    }

    #[test]
    fn the_error_names_what_was_meant() {
        assert_eq!("sha256:00".parse::<Reference>().unwrap_err().code, ErrorCode::DigestInvalid);
        assert_eq!("a b".parse::<Reference>().unwrap_err().code, ErrorCode::TagInvalid);
        assert_eq!("".parse::<Reference>().unwrap_err().code, ErrorCode::TagInvalid);
    }

    #[test]
    fn it_prints_as_it_was_written() {
        for text in ["latest", Digest::sha256(b"").as_str()] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }
}
