//! Secrets, masks and which requests they matter for.

use super::*;

fn csrf(key: u8) -> Csrf {
    Csrf(hmac::Key::new(hmac::HMAC_SHA256, &[key; 32]))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + seconds)
}

#[test]
fn a_cookie_opens_with_its_key_and_in_its_time() {
    let value = csrf(1).seal([7; SECRET], at(0));
    assert!(value.len() == 96 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    assert_eq!(csrf(1).open(&value, at(0)), Some([7; SECRET]));
    assert_eq!(csrf(1).open(&value, at(43_199)), Some([7; SECRET]));
    assert_eq!(csrf(1).open(&value, at(-30)), Some([7; SECRET]), "a replica may be slow");
    assert_eq!(csrf(1).open(&value, at(43_200)), None);
    assert_eq!(csrf(1).open(&value, at(-61)), None);
    assert_eq!(csrf(2).open(&value, at(0)), None);
    for index in [0, 43, 50, 95] {
        let mut bytes = value.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(bytes).unwrap();
        assert_eq!(csrf(1).open(&other, at(0)), None, "{index}");
    }
    for bad in ["", "x", &value[..95], &format!("{value}A"), "!!!!"] {
        assert_eq!(csrf(1).open(bad, at(0)), None, "{bad}");
    }
}

#[test]
fn any_mask_of_the_same_secret_will_do() {
    let held = Held { secret: [9; SECRET], is_new: false };
    let (one, two) = (held.token().unwrap(), held.token().unwrap());
    assert!(one != two && held.matches(&one) && held.matches(&two) && held.matches(&format!(" {one} ")));
    assert!(!Held { secret: [8; SECRET], is_new: false }.matches(&one));
    assert!(!Held { secret: [9; SECRET], is_new: true }.matches(&one), "nobody can have seen it yet");
    for bad in ["", "x", &one[4..], &STANDARD.encode([9; SECRET])] {
        assert!(!held.matches(bad), "{bad}");
    }
}

#[test]
fn it_matters_where_a_browser_would_help() {
    use Concern::{Check, Nothing, Notice, Offer};
    let with = |lines: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    };
    let (none, sid, basic) = (with(&[]), with(&[("cookie", "sid=x")]), with(&[("authorization", "Basic x")]));
    let both = with(&[("cookie", "a=b"), ("cookie", "sid="), ("authorization", "Basic x")]);
    let token = with(&[("x-harbor-csrf-token", "x")]);
    for (method, path, headers, want) in [
        ("GET", "/c/log_out", &none, Offer),
        ("POST", "/c/login", &none, Check),
        ("POST", "/c/login", &basic, Check),
        ("GET", "/api/v2.0/systeminfo", &none, Offer),
        ("GET", "/api/v2.0/systeminfo", &basic, Nothing),
        ("GET", "/api/v2.0/systeminfo", &both, Offer),
        ("POST", "/api/v2.0/users", &none, Nothing),
        ("POST", "/api/v2.0/users", &token, Notice),
        ("POST", "/api/v2.0/users", &sid, Check),
        ("DELETE", "/api/v2.0/users/3", &both, Check),
        ("GET", "/service/token", &none, Nothing),
        ("GET", "/service/token", &sid, Offer),
        ("PUT", "/v2/a/b/manifests/c", &none, Nothing),
        ("PUT", "/v2/a/b/manifests/c", &sid, Check),
        ("TRACE", "/v2/", &sid, Offer),
    ] {
        assert_eq!(Concern::of(&method.parse().unwrap(), path, headers), want, "{method} {path}");
    }
}
