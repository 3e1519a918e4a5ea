//! Proof that a permission was checked.

use super::policy::{Action, Resource};
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

/// Somebody may act on the whole system. Only [`super::require_system`] makes one.
#[derive(Clone, Debug)]
pub struct SystemGrant {
    pub actor: String,
}

impl SystemGrant {
    pub(super) fn new(actor: String) -> Self {
        Self { actor }
    }
}

/// The permissions that operations name in their signatures.
pub mod permissions {
    use super::{Action, Permission, Resource};

    macro_rules! permissions {
        ($($(#[$doc:meta])* $name:ident = $resource:ident, $action:ident;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name;
            impl Permission for $name {
                const RESOURCE: Resource = Resource::$resource;
                const ACTION: Action = Action::$action;
            }
        )*};
    }

    permissions! {
        /// Read a project and its properties.
        ReadProject = Project, Read;
        /// Change a project's properties.
        UpdateProject = Project, Update;
        /// Delete a project.
        DeleteProject = Project, Delete;
        /// See all properties of a project by themselves.
        ListMetadata = Metadata, List;
        /// See one property of a project.
        ReadMetadata = Metadata, Read;
        /// Add a property to a project.
        CreateMetadata = Metadata, Create;
        /// Change a property of a project.
        UpdateMetadata = Metadata, Update;
        /// Take a property from a project.
        DeleteMetadata = Metadata, Delete;
        /// See who the members of a project are.
        ListMembers = Member, List;
        /// See one member.
        ReadMember = Member, Read;
        /// Give somebody a role.
        CreateMember = Member, Create;
        /// Change somebody's role.
        UpdateMember = Member, Update;
        /// Take somebody's role away.
        DeleteMember = Member, Delete;
        /// Pull manifests and blobs.
        Pull = Repository, Pull;
        /// Push manifests and blobs.
        Push = Repository, Push;
        /// Delete over the distribution API, or a repository over REST.
        DeleteRepository = Repository, Delete;
        /// See the repositories of a project.
        ListRepositories = Repository, List;
        /// See one repository.
        ReadRepository = Repository, Read;
        /// Change a repository's description.
        UpdateRepository = Repository, Update;
        /// See the artifacts of a repository.
        ListArtifacts = Artifact, List;
        /// See one artifact.
        ReadArtifact = Artifact, Read;
        /// Delete an artifact.
        DeleteArtifact = Artifact, Delete;
        /// See what hangs on an artifact.
        ListAccessories = Accessory, List;
        /// See the tags of an artifact.
        ListTags = Tag, List;
        /// Add a tag to an artifact.
        CreateTag = Tag, Create;
        /// Remove a tag.
        DeleteTag = Tag, Delete;
    }
}
