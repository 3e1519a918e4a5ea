//! Tells code, comments and literals of a Rust source apart, without parsing more than that.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The same text three times, each with everything but one kind blanked, so that offsets and lines agree.
pub(crate) struct RustText {
    pub(crate) code: String,
    pub(crate) comments: String,
    /// Where the content of each string literal lies in the text, without its quotes.
    pub(crate) literals: Vec<Range<usize>>,
    /// Parts that are compiled for tests only.
    pub(crate) test_parts: Vec<Range<usize>>,
}

impl RustText {
    pub(crate) fn read(text: &str) -> RustText {
        let scan = Scan::run(text.as_bytes());
        let code = scan.keep(text, Kind::Code);
        let test_parts = test_parts(&code);
        RustText { comments: scan.keep(text, Kind::Comment), code, literals: scan.literals, test_parts }
    }

    /// Whether the byte at `offset` is compiled for tests only.
    pub(crate) fn in_tests(&self, offset: usize) -> bool {
        self.test_parts.iter().any(|part| part.contains(&offset))
    }
}

/// The line, counted from 1, on which the byte at `offset` stands.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Where `word` stands in `text` with no letter, digit or underscore beside it.
pub(crate) fn find_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let open_end = word.ends_with(part_of_word);
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !(before.is_some_and(part_of_word) || open_end && after.is_some_and(part_of_word))
    })
}

/// `#[cfg(test)]` and the item that follows it, up to the end of its block or its semicolon.
fn test_parts(code: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let mut depth = 0_usize;
        let mut end = code.len();
        for (at, c) in code[start..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ';' => {}
                _ => continue,
            }
            if depth == 0 {
                end = start + at + 1;
                break;
            }
        }
        parts.push(start..end);
    }
    parts
}

struct Scan<'a> {
    bytes: &'a [u8],
    kinds: Vec<Kind>,
    literals: Vec<Range<usize>>,
}

impl<'a> Scan<'a> {
    fn run(bytes: &'a [u8]) -> Scan<'a> {
        let mut scan = Scan { bytes, kinds: Vec::with_capacity(bytes.len()), literals: Vec::new() };
        while scan.at() < bytes.len() {
            scan.step();
        }
        scan
    }

    fn at(&self) -> usize {
        self.kinds.len()
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at()..]
    }

    fn take(&mut self, count: usize, kind: Kind) {
        let end = (self.at() + count).min(self.bytes.len());
        self.kinds.resize(end, kind);
    }

    fn step(&mut self) {
        let rest = self.rest();
        if rest.starts_with(b"//") {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            self.take(end, Kind::Comment);
        } else if rest.starts_with(b"/*") {
            self.take(block_comment(rest), Kind::Comment);
        } else if rest[0] == b'"' {
            self.string(1, 0, quoted(rest));
        } else if let Some((open, hashes)) = raw_start(rest).filter(|_| !self.inside_word()) {
            let end = raw_end(rest, open, hashes);
            self.string(open, hashes, end);
        } else if rest[0] == b'\'' {
            match character(rest) {
                Some(length) => self.take(length, Kind::Literal),
                None => self.take(1, Kind::Code),
            }
        } else {
            self.take(1, Kind::Code);
        }
    }

    /// Marks a string of `length` bytes, of which `open` come before the content and a quote and `hashes` after it.
    fn string(&mut self, open: usize, hashes: usize, length: usize) {
        let start = self.at();
        self.take(length, Kind::Literal);
        let content = start + open..(start + length).saturating_sub(1 + hashes);
        self.literals.push(content.start..content.end.max(content.start));
    }

    fn inside_word(&self) -> bool {
        let before = self.at().checked_sub(1).map(|at| self.bytes[at]);
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    fn keep(&self, text: &str, kind: Kind) -> String {
        let mut kept = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            if self.kinds[at] == kind || c == '\n' {
                kept.push(c);
            } else {
                kept.extend(std::iter::repeat_n(' ', c.len_utf8()));
            }
        }
        kept
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a string with escapes, both quotes included.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// For `r"`, `r#"`, `br"` and the like: how many bytes open the string, and how many hashes are among them.
fn raw_start(rest: &[u8]) -> Option<(usize, usize)> {
    let prefix = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c')).count().min(1);
    if rest.get(prefix) != Some(&b'r') {
        return None;
    }
    let hashes = rest[prefix + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = prefix + 1 + hashes + 1;
    (rest.get(open - 1) == Some(&b'"')).then_some((open, hashes))
}

fn raw_end(rest: &[u8], open: usize, hashes: usize) -> usize {
    let closes = |at: usize| {
        rest[at] == b'"' && rest[at + 1..].iter().take(hashes).filter(|byte| **byte == b'#').count() == hashes
    };
    (open..rest.len()).find(|at| closes(*at)).map_or(rest.len(), |at| at + 1 + hashes)
}

/// Length of a character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|byte| *byte == b'\'')?;
        return Some(end + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(5)]);
    let valid = text.map_or_else(|error| error.valid_up_to(), str::len);
    let c = std::str::from_utf8(&rest[1..=valid]).ok()?.chars().next()?;
    (rest.get(1 + c.len_utf8()) == Some(&b'\'')).then(|| c.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(text: &str) -> Vec<&str> {
        RustText::read(text).literals.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let text = "let a = \"unsafe // no\"; // unsafe\n/* unsafe /* nested */ */ let b = 'u';";
        let read = RustText::read(text);
        assert_eq!(find_word(&read.code, "unsafe").count(), 0);
        assert_eq!(find_word(&read.comments, "unsafe").count(), 2);
        assert!(read.code.contains("let b ="));
        assert_eq!(read.code.len(), text.len());
    }

    #[test]
    fn string_literals_of_every_form_are_found() {
        assert_eq!(literals(r#"f("a\"b", r"c", b"d")"#), ["a\\\"b", "c", "d"]);
        assert_eq!(literals("r#\"say \"hi\"\"# r##\"x\"# y\"##"), ["say \"hi\"", "x\"# y"]);
        assert_eq!(literals("for r in rows { \"end\" }"), ["end"]);
        assert_eq!(literals("\"never closed"), ["never close"]);
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        let read = RustText::read(
            "fn f<'a>(x: &'a str) -> char { '\"' } const N: char = '\\''; const U: char = 'ü';",
        );
        assert!(read.code.contains("fn f<'a>(x: &'a str)"));
        assert!(!read.code.contains('"'));
        assert!(!read.code.contains('ü'));
        assert!(read.literals.is_empty());
    }

    #[test]
    fn test_modules_end_at_their_brace() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { '}' ; } }\nfn c() {}\n#[cfg(test)]\nmod tests;\nfn d() {}";
        let read = RustText::read(text);
        let inside = |name: &str| read.in_tests(text.find(name).unwrap());
        assert!(!inside("fn a"));
        assert!(inside("fn b"));
        assert!(!inside("fn c"));
        assert!(!inside("fn d"));
    }

    #[test]
    fn words_have_borders() {
        assert_eq!(find_word("unsafe_code unsafe {}", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
