//! How far a token reaches that a person made for a program: what it may do at most, where, and until when.
//!
//! The person's own rights are asked as well, each time. What everybody may do without logging in is no matter of limits.

use super::caller::Person;
use super::policy::{Action, Resource};
use crate::projects::Project;
use haven_db::Timestamp;

/// A word for what a token may be used for. Several add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Pull from the registry.
    Pull,
    /// Push to the registry, and pull, without which no client can push.
    Push,
    /// Read over the REST API.
    Read,
    /// Everything that its owner may do, but for what only a log-in with a password may.
    Api,
}

impl Reach {
    /// Every word, the smallest first.
    pub const ALL: [Self; 4] = [Self::Pull, Self::Push, Self::Read, Self::Api];

    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Read => "read",
            Self::Api => "api",
        }
    }

    /// The one of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reach| reach.as_str() == word)
    }

    fn covers(self, resource: Resource, action: Action) -> bool {
        let of_registry = resource == Resource::Repository;
        match self {
            Self::Pull => of_registry && action == Action::Pull,
            Self::Push => of_registry && matches!(action, Action::Pull | Action::Push),
            Self::Read => matches!(action, Action::Read | Action::List),
            Self::Api => true,
        }
    }
}

/// What a token may do at most.
#[derive(Clone, Debug)]
pub struct Limits {
    pub reach: Vec<Reach>,
    /// Only in these projects; none: in all.
    pub projects: Option<Vec<i64>>,
    /// When it ends, if it ever does.
    pub expires_at: Option<Timestamp>,
}

/// A person's token at work: never more than the person, and never more than its limits.
#[derive(Clone, Debug)]
pub struct Limited {
    pub person: Person,
    pub limits: Limits,
}

impl Limits {
    /// Whether the limits leave room for an action in a project.
    pub(super) fn cover(&self, project: &Project, resource: Resource, action: Action) -> bool {
        self.cover_in(project.id, resource, action)
    }

    /// The same for the project of this id.
    pub(super) fn cover_in(&self, project: i64, resource: Resource, action: Action) -> bool {
        let here = self.projects.as_ref().is_none_or(|projects| projects.contains(&project));
        here && self.reach.iter().any(|reach| reach.covers(resource, action))
    }

    /// Whether they leave room for what concerns no project, or all of them.
    pub(super) fn cover_everything(&self) -> bool {
        self.projects.is_none() && self.reach.contains(&Reach::Api)
    }

    /// Whether they leave room for reading over the REST API: lists are seen with the person's eyes.
    pub(super) fn cover_reading(&self) -> bool {
        self.reach.iter().any(|reach| matches!(reach, Reach::Read | Reach::Api))
    }

    /// Whether they leave room for reading what belongs to no project, or to all of them.
    pub(super) fn cover_reading_everything(&self) -> bool {
        self.projects.is_none() && self.cover_reading()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(reach: &[Reach], projects: Option<&[i64]>) -> Limits {
        Limits { reach: reach.to_vec(), projects: projects.map(<[i64]>::to_vec), expires_at: None }
    }

    fn project(id: i64) -> Project {
        Project {
            id,
            name: "team".parse().unwrap(),
            owner_id: 1,
            public: false,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn words_reach_as_far_as_they_say() {
        use Action::{Create, Delete, List, Pull, Push, Read, ScannerPull, Update};
        let table: [(Reach, &[Action], &[Action]); 4] = [
            (Reach::Pull, &[Pull], &[Push, Delete, Read, List, ScannerPull]),
            (Reach::Push, &[Pull, Push], &[Delete, Read, List, Update, ScannerPull]),
            (Reach::Read, &[Read, List], &[Pull, Push, Create, Update, Delete]),
            (Reach::Api, &[Pull, Push, Delete, Read, List, Create, Update], &[]),
        ];
        for (reach, may, may_not) in table {
            let limits = limits(&[reach], None);
            for action in may {
                assert!(limits.cover(&project(7), Resource::Repository, *action), "{reach:?} {action:?}");
            }
            for action in may_not {
                assert!(!limits.cover(&project(7), Resource::Repository, *action), "{reach:?} {action:?}");
            }
            assert_eq!(Reach::parse(reach.as_str()), Some(reach));
            assert_eq!(limits.cover_everything(), reach == Reach::Api);
            assert_eq!(limits.cover_reading_everything(), matches!(reach, Reach::Read | Reach::Api));
        }
        assert!(!limits(&[Reach::Push], None).cover(&project(7), Resource::Tag, Push));
        assert!(limits(&[Reach::Pull, Reach::Read], None).cover(&project(7), Resource::Repository, Pull));
        assert!(!limits(&[], None).cover(&project(7), Resource::Repository, Pull));
        assert_eq!(Reach::parse("API"), None);
    }

    #[test]
    fn projects_bound_everything() {
        let limits = limits(&[Reach::Api], Some(&[7]));
        assert!(limits.cover(&project(7), Resource::Repository, Action::Push));
        assert!(!limits.cover(&project(8), Resource::Repository, Action::Pull));
        assert!(!limits.cover_everything() && limits.cover_reading() && !limits.cover_reading_everything());
        assert!(!self::limits(&[Reach::Api], Some(&[])).cover(&project(7), Resource::Project, Action::Read));
    }
}
