//! Statements of events.

pub(super) const INSERT: &str = "INSERT INTO event (lane, project_id, actor, payload, happened_at)
    VALUES ($1, $2, $3, $4, $5)";

pub(super) const WAITING: &str =
    "SELECT (SELECT COUNT(*) FROM (SELECT 1 AS one FROM event LIMIT $1) waiting),
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM event_set_aside LIMIT $1) aside)";

pub(super) const LANES_WITH_WORK: &str = "SELECT l.lane FROM event_lane l
    WHERE EXISTS (SELECT 1 FROM event e WHERE e.lane = l.lane AND e.due_at <= $1) ORDER BY l.lane";

/// Nothing when another replica has it.
pub(super) const TAKE_LANE: &str = "SELECT lane FROM event_lane WHERE lane = $1 FOR UPDATE SKIP LOCKED";

/// Waits for another replica that has it.
pub(super) const HOLD_LANE: &str = "SELECT lane FROM event_lane WHERE lane = $1 FOR UPDATE";

/// In order, except that the events of a project wait for one of theirs that failed and is to be tried again later.
pub(super) const BATCH: &str = "SELECT e.id, e.project_id, e.actor, e.happened_at, e.payload FROM event e
    WHERE e.lane = $1 AND e.due_at <= $2 AND NOT EXISTS (SELECT 1 FROM event f WHERE f.lane = $1
        AND f.project_id = e.project_id AND f.attempts > 0 AND f.due_at > $2 AND f.id < e.id)
    ORDER BY e.id LIMIT $3";

pub(super) const DELETE: &str = "DELETE FROM event WHERE id IN ({list})";

pub(super) const COUNT_FAILURE: &str = "UPDATE event SET attempts = attempts + 1, error = $2
    WHERE id = $1 RETURNING attempts";

pub(super) const PUT_OFF: &str = "UPDATE event SET due_at = $2 WHERE id = $1";

pub(super) const SET_ASIDE: &str = "INSERT INTO event_set_aside
    (id, project_id, actor, payload, happened_at, attempts, error, set_aside_at)
    SELECT id, project_id, actor, payload, happened_at, attempts, error, CAST($2 AS BIGINT)
    FROM event WHERE id = $1";

pub(super) const DELETE_ONE: &str = "DELETE FROM event WHERE id = $1";

pub(super) const FORGET_SET_ASIDE: &str = "DELETE FROM event_set_aside WHERE set_aside_at < $1";

pub(super) const ALL_SET_ASIDE: &str =
    "SELECT id, project_id, actor, payload, happened_at, attempts, error, set_aside_at
    FROM event_set_aside ORDER BY id LIMIT $1";

/// With their old ids, so that they come before what happened since.
pub(super) const PUT_BACK: &str =
    "INSERT INTO event (id, lane, project_id, actor, payload, happened_at)
    SELECT id, CAST($2 AS BIGINT), project_id, actor, payload, happened_at FROM event_set_aside WHERE id = $1";

pub(super) const DELETE_SET_ASIDE: &str = "DELETE FROM event_set_aside WHERE id = $1";
