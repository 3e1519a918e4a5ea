//! Tokens that must not pass, and those that must.

use super::Tokens;
use super::scope::Scope;
use base64::Engine as _;
use rsa::RsaPrivateKey;
use serde_json::{Value, json};

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn key(bits: usize) -> RsaPrivateKey {
    RsaPrivateKey::new(&mut rsa::rand_core::OsRng, bits).unwrap()
}

fn claims(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = json!({
        "iss": "harbor-token-issuer", "sub": "ann", "aud": "harbor-registry",
        "exp": 1_000, "nbf": 1_000, "iat": 1_000, "jti": "x", "access": null,
    });
    change(&mut claims);
    claims
}

#[test]
fn scopes_split_at_their_ends() {
    let parse = |text| Scope::parse_all([text]).unwrap();
    let scope = |kind: &str, name: &str, actions: &[&str]| Scope {
        kind: kind.into(),
        name: name.into(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
    };
    assert_eq!(parse("repository:a/b:pull,push"), [scope("repository", "a/b", &["pull", "push"])]);
    assert_eq!(parse("repository:host:5000/a/b:pull"), [scope("repository", "host:5000/a/b", &["pull"])]);
    assert_eq!(parse("registry:catalog:*"), [scope("registry", "catalog", &["*"])]);
    assert_eq!(parse("registry"), [scope("registry", "", &[])]);
    assert_eq!(parse("a:b:c d:e:f").len(), 2);
}

#[test]
fn only_what_this_key_signed_with_rs256_is_read() {
    let (tokens, strangers) = (Tokens::new(&key(2048)).unwrap(), Tokens::new(&key(2048)).unwrap());
    let good = tokens.sign_for_test(&claims(|_| {}));
    assert!(tokens.reads(&good) && tokens.reads(&good), "twice: the second time from memory");
    assert!(!strangers.reads(&good), "another key");

    let parts: Vec<&str> = good.split('.').collect();
    let none = format!("{}.{}.", base64url(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
    assert!(!tokens.reads(&none), "no algorithm");
    let hmac = format!("{}.{}.{}", base64url(r#"{"alg":"HS256","typ":"JWT"}"#), parts[1], parts[2]);
    assert!(!tokens.reads(&hmac), "another algorithm");
    let other = base64url(claims(|claims| claims["sub"] = json!("admin")).to_string());
    assert!(!tokens.reads(&format!("{}.{other}.{}", parts[0], parts[2])), "other claims");
    for mangled in [format!("{good}="), format!("{good}."), format!(".{good}"), good.replace('.', "..")] {
        assert!(!tokens.reads(&mangled), "{mangled}");
    }
    let short = &good[..good.len() - 1];
    assert!(!tokens.reads(short) && !tokens.reads("") && !tokens.reads("a.b.c") && !tokens.reads("..."));
    assert!(!tokens.reads(&"a".repeat(100_000)));
}

#[test]
fn what_this_key_signed_for_others_is_not_read() {
    let tokens = Tokens::new(&key(2048)).unwrap();
    let reads = |change: fn(&mut Value)| tokens.reads(&tokens.sign_for_test(&claims(change)));
    assert!(reads(|_| {}));
    assert!(!reads(|claims| claims["aud"] = json!("harbor-portal")), "another audience");
    assert!(!reads(|claims| claims["iss"] = json!("somebody")), "another issuer");
    for name in ["iss", "aud", "exp", "nbf"] {
        let mut less = claims(|_| {});
        less.as_object_mut().unwrap().remove(name);
        assert!(!tokens.reads(&tokens.sign_for_test(&less)), "without {name}");
    }
}

#[test]
fn a_header_that_says_more_than_we_know_is_refused() {
    let tokens = Tokens::new(&key(2048)).unwrap();
    let claims = claims(|_| {}).to_string();
    let under = |header: &Value| tokens.key.sign_under(header, claims.as_bytes()).unwrap();
    assert!(tokens.reads(&under(&json!({ "alg": "RS256" }))), "the rest of ours is for others");
    for header in [
        json!({ "alg": "RS512" }),
        json!({ "alg": "none" }),
        json!({}),
        json!({ "alg": "RS256", "crit": ["exp"] }),
    ] {
        assert!(!tokens.reads(&under(&header)), "{header}");
    }
}

#[test]
fn a_key_of_another_size_is_told_at_the_start() {
    assert!(Tokens::new(&key(3072)).is_ok());
    assert!(Tokens::new(&key(1024)).is_err());
}
