//! Somebody in front of a project: who asks, and what there is to ask about.

use super::matrix::{Project, Who, all_in, all_on_system};
use super::operations::Row;
use haven_db::params;
use haven_testkit::{Answer, Client, TestApp, image};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Everybody who is the same in front of every project.
pub(crate) struct People(HashMap<Who, Client>);

/// One of them, or a robot, in front of one project.
pub(crate) struct Scene {
    pub(crate) client: Client,
    holes: Vec<(&'static str, String)>,
}

impl People {
    /// Each with an account of their own; and a project that has nothing to do with the others.
    pub(crate) async fn new(app: &TestApp, everybody: &[Who]) -> Self {
        let mut clients = HashMap::from([(Who::Anonymous, app.anonymous()), (Who::Admin, app.admin())]);
        for who in everybody.iter().filter(|who| !who.is_robot()) {
            if !clients.contains_key(who) {
                clients.insert(*who, app.person(&who.name()).await);
            }
        }
        app.project("elsewhere", false).await;
        Self(clients)
    }

    /// Makes the project with what is in it, and somebody's place in it.
    pub(crate) async fn before(&self, app: &TestApp, name: &str, who: Who, project: Project) -> Scene {
        let id = match project {
            Project::Missing => 999_999,
            _ => furnish(app, name, project == Project::Public).await,
        };
        let client = match self.0.get(&who) {
            Some(client) => client.clone(),
            None => robot(app, who, if project == Project::Missing { "elsewhere" } else { name }).await,
        };
        if let (Some((role, _)), true) = (who.role(), project != Project::Missing) {
            let join = "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
                SELECT $1, 'u', u.id, $3, 1, 1 FROM user_account u WHERE u.username = $2";
            app.db().execute(join, params![id, who.name(), role.id()]).await.unwrap();
        }
        let mut holes = vec![
            ("{project_name_or_id}", name.to_owned()),
            ("{project_name}", name.to_owned()),
            ("{project}", name.to_owned()),
            ("{project_id}", id.to_string()),
            ("{repository_name}", "web".to_owned()),
            ("{reference}", "v1".to_owned()),
            ("{tag_name}", "old".to_owned()),
            ("{meta_name}", "auto_scan".to_owned()),
            ("{addition}", "build_history".to_owned()),
            ("{digest}", PICTURE.to_owned()),
        ];
        holes.extend(robots(app, name, project).await);
        holes.extend(others(app, name, project).await);
        holes.extend(labels(app, name, id, project).await);
        Scene { client, holes }
    }
}

impl Scene {
    /// Sends the request of a row, and says the status.
    pub(crate) async fn ask(&self, row: &Row, operation: &haven_web::kit::Operation) -> u16 {
        let (hole, filling) = row.instead;
        let path = operation.path.replace(hole, filling);
        let query = if row.query.is_empty() { String::new() } else { format!("?{}", row.query) };
        let path = self.fill(&(path + &query));
        let json = [("content-type", "application/json")];
        self.client.request(operation.method.clone(), &path, &json, self.fill(row.body)).await.status
    }

