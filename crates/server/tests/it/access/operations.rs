//! Every operation of the REST API, what it needs, and what it is asked with: a line for each way to ask.
//!
//! A request's path, query and body have holes that [`super::scene`] fills: `{project}`, `{project_id}`, `{robot_id}` and so
//! on. What is last in the list takes away what the others ask about.

use super::matrix::{Project, Who};

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needs {
    Nothing,
    /// To have shown who one is.
    Known,
    /// To be a person; robots are refused with this status.
    Person(u16),
    /// To be a person, or a robot with this permission on the system.
    PersonOrSystem(&'static str, char),
    /// To administer the installation, or any project.
    AnyAdmin,
    /// A permission on the system: a row and a letter of [`super::matrix::SYSTEM`].
    System(&'static str, char),
    /// A permission in the project: a row and a letter of [`super::matrix::PROJECT`].
    Permission(&'static str, char),
    /// The same, and to have shown who one is.
    Named(&'static str, char),
    /// The same for a thing that is named by its number: one that is not there is not found, whoever asks.
    Found(&'static str, char),
}

use Needs::{AnyAdmin, Found, Known, Named, Nothing, Permission, Person, PersonOrSystem, System};

/// One way to ask for an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) needs: Needs,
    /// The status for whoever may.
    pub(crate) success: u16,
    pub(crate) query: &'static str,
    pub(crate) body: &'static str,
    /// A hole of the path, and the one that fills it here.
    pub(crate) instead: (&'static str, &'static str),
}

const fn row(id: &'static str, needs: Needs, success: u16) -> Row {
    Row { id, needs, success, query: "", body: "", instead: ("", "") }
}

impl Row {
    const fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    const fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    const fn instead(self, hole: &'static str, filling: &'static str) -> Self {
        Self { instead: (hole, filling), ..self }
    }

    /// The status that somebody must see.
    pub(crate) fn expected(&self, who: Who, project: Project) -> u16 {
        let missing = project == Project::Missing;
        let allowed = match self.needs {
            Nothing => true,
            Known => who != Who::Anonymous,
            Person(status) if who.is_robot() => return status,
            Person(_) => who != Who::Anonymous,
            PersonOrSystem(resource, letter) if who.is_robot() => who.may_on_system(resource, letter),
            PersonOrSystem(..) => who != Who::Anonymous,
            AnyAdmin => who == Who::Admin || who == Who::ProjectAdmin && !missing,
            System(resource, letter) => who.may_on_system(resource, letter),
            Found(..) if missing && who != Who::Anonymous => return 404,
            Permission(resource, letter) | Named(resource, letter)
                if missing && who.may_anywhere(resource, letter) =>
            {
                return 404;
            }
            Named(..) if who == Who::Anonymous => false,
            Permission(resource, letter) | Named(resource, letter) | Found(resource, letter) => {
                who.may(project, resource, letter)
            }
        };
        match (allowed, who) {
            (true, _) => self.success,
            (false, Who::Anonymous) => 401,
            (false, _) => 403,
        }
    }
}

const ROBOT: &str = r#"{ "name": "made", "level": "project", "duration": 1, "permissions": [
    { "kind": "project", "namespace": "{project}", "access": [{ "resource": "repository", "action": "pull" }] }] }"#;
const SAME_ROBOT: &str = r#"{ "name": "robot${project}+one", "level": "project", "permissions": [
    { "kind": "project", "namespace": "{project}", "access": [{ "resource": "repository", "action": "pull" }] }] }"#;
const OLD_ROBOT: &str =
    r#"{ "name": "old-made", "access": [{ "resource": "repository", "action": "pull" }] }"#;
const SYSTEM_ROBOT: &str = r#"{ "name": "{project}-made", "level": "system", "duration": 1, "permissions": [
    { "kind": "system", "namespace": "/", "access": [{ "resource": "user", "action": "list" }] }] }"#;
const SAME_SYSTEM_ROBOT: &str = r#"{ "name": "robot${project}-one", "level": "system", "permissions": [
    { "kind": "system", "namespace": "/", "access": [{ "resource": "user", "action": "list" }] }] }"#;
const USER: &str = r#"{ "username": "new-{project}", "realname": "New", "email": "new-{project}@example.com",
    "password": "Harbor12345" }"#;
const OF_PROJECT_LABEL: (&str, &str) = ("{label_id}", "{project_label_id}");
const OF_PROJECT: &str = "q=Level%3Dproject%2CProjectID%3D{project_id}";
const OF_SYSTEM: (&str, &str) = ("{robot_id}", "{system_robot_id}");
const OLD: (&str, &str) = ("{robot_id}", "{old_robot_id}");

