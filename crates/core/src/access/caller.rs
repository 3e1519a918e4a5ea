//! Who is asking, once credentials have been checked.

use super::grant::Permission;
use super::limits::Limited;
use super::policy::{Action, Resource, SystemResource};
use super::robot::{Robot, Verdict};
use crate::projects::Project;
use crate::{Code, Error};
use haven_db::Timestamp;

/// Tokens that do not say which project they are for may be this much older than it, so that clocks of replicas may differ.
const LEEWAY_SECONDS: i64 = 60;

/// The identity behind a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody, or somebody whose credentials did not hold.
    Anonymous,
    /// Somebody who logged in.
    Person(Person),
    /// A robot account with its secret.
    Robot(Robot),
    /// A program with a token that a person made for it.
    Limited(Limited),
    /// The bearer of a token of the token service; it has rights in `/v2` only.
    Token(TokenCaller),
}

/// A user account as far as rights are concerned.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub username: String,
    /// Administers the installation, for whichever reason.
    pub sysadmin: bool,
    /// That reason is the place the person came from, such as a group of a directory.
    pub auth_admin: bool,
    /// The groups through which projects have the person as a member too.
    pub groups: Vec<i64>,
}

/// Through whose eyes a list is seen that goes over several projects.
#[derive(Debug)]
pub enum Viewer<'a> {
    /// What everybody may see.
    Everybody,
    /// What a person may see; of that only what is in these projects, where there are any.
    Person(&'a Person, Option<&'a [i64]>),
    /// What everybody may see, and what is in these projects, or in any; in neither case what was denied.
    Robot { within: Option<Vec<i64>>, denied: Vec<i64> },
    /// Nothing: it was denied everywhere.
    Nobody,
}

/// What a bearer token says.
#[derive(Clone, Debug)]
pub struct TokenCaller {
    /// Empty when the token was issued to nobody.
    pub subject: String,
    pub issued_at: Timestamp,
    /// The token's time is over; only an open upload session still honours it.
    pub expired: bool,
    /// It was issued for the list of all repositories, to somebody who may see it.
    pub catalog: bool,
    pub access: Vec<TokenAccess>,
}

/// Authority over one project, as granted when the token was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAccess {
    pub project: String,
    /// Which of the projects that had this name, one after the other; tokens of older versions do not say so.
    pub project_id: Option<i64>,
    pub actions: Vec<String>,
}

impl Caller {
    /// Whether this is an administrator of the whole installation. Robots and tokens of the token service never are.
    pub fn is_sysadmin(&self) -> bool {
        match self {
            Self::Person(person) => person.sysadmin,
            Self::Limited(limited) => limited.person.sysadmin && limited.limits.cover_everything(),
            Self::Anonymous | Self::Robot(_) | Self::Token(_) => false,
        }
    }

    /// The user account behind a request. Says who it is and nothing about what they may do.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Limited(limited) => Some(&limited.person),
            Self::Anonymous | Self::Robot(_) | Self::Token(_) => None,
        }
    }

    /// Until when the credentials hold, where that is known.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Limited(limited) => limited.limits.expires_at,
            Self::Anonymous | Self::Person(_) | Self::Robot(_) | Self::Token(_) => None,
        }
    }

    /// Whose eyes the list of projects is seen with. A robot sees those in which it was given anything.
    pub fn viewer(&self) -> Viewer<'_> {
        match self {
            Self::Person(person) => Viewer::Person(person, None),
            Self::Limited(limited) if limited.limits.cover_reading() => {
                Viewer::Person(&limited.person, limited.limits.projects.as_deref())
            }
            Self::Robot(robot) => {
                let all = robot.may_on_system(SystemResource::Project, Action::List) || robot.is_everywhere();
                let within = (!all).then(|| robot.named().collect());
                Viewer::Robot { within, denied: robot.denied(Resource::Project, Action::Read).collect() }
            }
            Self::Anonymous | Self::Limited(_) | Self::Token(_) => Viewer::Everybody,
        }
    }

    /// Whose eyes a list of things in projects is seen with, for which one needs `P` there.
    pub fn viewer_of<P: Permission>(&self) -> Viewer<'_> {
        match self {
            Self::Robot(robot) => {
                let within = match robot.unnamed(P::RESOURCE, P::ACTION) {
                    Verdict::Denied => return Viewer::Nobody,
                    Verdict::Allowed => None,
                    Verdict::Silent => Some(robot.allowed(P::RESOURCE, P::ACTION).collect()),
                };
                Viewer::Robot { within, denied: robot.denied(P::RESOURCE, P::ACTION).collect() }
            }
            _ => self.viewer(),
        }
    }

    /// The name that is kept with what the caller does; empty for nobody.
    pub fn actor(&self) -> String {
        match self {
            Self::Anonymous => String::new(),
            Self::Person(person) | Self::Limited(Limited { person, .. }) => person.username.clone(),
            Self::Robot(robot) => robot.name.clone(),
            Self::Token(token) => token.subject.clone(),
        }
    }

    /// How a missing permission is answered: an anonymous caller may log in, a known one may not.
    pub fn refusal(&self) -> Error {
        match self {
            Self::Anonymous => Error::new(Code::Unauthorized, "unauthorized"),
            Self::Person(_) | Self::Limited(_) | Self::Robot(_) | Self::Token(_) => {
                Error::new(Code::Forbidden, "forbidden")
            }
        }
    }
}

impl TokenCaller {
    /// Whether the token covers an action on the project's repositories. A token from before the project was created
    /// (an earlier project of the same name) covers nothing, and neither does an expired one.
    pub(super) fn may(&self, project: &Project, resource: Resource, action: Action) -> bool {
        !self.expired && self.covers(project, resource, action)
    }

    /// As `may`, whatever the token's age.
    pub(crate) fn covers(&self, project: &Project, resource: Resource, action: Action) -> bool {
        if resource != Resource::Repository {
            return false;
        }
        // The last entry of a project counts.
        let Some(entry) = self.access.iter().rev().find(|entry| entry.project == project.name.as_str())
        else {
            return false;
        };
        let is_another = match entry.project_id {
            Some(id) => id != project.id,
            None => self.issued_at.as_secs() + LEEWAY_SECONDS < project.created_at.as_secs(),
        };
        if is_another {
            return false;
        }
        entry.actions.iter().any(|granted| match granted.as_str() {
            "*" => matches!(action, Action::Pull | Action::Push | Action::Delete),
            granted => granted == action.as_str(),
        })
    }
}
