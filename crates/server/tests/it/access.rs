//! Who may do what: every operation, asked by everybody, against the permission table of the specification.
//!
//! The rows below are written from that table, not from the code that is tested.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_core::access::Role;
use haven_db::params;
use haven_oci::Digest;
use haven_testkit::{Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Anonymous,
    Foreign,
    LimitedGuest,
    Guest,
    Developer,
    Maintainer,
    ProjectAdmin,
    Admin,
}

use Who::{Admin, Anonymous, Developer, Foreign, Guest, LimitedGuest, Maintainer, ProjectAdmin};

const EVERYBODY: [Who; 8] =
    [Anonymous, Foreign, LimitedGuest, Guest, Developer, Maintainer, ProjectAdmin, Admin];

/// The project that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Project {
    Public,
    Private,
    /// There is none of that name.
    Missing,
}

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
enum Needs {
    Nothing,
    /// To be logged in.
    Person,
    /// To administer the installation.
    System,
    /// A permission in the project: a row and a letter of [`TABLE`].
    Permission(&'static str, char),
}

use Needs::{Nothing, Permission, Person, System};

/// Resource: project admin, maintainer, developer, guest, limited guest, and everybody if the project is public.
/// Create, Read, Update, Delete, List, pull (p) and push (P).
const TABLE: [(&str, [&str; 6]); 7] = [
    ("self", ["RUD", "R", "R", "R", "R", "R"]),
    ("member", ["CRUDL", "RL", "RL", "RL", "", ""]),
    ("metadata", ["CRUD", "R", "", "", "", ""]),
    ("repository", ["CRUDLpP", "CRUDLpP", "CRULpP", "RLp", "RLp", "Lp"]),
    ("artifact", ["CRDL", "CRDL", "CRL", "RL", "RL", "RL"]),
    ("tag", ["CDL", "CDL", "CL", "L", "L", "L"]),
    ("accessory", ["L", "L", "L", "L", "L", "L"]),
];

impl Who {
    fn role(self) -> Option<(Role, usize)> {
        match self {
            ProjectAdmin => Some((Role::ProjectAdmin, 0)),
            Maintainer => Some((Role::Maintainer, 1)),
            Developer => Some((Role::Developer, 2)),
            Guest => Some((Role::Guest, 3)),
            LimitedGuest => Some((Role::LimitedGuest, 4)),
            Anonymous | Foreign | Admin => None,
        }
    }

