//! Robot accounts: programs with permissions of their own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod accounts;
mod command;
mod escalation;
mod hostile;
mod legacy;
mod lists;
mod login;
mod rights;

use haven_testkit::{Answer, Client, TestApp};
use serde_json::{Value, json};

const ROBOTS: &str = "/api/v2.0/robots";

/// What a refusal says: status, code and message.
fn refusal(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.code(), answer.message())
}

/// What [`refusal`] is compared with.
fn told(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

/// Permissions in a place: `repository:pull` and so on; one after a `-` is denied.
fn can(namespace: &str, access: &[&str]) -> Value {
    let access = access.iter().map(|access| {
        let (effect, access) = access.strip_prefix('-').map_or((None, *access), |rest| (Some("deny"), rest));
        let (resource, action) = access.split_once(':').unwrap();
        match effect {
            None => json!({ "resource": resource, "action": action }),
            Some(effect) => json!({ "resource": resource, "action": action, "effect": effect }),
        }
    });
    let kind = if namespace == "/" { "system" } else { "project" };
    json!({ "kind": kind, "namespace": namespace, "access": access.collect::<Vec<_>>() })
}

/// A robot of a project.
fn in_project(name: &str, project: &str, access: &[&str]) -> Value {
    json!({ "name": name, "level": "project", "duration": -1, "permissions": [can(project, access)] })
}

/// A robot of the system.
fn on_system(name: &str, permissions: &[Value]) -> Value {
    json!({ "name": name, "level": "system", "duration": -1, "permissions": permissions })
}

/// A robot that was made, with its number.
struct Made {
    client: Client,
    id: i64,
    name: String,
    secret: String,
}

impl Made {
    fn path(&self) -> String {
        format!("{ROBOTS}/{}", self.id)
    }
}

/// Has somebody make a robot, and goes on as the robot.
async fn make(by: &Client, robot: &Value) -> Made {
    let answer = by.post(ROBOTS, robot).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json();
    let [name, secret] = ["name", "secret"].map(|member| made[member].as_str().unwrap().to_owned());
    Made { client: by.with_password(&name, &secret), id: made["id"].as_i64().unwrap(), name, secret }
}

/// The statuses that pull, push and delete get, asked with Basic credentials.
async fn registry(client: &Client, project: &str) -> (u16, u16, u16) {
    let blob = format!("/v2/{project}/app/blobs/{}", haven_oci::Digest::sha256(b"blob"));
    let pull = client.head(&blob).await.status;
    let push = client.push_blob(&format!("{project}/app"), b"more").await.status;
    let gone = format!("/v2/{project}/app/manifests/none");
    (pull, push, client.delete(&gone).await.status)
}

/// A project with one blob in it.
async fn project(app: &TestApp, name: &str, public: bool) -> i64 {
    let id = app.project(name, public).await;
    assert_eq!(app.admin().push_blob(&format!("{name}/app"), b"blob").await.status, 201);
    id
}
