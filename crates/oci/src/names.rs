//! Names of projects, repositories and tags.

use std::str::FromStr;

use crate::error::{Error, ErrorCode};
use crate::text::{excerpt, validated_text};

/// The longest name of a project or repository, in bytes.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// The name of a project: lower-case letters and digits, with single `.`, `_` or `-` between them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectName(String);

validated_text!(ProjectName);

impl FromStr for ProjectName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() <= LONGEST_NAME && is_component(text, |separator| separator.len() == 1) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(ErrorCode::NameInvalid, format!("invalid project name: {}", excerpt(text))))
    }
}

/// The full name of a repository, beginning with its project: `library/nginx`, `team/tools/builder`.
///
/// The grammar is that of the distribution API, which allows more separators than a project's name may have, so
/// [`RepositoryName::project`] may name a project that cannot exist.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);

validated_text!(RepositoryName);

impl RepositoryName {
    /// The first component.
    pub fn project(&self) -> &str {
        self.0.split_once('/').map_or("", |(project, _)| project)
    }

    /// Everything after the project.
    pub fn path(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, path)| path)
    }
}

impl FromStr for RepositoryName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorCode::NameInvalid, format!("invalid repository name: {}: {why}", excerpt(text)))
        };
        if text.len() > LONGEST_NAME {
            return Err(invalid("longer than 255 bytes"));
        }
        if !text.split('/').all(|component| is_component(component, is_distribution_separator)) {
            return Err(invalid("not in the grammar of repository names"));
        }
        if !text.contains('/') {
            return Err(invalid("no project"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A tag: up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagName(String);

validated_text!(TagName);

impl FromStr for TagName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let starts_well = text.bytes().next().is_some_and(|b| !matches!(b, b'.' | b'-'));
        if starts_well && text.len() <= LONGEST_TAG && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(ErrorCode::TagInvalid, format!("invalid tag name: {}", excerpt(text))))
    }
}

/// Whether `text` is runs of `[a-z0-9]` with separators of `.`, `_` and `-` between them, never at either end.
fn is_component(text: &str, is_separator: impl Fn(&str) -> bool) -> bool {
    let in_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends_in_words = text.bytes().next().is_some_and(in_word) && text.bytes().last().is_some_and(in_word);
    ends_in_words
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            // Between two neighbouring letters there is an empty separator.
            .all(|separator| separator.is_empty() || (is_punctuation(separator) && is_separator(separator)))
}

fn is_punctuation(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'.' | b'_' | b'-'))
}

/// One dot, one or two underscores, or any number of dashes.
fn is_distribution_separator(text: &str) -> bool {
    matches!(text, "." | "_" | "__") || text.bytes().all(|b| b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn project_names_allow_single_separators_only() {
        for good in ["a", "0", "library", "a.b_c-d", "team-1", &"a".repeat(255)] {
            assert_eq!(good.parse::<ProjectName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        for bad in ["", "-", "a-", ".a", "a--b", "a__b", "a._b", "A", "é", "a b", "a/b", "a\n", "aé", &long]
        {
            assert_eq!(bad.parse::<ProjectName>().unwrap_err().code, ErrorCode::NameInvalid, "{bad:?}");
        }
    }

    #[test]
    fn repository_names_follow_the_distribution_grammar() {
        let long = format!("a/{}", "b".repeat(253));
        for good in ["a/b", "library/nginx", "a/b/c/d", "a__b/c---d", "a.b_c-d/0", &long] {
            assert_eq!(good.parse::<RepositoryName>().unwrap().as_str(), good);
        }
        let too_long = format!("{long}b");
        let bad = [
            "", "/", "a", "a/", "/a", "a//b", "a/B", "A/b", "a/b_", "a/-b", "a/b..c", "a/b___c", "a/b._c",
            "a/b:c", "a/b c", "a/é", "a/b\n", "a/..", &too_long,
        ];
        for bad in bad {
            assert_eq!(bad.parse::<RepositoryName>().unwrap_err().code, ErrorCode::NameInvalid, "{bad:?}");
        }
    }

    #[test]
    fn a_repository_is_its_project_and_a_path() {
        let name: RepositoryName = "team/tools/builder".parse().unwrap();
        assert_eq!((name.project(), name.path()), ("team", "tools/builder"));
    }

    #[test]
    fn tags_follow_the_distribution_grammar() {
        for good in ["latest", "_", "V1.0-rc.1_x", "0", "a..b--", &"x".repeat(128)] {
            assert_eq!(good.parse::<TagName>().unwrap().as_str(), good);
        }
        for bad in ["", ".a", "-a", "a:b", "a/b", "a b", "a+b", "é", "aé", "a\n", &"x".repeat(129)] {
            let error = bad.parse::<TagName>().unwrap_err();
            assert_eq!(error.code, ErrorCode::TagInvalid, "{bad:?}");
        }
        assert_eq!("a+b".parse::<TagName>().unwrap_err().message, "invalid tag name: a+b");
    }

    #[test]
    fn serde_checks_what_it_reads() {
        let name: RepositoryName = serde_json::from_str("\"a/b\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"a/b\"");
        assert!(serde_json::from_str::<RepositoryName>("\"a\"").is_err());
        assert!(serde_json::from_str::<TagName>("\"\"").is_err());
        assert!(serde_json::from_str::<ProjectName>("\"A\"").is_err());
    }

    proptest! {
        #[test]
        fn generated_names_are_accepted(
            project in "[a-z0-9]{1,9}([._-][a-z0-9]{1,9}){0,3}",
            path in "[a-z0-9]{1,9}((\\.|_|__|-{1,3})[a-z0-9]{1,9}){0,3}(/[a-z0-9]{1,9}){0,3}",
        ) {
            let full: RepositoryName = format!("{project}/{path}").parse().unwrap();
            prop_assert_eq!(full.project(), &project);
            prop_assert_eq!(full.path(), &path);
            prop_assert!(full.project().parse::<ProjectName>().is_ok());
        }

        #[test]
        fn names_are_never_changed_by_parsing(text in "[a-cA._/-]{0,12}") {
            if let Ok(name) = text.parse::<RepositoryName>() {
                prop_assert_eq!(format!("{}/{}", name.project(), name.path()), text.clone());
            }
            if let Ok(name) = text.parse::<ProjectName>() {
                // Every project name can begin a repository name.
                let repository = format!("{name}/x");
                prop_assert!(repository.parse::<RepositoryName>().is_ok());
            }
        }
    }
}
