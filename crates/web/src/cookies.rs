//! Cookies, in and out.

use http::{HeaderMap, HeaderValue, header};

/// The value of a cookie; the first of several. Clients may send several header lines.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('"'))
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Until it is closed.
    Session,
    Seconds(u32),
}

/// When a browser sends a cookie along with requests that another site causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameSite {
    /// With links only.
    Lax,
    Never,
}

/// A cookie for the whole site that no script can read. The value must be one that needs no quotes.
pub(crate) fn set(
    headers: &mut HeaderMap,
    (name, value): (&str, &str),
    kept: Kept,
    same_site: SameSite,
    secure: bool,
) {
    let age = match kept {
        Kept::Session => String::new(),
        Kept::Seconds(seconds) => format!("; Max-Age={seconds}"),
    };
    let same_site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::Never => "Strict",
    };
    let secure = if secure { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite={same_site}{secure}");
    if let Ok(line) = HeaderValue::from_str(&line) {
        headers.append(header::SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn cookies_are_found_in_any_line() {
        let headers = sent(&["a=1; sid=x=y ;b", "c=\"3\"; sid=z"]);
        assert_eq!(get(&headers, "sid"), Some("x=y"));
        assert_eq!(
            (get(&headers, "a"), get(&headers, "c"), get(&headers, "b")),
            (Some("1"), Some("3"), None)
        );
        assert_eq!((get(&headers, "id"), get(&HeaderMap::new(), "sid")), (None, None));
        assert_eq!(get(&sent(&["sid="]), "sid"), Some(""));
    }

    #[test]
    fn what_is_set_is_out_of_reach_of_scripts() {
        let mut headers = HeaderMap::new();
        set(&mut headers, ("sid", "x"), Kept::Session, SameSite::Lax, false);
        set(&mut headers, ("t", "y"), Kept::Seconds(60), SameSite::Never, true);
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines[0], "sid=x; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(lines[1], "t=y; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
    }
}
