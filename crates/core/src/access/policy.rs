//! The permission matrix, the same as in Harbor. The two tables below are the whole policy: what each role may in a
//! project, what everybody may in a public one, what there is to be done to the system, and what robots can be granted.

/// An enumeration with the word that stands for each member on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($member:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($member,)+ }

        impl $name {
            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => $word,)+ }
            }

            /// The member of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$member),)+ _ => None }
            }
        }
    };
}

words! {
    /// What a permission in a project is about.
    Resource {
        Project = "project",
        Member = "member",
        Metadata = "metadata",
        Log = "log",
        Label = "label",
        Quota = "quota",
        Repository = "repository",
        TagRetention = "tag-retention",
        ImmutableTag = "immutable-tag",
        Configuration = "configuration",
        Robot = "robot",
        NotificationPolicy = "notification-policy",
        Scan = "scan",
        Sbom = "sbom",
        Scanner = "scanner",
        Artifact = "artifact",
        ArtifactAddition = "artifact-addition",
        Tag = "tag",
        Accessory = "accessory",
        ArtifactLabel = "artifact-label",
        PreheatPolicy = "preheat-policy",
        ExportCve = "export-cve",
    }
}

words! {
    /// What a permission on the whole system is about.
    SystemResource {
        AuditLog = "audit-log",
        PreheatInstance = "preheat-instance",
        Project = "project",
        ReplicationPolicy = "replication-policy",
        Replication = "replication",
        ReplicationAdapter = "replication-adapter",
        Distribution = "distribution",
        Registry = "registry",
        ScanAll = "scan-all",
        SystemVolumes = "system-volumes",
        GarbageCollection = "garbage-collection",
        PurgeAudit = "purge-audit",
        JobserviceMonitor = "jobservice-monitor",
        Scanner = "scanner",
        Label = "label",
        SecurityHub = "security-hub",
        Catalog = "catalog",
        Quota = "quota",
        Robot = "robot",
        User = "user",
        LdapUser = "ldap-user",
        UserGroup = "user-group",
        Configuration = "configuration",
    }
}

words! {
    /// What is done to it.
    Action {
        Create = "create",
        Read = "read",
        Update = "update",
        Delete = "delete",
        List = "list",
        Pull = "pull",
        Push = "push",
        Operate = "operate",
        Stop = "stop",
        ScannerPull = "scanner-pull",
    }
}

/// The letter of each action that is in the tables.
const LETTERS: [(Action, char); 9] = [
    (Action::Create, 'C'),
    (Action::Read, 'R'),
    (Action::Update, 'U'),
    (Action::Delete, 'D'),
    (Action::List, 'L'),
    (Action::Pull, 'p'),
    (Action::Push, 'P'),
    (Action::Operate, 'o'),
    (Action::Stop, 's'),
];

/// A member's role in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    ProjectAdmin,
    Maintainer,
    Developer,
    Guest,
    LimitedGuest,
}

impl Role {
    /// Strongest first, as clients order them.
    pub const ALL: [Self; 5] =
        [Self::ProjectAdmin, Self::Maintainer, Self::Developer, Self::Guest, Self::LimitedGuest];

    /// The number on the wire and in the database.
    pub fn id(self) -> i64 {
        match self {
            Self::ProjectAdmin => 1,
            Self::Developer => 2,
            Self::Guest => 3,
            Self::Maintainer => 4,
            Self::LimitedGuest => 5,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProjectAdmin => "projectAdmin",
            Self::Developer => "developer",
            Self::Guest => "guest",
            Self::Maintainer => "maintainer",
            Self::LimitedGuest => "limitedGuest",
        }
    }

    /// The role of that number.
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }
}

/// Project admin, maintainer, developer, guest, limited guest; everybody in a public project; robots at most.
const PROJECT: [(Resource, [&str; 7]); 22] = [
    (Resource::Log, ["L", "", "", "", "", "", "L"]),
    (Resource::Project, ["RUD", "R", "R", "R", "R", "R", "RUD"]),
    (Resource::Metadata, ["CRUD", "R", "", "", "", "", "CRUDL"]),
    (Resource::Repository, ["CRUDLpP", "CRUDLpP", "CRULpP", "RLp", "RLp", "Lp", "RUDLpP"]),
    (Resource::Artifact, ["CRDL", "CRDL", "CRL", "RL", "RL", "RL", "CRDL"]),
    (Resource::Scan, ["CRs", "CRs", "R", "R", "R", "R", "CRs"]),
    (Resource::Sbom, ["CRs", "CRs", "R", "R", "R", "", "CRs"]),
    (Resource::Tag, ["CDL", "CDL", "CL", "L", "L", "L", "CDL"]),
    (Resource::Accessory, ["L", "L", "L", "L", "L", "L", "L"]),
    (Resource::ArtifactAddition, ["R", "R", "R", "R", "R", "R", "R"]),
    (Resource::ArtifactLabel, ["CD", "CD", "CD", "", "", "", "CD"]),
    (Resource::Scanner, ["CR", "R", "R", "R", "R", "R", "CR"]),
    (Resource::PreheatPolicy, ["CRUDL", "", "", "", "", "", "CRUDL"]),
    (Resource::ImmutableTag, ["CUDL", "CUDL", "", "", "", "", "CUDL"]),
    (Resource::NotificationPolicy, ["CRUDL", "RL", "", "", "", "", "CRUDL"]),
    (Resource::TagRetention, ["CRUDLo", "CRUDLo", "CRUDLo", "", "", "", "CRUDL"]),
    (Resource::Label, ["CRUDL", "CRUDL", "RL", "RL", "", "RL", "CRUDL"]),
    (Resource::Quota, ["R", "R", "R", "R", "R", "", "R"]),
    (Resource::Robot, ["CRUDL", "RL", "RL", "RL", "", "", "CRDL"]),
    (Resource::ExportCve, ["CRL", "CRL", "CRL", "", "", "", "CR"]),
    (Resource::Member, ["CRUDL", "RL", "RL", "RL", "", "", "CRUDL"]),
    (Resource::Configuration, ["RU", "R", "R", "R", "R", "", ""]),
];

