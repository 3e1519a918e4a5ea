//! Projects, their members and what is counted of them.

use super::Shape;
use haven_core::access::Role;
use haven_core::allowlists::Allowlist;
use haven_core::members::Member;
use haven_core::projects::{Detail, Summary};
use haven_core::search::{Found, Repository};
use haven_core::statistics::Statistics;
use haven_db::Timestamp;
use serde_json::{Value, json};

pub(in crate::api) fn project(detail: &Detail) -> Value {
    let project = &detail.project;
    let roles: Vec<Value> = detail.roles.iter().map(|role| role.id().into()).collect();
    let strongest = detail.roles.first().copied().map_or(0, Role::id);
    let shape = Shape::new()
        .with("project_id", project.id)
        .with("owner_id", project.owner_id)
        .with("name", project.name.as_str())
        .time("creation_time", project.created_at)
        .time("update_time", project.updated_at)
        .unless_empty("current_user_role_id", strongest)
        .list("current_user_role_ids", roles)
        .with("repo_count", detail.repositories);
    let Some(more) = &detail.more else {
        return shape.with("cve_allowlist", allowlist(&Allowlist::default())).done();
    };
    let shape =
        shape.unless_empty("owner_name", more.owner_name.as_str()).with("metadata", json!(more.metadata));
    // Left out, and not empty: a client that sends back what it read must not empty it.
    match &more.allowlist {
        Some(list) => {
            shape.with("cve_allowlist", allowlist(&Allowlist { project_id: project.id, ..list.clone() }))
        }
        None => shape,
    }
    .done()
}

pub(in crate::api) fn allowlist(list: &Allowlist) -> Value {
    let items: Vec<Value> = list.items.iter().map(|name| json!({ "cve_id": name })).collect();
    let shape = Shape::new()
        .unless_empty("id", list.id)
        .unless_empty("project_id", list.project_id)
        .with("items", items)
        .time("creation_time", list.created_at)
        .time("update_time", list.updated_at);
    // A list that counts until 1970 is not one that counts for ever.
    match list.expires_at.map(Timestamp::as_secs) {
        Some(seconds) => shape.with("expires_at", seconds),
        None => shape,
    }
    .done()
}

pub(in crate::api) fn member(member: &Member) -> Value {
    Shape::new()
        .with("id", member.id)
        .with("project_id", member.project_id)
        .with("entity_name", member.name.as_str())
        .with("entity_id", member.entity.id())
        .with("entity_type", member.entity.letter())
        .with("role_id", member.role.id())
        .with("role_name", member.role.as_str())
        .done()
}

/// The names of the numbers of members, in the order of [`Role::ALL`].
const COUNTS: [&str; Role::ALL.len()] =
    ["project_admin_count", "maintainer_count", "developer_count", "guest_count", "limited_guest_count"];

pub(in crate::api) fn summary(summary: &Summary) -> Value {
    let members = COUNTS.into_iter().zip(summary.members.unwrap_or_default());
    let shape = Shape::new().with("repo_count", summary.repositories);
    let shape = members.fold(shape, |shape, (name, count)| shape.unless_empty(name, count));
    match &summary.quota {
        Some(usage) => {
            let (hard, used) = (json!({ "storage": usage.hard }), json!({ "storage": usage.used }));
            shape.with("quota", json!({ "hard": hard, "used": used }))
        }
        None => shape,
    }
    .done()
}

pub(in crate::api) fn found(found: &Found) -> Value {
    let projects: Vec<Value> = found.projects.iter().map(project).collect();
    let repositories: Vec<Value> = found.repositories.iter().map(repository).collect();
    json!({ "project": projects, "repository": repositories })
}

fn repository(repository: &Repository) -> Value {
    Shape::new()
        .with("project_id", repository.project_id)
        .with("project_name", repository.project_name.as_str())
        .unless_empty("project_public", repository.project_public)
        .with("repository_name", repository.name.as_str())
        .unless_empty("pull_count", repository.pull_count)
        .unless_empty("artifact_count", repository.artifact_count)
        .done()
}

pub(in crate::api) fn statistics(statistics: &Statistics) -> Value {
    json!({
        "public_project_count": statistics.public.projects,
        "public_repo_count": statistics.public.repositories,
        "private_project_count": statistics.private.projects,
        "private_repo_count": statistics.private.repositories,
        "total_project_count": statistics.total.projects,
        "total_repo_count": statistics.total.repositories,
        "total_storage_consumption": statistics.storage,
    })
}
