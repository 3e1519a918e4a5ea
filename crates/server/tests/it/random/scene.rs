//! One round: a project with everything, one that is nobody's business, and somebody who asks.

use super::pool::Pool;
use crate::access::matrix::{EVERYBODY, Who, all_in, all_on_system};
use haven_core::access::Role;
use haven_db::params;
use haven_testkit::{Client, Image, TestApp, chart, image};
use http::Method;
use serde_json::{Value, json};

/// In every name that is nobody's business.
pub(crate) const MARKER: &str = "zq7x9k4w";
/// In what nobody is told even who may read the names of everything.
pub(crate) const CONTENT: &str = "wv3j8d2p";

/// Who asks, and how they show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Basic(Who),
    /// A project administrator's access token that is only for pulling.
    PullToken,
    /// A developer's access token for everything.
    ApiToken,
    /// A developer in front of the portal.
    Session,
}

impl Asker {
    /// Those who see more than others come last.
    pub(crate) fn all() -> Vec<Self> {
        let plain = EVERYBODY.into_iter().filter(|who| *who != Who::Admin).map(Self::Basic);
        let others = [Self::PullToken, Self::ApiToken, Self::Session, Self::Basic(Who::Admin)];
        plain.chain(others).collect()
    }

    pub(crate) fn is(self, some: &[Who]) -> bool {
        matches!(self, Self::Basic(who) if some.contains(&who))
    }

    fn role(self) -> Option<Role> {
        match self {
            Self::Basic(who) => who.role().map(|(role, _)| role),
            Self::PullToken => Some(Role::ProjectAdmin),
            Self::ApiToken | Self::Session => Some(Role::Developer),
        }
    }
}

