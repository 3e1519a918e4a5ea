//! What a caller must not have changed, before and after.

use super::scene::{Asker, Scene};
use crate::access::matrix::Who::{
    Admin, Anonymous, EveryProjectRobot, Foreign, Guest, IdleProjectRobot, IdleSystemRobot, LimitedGuest,
    ProjectAdmin, ProjectRobot, SystemRobot,
};
use haven_db::{Db, params};
use std::collections::BTreeMap;

/// Rows as text, by what they are.
pub(crate) type Rows = BTreeMap<&'static str, Vec<String>>;

/// Nobody but an administrator.
const OF_NOBODY: [(&str, &str); 2] = [
    (
        "administrators",
        "SELECT CAST(id AS TEXT) || ' ' || username FROM user_account WHERE sysadmin ORDER BY id",
    ),
    ("settings", "SELECT name || '=' || value FROM setting ORDER BY name"),
];

/// Only who administers something of the system. `$1` is the project of the round, `$2` who asks.
const OF_SYSTEM: [(&str, &str); 7] = [
    (
        "accounts",
        "SELECT CAST(id AS TEXT) || ' ' || username || ' ' || COALESCE(email, '-') || ' ' || password_hash || ' '
            || COALESCE(CAST(deleted_at AS TEXT), '-') FROM user_account WHERE username <> $2 AND id > $1 * 0 ORDER BY id",
    ),
    (
        "tokens of others",
        "SELECT CAST(t.id AS TEXT) || ' ' || t.lookup || ' ' || t.scopes || ' ' || t.projects FROM access_token t
            JOIN user_account u ON u.id = t.user_id WHERE u.username <> $2 AND t.id > $1 * 0 ORDER BY t.id",
    ),
    (
        "groups",
        "SELECT CAST(id AS TEXT) || ' ' || name FROM user_group WHERE id > $1 * 0 AND name <> $2 || ' ' ORDER BY id",
    ),
    (
        "labels of the registry",
        "SELECT CAST(id AS TEXT) || ' ' || name || ' ' || description FROM label
            WHERE scope = 'g' AND id > $1 * 0 AND name <> $2 || ' ' ORDER BY id",
    ),
    (
        "quotas",
        "SELECT CAST(q.project_id AS TEXT) || ' ' || CAST(q.hard AS TEXT) FROM quota q JOIN project p ON p.id = q.project_id
            JOIN user_account u ON u.id = p.owner_id
            WHERE p.deleted_at IS NULL AND p.id <> $1 AND u.username <> $2 AND u.username = 'admin' ORDER BY q.id",
    ),
    (
        "robots elsewhere",
        "SELECT CAST(r.id AS TEXT) || ' ' || r.name || ' ' || r.secret_hash || ' ' || r.permissions || ' '
            || CAST(r.disabled AS TEXT) || ' ' || CAST(r.expires_at AS TEXT) FROM robot r
            LEFT JOIN project p ON p.id = r.project_id LEFT JOIN user_account u ON u.id = p.owner_id
            WHERE COALESCE(r.project_id, 0) <> $1 AND COALESCE(u.username, '') <> $2 ORDER BY r.id",
    ),
    (
        "members elsewhere",
        "SELECT CAST(m.id AS TEXT) || ' ' || m.entity_type || CAST(m.entity_id AS TEXT) || ' ' || CAST(m.role_id AS TEXT)
            FROM project_member m JOIN project p ON p.id = m.project_id JOIN user_account u ON u.id = p.owner_id
            WHERE m.project_id <> $1 AND u.username <> $2 ORDER BY m.id",
    ),
];

