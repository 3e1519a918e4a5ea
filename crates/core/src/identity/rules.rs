//! What an account may be called and hold, the same as in Harbor.

use crate::{Error, Result};
use std::net::Ipv4Addr;

/// What a person says about themselves.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub email: String,
    pub realname: String,
    pub comment: String,
}

/// Characters that no name may contain. Control characters may not either: they have no place in a log.
const ILLEGAL: &[char] = &[',', '"', '~', '#', '%', '$'];

/// # Errors
/// `BadRequest` with what is wrong.
pub(super) fn check_username(name: &str) -> Result<()> {
    check_length("username", name, 1, 255)?;
    check_characters("username", name)
}

/// # Errors
/// `BadRequest` with what is wrong.
pub(super) fn check_profile(profile: &Profile) -> Result<()> {
    if profile.email.is_empty() {
        return Err(Error::bad_request("email can't be empty"));
    }
    if !is_email(&profile.email) {
        return Err(Error::bad_request("email with illegal format"));
    }
    check_length("realname", &profile.realname, 1, 255)?;
    check_characters("realname", &profile.realname)?;
    check_length("comment", &profile.comment, 0, 30)
}

fn check_length(what: &str, text: &str, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&text.len()) {
        return Ok(());
    }
    Err(Error::bad_request(format!("{what} with illegal length")))
}

fn check_characters(what: &str, text: &str) -> Result<()> {
    if text.contains(|c: char| ILLEGAL.contains(&c) || c.is_control()) {
        return Err(Error::bad_request(format!("{what} contains illegal characters")));
    }
    Ok(())
}

/// Whether it is an address as people have them: words with dots between them, and a host with a domain or an address.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.contains(|c: char| "<>()[]\\,;:@\"".contains(c) || c.is_whitespace() || c.is_control())
    };
    text.len() <= 255 && local.split('.').all(is_word) && is_host(host)
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv4Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some((names, domain)) = text.rsplit_once('.') else { return false };
    names.split('.').all(is_label)
        && is_label(domain)
        && domain.len() >= 2
        && domain.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_only_looks_like_one() {
        for good in [
            "a@b.cc",
            "ann.lee+x@mail.example.com",
            "ü@example.org",
            "a@[192.0.2.1]",
            "a@b.xn--p1ai",
            "a-b@c-d.ee",
        ] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "a",
            "@b.cc",
            "a@",
            "a@b",
            "a@b.c",
            "a@.cc",
            "a@b..cc",
            ".a@b.cc",
            "a.@b.cc",
            "a b@c.dd",
            "a@b c.dd",
            "a@b.12",
            "a@[300.0.0.1]",
            "a@b@c.dd",
            "<a>@b.cc",
            "a\n@b.cc",
            "a@b.cc\n",
            "\"a\"@b.cc",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn rules_say_what_is_wrong() {
        let profile = |email: &str, realname: &str, comment: &str| {
            let profile = Profile { email: email.into(), realname: realname.into(), comment: comment.into() };
            check_profile(&profile).err().map(|error| error.message)
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(profile("a@b.cc", "Ann", ""), None);
        assert_eq!(profile("", "Ann", ""), told("email can't be empty"));
        assert_eq!(profile("ann", "Ann", ""), told("email with illegal format"));
        assert_eq!(profile("a@b.cc", "", ""), told("realname with illegal length"));
        assert_eq!(profile("a@b.cc", &"ü".repeat(128), ""), told("realname with illegal length"));
        assert_eq!(profile("a@b.cc", "Ann, Lee", ""), told("realname contains illegal characters"));
        assert_eq!(profile("a@b.cc", "Ann", &"x".repeat(30)), None);
        assert_eq!(profile("a@b.cc", "Ann", &"x".repeat(31)), told("comment with illegal length"));
        for name in ["a,b", "a\"b", "a~b", "a#3", "a%b", "robot$a", "a\nb", "a\u{1b}[2J"] {
            assert_eq!(check_username(name).unwrap_err().message, "username contains illegal characters");
        }
        assert_eq!(check_username("").unwrap_err().message, "username with illegal length");
        assert!(check_username("ann.lee@example.com").is_ok() && check_username("Änn Lee").is_ok());
    }
}
