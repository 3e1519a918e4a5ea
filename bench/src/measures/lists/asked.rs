//! What is asked for, and what has to come.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Result;
use crate::estate::{ARTIFACTS, EARLIER_PROJECTS, REPOSITORIES, TAGS, project, repository, tag};

/// The size of a page, where a list has pages.
const PAGE: u64 = 15;
/// As many pages of the audit log does anybody look at.
const LOG_PAGES: u64 = 5;

/// How large the estate is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) projects: u64,
    /// Lines of the audit log about each.
    pub(super) records: u64,
}

/// What is asked for, in the words of the report, and one such request in an estate of that size.
pub(super) type Kind = (&'static str, fn(&mut Dice, Size) -> Asked);

pub(super) const KINDS: [Kind; 9] = [
    ("projects", |dice, Size { projects, .. }| Asked::page(dice, "/projects?", projects + EARLIER_PROJECTS)),
    ("repositories", |dice, Size { projects, .. }| {
        let path = format!("/projects/{}/repositories?", project(dice.below(projects)));
        Asked::page(dice, &path, REPOSITORIES)
    }),
    ("artifacts with tags and labels", |dice, Size { projects, .. }| {
        let path = format!("{}/artifacts?with_tag=true&with_label=true&", dice.repository(projects));
        Asked { what: What::Artifacts, ..Asked::page(dice, &path, ARTIFACTS) }
    }),
    ("an artifact by tag", |dice, Size { projects, .. }| {
        let repository = dice.repository(projects);
        let tag = tag(dice.below(ARTIFACTS), dice.below(TAGS));
        Asked::whole(format!("{repository}/artifacts/{tag}?with_label=true"), What::Artifact)
    }),
    ("tags", |dice, Size { projects, .. }| {
        let path = format!("{}/artifacts/{}/tags?", dice.repository(projects), tag(dice.below(ARTIFACTS), 0));
        Asked::page(dice, &path, TAGS)
    }),
    ("search for a project", |dice, Size { projects, .. }| {
        Asked::whole(format!("/search?q={}", project(dice.below(projects))), What::Found(1, REPOSITORIES))
    }),
    ("search for ten repositories", |dice, Size { projects, .. }| {
        let names = format!("{}/{}", project(dice.below(projects)), repository(dice.below(REPOSITORIES)));
        let part = names[..names.len() - 1].trim_start_matches("team");
        Asked::whole(format!("/search?q={part}"), What::Found(0, 10))
    }),
    ("the audit log", |dice, Size { projects, records }| {
        let page = 1 + dice.below(LOG_PAGES);
        Asked::numbered(page, "/auditlog-exts?", projects * records)
    }),
    ("the audit log of a project", |dice, Size { projects, records }| {
        let path = format!("/projects/{}/auditlog-exts?", project(dice.below(projects)));
        Asked::numbered(1 + dice.below(LOG_PAGES), &path, records)
    }),
];

/// Draws of a client, the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(client: u64, round: u64) -> Self {
        Self((round << 32) + client + 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn repository(&mut self, projects: u64) -> String {
        format!(
            "/projects/{}/repositories/{}",
            project(self.below(projects)),
            repository(self.below(REPOSITORIES))
        )
    }
}

/// One request and its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    what: What,
    /// How many rows the page has, and all pages together.
    items: u64,
    total: Option<u64>,
}

/// The shape of an answer.
#[derive(Debug)]
enum What {
    List,
    /// A list of artifacts with their tags and labels.
    Artifacts,
    Artifact,
    /// So many projects and repositories.
    Found(u64, u64),
}

#[derive(Deserialize)]
struct Artifact {
    tags: Vec<IgnoredAny>,
    labels: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Found {
    project: Vec<IgnoredAny>,
    repository: Vec<IgnoredAny>,
}

impl Asked {
    /// Any page of a list of so many rows.
    fn page(dice: &mut Dice, path: &str, total: u64) -> Self {
        Self::numbered(1 + dice.below(total.div_ceil(PAGE)), path, total)
    }

    fn numbered(page: u64, path: &str, total: u64) -> Self {
        let items = total.saturating_sub((page - 1) * PAGE).min(PAGE);
        let path = format!("{path}page_size={PAGE}&page={page}");
        Self { path, what: What::List, items, total: Some(total) }
    }

    fn whole(path: String, what: What) -> Self {
        Self { path, what, items: 0, total: None }
    }

    /// Whether everything is there, and nothing else.
    pub(super) fn check(&self, body: &[u8], total: Option<u64>) -> Result<()> {
        if total != self.total {
            return Err(format!("{total:?} rows in all instead of {:?}", self.total).into());
        }
        let counts = match self.what {
            What::List => vec![(serde_json::from_slice::<Vec<IgnoredAny>>(body)?.len(), self.items)],
            What::Artifacts => {
                let artifacts: Vec<Artifact> = serde_json::from_slice(body)?;
                let mut counts = vec![(artifacts.len(), self.items)];
                counts.extend(artifacts.iter().flat_map(Artifact::counts));
                counts
            }
            What::Artifact => serde_json::from_slice::<Artifact>(body)?.counts().to_vec(),
            What::Found(projects, repositories) => {
                let found: Found = serde_json::from_slice(body)?;
                vec![(found.project.len(), projects), (found.repository.len(), repositories)]
            }
        };
        match counts.iter().find(|(got, wanted)| *got as u64 != *wanted) {
            Some((got, wanted)) => Err(format!("{got} of something instead of {wanted}").into()),
            None => Ok(()),
        }
    }
}

impl Artifact {
    fn counts(&self) -> [(usize, u64); 2] {
        [(self.tags.len(), TAGS), (self.labels.len(), 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_know_how_many_rows_they_have() {
        let path = |page, total| Asked::numbered(page, "/x?", total);
        assert_eq!((path(7, 100).items, path(1, 10).items, path(3, 100).items), (10, 10, 15));
        assert_eq!(path(3, 100).path, "/x?page_size=15&page=3");
        for (_, kind) in KINDS {
            let mut dice = Dice::new(3, 1);
            let asked: Vec<Asked> =
                (0..100).map(|_| kind(&mut dice, Size { projects: 20, records: 1_000 })).collect();
            assert!(
                asked.iter().all(|it| it.path.starts_with('/') && it.total.is_none_or(|total| total > 0))
            );
        }
    }

    #[test]
    fn answers_are_counted() {
        let list = Asked::numbered(1, "/x?", 2);
        assert!(list.check(b"[{}, {}]", Some(2)).is_ok());
        assert!(list.check(b"[{}, {}]", Some(3)).is_err());
        assert!(list.check(b"[{}]", Some(2)).is_err() && list.check(b"[{}, {}]", None).is_err());
        let artifacts = Asked { what: What::Artifacts, ..Asked::numbered(1, "/x?", 1) };
        assert!(artifacts.check(br#"[{"tags": [1, 2, 3, 4, 5], "labels": [1]}]"#, Some(1)).is_ok());
        assert!(artifacts.check(br#"[{"tags": [1, 2, 3, 4], "labels": [1]}]"#, Some(1)).is_err());
        let found = Asked::whole("/x".to_owned(), What::Found(1, 2));
        assert!(found.check(br#"{"project": [1], "repository": [1, 2]}"#, None).is_ok());
        assert!(found.check(br#"{"project": [], "repository": [1, 2]}"#, None).is_err());
    }
}
