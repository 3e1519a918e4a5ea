//! What somebody may do in one project, from what is known of both.

use super::caller::{Caller, Person};
use super::policy::{self, Action, Resource, Role};
use super::robot::Verdict;
use crate::projects::Project;
use crate::{App, Result, members};

/// A caller in a project, with what the database says of the two.
#[derive(Debug)]
pub struct Standing<'a> {
    caller: &'a Caller,
    project: &'a Project,
    /// Of a person, directly and by group.
    roles: Vec<Role>,
}

impl<'a> Standing<'a> {
    /// Reads what there is to know, with at most one statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(app: &App, caller: &'a Caller, project: &'a Project) -> Result<Self> {
        let roles = match caller.person() {
            Some(person) if !person.sysadmin => members::roles_of(app, project.id, person).await?,
            _ => Vec::new(),
        };
        Ok(Self { caller, project, roles })
    }

    /// What needs no look at the database to be decided is decided without.
    pub(super) fn unread(caller: &'a Caller, project: &'a Project) -> Self {
        Self { caller, project, roles: Vec::new() }
    }

    /// Whether the caller may do this.
    pub fn may(&self, resource: Resource, action: Action) -> bool {
        let public = self.project.public && policy::public_may(resource, action);
        match self.caller {
            Caller::Token(token) => token.may(self.project, resource, action),
            Caller::Person(person) => public || self.person_may(person, resource, action),
            // Never more than the person, and never more than the limits.
            Caller::Limited(limited) => {
                let covered = limited.limits.cover(self.project, resource, action);
                public || covered && self.person_may(&limited.person, resource, action)
            }
            Caller::Robot(robot) => match robot.verdict(self.project.id, resource, action) {
                Verdict::Allowed => true,
                Verdict::Denied => false,
                Verdict::Silent => public,
            },
            Caller::Anonymous => public,
        }
    }

    /// What a person may do beyond what everybody may.
    fn person_may(&self, person: &Person, resource: Resource, action: Action) -> bool {
        if person.sysadmin {
            return action != Action::ScannerPull;
        }
        self.roles.iter().any(|role| policy::role_may(*role, resource, action))
    }
}