    fn may(self, project: Project, resource: &str, letter: char) -> bool {
        let (_, row) = TABLE.iter().find(|(name, _)| *name == resource).unwrap();
        let role = self.role().is_some_and(|(_, column)| row[column].contains(letter));
        let public = project == Project::Public && row[5].contains(letter);
        project != Project::Missing && (self == Admin || role || public)
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// One request of the REST API; in this order, for what is last takes away what the others ask about.
type Operation = (&'static str, Needs, u16);

const OPERATIONS: [Operation; 42] = [
    ("getVersion", Nothing, 200),
    ("getOpenApi", Nothing, 200),
    ("getPing", Nothing, 200),
    ("getHealth", Nothing, 200),
    ("getSystemInfo", Nothing, 200),
    ("getCurrentUserInfo", Person, 200),
    ("getConfigurations", System, 200),
    ("updateConfigurations", System, 200),
    ("search", Nothing, 200),
    ("getStatistic", Person, 200),
    ("getSystemCVEAllowlist", Person, 200),
    ("putSystemCVEAllowlist", System, 200),
    ("listProjects", Nothing, 200),
    ("headProject", Person, 200),
    ("createProject", Person, 201),
    ("getProject", Permission("self", 'R'), 200),
    ("getProjectSummary", Permission("self", 'R'), 200),
    ("getProjectDeletable", Permission("self", 'D'), 200),
    ("updateProject", Permission("self", 'U'), 200),
    ("listProjectMetadatas", Permission("metadata", 'L'), 200),
    ("addProjectMetadatas", Permission("metadata", 'C'), 200),
    ("getProjectMetadata", Permission("metadata", 'R'), 200),
    ("updateProjectMetadata", Permission("metadata", 'U'), 200),
    ("deleteProjectMetadata", Permission("metadata", 'D'), 200),
    ("listProjectMembers", Permission("member", 'L'), 200),
    ("createProjectMember", Permission("member", 'C'), 201),
    ("getProjectMember", Permission("member", 'R'), 200),
    ("updateProjectMember", Permission("member", 'U'), 200),
    ("deleteProjectMember", Permission("member", 'D'), 200),
    ("listAllRepositories", Nothing, 200),
    ("listRepositories", Permission("repository", 'L'), 200),
    ("getRepository", Permission("repository", 'R'), 200),
    ("updateRepository", Permission("repository", 'U'), 200),
    ("listArtifacts", Permission("artifact", 'L'), 200),
    ("getArtifact", Permission("artifact", 'R'), 200),
    ("listAccessories", Permission("accessory", 'L'), 200),
    ("listTags", Permission("tag", 'L'), 200),
    ("createTag", Permission("tag", 'C'), 201),
    ("deleteTag", Permission("tag", 'D'), 200),
    ("deleteArtifact", Permission("artifact", 'D'), 200),
    ("deleteRepository", Permission("repository", 'D'), 200),
    ("deleteProject", Permission("self", 'D'), 200),
];

/// The status that somebody must see.
fn expected(who: Who, project: Project, needs: Needs, success: u16) -> u16 {
    let allowed = match needs {
        Nothing => true,
        Person => who != Anonymous,
        System => who == Admin,
        Permission(..) if who == Admin && project == Project::Missing => return 404,
        Permission(resource, letter) => who.may(project, resource, letter),
    };
    match (allowed, who) {
        (true, _) => success,
        (false, Anonymous) => 401,
        (false, _) => 403,
    }
}

/// Everybody, each with an account of their own, and two people who only have things done to them.
async fn everybody(app: &TestApp) -> HashMap<Who, Client> {
    let mut clients = HashMap::from([(Anonymous, app.anonymous()), (Admin, app.admin())]);
    for who in EVERYBODY.into_iter().filter(|who| !clients.contains_key(who)).collect::<Vec<_>>() {
        clients.insert(who, app.person(&who.name()).await);
    }
    for bystander in ["extra", "spare"] {
        app.person(bystander).await;
    }
    clients
}

/// Makes a user a member, and says which.
async fn join(app: &TestApp, project: &str, user: &str, role: Role) -> i64 {
    let join =
        "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
        SELECT p.id, 'u', u.id, $3, 1, 1 FROM project p, user_account u WHERE p.name = $1 AND u.username = $2
        RETURNING id";
    app.db().query_one(join, params![project, user, role.id()]).await.unwrap().get(0).unwrap()
}

/// A project in which somebody has their role, with an image under two tags and one that may go, and with one more
/// member, whose number it says.
async fn furnish(app: &TestApp, name: &str, who: Who, project: Project) -> i64 {
    if project == Project::Missing {
        return 1;
    }
    app.project(name, project == Project::Public).await;
    if let Some((role, _)) = who.role() {
        join(app, name, &who.name(), role).await;
    }
    let member = join(app, name, "extra", Role::Guest).await;
    let (admin, repository) = (app.admin(), format!("{name}/web"));
    for (tag, text) in [("v1", "kept"), ("old", "kept"), ("doomed", "doomed")] {
        assert_eq!(admin.push(&repository, tag, &image(text)).await.status, 201);
    }
    assert_eq!(admin.push_blob(&repository, b"loose").await.status, 201);
    member
}

/// The request of an operation in a project.
async fn ask(client: &Client, operation: &haven_web::kit::Operation, project: &str, member: i64) -> u16 {
    let reference = if operation.id == "deleteArtifact" { "doomed" } else { "v1" };
    let mut path = operation.path.clone();
    for (hole, filling) in [
        ("{project_name_or_id}", project),
        ("{project_name}", project),
        ("{repository_name}", "web"),
        ("{reference}", reference),
        ("{tag_name}", "old"),
        ("{meta_name}", "auto_scan"),
        ("{mid}", member.to_string().as_str()),
    ] {
        path = path.replace(hole, filling);
    }
    if operation.id == "headProject" {
        path.push_str("?project_name=library");
    }
    if operation.id == "search" {
        path.push_str("?q=web");
    }
    let body = match operation.id {
        "createProject" => {
            json!({ "project_name": format!("{project}-new-{}", client.name().unwrap_or("x")) })
        }
        "updateProject" => json!({ "metadata": { "auto_scan": "true" } }),
        "addProjectMetadatas" => json!({ "severity": "high" }),
        "updateProjectMetadata" => json!({ "auto_scan": "false" }),
        "createProjectMember" => json!({ "role_id": 3, "member_user": { "username": "spare" } }),
        "updateProjectMember" => json!({ "role_id": 2 }),
        "putSystemCVEAllowlist" => json!({ "items": [] }),
        "createTag" => json!({ "name": "new" }),
        "updateRepository" => json!({ "description": "text" }),
        "updateConfigurations" => json!({ "banner_message": "text" }),
        _ => Value::Null,
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client
        .request(operation.method.clone(), &path, &[("content-type", "application/json")], body)
        .await
        .status
}

#[tokio::test]
async fn every_operation_is_answered_as_the_permission_table_says() {
    let routed = haven_web::operations();
    let known: BTreeSet<_> = OPERATIONS.iter().map(|(id, ..)| *id).collect();
    let all: BTreeSet<_> = routed.iter().map(|operation| operation.id).collect();
    assert_eq!(known, all, "the table has every operation that is routed");
    on_each_engine(async |app| {
        let (routed, clients) = (haven_web::operations(), everybody(&app).await);
        let mut wrong = Vec::new();
        for project in [Project::Public, Project::Private, Project::Missing] {
            for who in EVERYBODY {
                let name = format!("{project:?}-{who:?}").to_lowercase();
                let member = furnish(&app, &name, who, project).await;
                for (id, needs, success) in OPERATIONS {
                    let operation = routed.iter().find(|operation| operation.id == id).unwrap();
                    let status = ask(&clients[&who], operation, &name, member).await;
                    let expected = expected(who, project, needs, success);
                    if status != expected {
                        wrong.push(format!("{id} by {who:?}, {project:?}: {status}, not {expected}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

/// How somebody shows the registry who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Basic,
    Token,
}

/// What a request of the registry needs: `p` pull, `P` push, `D` delete, or a word.
const REGISTRY: [(&str, &str, &str, u16); 19] = [
    ("GET", "/v2/", "person", 200),
    ("GET", "/v2/_catalog", "system", 200),
    ("GET", "/v2/{p}/web/tags/list", "p", 200),
    ("GET", "/v2/{p}/web/manifests/v1", "p", 200),
    ("HEAD", "/v2/{p}/web/manifests/{kept}", "p", 200),
    ("GET", "/v2/{p}/web/blobs/{loose}", "p", 200),
    ("HEAD", "/v2/{p}/web/blobs/{loose}", "p", 200),
    ("GET", "/v2/{p}/web/referrers/{kept}", "p", 200),
    ("POST", "/v2/{p}/web/blobs/uploads/", "P", 202),
    ("POST", "/v2/{p}/web/blobs/uploads/?mount={loose}&from={p}/web", "P", 201),
    ("POST", "/v2/{p}/web/blobs/uploads/?digest={more}", "P", 201),
    ("GET", "{upload}", "p", 204),
    ("PATCH", "{upload}", "P", 202),
    ("PUT", "{upload}?digest={more}", "P", 201),
    ("PUT", "/v2/{p}/web/manifests/new", "P", 201),
    ("DELETE", "{upload}", "D", 204),
    ("DELETE", "/v2/{p}/web/blobs/{loose}", "D", 202),
    ("DELETE", "/v2/{p}/web/manifests/old", "D", 202),
    ("DELETE", "/v2/{p}/web/manifests/{kept}", "D", 202),
];

/// The status that the registry must answer: a refusal is 401, whoever asks.
fn expected_of_registry(who: Who, shown: Shown, project: Project, row: (&str, &str, &str, u16)) -> u16 {
    let (method, path, needs, success) = row;
    let reads = matches!(method, "GET" | "HEAD");
    let may = |letter| who.may(project, "repository", letter);
    let allowed = match needs {
        "person" => who != Anonymous,
        "system" => who == Admin && shown == Shown::Basic,
        // Reading without credentials is refused even in a public project.
        letter => may(letter.chars().next().unwrap()) && !(reads && shown == Shown::Nothing),
    };
    match allowed {
        // A session is known only to whoever opened it, and these may not.
        true if path.starts_with("{upload}") && !may('P') => 404,
        true => success,
        false => 401,
    }
}

async fn ask_registry(client: &Client, project: &str, method: &str, path: &str, upload: &str) -> u16 {
    let [loose, more] = [&b"loose"[..], b"more"].map(|bytes| Digest::sha256(bytes).to_string());
    let mut path = path.replace("{upload}", upload).replace("{p}", project);
    for (hole, filling) in [("{kept}", image("kept").digest()), ("{loose}", loose), ("{more}", more)] {
        path = path.replace(hole, &filling);
    }
    let kept = image("kept");
    let (kind, body) = match method {
        "PUT" if path.ends_with("/manifests/new") => (kept.media_type.as_str(), kept.manifest.clone()),
        "POST" if path.contains("uploads/?digest=") => ("application/octet-stream", b"more".to_vec()),
        "PATCH" => ("application/octet-stream", b"more".to_vec()),
        _ => ("application/octet-stream", Vec::new()),
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    client.request(method, &path, &[("content-type", kind)], body).await.status
}

/// An upload session of the client's own, or one of the administrator's if they may not open one.
async fn open_upload(app: &TestApp, client: &Client, project: &str) -> String {
    let uploads = format!("/v2/{project}/web/blobs/uploads/");
    for opener in [client, &app.admin()] {
        let opened = opener.request(Method::POST, &uploads, &[], "").await;
        if opened.status == 202 {
            return opened.header("location").strip_prefix("http://haven.test").unwrap().to_owned();
        }
    }
    format!("{uploads}b5b0c9f2-5d0f-4b39-9a5c-0a1b2c3d4e5f")
}

#[tokio::test]
async fn the_registry_answers_as_the_permission_table_says() {
    on_each_engine(async |app| {
        let clients = everybody(&app).await;
        let mut wrong = Vec::new();
        for (shown, project, who) in combinations() {
            let name = format!("{shown:?}-{project:?}-{who:?}").to_lowercase();
            furnish(&app, &name, who, project).await;
            let client = match shown {
                Shown::Token => clients[&who].token(&[&format!("repository:{name}/web:pull")]).await,
                Shown::Nothing | Shown::Basic => clients[&who].clone(),
            };
            let mut upload = String::new();
            for row in REGISTRY {
                if upload.is_empty() || row.0 == "DELETE" && row.1 == "{upload}" {
                    upload = open_upload(&app, &client, &name).await;
                }
                let status = ask_registry(&client, &name, row.0, row.1, &upload).await;
                let expected = expected_of_registry(who, shown, project, row);
                if status != expected {
                    wrong.push(format!(
                        "{} {} by {who:?} with {shown:?}, {project:?}: {status}, not {expected}",
                        row.0, row.1
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

/// Everybody with every kind of credentials they can have, in each kind of project.
fn combinations() -> Vec<(Shown, Project, Who)> {
    let mut all = Vec::new();
    for project in [Project::Public, Project::Private, Project::Missing] {
        for who in EVERYBODY {
            let plain = if who == Anonymous { Shown::Nothing } else { Shown::Basic };
            all.extend([(plain, project, who), (Shown::Token, project, who)]);
        }
    }
    all
}

#[tokio::test]
async fn a_refusal_does_not_tell_whether_a_project_exists() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (foreign, admin) = (app.person("fay").await, app.admin());
        for path in [
            "projects/{p}",
            "projects/{p}/summary",
            "projects/{p}/members",
            "projects/{p}/members/1",
            "projects/{p}/metadatas/",
            "projects/{p}/metadatas/public",
            "projects/{p}/repositories/web/artifacts/v1",
        ] {
            let of = async |client: &Client, project: &str| {
                let answer = client.get(&format!("/api/v2.0/{}", path.replace("{p}", project))).await;
                (answer.status, answer.text())
            };
            for client in [&foreign, &app.anonymous()] {
                assert_eq!(of(client, "team").await, of(client, "nobodys").await, "{path}");
            }
            let (status, text) = of(&foreign, "team").await;
            let body = r#"{"errors":[{"code":"FORBIDDEN","message":"forbidden"}]}"#;
            assert_eq!((status, text.trim_end()), (403, body));
            let (status, text) = of(&admin, "nobodys").await;
            let body = r#"{"errors":[{"code":"NOT_FOUND","message":"project nobodys not found"}]}"#;
            assert_eq!((status, text.trim_end()), (404, body));
        }
        let by_id = foreign.get("/api/v2.0/projects/2").await.text();
        assert_eq!(by_id, foreign.get("/api/v2.0/projects/999").await.text());
        let images = "/v2/{p}/web/manifests/v1";
        let [hidden, missing] = ["team", "nobodys"].map(|project| images.replace("{p}", project));
        let (hidden, missing) = (foreign.get(&hidden).await, foreign.get(&missing).await);
        assert_eq!(hidden.text().replace("team", "nobodys"), missing.text());
    })
    .await;
}