/// What makes a project what it is.
const OF_PROJECT: [(&str, &str); 4] = [
    ("members", "SELECT CAST(id AS TEXT) || ' ' || entity_type || CAST(entity_id AS TEXT) || ' ' || CAST(role_id AS TEXT)
        FROM project_member WHERE project_id = $1 ORDER BY id"),
    ("metadata", "SELECT name || '=' || value FROM project_metadata WHERE project_id = $1 ORDER BY name"),
    ("project", "SELECT name || ' ' || CAST(public AS TEXT) || ' ' || CAST(owner_id AS TEXT) || ' '
        || COALESCE(CAST(deleted_at AS TEXT), '-') FROM project WHERE id = $1"),
    ("allow-list", "SELECT items || ' ' || COALESCE(CAST(expires_at AS TEXT), '-') FROM cve_allowlist WHERE project_id = $1"),
];

/// What is in a project.
const IN_PROJECT: [(&str, &str); 6] = [
    ("repositories", "SELECT name || ' ' || description FROM repository WHERE project_id = $1 ORDER BY id"),
    ("artifacts", "SELECT CAST(id AS TEXT) || ' ' || digest FROM artifact WHERE project_id = $1 ORDER BY id"),
    ("tags", "SELECT CAST(t.artifact_id AS TEXT) || ' ' || t.name FROM tag t JOIN repository r ON r.id = t.repository_id
        WHERE r.project_id = $1 ORDER BY t.id"),
    ("labels", "SELECT CAST(id AS TEXT) || ' ' || name || ' ' || description || ' ' || color FROM label
        WHERE scope = 'p' AND project_id = $1 ORDER BY id"),
    ("labelled", "SELECT CAST(l.artifact_id AS TEXT) || ' ' || CAST(l.label_id AS TEXT) FROM artifact_label l
        JOIN artifact a ON a.id = l.artifact_id WHERE a.project_id = $1 ORDER BY l.artifact_id, l.label_id"),
    ("blobs", "SELECT digest FROM project_blob WHERE project_id = $1 ORDER BY digest"),
];

const ROBOTS: (&str, &str) = (
    "robots",
    "SELECT CAST(id AS TEXT) || ' ' || name || ' ' || secret_hash || ' ' || permissions || ' ' || CAST(disabled AS TEXT)
        FROM robot WHERE project_id = $1 ORDER BY id",
);

/// The rows that this caller may not change.
pub(crate) async fn rows(db: &Db, asker: Asker, scene: &Scene) -> Rows {
    let mut rows = Rows::new();
    if asker.is(&[Admin]) {
        return rows;
    }
    for (what, sql) in OF_NOBODY {
        rows.insert(what, text(db, sql, &[]).await);
    }
    if !asker.is(&[SystemRobot, EveryProjectRobot]) {
        for (what, sql) in OF_SYSTEM {
            rows.insert(what, text(db, sql, params![scene.team, scene.account.as_str()]).await);
        }
    }
    if !asker.is(&[EveryProjectRobot]) {
        let vault = params![scene.vault];
        // People and groups may be the system robot's to delete, and with them their membership.
        let of_project = if asker.is(&[SystemRobot]) { &OF_PROJECT[1..] } else { &OF_PROJECT[..] };
        for (what, sql) in of_project.iter().chain(&IN_PROJECT) {
            rows.insert(hidden(what), text(db, sql, vault).await);
        }
        if !asker.is(&[SystemRobot]) {
            rows.insert(hidden(ROBOTS.0), text(db, ROBOTS.1, vault).await);
        }
    }
    let team = params![scene.team];
    if !asker.is(&[ProjectAdmin, ProjectRobot, SystemRobot, EveryProjectRobot]) {
        for (what, sql) in OF_PROJECT.iter().chain([&ROBOTS]) {
            rows.insert(what, text(db, sql, team).await);
        }
    }
    let idle = [Anonymous, Foreign, LimitedGuest, Guest, IdleProjectRobot, IdleSystemRobot];
    if asker.is(&idle) || asker == Asker::PullToken {
        for (what, sql) in IN_PROJECT {
            rows.insert(what, text(db, sql, team).await);
        }
    }
    rows
}

/// The name of the vault's rows.
fn hidden(what: &str) -> &'static str {
    match what {
        "members" => "vault: members",
        "metadata" => "vault: metadata",
        "project" => "vault: project",
        "allow-list" => "vault: allow-list",
        "repositories" => "vault: repositories",
        "artifacts" => "vault: artifacts",
        "tags" => "vault: tags",
        "labels" => "vault: labels",
        "labelled" => "vault: labelled",
        "blobs" => "vault: blobs",
        _ => "vault: robots",
    }
}

async fn text(db: &Db, sql: &str, values: &[haven_db::Value]) -> Vec<String> {
    let rows = db.query(sql, values).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

/// What is otherwise now, one line for each row.
pub(crate) fn changes(asker: Asker, before: &Rows, after: &Rows) -> Vec<String> {
    let mut changes = Vec::new();
    for (what, rows) in before {
        let now = &after[what];
        if *what == "administrators" && asker.is(&[SystemRobot, EveryProjectRobot]) {
            // They may remove people, whoever these are, and make nobody an administrator.
            changes
                .extend(now.iter().filter(|row| !rows.contains(row)).map(|row| format!("{what}: new {row}")));
            continue;
        }
        changes
            .extend(rows.iter().filter(|row| !now.contains(row)).map(|row| format!("{what}: no more {row}")));
        changes.extend(now.iter().filter(|row| !rows.contains(row)).map(|row| format!("{what}: new {row}")));
    }
    changes
}
