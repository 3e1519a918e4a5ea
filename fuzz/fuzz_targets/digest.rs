//! Digests: what is accepted is kept to the letter, and what is computed is accepted.

#![no_main]

use haven_oci::{Algorithm, Digest, ErrorCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        // Hashing is not what is tried here, so little is hashed.
        let computed = Digest::of(algorithm, &data[..data.len().min(64)]);
        assert_eq!(computed.algorithm(), algorithm);
        assert_eq!(computed.as_str().parse::<Digest>().as_ref(), Ok(&computed));
        let from_hash = Digest::from_parts(algorithm, data);
        assert_eq!(from_hash.is_some(), data.len() == algorithm.hash_len());
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let json = serde_json::to_string(text).unwrap();
    match text.parse::<Digest>() {
        Ok(digest) => {
            assert_eq!(digest.as_str(), text);
            assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), text);
            assert_eq!(Digest::from_parts(digest.algorithm(), &hash(digest.hex())), Some(digest.clone()));
            assert_eq!(serde_json::to_string(&digest).unwrap(), json);
            assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }
        Err(error) => {
            assert_eq!(error.code, ErrorCode::DigestInvalid);
            assert!(error.message.len() < 500, "an error does not repeat all of its input");
            assert!(serde_json::from_str::<Digest>(&json).is_err());
        }
    }
});

fn hash(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
