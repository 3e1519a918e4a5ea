//! The permission table of the specification, and everybody who may ask.
//!
//! Written from the specification, not from the code that is tested.

use haven_core::access::Role;
use serde_json::{Value, json};

/// Resource: project admin, maintainer, developer, guest, limited guest, everybody if the project is public, and what a
/// robot can be granted. Create, Read, Update, Delete, List, pull (p), push (P), operate (o), stop (s).
pub(crate) const PROJECT: [(&str, [&str; 7]); 22] = [
    ("project", ["RUD", "R", "R", "R", "R", "R", "RUD"]),
    ("member", ["CRUDL", "RL", "RL", "RL", "", "", "CRUDL"]),
    ("metadata", ["CRUD", "R", "", "", "", "", "CRUDL"]),
    ("log", ["L", "", "", "", "", "", "L"]),
    ("label", ["CRUDL", "CRUDL", "RL", "RL", "", "RL", "CRUDL"]),
    ("quota", ["R", "R", "R", "R", "R", "", "R"]),
    ("repository", ["CRUDLpP", "CRUDLpP", "CRULpP", "RLp", "RLp", "Lp", "RUDLpP"]),
    ("tag-retention", ["CRUDLo", "CRUDLo", "CRUDLo", "", "", "", "CRUDL"]),
    ("immutable-tag", ["CUDL", "CUDL", "", "", "", "", "CUDL"]),
    ("configuration", ["RU", "R", "R", "R", "R", "", ""]),
    ("robot", ["CRUDL", "RL", "RL", "RL", "", "", "CRDL"]),
    ("notification-policy", ["CRUDL", "RL", "", "", "", "", "CRUDL"]),
    ("scan", ["CRs", "CRs", "R", "R", "R", "R", "CRs"]),
    ("sbom", ["CRs", "CRs", "R", "R", "R", "", "CRs"]),
    ("scanner", ["CR", "R", "R", "R", "R", "R", "CR"]),
    ("artifact", ["CRDL", "CRDL", "CRL", "RL", "RL", "RL", "CRDL"]),
    ("artifact-addition", ["R", "R", "R", "R", "R", "R", "R"]),
    ("tag", ["CDL", "CDL", "CL", "L", "L", "L", "CDL"]),
    ("accessory", ["L", "L", "L", "L", "L", "L", "L"]),
    ("artifact-label", ["CD", "CD", "CD", "", "", "", "CD"]),
    ("preheat-policy", ["CRUDL", "", "", "", "", "", "CRUDL"]),
    ("export-cve", ["CRL", "CRL", "CRL", "", "", "", "CR"]),
];

/// Resource of the system: what administrators are shown of their permissions, and what a robot can be granted.
pub(crate) const SYSTEM: [(&str, [&str; 2]); 23] = [
    ("audit-log", ["L", "L"]),
    ("preheat-instance", ["", "CRUDL"]),
    ("project", ["CRUDL", "CL"]),
    ("replication-policy", ["", "CRUDL"]),
    ("replication", ["CRUDL", "CRL"]),
    ("replication-adapter", ["", "L"]),
    ("distribution", ["CRUDL", ""]),
    ("registry", ["CRUDL", "CRUDL"]),
    ("scan-all", ["CRUDLs", "CRUs"]),
    ("system-volumes", ["R", "R"]),
    ("garbage-collection", ["CRUDL", "CRULs"]),
    ("purge-audit", ["", "CRULs"]),
    ("jobservice-monitor", ["RLs", "Ls"]),
    ("scanner", ["", "CRUDL"]),
    ("label", ["", "CRUD"]),
    ("security-hub", ["RL", "RL"]),
    ("catalog", ["R", "R"]),
    ("quota", ["", "RLU"]),
    ("robot", ["", "CRDL"]),
    ("user", ["CRUDL", "CRUDL"]),
    ("ldap-user", ["CL", "CL"]),
    ("user-group", ["CRUDL", "CRUDL"]),
    ("configuration", ["RU", ""]),
];

pub(crate) const PUBLIC: usize = 5;
pub(crate) const ROBOT: usize = 6;
pub(crate) const SHOWN: usize = 0;
pub(crate) const SYSTEM_ROBOT: usize = 1;

