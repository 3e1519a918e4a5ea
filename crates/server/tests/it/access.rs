//! Who may do what: every operation, asked by everybody, against the permission table of the specification.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

pub(crate) mod matrix;
pub(crate) mod operations;
mod scene;

use crate::on_each_engine;
use haven_core::access::{self, Caller, Person, Role, permissions};
use haven_core::projects::{self, Visible};
use haven_db::list::Query;
use haven_db::params;
use haven_oci::Digest;
use haven_testkit::{Client, TestApp, image};
use http::Method;
use matrix::{EVERYBODY, Project, Who};
use operations::OPERATIONS;
use scene::People;
use std::collections::BTreeSet;

#[tokio::test]
async fn every_operation_is_answered_as_the_permission_table_says() {
    let routed = haven_web::operations();
    let known: BTreeSet<_> = OPERATIONS.iter().map(|row| row.id).collect();
    let all: BTreeSet<_> = routed.iter().map(|operation| operation.id).collect();
    assert_eq!(known, all, "the list has every operation that is routed");
    on_each_engine(async |app| {
        let (routed, people) = (haven_web::operations(), People::new(&app, &EVERYBODY).await);
        let mut wrong = Vec::new();
        for project in [Project::Public, Project::Private, Project::Missing] {
            for who in EVERYBODY {
                let name = format!("{project:?}-{who:?}").to_lowercase();
                let scene = people.before(&app, &name, who, project).await;
                for row in OPERATIONS {
                    let operation = routed.iter().find(|operation| operation.id == row.id).unwrap();
                    let (status, expected) = (scene.ask(row, operation).await, row.expected(who, project));
                    if status != expected {
                        let needs = row.needs;
                        wrong.push(format!(
                            "{} ({needs:?}) by {who:?}, {project:?}: {status}, not {expected}",
                            row.id
                        ));
                    }
                }
                // Whoever made a project administers it, which must not help them elsewhere.
                app.admin().delete(&format!("/api/v2.0/projects/{name}-new")).await;
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
        "person" => who != Who::Anonymous,
        "system" => who.may_on_system("catalog", 'R') && shown == Shown::Basic,
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
        let people = People::new(&app, &EVERYBODY).await;
        let mut wrong = Vec::new();
        for (shown, project, who) in combinations() {
            let name = format!("{shown:?}-{project:?}-{who:?}").to_lowercase();
            let scene = people.before(&app, &name, who, project).await;
            let client = match shown {
                Shown::Token => scene.client.token(&[&format!("repository:{name}/web:pull")]).await,
                Shown::Nothing | Shown::Basic => scene.client,
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
            let plain = if who == Who::Anonymous { Shown::Nothing } else { Shown::Basic };
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
        for path in ["projects/{p}", "projects/{p}/summary", "projects/{p}/repositories/web/artifacts/v1"] {
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

#[tokio::test]
async fn groups_count_through_their_membership_of_a_project() {
    on_each_engine(async |app| {
        let (one, two) = (app.project("one", false).await, app.project("two", false).await);
        let join =
            "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
            VALUES ($1, $2, $3, $4, 1, 1)";
        for (project, kind, entity, role) in [
            (one, "g", 70, Role::Guest),
            (one, "g", 71, Role::Developer),
            (two, "u", 99, Role::Guest),
            (two, "g", 70, Role::Maintainer),
            // A person with the number of a group is somebody else.
            (one, "u", 72, Role::ProjectAdmin),
        ] {
            app.db().execute(join, params![project, kind, entity, role.id()]).await.unwrap();
        }
        let table: [(&[i64], &str, &str); 6] = [
            (&[], "", "p"),
            (&[70], "p", "pPD"),
            (&[71], "pP", "p"),
            (&[72], "", "p"),
            (&[1, 2, 3, 70, 71], "pP", "pPD"),
            (&[71, 70, 71], "pP", "pPD"),
        ];
        for (groups, in_one, in_two) in table {
            let person = Person {
                id: 99,
                username: "gina".into(),
                sysadmin: false,
                auth_admin: false,
                groups: groups.to_vec(),
            };
            let caller = Caller::Person(person);
            for (project, expected) in [("one", in_one), ("two", in_two)] {
                let name = project.parse().unwrap();
                let mut may = String::new();
                for (letter, granted) in [
                    ('p', access::require::<permissions::Pull>(&app.app, &caller, &name).await.is_ok()),
                    ('P', access::require::<permissions::Push>(&app.app, &caller, &name).await.is_ok()),
                    (
                        'D',
                        access::require::<permissions::DeleteRepository>(&app.app, &caller, &name)
                            .await
                            .is_ok(),
                    ),
                ] {
                    may.extend(granted.then_some(letter));
                }
                assert_eq!(may, expected, "{groups:?} in {project}");
            }
            let (seen, total) =
                projects::list(&app.app, &caller, Visible::default(), Query::default()).await.unwrap();
            let names: Vec<_> = seen.iter().map(|project| project.name.to_string()).collect();
            let expected: &[&str] =
                if in_one.is_empty() { &["library", "two"] } else { &["library", "one", "two"] };
            assert_eq!(
                (names, total),
                (expected.iter().map(|name| (*name).to_owned()).collect(), expected.len() as i64)
            );
        }
    })
    .await;
}
