//! Statements and rows of the audit log.

use super::Line;
use crate::Result;
use haven_db::Row;

/// The numbered parameters of some rows at once, those of one after the other.
fn rows(count: usize, columns: usize) -> String {
    let row = |n: usize| {
        let marks: Vec<String> = (1..=columns).map(|at| format!("${}", n * columns + at)).collect();
        format!("({})", marks.join(", "))
    };
    (0..count).map(row).collect::<Vec<_>>().join(", ")
}

pub(super) fn insert_lines(count: usize) -> String {
    format!(
        "INSERT INTO audit_log_ext
        (project_id, username, operation, resource_type, resource, description, succeeded, happened_at)
        VALUES {}",
        rows(count, 8)
    )
}

pub(super) fn insert_forward(count: usize) -> String {
    format!("INSERT INTO audit_forward (line) VALUES {}", rows(count, 1))
}

pub(super) const COLUMNS: &str =
    "SELECT a.id, a.username, a.operation, a.resource_type, a.resource, a.happened_at,
    a.description, a.succeeded";
pub(super) const FROM: &str = "FROM audit_log_ext a";

pub(super) const EARLIER_COLUMNS: &str = "SELECT a.id, a.username, a.operation, a.resource_type, a.resource,
    a.happened_at, '', TRUE";
pub(super) const EARLIER_FROM: &str = "FROM audit_log a";

/// What is counted already, and what came since: of all, or of some projects. What came since is read in the order of ids,
/// because PostgreSQL expects a third of the table there and would rather read it whole.
pub(super) const TOTAL: &str = "SELECT
    COALESCE((SELECT c.lines FROM audit_count c WHERE c.project_id = -1), 0)
    + (SELECT COUNT(*) FROM (SELECT a.id FROM audit_log_ext a
        WHERE a.id > (SELECT m.counted_to FROM audit_mark m WHERE m.id = 1) ORDER BY a.id LIMIT 1000000) x)";
pub(super) const TOTAL_OF: &str = "SELECT
    CAST(COALESCE((SELECT SUM(c.lines) FROM audit_count c WHERE c.project_id IN ({list})), 0) AS BIGINT)
    + (SELECT COUNT(*) FROM (SELECT a.project_id FROM audit_log_ext a
        WHERE a.id > (SELECT m.counted_to FROM audit_mark m WHERE m.id = 1) ORDER BY a.id LIMIT 1000000) x
        WHERE x.project_id IN ({list}))";

/// Held by whoever counts or removes.
pub(super) const HOLD_MARK: &str = "SELECT counted_to, seen, seen_at FROM audit_mark WHERE id = 1 FOR UPDATE";
pub(super) const MOVE_MARK: &str =
    "UPDATE audit_mark SET counted_to = $1, seen = $2, seen_at = $3 WHERE id = 1";
pub(super) const LAST: &str = "SELECT COALESCE(MAX(id), 0) FROM audit_log_ext";
pub(super) const LINES_BETWEEN: &str = "SELECT project_id, COUNT(*) FROM audit_log_ext
    WHERE id > $1 AND id <= $2 GROUP BY project_id";
pub(super) const ADD: &str = "INSERT INTO audit_count (project_id, lines) VALUES ($1, $2)
    ON CONFLICT (project_id) DO UPDATE SET lines = audit_count.lines + excluded.lines";

/// Oldest first, after a time and an id.
pub(super) const OLD: &str = "SELECT id, project_id, operation, resource_type, happened_at FROM audit_log_ext
    WHERE (happened_at, id) > ($1, $2) AND happened_at < $3 ORDER BY happened_at, id LIMIT $4";
pub(super) const DELETE: &str = "DELETE FROM audit_log_ext WHERE id IN ({list}) RETURNING id, project_id";
pub(super) const EARLIER_OLD: &str =
    "SELECT id, project_id, operation, resource_type, happened_at FROM audit_log
    WHERE (happened_at, id) > ($1, $2) AND happened_at < $3 ORDER BY happened_at, id LIMIT $4";
pub(super) const DELETE_EARLIER: &str = "DELETE FROM audit_log WHERE id IN ({list}) RETURNING id, project_id";

/// How many lines wait to be sent, as far as their ids tell.
pub(super) const FORWARD_WAITING: &str =
    "SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM audit_forward";
pub(super) const DROP_FORWARD: &str = "DELETE FROM audit_forward WHERE id <= $1";
pub(super) const TAKE_FORWARD: &str = "UPDATE audit_forward_lease SET holder = $1, until = $2
    WHERE id = 1 AND (holder = $1 OR until < $3 OR until > $4)";
pub(super) const LEAVE_FORWARD: &str =
    "UPDATE audit_forward_lease SET holder = '', until = 0 WHERE id = 1 AND holder = $1";
pub(super) const FORWARD_BATCH: &str = "SELECT id, line FROM audit_forward ORDER BY id LIMIT $1";
pub(super) const DELETE_FORWARD: &str = "DELETE FROM audit_forward WHERE id IN ({list})";

pub(super) fn line(row: &Row) -> Result<Line> {
    Ok(Line {
        id: row.get(0)?,
        username: row.get(1)?,
        operation: row.get(2)?,
        resource_type: row.get(3)?,
        resource: row.get(4)?,
        happened_at: row.get(5)?,
        description: row.get(6)?,
        succeeded: row.get(7)?,
    })
}
