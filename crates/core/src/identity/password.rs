//! Hashes of passwords, the rule for new ones, and making one.

use super::turns::Turn;
use crate::{App, Error, Result};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, RECOMMENDED_SALT_LEN, Version, password_hash};

const LOWER: &[u8] = b"abcdefghijkmnpqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";

/// What Argon2 works in; it grows to what the first hash needs and is used again. Given back each time, as much would stay
/// behind for every thread that ever made a hash: the allocator keeps memory for each.
pub(super) type Memory = Vec<Block>;

/// The hash to store, as a PHC string (Argon2id, RFC 9106).
///
/// # Errors
/// `Unavailable` when too many passwords wait to be checked.
pub(crate) async fn hash(app: &App, password: &str) -> Result<String> {
    let mut turn = app.passwords.turns().next(None).await?;
    hash_now(&mut turn, password).await
}

async fn hash_now(turn: &mut Turn, password: &str) -> Result<String> {
    let password = password.to_owned();
    let hash = turn.spend(move |memory| hash_in(memory, password.as_bytes())).await?;
    hash.map_err(|error| Error::internal("password hash").because(error.to_string()))
}

/// Whether a password belongs to a stored hash. Without a hash the same time is spent, and the answer is no.
pub(super) async fn verify(turn: &mut Turn, password: &str, stored: &str) -> Result<bool> {
    let (password, stored) = (password.to_owned(), stored.to_owned());
    turn.spend(move |memory| {
        let password = password.as_bytes();
        match PasswordHash::new(&stored) {
            Ok(hash) => verify_in(memory, password, &hash).unwrap_or_default(),
            Err(_) => {
                let _ = hash_in(memory, password);
                false
            }
        }
    })
    .await
}

fn hash_in(memory: &mut Memory, password: &[u8]) -> password_hash::Result<String> {
    let mut salt = [0; RECOMMENDED_SALT_LEN];
    getrandom::fill(&mut salt).map_err(|_| password_hash::Error::Crypto)?;
    let argon = Argon2::default();
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon.params())?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(compute(&argon, memory, (password, &salt), Params::DEFAULT_OUTPUT_LEN)?),
    };
    Ok(hash.to_string())
}

fn verify_in(memory: &mut Memory, password: &[u8], stored: &PasswordHash) -> password_hash::Result<bool> {
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon = Argon2::new(algorithm, version, Params::try_from(stored)?);
    // `==` of outputs takes the same time whatever is in them.
    Ok(compute(&argon, memory, (password, salt), expected.len())? == *expected)
}

fn compute(
    argon: &Argon2<'_>,
    memory: &mut Memory,
    (password, salt): (&[u8], &[u8]),
    length: usize,
) -> password_hash::Result<Output> {
    let blocks = argon.params().block_count();
    if memory.len() < blocks {
        *memory = vec![Block::default(); blocks];
    }
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
    argon.hash_password_into_with_memory(password, salt, output, memory)?;
    Ok(Output::new(output)?)
}

/// The rule for passwords and secrets that people choose, the same as in Harbor.
///
/// # Errors
/// `BadRequest` with the rule.
pub fn check_rule(password: &str) -> Result<()> {
    let has = |test: fn(&u8) -> bool| password.bytes().any(|byte| test(&byte));
    let good = (8..=128).contains(&password.len())
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, \
         1 lowercase letter and 1 number",
    ))
}

/// A random password of 24 characters (over 130 bits) without look-alikes, which satisfies the rule.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<String> {
    random(24)
}

/// As [`generate`], with another length, of up to 40 characters.
pub(crate) fn random(length: usize) -> Result<String> {
    let alphabet: Vec<u8> = [LOWER, UPPER, DIGITS].concat();
    loop {
        let made = random_text(&alphabet, length)?;
        if check_rule(&made).is_ok() {
            return Ok(made);
        }
    }
}

/// A text of so many random characters, each as likely as the others.
pub(crate) fn random_text(alphabet: &[u8], length: usize) -> Result<String> {
    // Bytes beyond the last whole multiple would favour the first letters.
    let fair = 256 - 256 % alphabet.len();
    let mut made = String::with_capacity(length);
    while made.len() < length {
        let mut random = [0u8; 64];
        getrandom::fill(&mut random)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        let letters = random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        made.extend(
            letters.take(length - made.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::turns::Turns;
    use super::*;
    use argon2::{PasswordHasher, PasswordVerifier};

    #[test]
    fn the_rule_wants_length_and_three_kinds() {
        for (password, good) in [
            ("Harbor12345", true),
            ("Harbor1", false),
            ("harbor12345", false),
            ("HARBOR12345", false),
            ("HarborHarbor", false),
            (&"Aa1".repeat(43), false),
        ] {
            assert_eq!(check_rule(password).is_ok(), good, "{password}");
        }
    }

    #[test]
    fn made_passwords_are_good_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert!(check_rule(&one).is_ok() && one != two);
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let turns = Turns::new();
        let mut turn = turns.next(None).await.unwrap();
        let stored = hash_now(&mut turn, "Harbor12345").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify(&mut turn, "Harbor12345", &stored).await.unwrap());
        assert!(!verify(&mut turn, "Harbor12346", &stored).await.unwrap());
        assert!(!verify(&mut turn, "", "").await.unwrap(), "no hash, no log-in");
    }

    /// As the library makes and checks them, whatever a stored hash asks for.
    #[test]
    fn hashes_are_those_of_everybody_else() {
        let (mut memory, password) = (Memory::new(), b"Harbor12345");
        let made = hash_in(&mut memory, password).unwrap();
        assert!(made != hash_in(&mut memory, password).unwrap(), "each has its salt");
        assert!(Argon2::default().verify_password(password, made.as_str()).is_ok());
        for (algorithm, version, params) in [
            (Algorithm::Argon2id, Version::V0x13, Params::default()),
            (Algorithm::Argon2i, Version::V0x10, Params::new(64, 3, 2, Some(16)).unwrap()),
            (Algorithm::Argon2d, Version::V0x13, Params::new(20_000, 1, 4, None).unwrap()),
        ] {
            let stored = Argon2::new(algorithm, version, params).hash_password(password).unwrap();
            assert!(verify_in(&mut memory, password, &stored).unwrap(), "{stored}");
            assert!(!verify_in(&mut memory, b"Harbor12346", &stored).unwrap(), "{stored}");
        }
        for bad in ["$argon2id$v=19$m=19456,t=2,p=1", "$scrypt$ln=1,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"] {
            let hash = PasswordHash::new(bad).unwrap();
            assert!(!verify_in(&mut memory, password, &hash).unwrap_or_default(), "{bad}");
        }
    }
}