/// The word of a letter.
pub(crate) fn action(letter: char) -> &'static str {
    match letter {
        'C' => "create",
        'R' => "read",
        'U' => "update",
        'D' => "delete",
        'L' => "list",
        'p' => "pull",
        'P' => "push",
        'o' => "operate",
        's' => "stop",
        _ => "",
    }
}

/// Every pair of a column as the wire has it.
pub(crate) fn column<const N: usize>(table: &[(&str, [&str; N])], column: usize) -> Vec<Value> {
    let pairs = table.iter().flat_map(|(resource, columns)| {
        columns[column].chars().map(move |letter| json!({ "resource": resource, "action": action(letter) }))
    });
    pairs.collect()
}

/// All that a robot can be granted in a project.
pub(crate) fn all_in(project: &str) -> Value {
    json!({ "kind": "project", "namespace": project, "access": column(&PROJECT, ROBOT) })
}

/// All that a robot can be granted on the system.
pub(crate) fn all_on_system() -> Value {
    json!({ "kind": "system", "namespace": "/", "access": column(&SYSTEM, SYSTEM_ROBOT) })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Anonymous,
    /// Logged in, and of no project.
    Foreign,
    LimitedGuest,
    Guest,
    Developer,
    Maintainer,
    ProjectAdmin,
    Admin,
    /// A robot of the project with all that there is; where there is no project, of another one.
    ProjectRobot,
    /// The same with nothing.
    IdleProjectRobot,
    /// A robot of the system with all that there is, there and in the project; where there is no project, in another.
    SystemRobot,
    /// The same in every project.
    EveryProjectRobot,
    /// The same with nothing.
    IdleSystemRobot,
}

use Who::{
    Admin, Anonymous, Developer, EveryProjectRobot, Foreign, Guest, IdleProjectRobot, IdleSystemRobot,
    LimitedGuest, Maintainer, ProjectAdmin, ProjectRobot, SystemRobot,
};

pub(crate) const EVERYBODY: [Who; 13] = [
    Anonymous,
    Foreign,
    LimitedGuest,
    Guest,
    Developer,
    Maintainer,
    ProjectAdmin,
    Admin,
    ProjectRobot,
    IdleProjectRobot,
    SystemRobot,
    EveryProjectRobot,
    IdleSystemRobot,
];

/// The project that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Project {
    Public,
    Private,
    /// There is none of that name.
    Missing,
}

impl Who {
    /// The role, and its column.
    pub(crate) fn role(self) -> Option<(Role, usize)> {
        match self {
            ProjectAdmin => Some((Role::ProjectAdmin, 0)),
            Maintainer => Some((Role::Maintainer, 1)),
            Developer => Some((Role::Developer, 2)),
            Guest => Some((Role::Guest, 3)),
            LimitedGuest => Some((Role::LimitedGuest, 4)),
            _ => None,
        }
    }

    pub(crate) fn is_robot(self) -> bool {
        matches!(self, ProjectRobot | IdleProjectRobot | SystemRobot | EveryProjectRobot | IdleSystemRobot)
    }

    /// Whether this permission is theirs whichever project it is about.
    pub(crate) fn may_anywhere(self, resource: &str, letter: char) -> bool {
        self == Admin || self == EveryProjectRobot && has(&PROJECT, resource, ROBOT, letter)
    }

    /// Whether they may do it in a project.
    pub(crate) fn may(self, project: Project, resource: &str, letter: char) -> bool {
        let granted = match self {
            ProjectRobot | SystemRobot => has(&PROJECT, resource, ROBOT, letter),
            _ => self.role().is_some_and(|(_, column)| has(&PROJECT, resource, column, letter)),
        };
        let public = project == Project::Public && has(&PROJECT, resource, PUBLIC, letter);
        project != Project::Missing && (granted || public || self.may_anywhere(resource, letter))
    }

    /// Whether they may do it to the system.
    pub(crate) fn may_on_system(self, resource: &str, letter: char) -> bool {
        let robot = matches!(self, SystemRobot | EveryProjectRobot);
        self == Admin || robot && has(&SYSTEM, resource, SYSTEM_ROBOT, letter)
    }

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// Fails the test for a resource that is not in the table.
fn has<const N: usize>(table: &[(&str, [&str; N])], resource: &str, column: usize, letter: char) -> bool {
    let found = table.iter().find(|(name, _)| *name == resource);
    assert!(found.is_some(), "{resource} is not in the table");
    found.is_some_and(|(_, columns)| columns[column].contains(letter))
}
