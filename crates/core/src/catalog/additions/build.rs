//! From the bytes of a blob to an addition. Pure.

use super::{AdditionName, archive, chart, model};
use bytes::Bytes;
use haven_oci::{Descriptor, Digest, Manifest};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A larger blob is not even read.
pub(super) const MAX_BLOB: u64 = 16 << 20;
/// The largest document that is shown.
pub(super) const MAX_DOCUMENT: u64 = 4 << 20;

/// How an addition turned out. It is kept, for the same bytes can only turn out the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Content(Bytes),
    Problem(Problem),
}

/// Why there is nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// There is no such document.
    Missing,
    TooLarge,
    /// The archive is none.
    Unreadable,
}

/// Where an addition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    Nothing,
    /// The manifest says it all.
    Manifest,
    Blob(&'a Descriptor),
}

/// What follows from a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done(Made),
    /// Another blob is needed.
    Read(Box<Descriptor>),
}

/// The blob to begin with.
pub(super) fn source(name: AdditionName, manifest: &Manifest) -> Source<'_> {
    use AdditionName::{BuildHistory, Dependencies, Files, License, Readme, Sbom, Values};
    let blob = match name {
        BuildHistory | Dependencies => manifest.config.as_ref(),
        Values => chart::archive(manifest),
        Readme if chart::is_chart(manifest) => chart::archive(manifest),
        Readme => model::readme(manifest),
        License => model::license(manifest),
        Files => return Source::Manifest,
        Sbom => None,
    };
    // What is to be had elsewhere only is not here.
    blob.filter(|blob| blob.urls.is_empty()).map_or(Source::Nothing, Source::Blob)
}

/// Makes an addition from one of the manifest's blobs.
pub(super) fn build(name: AdditionName, manifest: &Manifest, digest: &Digest, bytes: &[u8]) -> Step {
    let is_config = manifest.config.as_ref().is_some_and(|config| config.digest == *digest);
    let made = match name {
        AdditionName::BuildHistory => Made::Content(history(bytes)),
        AdditionName::Dependencies if is_config => match chart::declared(bytes) {
            chart::Declared::Here(list) => Made::Content(list),
            chart::Declared::InArchive => {
                match chart::archive(manifest).filter(|layer| layer.urls.is_empty()) {
                    Some(layer) => return Step::Read(Box::new(layer.clone())),
                    None => Made::Content(Bytes::from_static(b"[]")),
                }
            }
        },
        AdditionName::Dependencies => chart::requirements(bytes),
        AdditionName::Values => chart::document(bytes, "values.yaml"),
        AdditionName::Readme if chart::is_chart(manifest) => chart::document(bytes, "readme.md"),
        AdditionName::Readme | AdditionName::License => model::document(manifest, digest, bytes),
        AdditionName::Files | AdditionName::Sbom => Made::Problem(Problem::Missing),
    };
    Step::Done(match made {
        Made::Content(content) if content.len() as u64 > MAX_DOCUMENT => Made::Problem(Problem::TooLarge),
        made => made,
    })
}

/// The steps that made an image, as its config tells them.
fn history(config: &[u8]) -> Bytes {
    #[derive(Deserialize)]
    struct History<'a> {
        #[serde(borrow, default)]
        history: Option<&'a RawValue>,
    }
    let list = serde_json::from_slice::<History<'_>>(config).ok().and_then(|config| config.history);
    list_or_null(list)
}

/// A list of JSON as it was written.
pub(super) fn list_or_null(value: Option<&RawValue>) -> Bytes {
    let list = value.map(RawValue::get).filter(|list| list.starts_with('['));
    Bytes::copy_from_slice(list.unwrap_or("null").as_bytes())
}

impl Made {
    /// As it is kept: what is wrong, and the content.
    pub(super) fn row(&self) -> (&'static str, Bytes) {
        match self {
            Self::Content(content) => ("", content.clone()),
            Self::Problem(problem) => (problem.word(), Bytes::new()),
        }
    }

    /// What [`Made::row`] made.
    pub(super) fn restore(problem: &str, content: Bytes) -> Self {
        let problems = [Problem::Missing, Problem::TooLarge, Problem::Unreadable];
        match problems.into_iter().find(|known| known.word() == problem) {
            Some(problem) => Self::Problem(problem),
            None => Self::Content(content),
        }
    }

    /// From what an archive gave; an absent document is what `absent` says.
    pub(super) fn found(found: Result<Option<Vec<u8>>, archive::Refused>, absent: Self) -> Self {
        match found {
            Ok(Some(document)) => Self::Content(document.into()),
            Ok(None) => absent,
            Err(archive::Refused::TooLarge) => Self::Problem(Problem::TooLarge),
            Err(archive::Refused::Damaged) => Self::Problem(Problem::Unreadable),
        }
    }
}

impl Problem {
    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLarge => "too large",
            Self::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let content = Bytes::from_static(b"x");
        for made in [
            Made::Content(content),
            Made::Content(Bytes::new()),
            Made::Problem(Problem::Missing),
            Made::Problem(Problem::TooLarge),
            Made::Problem(Problem::Unreadable),
        ] {
            let (problem, content) = made.row();
            assert_eq!(Made::restore(problem, content), made);
        }
    }

    #[test]
    fn a_history_is_a_list_or_null() {
        for (config, shown) in [
            (r#"{"history":[{"created_by":"RUN x"}]}"#, r#"[{"created_by":"RUN x"}]"#),
            (r#"{"history":[]}"#, "[]"),
            (r#"{"history":{}}"#, "null"),
            (r#"{"history":null}"#, "null"),
            ("{}", "null"),
            ("no json", "null"),
            ("[]", "null"),
        ] {
            assert_eq!(history(config.as_bytes()), shown, "{config}");
        }
    }
}
