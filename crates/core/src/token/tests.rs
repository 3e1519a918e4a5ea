//! Tokens that must not pass, and those that must.

use super::issue::Tokens;
use super::scope::Scope;
use base64::Engine as _;
use rsa::RsaPrivateKey;

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn scopes_split_at_their_ends() {
    let parse = |text| Scope::parse_all([text]);
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
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let other = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let (tokens, strangers) = (Tokens::new(&key).unwrap(), Tokens::new(&other).unwrap());
    let good = tokens.sign_for_test("ann", 1_000);
    assert!(tokens.reads(&good) && tokens.reads(&good), "twice: the second time from memory");
    assert!(!strangers.reads(&good), "another key");

    let parts: Vec<&str> = good.split('.').collect();
    let none = format!("{}.{}.", base64url(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
    assert!(!tokens.reads(&none), "no algorithm");
    let hmac = format!("{}.{}.{}", base64url(r#"{"alg":"HS256","typ":"JWT"}"#), parts[1], parts[2]);
    assert!(!tokens.reads(&hmac), "another algorithm");
    let claims = base64url(
        r#"{"iss":"harbor-token-issuer","sub":"admin","aud":"harbor-registry","exp":9999999999,"nbf":0,"iat":0,"jti":"x","access":null}"#,
    );
    assert!(!tokens.reads(&format!("{}.{claims}.{}", parts[0], parts[2])), "other claims");
    assert!(!tokens.reads("") && !tokens.reads("a.b.c") && !tokens.reads(&"a".repeat(100_000)));
}
