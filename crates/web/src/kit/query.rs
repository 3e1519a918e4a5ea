//! Query strings as Go's parser reads them, for that is what clients were tested against.
//!
//! A bare `;` and a broken escape are refused rather than guessed at; so are bytes that are no text.

use haven_core::Error;
use percent_encoding::percent_decode_str;

/// The pairs of a raw query, decoded, in the order sent.
pub fn parse(raw: &str) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
        if piece.contains(';') {
            return Err(Error::bad_request("invalid semicolon separator in query"));
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((unescape(name)?, unescape(value)?));
    }
    Ok(pairs)
}

/// Whether [`parse`] would take this query; cheap for the usual one.
pub fn check(raw: &str) -> Result<(), Error> {
    if raw.bytes().any(|b| b == b';' || b == b'%') { parse(raw).map(|_| ()) } else { Ok(()) }
}

/// Decodes one name or value: `+` is a space, `%xx` a byte.
fn unescape(text: &str) -> Result<String, Error> {
    check_escapes(text)?;
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| Error::bad_request("the query is not valid UTF-8"))?;
    if decoded.contains('\0') {
        return Err(Error::bad_request("the query contains a NUL"));
    }
    Ok(decoded.into_owned())
}

/// Refuses a `%` that two hexadecimal digits do not follow.
pub fn check_escapes(text: &str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let shown: String = text.chars().skip(text[..at].chars().count()).take(3).collect();
            return Err(Error::bad_request(format!("invalid URL escape {shown:?}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_decoded_and_in_order() {
        let table: [(&str, &[(&str, &str)]); 8] = [
            ("", &[]),
            ("&&", &[]),
            ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
            ("a", &[("a", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("q=name%3D~x+y", &[("q", "name=~x y")]),
            ("a%20b=%2B", &[("a b", "+")]),
            ("q=%253B", &[("q", "%3B")]),
        ];
        for (raw, want) in table {
            let got = parse(raw).unwrap();
            let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(got, want, "{raw}");
            assert!(check(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        let table = [
            ("a=1;b=2", "invalid semicolon separator in query"),
            (";", "invalid semicolon separator in query"),
            ("a=%", "invalid URL escape \"%\""),
            ("a=%z1", "invalid URL escape \"%z1\""),
            ("a=é%2", "invalid URL escape \"%2\""),
            ("%gg=1", "invalid URL escape \"%gg\""),
            ("a=%ff", "the query is not valid UTF-8"),
            ("a=%00", "the query contains a NUL"),
        ];
        for (raw, want) in table {
            assert_eq!(parse(raw).unwrap_err().message, want, "{raw}");
            assert!(check(raw).is_err(), "{raw}");
        }
    }
}
