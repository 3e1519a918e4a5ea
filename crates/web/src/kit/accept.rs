//! Whether a client takes what an operation produces.

use haven_core::{Code, Error};
use http::{HeaderMap, header};

/// Refuses a request that accepts none of the media types `offered`. Nothing offered means nothing to refuse.
pub(super) fn check(headers: &HeaderMap, offered: &[&str]) -> Result<(), Error> {
    let accepted: Vec<_> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut ranges = accepted.iter().flat_map(|value| value.split(',')).filter_map(range).peekable();
    if offered.is_empty() || ranges.peek().is_none() {
        return Ok(());
    }
    if ranges.any(|range| offered.iter().any(|offer| matches(range, essence(offer)))) {
        return Ok(());
    }
    let message = format!(
        "validation failure list:\nunsupported media type requested, only [{}] are available",
        offered.join(" ")
    );
    Err(Error::new(Code::Unprocessable, message))
}

/// A media range without its parameters, unless it is refused by a quality of zero.
fn range(text: &str) -> Option<&str> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let is_zero = quality.and_then(|quality| quality.parse::<f32>().ok()) == Some(0.0);
    (!is_zero).then_some(range)
}

fn essence(offer: &str) -> &str {
    offer.split(';').next().unwrap_or_default().trim()
}

fn matches(range: &str, offer: &str) -> bool {
    match range.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => offer.split('/').next().is_some_and(|offered| offered.eq_ignore_ascii_case(kind)),
        None => range.eq_ignore_ascii_case(offer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_satisfied_is_refused() {
        let json: &[&str] = &["application/json"];
        let table = [
            (json, "", true),
            (json, "*/*", true),
            (json, "text/html, */*;q=0.1", true),
            (json, "application/*", true),
            (json, "Application/JSON; charset=utf-8", true),
            (json, "nonsense", true),
            (json, "text/html", false),
            (json, "text/html, application/json;q=0", false),
            (&["text/plain; charset=utf-8"], "text/plain", true),
            (&["text/plain"], "application/json", false),
            (&[], "image/png", true),
        ];
        for (offered, accept, want) in table {
            let mut headers = HeaderMap::new();
            headers.insert("accept", accept.parse().unwrap());
            assert_eq!(check(&headers, offered).is_ok(), want, "{accept}");
        }
        assert!(check(&HeaderMap::new(), json).is_ok());
    }
}