/// The columns of [`PROJECT`] after those of the roles.
const PUBLIC: usize = 5;
const ROBOT: usize = 6;

/// What administrators are shown of their permissions, though they have all; robots at most.
const SYSTEM: [(SystemResource, [&str; 2]); 23] = [
    (SystemResource::AuditLog, ["L", "L"]),
    (SystemResource::PreheatInstance, ["", "CRUDL"]),
    (SystemResource::Project, ["CRUDL", "CL"]),
    (SystemResource::ReplicationPolicy, ["", "CRUDL"]),
    (SystemResource::Replication, ["CRUDL", "CRL"]),
    (SystemResource::ReplicationAdapter, ["", "L"]),
    (SystemResource::Distribution, ["CRUDL", ""]),
    (SystemResource::Registry, ["CRUDL", "CRUDL"]),
    (SystemResource::ScanAll, ["CRUDLs", "CRUs"]),
    (SystemResource::SystemVolumes, ["R", "R"]),
    (SystemResource::GarbageCollection, ["CRUDL", "CRULs"]),
    (SystemResource::PurgeAudit, ["", "CRULs"]),
    (SystemResource::JobserviceMonitor, ["RLs", "Ls"]),
    (SystemResource::Scanner, ["", "CRUDL"]),
    (SystemResource::Label, ["", "CRUD"]),
    (SystemResource::SecurityHub, ["RL", "RL"]),
    (SystemResource::Catalog, ["R", "R"]),
    (SystemResource::Quota, ["", "RUL"]),
    (SystemResource::Robot, ["", "CRDL"]),
    (SystemResource::User, ["CRUDL", "CRUDL"]),
    (SystemResource::LdapUser, ["CL", "CL"]),
    (SystemResource::UserGroup, ["CRUDL", "CRUDL"]),
    (SystemResource::Configuration, ["RU", ""]),
];

const SHOWN: usize = 0;
const SYSTEM_ROBOT: usize = 1;

/// Whether a role includes an action.
pub(super) fn role_may(role: Role, resource: Resource, action: Action) -> bool {
    let column = match role {
        Role::ProjectAdmin => 0,
        Role::Maintainer => 1,
        Role::Developer => 2,
        Role::Guest => 3,
        Role::LimitedGuest => 4,
    };
    has(&PROJECT, resource, column, action)
}

/// Whether everybody may do it in a public project.
pub(super) fn public_may(resource: Resource, action: Action) -> bool {
    has(&PROJECT, resource, PUBLIC, action)
}

/// Whether a robot can be granted it in a project.
pub fn is_grantable(resource: Resource, action: Action) -> bool {
    has(&PROJECT, resource, ROBOT, action)
}

/// Whether a robot can be granted it on the system.
pub fn is_system_grantable(resource: SystemResource, action: Action) -> bool {
    has(&SYSTEM, resource, SYSTEM_ROBOT, action)
}

/// All that a robot can be granted in a project.
pub fn grantable() -> impl Iterator<Item = (Resource, Action)> {
    PROJECT.iter().flat_map(|(resource, columns)| each(*resource, columns[ROBOT]))
}

/// All that a robot can be granted on the system.
pub fn system_grantable() -> impl Iterator<Item = (SystemResource, Action)> {
    SYSTEM.iter().flat_map(|(resource, columns)| each(*resource, columns[SYSTEM_ROBOT]))
}

/// All that any role may in a project.
pub(super) fn of_roles() -> impl Iterator<Item = (Resource, Action)> {
    let any = |resource, action| Role::ALL.into_iter().any(|role| role_may(role, resource, action));
    PROJECT.iter().flat_map(move |(resource, _)| {
        let actions = LETTERS.iter().map(|(action, _)| *action);
        actions.filter(move |action| any(*resource, *action)).map(|action| (*resource, action))
    })
}

/// What administrators are shown of their permissions on the system.
pub(super) fn of_system() -> impl Iterator<Item = (SystemResource, Action)> {
    SYSTEM.iter().flat_map(|(resource, columns)| each(*resource, columns[SHOWN]))
}

fn has<R: Copy + PartialEq, const N: usize>(
    table: &[(R, [&str; N])],
    resource: R,
    column: usize,
    action: Action,
) -> bool {
    let Some((_, letter)) = LETTERS.iter().find(|(known, _)| *known == action) else { return false };
    table.iter().any(|(of, columns)| *of == resource && columns[column].contains(*letter))
}

fn each<R: Copy>(resource: R, letters: &'static str) -> impl Iterator<Item = (R, Action)> {
    let actions = LETTERS.iter().filter(move |(_, letter)| letters.contains(*letter));
    actions.map(move |(action, _)| (resource, *action))
}
