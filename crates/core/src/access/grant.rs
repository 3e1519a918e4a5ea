//! Proof that a permission was checked.

use super::policy::{Action, Resource, SystemResource};
use crate::projects::Project;
use std::marker::PhantomData;

/// A permission that an operation may demand: an action on a resource.
pub trait Permission {
    const RESOURCE: Resource;
    const ACTION: Action;
}

/// Somebody may do `P` in a project. Only [`super::require`] makes one.
#[derive(Debug)]
pub struct Grant<P> {
    pub project: Project,
    /// The caller's name, empty for nobody.
    pub actor: String,
    proof: PhantomData<fn() -> P>,
}

impl<P> Clone for Grant<P> {
    fn clone(&self) -> Self {
        Self { project: self.project.clone(), actor: self.actor.clone(), proof: PhantomData }
    }
}

impl<P> Grant<P> {
    pub(super) fn new(project: Project, actor: String) -> Self {
        Self { project, actor, proof: PhantomData }
    }
}

/// A permission on the whole system that an operation may demand.
pub trait SystemPermission {
    const RESOURCE: SystemResource;
    const ACTION: Action;
}

/// Somebody may do `P` to the whole system. Only [`super::require_system`] makes one.
#[derive(Debug)]
pub struct SystemGrant<P = permissions::Administer> {
    pub actor: String,
    proof: PhantomData<fn() -> P>,
}

impl<P> Clone for SystemGrant<P> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), proof: PhantomData }
    }
}

impl<P> SystemGrant<P> {
    pub(super) fn new(actor: String) -> Self {
        Self { actor, proof: PhantomData }
    }
}

/// The permissions that operations name in their signatures.
pub mod permissions {
    use super::{Action, Permission, Resource, SystemPermission, SystemResource};

    macro_rules! permissions {
        ($($(#[$doc:meta])* $name:ident = $resource:ident, $action:ident, $($kind:ident)|+;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name;
            $(permissions!(@$kind $name, $resource, $action);)+
        )*};
        (@project $name:ident, $resource:ident, $action:ident) => {
            impl Permission for $name {
                const RESOURCE: Resource = Resource::$resource;
                const ACTION: Action = Action::$action;
            }
        };
        (@system $name:ident, $resource:ident, $action:ident) => {
            impl SystemPermission for $name {
                const RESOURCE: SystemResource = SystemResource::$resource;
                const ACTION: Action = Action::$action;
            }
        };
    }

    permissions! {
        /// Read a project and its properties.
        ReadProject = Project, Read, project;
        /// Change a project's properties.
        UpdateProject = Project, Update, project;
        /// Read a project's audit log.
        ListLogs = Log, List, project;
        /// Read the audit log of the whole installation.
        ListAuditLog = AuditLog, List, system;
        /// Delete a project.
        DeleteProject = Project, Delete, project;
        /// See all properties of a project by themselves.
        ListMetadata = Metadata, List, project;
        /// See one property of a project.
        ReadMetadata = Metadata, Read, project;
        /// Add a property to a project.
        CreateMetadata = Metadata, Create, project;
        /// Change a property of a project.
        UpdateMetadata = Metadata, Update, project;
        /// Take a property from a project.
        DeleteMetadata = Metadata, Delete, project;
        /// See who the members of a project are.
        ListMembers = Member, List, project;
        /// See one member.
        ReadMember = Member, Read, project;
        /// Give somebody a role.
        CreateMember = Member, Create, project;
        /// Change somebody's role.
        UpdateMember = Member, Update, project;
        /// Take somebody's role away.
        DeleteMember = Member, Delete, project;
        /// Pull manifests and blobs.
        Pull = Repository, Pull, project;
        /// Push manifests and blobs.
        Push = Repository, Push, project;
        /// Delete over the distribution API, or a repository over REST.
        DeleteRepository = Repository, Delete, project;
        /// See the repositories of a project.
        ListRepositories = Repository, List, project;
        /// See one repository.
        ReadRepository = Repository, Read, project;
        /// Change a repository's description.
        UpdateRepository = Repository, Update, project;
        /// See the artifacts of a repository.
        ListArtifacts = Artifact, List, project;
        /// See one artifact.
        ReadArtifact = Artifact, Read, project;
        /// Make an artifact, as a copy of another.
        CreateArtifact = Artifact, Create, project;
        /// Delete an artifact.
        DeleteArtifact = Artifact, Delete, project;
        /// Read what is known of an artifact beyond its row.
        ReadAddition = ArtifactAddition, Read, project;
        /// Give an artifact a label.
        AddLabel = ArtifactLabel, Create, project;
        /// Take a label from an artifact.
        RemoveLabel = ArtifactLabel, Delete, project;
        /// See what hangs on an artifact.
        ListAccessories = Accessory, List, project;
        /// See the tags of an artifact.
        ListTags = Tag, List, project;
        /// Add a tag to an artifact.
        CreateTag = Tag, Create, project;
        /// Remove a tag.
        DeleteTag = Tag, Delete, project;
        /// See the labels of a project.
        ListLabels = Label, List, project;
        /// See a label of a project, or of the whole registry.
        ReadLabel = Label, Read, project | system;
        /// Make a label.
        CreateLabel = Label, Create, project | system;
        /// Change a label.
        UpdateLabel = Label, Update, project | system;
        /// Delete a label.
        DeleteLabel = Label, Delete, project | system;
        /// Make a robot account.
        CreateRobot = Robot, Create, project | system;
        /// See one robot account.
        ReadRobot = Robot, Read, project | system;
        /// Change a robot account, or give it a new secret.
        UpdateRobot = Robot, Update, project | system;
        /// Delete a robot account.
        DeleteRobot = Robot, Delete, project | system;
        /// See the robot accounts of a project, or of the system.
        ListRobots = Robot, List, project | system;
        /// See the names of all repositories.
        ReadCatalog = Catalog, Read, system;
        /// See what all projects store and may store.
        ListQuotas = Quota, List, system;
        /// See what one project stores and may store.
        ReadQuota = Quota, Read, system;
        /// Change what a project may store.
        UpdateQuota = Quota, Update, system;
        /// Make an account.
        CreateUser = User, Create, system;
        /// See one account.
        ReadUser = User, Read, system;
        /// Change an account.
        UpdateUser = User, Update, system;
        /// Delete an account.
        DeleteUser = User, Delete, system;
        /// See all accounts.
        ListUsers = User, List, system;
        /// Make a group of people.
        CreateGroup = UserGroup, Create, system;
        /// See one group.
        ReadGroup = UserGroup, Read, system;
        /// Change a group.
        UpdateGroup = UserGroup, Update, system;
        /// Delete a group.
        DeleteGroup = UserGroup, Delete, system;
        /// See all groups.
        ListGroups = UserGroup, List, system;
        /// See how much room the storage has.
        ReadVolumes = SystemVolumes, Read, system;
        /// See the settings.
        ReadConfiguration = Configuration, Read, system;
        /// What only administrators may, for no robot can be granted it: change the settings above all.
        Administer = Configuration, Update, system;
    }
}
