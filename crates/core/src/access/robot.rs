//! What a robot account may do: the permissions that it was given, and nothing else.

use super::policy::{Action, Resource, SystemResource, is_grantable, is_system_grantable};
use std::collections::BTreeMap;

/// A robot account that has shown its secret.
#[derive(Clone, Debug)]
pub struct Robot {
    pub id: i64,
    /// As it is presented, with the prefix of all robots.
    pub name: String,
    /// The project that a robot at project level belongs to; none at system level.
    pub project: Option<i64>,
    pub rights: Rights,
}

/// One permission or, as `denied`, one that is taken away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access<R> {
    pub resource: R,
    pub action: Action,
    pub denied: bool,
}

/// The permissions of a robot, by where they count. What is not in the catalogue does not get in.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    system: Vec<Access<SystemResource>>,
    everywhere: Vec<Access<Resource>>,
    projects: BTreeMap<i64, Vec<Access<Resource>>>,
}

/// What a robot's permissions say of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// Whatever else allows it.
    Denied,
    Silent,
}

impl Rights {
    /// Adds a permission on the system.
    pub fn on_system(&mut self, access: Access<SystemResource>) {
        if is_system_grantable(access.resource, access.action) {
            self.system.push(access);
        }
    }

    /// Adds a permission in one project, or with none in every project.
    pub fn in_project(&mut self, project: Option<i64>, access: Access<Resource>) {
        if is_grantable(access.resource, access.action) {
            match project {
                Some(project) => self.projects.entry(project).or_default().push(access),
                None => self.everywhere.push(access),
            }
        }
    }

    fn judge<R: PartialEq + Copy>(
        all: impl Iterator<Item = Access<R>>,
        resource: R,
        action: Action,
    ) -> Verdict {
        let mut verdict = Verdict::Silent;
        for access in all.filter(|access| access.resource == resource && access.action == action) {
            if access.denied {
                return Verdict::Denied;
            }
            verdict = Verdict::Allowed;
        }
        verdict
    }

    fn given(&self, project: i64, resource: Resource, action: Action) -> Verdict {
        let named = self.projects.get(&project).into_iter().flatten();
        Self::judge(named.chain(&self.everywhere).copied(), resource, action)
    }
}

impl Robot {
    /// In one project. At project level a push brings the pull that clients do on its way; at system level, as in
    /// Harbor, nothing comes unasked.
    pub(super) fn verdict(&self, project: i64, resource: Resource, action: Action) -> Verdict {
        if self.project.is_some_and(|own| own != project) {
            return Verdict::Silent;
        }
        let verdict = self.rights.given(project, resource, action);
        let implied = self.project.is_some() && resource == Resource::Repository && action == Action::Pull;
        if implied && verdict == Verdict::Silent {
            return self.rights.given(project, resource, Action::Push);
        }
        verdict
    }

    /// In every project there is or will be.
    pub(super) fn may_everywhere(&self, resource: Resource, action: Action) -> bool {
        self.unnamed(resource, action) == Verdict::Allowed && self.denied(resource, action).next().is_none()
    }

    /// In projects that it was given and denied nothing in by name.
    pub(super) fn unnamed(&self, resource: Resource, action: Action) -> Verdict {
        Rights::judge(self.rights.everywhere.iter().copied(), resource, action)
    }

    /// On the system, which a robot of a project never touches.
    pub(super) fn may_on_system(&self, resource: SystemResource, action: Action) -> bool {
        let given = Rights::judge(self.rights.system.iter().copied(), resource, action);
        self.project.is_none() && given == Verdict::Allowed
    }

    /// Whether all of another robot's permissions are among these, so that this one may make the other. `to` is the
    /// project that the other one will belong to.
    pub(crate) fn includes(&self, other: &Rights, to: Option<i64>) -> bool {
        let heir = Self { id: 0, name: String::new(), project: to, rights: other.clone() };
        let wanted = |access: &&Access<Resource>| !access.denied;
        let held_in = |project: i64| {
            let held = |resource, action| {
                heir.verdict(project, resource, action) != Verdict::Allowed
                    || self.verdict(project, resource, action) == Verdict::Allowed
            };
            let named = other.projects.get(&project).into_iter().flatten();
            let mut given = named.chain(&other.everywhere).filter(wanted);
            // What a push implies is given without being named.
            given.all(|access| held(access.resource, access.action))
                && held(Resource::Repository, Action::Pull)
        };
        let mut everywhere = other.everywhere.iter().filter(wanted);
        let mut system = other.system.iter().filter(|access| !access.denied);
        other.projects.keys().copied().chain(to).all(held_in)
            && everywhere.all(|access| self.may_everywhere(access.resource, access.action))
            && system.all(|access| self.may_on_system(access.resource, access.action))
    }

    /// The named projects in which it may do this.
    pub(super) fn allowed(&self, resource: Resource, action: Action) -> impl Iterator<Item = i64> {
        let may = move |project: &i64| self.verdict(*project, resource, action) == Verdict::Allowed;
        self.rights.projects.keys().copied().filter(may)
    }

    /// The named projects in which it may not do this, public or not.
    pub(super) fn denied(&self, resource: Resource, action: Action) -> impl Iterator<Item = i64> {
        let denied = move |project: &i64| self.verdict(*project, resource, action) == Verdict::Denied;
        self.rights.projects.keys().copied().filter(denied)
    }

    /// Whether it was given anything in every project.
    pub(super) fn is_everywhere(&self) -> bool {
        self.rights.everywhere.iter().any(|access| !access.denied)
    }

    /// The projects in which it was given anything.
    pub(super) fn named(&self) -> impl Iterator<Item = i64> {
        let given = |all: &[Access<Resource>]| all.iter().any(|access| !access.denied);
        self.rights.projects.iter().filter(move |(_, all)| given(all)).map(|(project, _)| *project)
    }
}