pub(crate) const OPERATIONS: &[Row] = &[
    row("getVersion", Nothing, 200),
    row("getOpenApi", Nothing, 200),
    row("getPing", Nothing, 200),
    row("getHealth", Nothing, 200),
    row("getSystemInfo", Nothing, 200),
    row("getCurrentUserInfo", Person(412), 200),
    row("getCurrentUserPermissions", Known, 200).query("scope=/project/{project_id}"),
    row("getPermissions", AnyAdmin, 200),
    row("getVolumes", System("system-volumes", 'R'), 200),
    row("getCert", Nothing, 404),
    row("listQuotas", System("quota", 'L'), 200),
    row("getQuota", System("quota", 'R'), 200),
    row("updateQuota", System("quota", 'U'), 200).body(r#"{ "hard": { "storage": -1 } }"#),
    row("search", Nothing, 200).query("q=web"),
    row("getStatistic", Known, 200),
    row("getSystemCVEAllowlist", Known, 200),
    row("putSystemCVEAllowlist", System("configuration", 'U'), 200).body(r#"{ "items": [] }"#),
    row("updateProject", Permission("project", 'U'), 200).body(r#"{ "metadata": { "auto_scan": "true" } }"#),
    row("listProjectMetadatas", Permission("metadata", 'L'), 200),
    row("addProjectMetadatas", Permission("metadata", 'C'), 200).body(r#"{ "severity": "high" }"#),
    row("getProjectMetadata", Permission("metadata", 'R'), 200),
    row("updateProjectMetadata", Permission("metadata", 'U'), 200).body(r#"{ "auto_scan": "false" }"#),
    row("deleteProjectMetadata", Permission("metadata", 'D'), 200),
    row("listProjectMembers", Permission("member", 'L'), 200),
    row("createProjectMember", Permission("member", 'C'), 201)
        .body(r#"{ "role_id": 3, "member_user": { "user_id": {user_id} } }"#),
    row("getProjectMember", Permission("member", 'R'), 200),
    row("updateProjectMember", Permission("member", 'U'), 200).body(r#"{ "role_id": 2 }"#),
    row("deleteProjectMember", Permission("member", 'D'), 200),
    row("listUsers", System("user", 'L'), 200),
    row("createUser", System("user", 'C'), 201).body(USER),
    row("searchUsers", Known, 200).query("username=o"),
    row("getUser", System("user", 'R'), 200),
    row("updateUserProfile", System("user", 'U'), 200)
        .body(r#"{ "email": "else-{project}@example.com", "realname": "Else" }"#),
    row("updateUserPassword", System("user", 'U'), 200).body(r#"{ "new_password": "Harbor54321" }"#),
    row("setUserSysAdmin", System("configuration", 'U'), 200).body(r#"{ "sysadmin_flag": true }"#),
    row("setCliSecret", Person(403), 412).body(r#"{ "secret": "Harbor12345" }"#),
    row("listMyAccessTokens", Person(403), 200),
    row("createAccessToken", Person(403), 201).body(r#"{ "name": "{project}", "scopes": ["pull"] }"#),
    row("getMyAccessToken", Person(403), 404),
    row("revokeMyAccessToken", Person(403), 404),
    row("listAccessTokens", System("user", 'R'), 200),
    row("revokeAccessToken", System("user", 'U'), 404),
    row("deleteUser", System("user", 'D'), 200),
    row("listUserGroups", System("user-group", 'L'), 200),
    row("createUserGroup", System("user-group", 'C'), 201)
        .body(r#"{ "group_name": "{project}-made", "group_type": 2 }"#),
    row("searchUserGroups", Known, 200).query("groupname=o"),
    row("getUserGroup", System("user-group", 'R'), 200),
    row("updateUserGroup", System("user-group", 'U'), 200)
        .body(r#"{ "group_name": "{project}-else", "group_type": 2 }"#),
    row("deleteUserGroup", System("user-group", 'D'), 200),
    row("getConfigurations", System("configuration", 'R'), 200),
    row("updateConfigurations", System("configuration", 'U'), 200).body(r#"{ "banner_message": "text" }"#),
    row("listProjects", Nothing, 200),
    row("headProject", Known, 200).query("project_name=library"),
    row("createProject", PersonOrSystem("project", 'C'), 201).body(r#"{ "project_name": "{project}-new" }"#),
    row("getProject", Permission("project", 'R'), 200),
    row("getProjectSummary", Permission("project", 'R'), 200),
    row("getProjectDeletable", Permission("project", 'D'), 200),
    row("listAuditLogExts", Known, 200),
    row("listAuditLogEventTypes", System("audit-log", 'L'), 200),
    row("listAuditLogs", Known, 200),
    row("getLogExts", Permission("log", 'L'), 200),
    row("getLogs", Permission("log", 'L'), 200),
    row("ListRobot", System("robot", 'L'), 200),
    row("ListRobot", Permission("robot", 'L'), 200).query(OF_PROJECT),
    row("CreateRobot", Permission("robot", 'C'), 201).body(ROBOT),
    row("CreateRobot", System("robot", 'C'), 201).body(SYSTEM_ROBOT),
    row("GetRobotByID", Found("robot", 'R'), 200),
    row("GetRobotByID", System("robot", 'R'), 200).instead(OF_SYSTEM.0, OF_SYSTEM.1),
    row("UpdateRobot", Found("robot", 'U'), 200).body(SAME_ROBOT),
    row("UpdateRobot", System("robot", 'U'), 200).body(SAME_SYSTEM_ROBOT).instead(OF_SYSTEM.0, OF_SYSTEM.1),
    row("RefreshSec", Found("robot", 'U'), 200).body("{}"),
    row("RefreshSec", System("robot", 'U'), 200).body("{}").instead(OF_SYSTEM.0, OF_SYSTEM.1),
    row("DeleteRobot", Found("robot", 'D'), 200),
    row("DeleteRobot", System("robot", 'D'), 200).instead(OF_SYSTEM.0, OF_SYSTEM.1),
    row("listProjectRobots", Permission("robot", 'L'), 200),
    row("createProjectRobot", Permission("robot", 'C'), 201).body(OLD_ROBOT),
    row("getProjectRobot", Permission("robot", 'R'), 200).instead(OLD.0, OLD.1),
    row("updateProjectRobot", Permission("robot", 'U'), 200)
        .body(r#"{ "disable": true }"#)
        .instead(OLD.0, OLD.1),
    row("deleteProjectRobot", Permission("robot", 'D'), 200).instead(OLD.0, OLD.1),
    row("listAllRepositories", Nothing, 200),
    row("listRepositories", Permission("repository", 'L'), 200),
    row("getRepository", Permission("repository", 'R'), 200),
    row("updateRepository", Permission("repository", 'U'), 200).body(r#"{ "description": "text" }"#),
    row("getIcon", Nothing, 200),
    row("ListLabels", Nothing, 200).query("scope=g"),
    row("ListLabels", Permission("label", 'L'), 200).query("scope=p&project_id={project_id}"),
    row("CreateLabel", System("label", 'C'), 201).body(r#"{ "name": "{project}-made", "scope": "g" }"#),
    row("CreateLabel", Permission("label", 'C'), 201)
        .body(r#"{ "name": "made", "scope": "p", "project_id": {project_id} }"#),
    row("GetLabelByID", System("label", 'R'), 200),
    row("GetLabelByID", Found("label", 'R'), 200).instead(OF_PROJECT_LABEL.0, OF_PROJECT_LABEL.1),
    row("UpdateLabel", System("label", 'U'), 200).body(r#"{ "name": "{project}-changed" }"#),
    row("UpdateLabel", Found("label", 'U'), 200)
        .body(r#"{ "name": "changed" }"#)
        .instead(OF_PROJECT_LABEL.0, OF_PROJECT_LABEL.1),
    row("addLabel", Permission("artifact-label", 'C'), 200).body(r#"{ "id": {label_id} }"#),
    row("removeLabel", Permission("artifact-label", 'D'), 200),
    row("DeleteLabel", System("label", 'D'), 200),
    row("DeleteLabel", Found("label", 'D'), 200).instead(OF_PROJECT_LABEL.0, OF_PROJECT_LABEL.1),
    row("listArtifactsOfProject", Named("artifact", 'L'), 200),
    row("listArtifacts", Permission("artifact", 'L'), 200),
    row("CopyArtifact", Permission("artifact", 'C'), 201).query("from={project}/web:v1"),
    row("getArtifact", Permission("artifact", 'R'), 200),
    row("listAccessories", Permission("accessory", 'L'), 200),
    row("getVulnerabilitiesAddition", Permission("artifact-addition", 'R'), 200),
    row("getAddition", Permission("artifact-addition", 'R'), 200),
    row("listTags", Permission("tag", 'L'), 200),
    row("createTag", Permission("tag", 'C'), 201).body(r#"{ "name": "new" }"#),
    row("deleteTag", Permission("tag", 'D'), 200),
    row("deleteArtifact", Permission("artifact", 'D'), 200).instead("{reference}", "doomed"),
    row("deleteRepository", Permission("repository", 'D'), 200),
    row("deleteProject", Permission("project", 'D'), 200),
];