    fn fill(&self, text: &str) -> String {
        self.holes.iter().fold(text.to_owned(), |text, (hole, filling)| text.replace(hole, filling))
    }
}

/// A project with an image under two tags and one that may go. Says its number.
async fn furnish(app: &TestApp, name: &str, public: bool) -> i64 {
    let (id, admin, repository) = (app.project(name, public).await, app.admin(), format!("{name}/web"));
    for (tag, text) in [("v1", "kept"), ("old", "kept"), ("doomed", "doomed")] {
        assert_eq!(admin.push(&repository, tag, &image(text)).await.status, 201);
    }
    assert_eq!(admin.push_blob(&repository, b"loose").await.status, 201);
    id
}

/// Somebody and a group that are asked about, by the holes that their numbers fill. The group is a member of the project.
async fn others(app: &TestApp, project: &str, kind: Project) -> Vec<(&'static str, String)> {
    let name = format!("other-{project}");
    let user = json!({ "username": name, "realname": name, "email": format!("{name}@example.com"),
        "password": "Harbor12345" });
    let group = json!({ "group_name": name, "group_type": 3 });
    let mut holes = vec![("{token_id}", "999999".to_owned())];
    for (hole, path, body) in [("{user_id}", "users", user), ("{group_id}", "usergroups", group)] {
        let made = app.admin().post(&format!("/api/v2.0/{path}"), &body).await;
        holes.push((hole, number(&made)));
    }
    if kind == Project::Missing {
        holes.push(("{mid}", "1".to_owned()));
        return holes;
    }
    let member = json!({ "role_id": 4, "member_group": { "group_name": name, "group_type": 3 } });
    let made = app.admin().post(&format!("/api/v2.0/projects/{project}/members"), &member).await;
    holes.push(("{mid}", number(&made)));
    holes
}

/// The number of what was made.
fn number(made: &Answer) -> String {
    assert_eq!(made.status, 201, "{}", made.text());
    made.header("location").rsplit('/').next().unwrap_or_default().to_owned()
}

/// The built-in icon of images.
const PICTURE: &str = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06";

/// The labels that are asked about: one of the registry, one of the project.
async fn labels(app: &TestApp, name: &str, project_id: i64, project: Project) -> [(&'static str, String); 2] {
    let make = async |label: Value| {
        let made = app.admin().post("/api/v2.0/labels", &label).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.header("location").rsplit('/').next().unwrap().to_owned()
    };
    let here = match project {
        Project::Missing => "999999".to_owned(),
        _ => make(json!({ "name": "ours", "scope": "p", "project_id": project_id })).await,
    };
    [("{label_id}", make(json!({ "name": name, "scope": "g" })).await), ("{project_label_id}", here)]
}

/// The robots that are asked about, by the holes that their numbers fill.
async fn robots(app: &TestApp, name: &str, project: Project) -> Vec<(&'static str, String)> {
    let here = |robot: &str| {
        json!({ "name": robot, "level": "project", "duration": 1, "permissions": [
            { "kind": "project", "namespace": name, "access": [{ "resource": "repository", "action": "pull" }] }] })
    };
    let of_system = json!({ "name": format!("{name}-one"), "level": "system", "duration": 1, "permissions": [
        { "kind": "system", "namespace": "/", "access": [{ "resource": "user", "action": "list" }] }] });
    let quota = app.db().query_one("SELECT id FROM quota WHERE project_id = 1", &[]).await.unwrap();
    let quota: i64 = quota.get(0).unwrap();
    let mut holes = vec![
        ("{id}", quota.to_string()),
        ("{system_robot_id}", made(app, &of_system).await["id"].to_string()),
    ];
    for (hole, robot) in [("{robot_id}", "one"), ("{old_robot_id}", "two")] {
        let id = match project {
            Project::Missing => "999999".to_owned(),
            _ => made(app, &here(robot)).await["id"].to_string(),
        };
        holes.push((hole, id));
    }
    holes
}

/// A robot of this kind, with its own credentials.
async fn robot(app: &TestApp, who: Who, project: &str) -> Client {
    let (level, permissions) = match who {
        Who::ProjectRobot | Who::IdleProjectRobot => ("project", vec![all_in(project)]),
        Who::EveryProjectRobot => ("system", vec![all_on_system(), all_in("*")]),
        _ => ("system", vec![all_on_system(), all_in(project)]),
    };
    // In front of a missing project the name may be taken.
    let number: i64 = app.db().query_one("SELECT COUNT(*) FROM robot", &[]).await.unwrap().get(0).unwrap();
    let name = format!("{}-{number}", who.name());
    let robot = json!({ "name": name, "level": level, "duration": -1, "permissions": permissions });
    let made = made(app, &robot).await;
    if matches!(who, Who::IdleProjectRobot | Who::IdleSystemRobot) {
        let forget = "UPDATE robot SET permissions = '[]' WHERE id = $1";
        app.db().execute(forget, params![made["id"].as_i64()]).await.unwrap();
    }
    app.with_password(made["name"].as_str().unwrap(), made["secret"].as_str().unwrap())
}

async fn made(app: &TestApp, robot: &Value) -> Value {
    let made = app.admin().post("/api/v2.0/robots", robot).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}
