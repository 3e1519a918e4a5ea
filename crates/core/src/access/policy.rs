//! The permission matrix, the same as in Harbor: roles, resources and actions. The table below is the whole policy.

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Project,
    Member,
    Metadata,
    Log,
    Label,
    Quota,
    Repository,
    TagRetention,
    ImmutableTag,
    Configuration,
    Robot,
    NotificationPolicy,
    Scan,
    Sbom,
    Scanner,
    Artifact,
    ArtifactAddition,
    Tag,
    Accessory,
    ArtifactLabel,
    PreheatPolicy,
    ExportCve,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Create,
    Read,
    Update,
    Delete,
    List,
    Pull,
    Push,
    Operate,
    Stop,
    ScannerPull,
}

impl Action {
    /// The word on the wire: in tokens and in permission lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Operate => "operate",
            Self::Stop => "stop",
            Self::ScannerPull => "scanner-pull",
        }
    }

    /// The letter in the table.
    fn letter(self) -> char {
        match self {
            Self::Create => 'C',
            Self::Read => 'R',
            Self::Update => 'U',
            Self::Delete => 'D',
            Self::List => 'L',
            Self::Pull => 'p',
            Self::Push => 'P',
            Self::Operate => 'o',
            Self::Stop => 's',
            Self::ScannerPull => '-',
        }
    }
}

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

/// The last column: what a public project grants to everybody.
const PUBLIC: usize = 5;

/// Project admin, maintainer, developer, guest, limited guest, public.
const MATRIX: [(Resource, [&str; 6]); 22] = [
    (Resource::Project, ["RUD", "R", "R", "R", "R", "R"]),
    (Resource::Member, ["CRUDL", "RL", "RL", "RL", "", ""]),
    (Resource::Metadata, ["CRUD", "R", "", "", "", ""]),
    (Resource::Log, ["L", "", "", "", "", ""]),
    (Resource::Label, ["CRUDL", "CRUDL", "RL", "RL", "", "RL"]),
    (Resource::Quota, ["R", "R", "R", "R", "R", ""]),
    (Resource::Repository, ["CRUDLpP", "CRUDLpP", "CRULpP", "RLp", "RLp", "Lp"]),
    (Resource::TagRetention, ["CRUDLo", "CRUDLo", "CRUDLo", "", "", ""]),
    (Resource::ImmutableTag, ["CUDL", "CUDL", "", "", "", ""]),
    (Resource::Configuration, ["RU", "R", "R", "R", "R", ""]),
    (Resource::Robot, ["CRUDL", "RL", "RL", "RL", "", ""]),
    (Resource::NotificationPolicy, ["CRUDL", "RL", "", "", "", ""]),
    (Resource::Scan, ["CRs", "CRs", "R", "R", "R", "R"]),
    (Resource::Sbom, ["CRs", "CRs", "R", "R", "R", ""]),
    (Resource::Scanner, ["CR", "R", "R", "R", "R", "R"]),
    (Resource::Artifact, ["CRDL", "CRDL", "CRL", "RL", "RL", "RL"]),
    (Resource::ArtifactAddition, ["R", "R", "R", "R", "R", "R"]),
    (Resource::Tag, ["CDL", "CDL", "CL", "L", "L", "L"]),
    (Resource::Accessory, ["L", "L", "L", "L", "L", "L"]),
    (Resource::ArtifactLabel, ["CD", "CD", "CD", "", "", ""]),
    (Resource::PreheatPolicy, ["CRUDL", "", "", "", "", ""]),
    (Resource::ExportCve, ["CRL", "CRL", "CRL", "", "", ""]),
];

/// Whether a role includes an action.
pub(super) fn role_may(role: Role, resource: Resource, action: Action) -> bool {
    let column = match role {
        Role::ProjectAdmin => 0,
        Role::Maintainer => 1,
        Role::Developer => 2,
        Role::Guest => 3,
        Role::LimitedGuest => 4,
    };
    allows(column, resource, action)
}

/// Whether everybody may do it in a public project.
pub(super) fn public_may(resource: Resource, action: Action) -> bool {
    allows(PUBLIC, resource, action)
}

fn allows(column: usize, resource: Resource, action: Action) -> bool {
    MATRIX.iter().any(|(of, columns)| *of == resource && columns[column].contains(action.letter()))
}
