//! What is recorded: the kinds of acts, under the names that the settings and the REST API use.

/// A kind of act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// A push, or a copy.
    CreateArtifact,
    DeleteArtifact,
    PullArtifact,
    CreateTag,
    DeleteTag,
    CreateProject,
    DeleteProject,
    /// The project itself or its properties.
    UpdateProject,
    DeleteRepository,
    /// With a password or by another way in, accepted or refused; not each use of credentials.
    LoginUser,
    LogoutUser,
    CreateUser,
    DeleteUser,
    /// The profile, the password, or the right to administer.
    UpdateUser,
    CreateRobot,
    DeleteRobot,
    UpdateConfiguration,
    /// Of a project; the resource is the name of the user or group.
    CreateMember,
    DeleteMember,
    UpdateMember,
}

/// The kinds that `GET /auditlog-exts/events` names, in its order.
pub const EVENT_TYPES: [Act; 18] = [
    Act::CreateArtifact,
    Act::DeleteArtifact,
    Act::PullArtifact,
    Act::CreateProject,
    Act::DeleteProject,
    Act::DeleteRepository,
    Act::LoginUser,
    Act::LogoutUser,
    Act::CreateUser,
    Act::DeleteUser,
    Act::UpdateUser,
    Act::CreateRobot,
    Act::DeleteRobot,
    Act::UpdateConfiguration,
    Act::CreateMember,
    Act::DeleteMember,
    Act::UpdateMember,
    Act::UpdateProject,
];

impl Act {
    /// What was done, and to what kind of thing.
    pub(super) fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::CreateArtifact => ("create", "artifact"),
            Self::DeleteArtifact => ("delete", "artifact"),
            Self::PullArtifact => ("pull", "artifact"),
            Self::CreateTag => ("create", "tag"),
            Self::DeleteTag => ("delete", "tag"),
            Self::CreateProject => ("create", "project"),
            Self::DeleteProject => ("delete", "project"),
            Self::UpdateProject => ("update", "project"),
            Self::DeleteRepository => ("delete", "repository"),
            Self::LoginUser => ("login", "user"),
            Self::LogoutUser => ("logout", "user"),
            Self::CreateUser => ("create", "user"),
            Self::DeleteUser => ("delete", "user"),
            Self::UpdateUser => ("update", "user"),
            Self::CreateRobot => ("create", "robot"),
            Self::DeleteRobot => ("delete", "robot"),
            Self::UpdateConfiguration => ("update", "configuration"),
            Self::CreateMember => ("create", "member"),
            Self::DeleteMember => ("delete", "member"),
            Self::UpdateMember => ("update", "member"),
        }
    }

    /// `create_artifact` and so on.
    pub fn event_type(self) -> String {
        let (operation, resource_type) = self.parts();
        format!("{operation}_{resource_type}")
    }

    /// Whether a comma-separated list of event types has this one. Words that are none have no effect.
    pub(super) fn is_in(self, list: &str) -> bool {
        let (operation, resource_type) = self.parts();
        list.split(',').any(|word| {
            let word = word.trim().strip_prefix(operation).and_then(|rest| rest.strip_prefix('_'));
            word == Some(resource_type)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_types_is_read_word_by_word() {
        for (list, expected) in [
            ("", false),
            ("pull_artifact", true),
            ("create_tag, pull_artifact", true),
            ("pull_artifacts,pull,artifact,pull artifact", false),
            ("PULL_ARTIFACT", false),
        ] {
            assert_eq!(Act::PullArtifact.is_in(list), expected, "{list}");
        }
        assert!(Act::CreateTag.is_in("create_tag"), "also those that are not offered");
    }
}
