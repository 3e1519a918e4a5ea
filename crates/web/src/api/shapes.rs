//! How things look in answers as clients of Harbor read them: zero values are left out, empty arrays are null where
//! clients expect it, times have three decimals.

mod projects;

pub(super) use projects::{allowlist, found, member, project, statistics, summary};

use haven_core::audit::Line;
use haven_core::catalog::{self, Accessory, Artifact, Reference, Repository, Tag};
use haven_core::identity::User;
use haven_core::labels::Label;
use haven_db::Timestamp;
use serde_json::{Map, Value, json};

/// Builds an object without what is empty.
pub(super) struct Shape(Map<String, Value>);

impl Shape {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Left out when zero, empty or null.
    pub(super) fn unless_empty(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_i64() == Some(0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
        };
        if empty { self } else { self.with(name, value) }
    }

    /// Null when empty.
    pub(super) fn list(self, name: &str, items: Vec<Value>) -> Self {
        let value = if items.is_empty() { Value::Null } else { items.into() };
        self.with(name, value)
    }

    pub(super) fn time(self, name: &str, time: Timestamp) -> Self {
        self.with(name, time.rfc3339_millis())
    }

    pub(super) fn done(self) -> Value {
        self.0.into()
    }
}

pub(super) fn user(user: &User) -> Value {
    Shape::new()
        .with("user_id", user.id)
        .with("username", user.username.as_str())
        .unless_empty("email", user.email.as_str())
        .unless_empty("realname", user.realname.as_str())
        .unless_empty("comment", user.comment.as_str())
        .with("sysadmin_flag", user.sysadmin)
        .with("admin_role_in_auth", user.auth_admin)
        .time("creation_time", user.created_at)
        .time("update_time", user.updated_at)
        .done()
}

pub(super) fn repository(repository: &Repository) -> Value {
    Shape::new()
        .with("id", repository.id)
        .with("project_id", repository.project_id)
        .with("name", repository.name.as_str())
        .unless_empty("description", repository.description.as_str())
        .with("artifact_count", repository.artifact_count)
        .with("pull_count", repository.pull_count)
        .time("creation_time", repository.created_at)
        .time("update_time", repository.updated_at)
        .done()
}

pub(super) fn artifact(artifact: &Artifact) -> Value {
    Shape::new()
        .with("id", artifact.id)
        .with("type", artifact.kind.as_str())
        .with("media_type", artifact.media_type.as_str())
        .with("manifest_media_type", artifact.manifest_media_type.as_str())
        .unless_empty("artifact_type", artifact.artifact_type.as_str())
        .with("project_id", artifact.project_id)
        .with("repository_id", artifact.repository_id)
        .with("repository_name", artifact.repository.as_str())
        .with("digest", artifact.digest.as_str())
        .with("size", artifact.size)
        .unless_empty("icon", artifact.icon.as_str())
        .time("push_time", artifact.pushed_at)
        .time("pull_time", artifact.pulled_at)
        .unless_empty("extra_attrs", artifact.extra_attrs.clone())
        .unless_empty("annotations", artifact.annotations.clone())
        .list("references", artifact.references.iter().map(reference).collect())
        .list("tags", artifact.tags.iter().map(tag).collect())
        .unless_empty("addition_links", addition_links(artifact))
        .list("labels", artifact.labels.iter().map(label).collect())
        .list("accessories", artifact.accessories.iter().map(accessory).collect())
        .unless_empty(
            "inherited_accessories",
            artifact.inherited.iter().map(accessory).collect::<Vec<Value>>(),
        )
        .done()
}

/// Where the additions of this kind of artifact are.
fn addition_links(artifact: &Artifact) -> Value {
    let of = format!("{}/{}/additions", artifacts_path(&artifact.repository), artifact.digest);
    let names = catalog::additions_of(&artifact.kind, &artifact.manifest_media_type);
    let link = |name: &catalog::AdditionName| {
        let name = name.as_str();
        (name.to_owned(), json!({ "href": format!("{of}/{name}"), "absolute": false }))
    };
    names.iter().map(link).collect()
}

/// The path of a repository's artifacts, with slashes in its name encoded twice.
pub(super) fn artifacts_path(repository: &str) -> String {
    let (project, path) = repository.split_once('/').unwrap_or((repository, ""));
    format!("/api/v2.0/projects/{project}/repositories/{}/artifacts", path.replace('/', "%252F"))
}

pub(super) fn label(label: &Label) -> Value {
    Shape::new()
        .with("id", label.id)
        .with("name", label.name.as_str())
        .unless_empty("description", label.description.as_str())
        .unless_empty("color", label.color.as_str())
        .with("scope", label.scope.letter())
        .unless_empty("project_id", label.scope.project())
        .time("creation_time", label.created_at)
        .time("update_time", label.updated_at)
        .done()
}

fn reference(reference: &Reference) -> Value {
    let urls = reference.urls.as_array().cloned().unwrap_or_default();
    Shape::new()
        .with("parent_id", reference.parent_id)
        .with("child_id", reference.child_id)
        .with("child_digest", reference.child_digest.as_str())
        .unless_empty("platform", platform(&reference.platform))
        .unless_empty("annotations", reference.annotations.clone())
        .list("urls", urls)
        .done()
}

/// The dotted names carry apostrophes, as Harbor's clients know them.
fn platform(platform: &Value) -> Value {
    if platform.is_null() {
        return Value::Null;
    }
    let text = |name: &str| platform.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let features = platform.get("os.features").and_then(Value::as_array).cloned().unwrap_or_default();
    Shape::new()
        .unless_empty("architecture", text("architecture"))
        .unless_empty("os", text("os"))
        .unless_empty("'os.version'", text("os.version"))
        .list("'os.features'", features)
        .unless_empty("variant", text("variant"))
        .done()
}

pub(super) fn tag(tag: &Tag) -> Value {
    Shape::new()
        .with("id", tag.id)
        .with("repository_id", tag.repository_id)
        .with("artifact_id", tag.artifact_id)
        .with("name", tag.name.as_str())
        .time("push_time", tag.pushed_at)
        .time("pull_time", tag.pulled_at)
        .with("immutable", false)
        .done()
}

/// `earlier` leaves out what Harbor's earlier versions did not record.
pub(super) fn audit_line(line: &Line, earlier: bool) -> Value {
    let shape = Shape::new()
        .with("id", line.id)
        .with("username", line.username.as_str())
        .with("resource", line.resource.as_str())
        .with("resource_type", line.resource_type.as_str())
        .with("operation", line.operation.as_str())
        .time("op_time", line.happened_at);
    if earlier {
        return shape.done();
    }
    shape
        .unless_empty("operation_description", line.description.as_str())
        .with("operation_result", line.succeeded)
        .done()
}

pub(super) fn accessory(accessory: &Accessory) -> Value {
    Shape::new()
        .with("id", accessory.id)
        .with("artifact_id", accessory.artifact_id)
        .unless_empty("subject_artifact_id", accessory.subject_artifact_id.unwrap_or(0))
        .with("subject_artifact_digest", accessory.subject_digest.as_str())
        .with("subject_artifact_repo", accessory.repository.as_str())
        .with("size", accessory.size)
        .with("digest", accessory.digest.as_str())
        .with("type", accessory.kind.as_str())
        .with("icon", accessory.icon())
        .time("creation_time", accessory.created_at)
        .done()
}
