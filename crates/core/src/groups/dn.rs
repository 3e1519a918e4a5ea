//! Whether a text is a distinguished name (RFC 4514).

/// Attributes with values, by commas or plus signs; a backslash takes its meaning from the next character.
pub(super) fn is_one(text: &str) -> bool {
    parts(text).is_some_and(|parts| parts.iter().all(|part| is_pair(part)))
}

/// The pieces between separators that are not escaped; none when the text ends in the middle of an escape.
fn parts(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | '+' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!escaped).then_some(parts)
}

fn is_pair(part: &str) -> bool {
    let Some((name, value)) = part.split_once('=') else { return false };
    let name = name.trim();
    let is_word = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let mut escaped = false;
    let is_plain = |c: char| {
        let special = !escaped && "\";<>".contains(c);
        escaped = !escaped && c == '\\';
        !special && c != '\0'
    };
    is_word && value.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_one;

    #[test]
    fn names_are_told_from_what_is_none() {
        for good in [
            "cn=harbor_users,ou=groups,dc=example,dc=com",
            "CN=Smith\\, John+uid=js, OU=Sales",
            "1.3.6.1.4.1.1466.0=#04024869",
            "cn=",
            "cn=a\\<b",
        ] {
            assert!(is_one(good), "{good}");
        }
        for bad in ["", "harbor_users", "cn=a,", ",cn=a", "=a", "cn=a,b", "c n=a", "cn=a;b", "cn=a\\", "-=a"]
        {
            assert!(!is_one(bad), "{bad}");
        }
    }
}