pub(crate) struct Scene {
    pub(crate) client: Client,
    /// What a browser adds to every request.
    pub(crate) carried: Vec<(&'static str, Vec<u8>)>,
    /// The name of the account that asks; empty for nobody and for robots.
    pub(crate) account: String,
    pub(crate) team: i64,
    pub(crate) vault: i64,
    pub(crate) pool: Pool,
}

/// Makes a round's projects and who asks in it.
pub(crate) async fn furnish(app: &TestApp, asker: Asker, round: usize) -> Scene {
    let [team, vault, open] = ["team", "vault", "open"].map(|name| format!("{name}{round}"));
    let team_id = app.project(&team, false).await;
    app.project(&open, true).await;
    fill(app, &team, "").await;
    fill(app, &open, "").await;
    let vault_id = hide(app, &vault, round).await;
    let account = format!("{asker:?}{round}").to_lowercase().replace(['(', ')'], "-");
    let mut scene = Scene {
        client: app.anonymous(),
        carried: Vec::new(),
        account: String::new(),
        team: team_id,
        vault: vault_id,
        pool: Pool::of(
            app.db(),
            &[team.clone(), team.clone(), vault.clone(), open, "library".to_owned()],
            MARKER,
        )
        .await,
    };
    match asker {
        Asker::Basic(Who::Anonymous) => {}
        Asker::Basic(Who::Admin) => (scene.client, scene.account) = (app.admin(), "admin".to_owned()),
        Asker::Basic(who) if who.is_robot() => scene.client = robot(app, who, &team, &account).await,
        _ => {
            let person = match asker.role() {
                Some(role) => app.member(&team, &account, role).await,
                None => app.person(&account).await,
            };
            present(app, &mut scene, asker, person, &account).await;
            scene.account = account;
        }
    }
    for project in [&team, &vault] {
        let opened =
            app.admin().request(Method::POST, &format!("/v2/{project}/web/blobs/uploads/"), &[], "").await;
        scene.pool.uploads.push(opened.header("location").replace("http://haven.test", ""));
    }
    scene
}

/// How a person shows who they are.
async fn present(app: &TestApp, scene: &mut Scene, asker: Asker, person: Client, account: &str) {
    scene.client = match asker {
        Asker::PullToken | Asker::ApiToken => {
            let scope = if asker == Asker::PullToken { "pull" } else { "api" };
            let wanted = json!({ "name": "all", "scopes": [scope], "duration": 365 });
            let made = person.post("/api/v2.0/users/current/tokens", &wanted).await;
            assert_eq!(made.status, 201, "{}", made.text());
            let (token, list) = (made.json(), person.get("/api/v2.0/users/current/tokens").await.text());
            let token = token["token"].as_str().unwrap_or_else(|| panic!("{token} {list}")).to_owned();
            app.with_password(account, &token)
        }
        Asker::Session => {
            let browser = app.browser();
            assert_eq!(browser.log_in(account, "Harbor12345").await.status, 200);
            browser.get("/api/v2.0/users/current").await;
            let cookies: Vec<String> = ["sid", "_gorilla_csrf"]
                .iter()
                .map(|name| format!("{name}={}", browser.cookie(name)))
                .collect();
            scene.carried.push(("cookie", cookies.join("; ").into_bytes()));
            scene.carried.push(("x-harbor-csrf-token", browser.token().into_bytes()));
            person.without_credentials()
        }
        Asker::Basic(_) => person,
    };
}

/// Repositories with images under several tags, an index, a chart, and what hangs on an image.
async fn fill(app: &TestApp, project: &str, mark: &str) {
    let admin = app.admin();
    let kept = image(&format!("kept{mark}"));
    let about = json!({ "name": "web", "version": "1.0.0", "apiVersion": "v2" });
    for (repository, tag, image) in [
        ("web", "v1", &kept),
        ("web", "old", &kept),
        ("web", "doomed", &image(&format!("doomed{mark}"))),
        ("deep/web", "v1", &kept),
        ("web", "index", &Image::index(&[&kept])),
        ("chart", "v1", &chart(&about, &[("web/values.yaml", b"a: 1"), ("web/README.md", b"# web")])),
    ] {
        let pushed = admin.push(&format!("{project}/{repository}"), tag, image).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
    }
    let signature = kept.referrer("application/vnd.example.signature");
    let pushed = admin.push(&format!("{project}/web"), &signature.digest(), &signature).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let path = format!("/api/v2.0/projects/{project}");
    let id = admin.get(&path).await.json()["project_id"].clone();
    let label = json!({ "name": format!("ours{mark}"), "scope": "p", "project_id": id, "description": mark });
    made(app, "labels", &label).await;
    made(app, "robots", &reader(&format!("one{mark}"), project)).await;
    let group = json!({ "group_name": format!("group-{project}{mark}"), "group_type": 3 });
    made(app, "usergroups", &group).await;
    let member = json!({ "role_id": 4, "member_group": group });
    made(app, &format!("projects/{project}/members"), &member).await;
}

/// The same with marks all over. Says its number.
async fn hide(app: &TestApp, vault: &str, round: usize) -> i64 {
    let id = app.project(vault, false).await;
    let mark = format!("-{MARKER}{round}");
    fill(app, vault, &mark).await;
    let admin = app.admin();
    let secret = image(&format!("{CONTENT} {MARKER}"));
    for (repository, tag) in [(format!("{vault}/web"), MARKER), (format!("{vault}/{MARKER}"), "v1")] {
        assert_eq!(admin.push(&repository, tag, &secret).await.status, 201);
    }
    for (path, body) in [
        (
            format!("projects/{vault}/repositories/web"),
            json!({ "description": format!("{CONTENT} {MARKER}") }),
        ),
        (format!("projects/{vault}"), json!({ "metadata": { "auto_scan": "true" } })),
    ] {
        let done = admin.put(&format!("/api/v2.0/{path}"), &body).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
    app.member(vault, &format!("hidden{round}"), Role::Developer).await;
    id
}

fn reader(name: &str, project: &str) -> Value {
    json!({ "name": name, "level": "project", "duration": -1, "description": name, "permissions": [
        { "kind": "project", "namespace": project, "access": [{ "resource": "repository", "action": "pull" }] }] })
}

async fn made(app: &TestApp, path: &str, body: &Value) -> Value {
    let made = app.admin().post(&format!("/api/v2.0/{path}"), body).await;
    assert_eq!(made.status, 201, "{path} {body}: {}", made.text());
    serde_json::from_slice(&made.body).unwrap_or_default()
}

/// A robot of this kind, with its own credentials.
async fn robot(app: &TestApp, who: Who, team: &str, name: &str) -> Client {
    let (level, permissions) = match who {
        Who::ProjectRobot | Who::IdleProjectRobot => ("project", vec![all_in(team)]),
        Who::EveryProjectRobot => ("system", vec![all_on_system(), all_in("*")]),
        _ => ("system", vec![all_on_system(), all_in(team)]),
    };
    let name = name.trim_matches('-');
    let robot = json!({ "name": name, "level": level, "duration": -1, "permissions": permissions });
    let made = made(app, "robots", &robot).await;
    if matches!(who, Who::IdleProjectRobot | Who::IdleSystemRobot) {
        let forget = "UPDATE robot SET permissions = '[]' WHERE id = $1";
        app.db().execute(forget, params![made["id"].as_i64()]).await.unwrap();
    }
    app.with_password(made["name"].as_str().unwrap(), made["secret"].as_str().unwrap())
}

/// Makes the administrator's account and the settings what they were at first, whatever came over them.
pub(crate) async fn mend(app: &TestApp, hash: &str) {
    let account =
        "UPDATE user_account SET username = 'admin', email = 'admin@example.com', password_hash = $1,
        sysadmin = TRUE, deleted_at = NULL, version = version + 1 WHERE id = 1";
    app.db().execute(account, params![hash]).await.unwrap();
    app.db().execute("DELETE FROM setting", &[]).await.unwrap();
    app.db().execute("DELETE FROM login_failure", &[]).await.unwrap();
    // What was remembered of them is forgotten.
    app.clock.advance(std::time::Duration::from_secs(60));
}
