//! Statements of quotas.

/// What a project stores: `q` is its quota.
macro_rules! used {
    () => {
        "CAST(CASE WHEN q.hard < 0 THEN q.base ELSE q.hard - COALESCE((SELECT SUM(s.room) FROM quota_slot s
            WHERE s.project_id = q.project_id), 0) END + COALESCE((SELECT SUM(c.bytes) FROM quota_change c
            WHERE c.project_id = q.project_id), 0) AS BIGINT)"
    };
}

macro_rules! updated {
    () => {
        "CASE WHEN q.updated_at > p.created_at THEN q.updated_at ELSE p.created_at END"
    };
}

pub(super) const USED: &str = used!();
pub(super) const UPDATED: &str = updated!();
/// No limit is more than any.
pub(super) const HARD_ORDER: &str = "CASE WHEN q.hard < 0 THEN 9223372036854775807 ELSE q.hard END";

pub(super) const USAGE: &str = concat!("SELECT q.hard, ", used!(), " FROM quota q WHERE q.project_id = $1");

pub(super) const LIMITED: &str =
    concat!("SELECT q.hard, ", used!(), " FROM quota q WHERE q.project_id = $1 AND q.hard >= 0");

pub(super) const FROM: &str =
    "FROM quota q JOIN project p ON p.id = q.project_id LEFT JOIN user_account u ON u.id = p.owner_id
        AND u.deleted_at IS NULL";

pub(super) fn columns() -> &'static str {
    concat!(
        "SELECT q.id, q.project_id, p.name, COALESCE(u.username, ''), q.hard, ",
        used!(),
        ", p.created_at, ",
        updated!()
    )
}

pub(super) const INSERT: &str = "INSERT INTO quota (project_id, hard, updated_at) VALUES ($1, $2, $3)";

pub(super) const HARD: &str = "SELECT hard FROM quota WHERE project_id = $1";

pub(super) const PROJECT_OF: &str = "SELECT project_id FROM quota WHERE id = $1";

pub(super) const BASE: &str = "SELECT base FROM quota WHERE project_id = $1";

/// Holds the row: whoever wants all of a project's room, or wants to change its limit, waits here.
pub(super) const HOLD: &str = "SELECT hard FROM quota WHERE project_id = $1 FOR UPDATE";

pub(super) const HOLD_SLOTS: &str =
    "SELECT room FROM quota_slot WHERE project_id = $1 ORDER BY slot FOR UPDATE";

pub(super) const TAKE: &str =
    "UPDATE quota_slot SET room = room - $3 WHERE project_id = $1 AND slot = $2 AND room >= $3";

pub(super) const PUT_SLOT: &str = "INSERT INTO quota_slot (project_id, slot, room) VALUES ($1, $2, $3)
    ON CONFLICT (project_id, slot) DO UPDATE SET room = excluded.room";

pub(super) const SHIFT_ROOM: &str =
    "UPDATE quota_slot SET room = room - $2 WHERE project_id = $1 AND slot = 0";

pub(super) const SHIFT_BASE: &str = "UPDATE quota SET base = base + $2 WHERE project_id = $1";

pub(super) const SET: &str = "UPDATE quota SET hard = $2, base = $3, updated_at = $4 WHERE project_id = $1";

pub(super) const INSERT_CHANGE: &str = "INSERT INTO quota_change (project_id, bytes) VALUES ($1, $2)";

pub(super) const TAKE_CHANGES: &str = "DELETE FROM quota_change WHERE project_id = $1 RETURNING bytes";

pub(super) const CHANGED: &str = "SELECT DISTINCT project_id FROM quota_change ORDER BY project_id LIMIT $1";

pub(super) const DELETE_SLOTS: &str = "DELETE FROM quota_slot WHERE project_id = $1";

pub(super) const DELETE_CHANGES: &str = "DELETE FROM quota_change WHERE project_id = $1";

pub(super) const DELETE: &str = "DELETE FROM quota WHERE project_id = $1";

pub(super) const PROJECTS: &str =
    "SELECT q.project_id, p.name FROM quota q JOIN project p ON p.id = q.project_id ORDER BY q.project_id";

/// What was counted, and what there is.
pub(super) const COMPARE: &str = concat!(
    "SELECT ",
    used!(),
    ", CAST(COALESCE((SELECT SUM(b.size) FROM project_blob l JOIN blob b ON b.digest = l.digest
        WHERE l.project_id = q.project_id), 0) AS BIGINT) FROM quota q WHERE q.project_id = $1"
);
