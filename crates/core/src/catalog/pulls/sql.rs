//! Statements that write down what was pulled.

/// In the order of names, as everybody who holds several at once: a copy may make one of them, which has no id before.
pub(super) const HOLD_REPOSITORIES: &str =
    "SELECT id FROM repository WHERE id IN ({list}) ORDER BY name FOR UPDATE";

/// Pairs of an id and a number, under the names that both engines give them: `column1` and `column2`.
fn pairs(count: usize) -> String {
    let pair = |n: usize| format!("(CAST(${} AS BIGINT), CAST(${} AS BIGINT))", 2 * n + 1, 2 * n + 2);
    (0..count).map(pair).collect::<Vec<_>>().join(", ")
}

pub(super) fn add_pulls(count: usize) -> String {
    format!(
        "UPDATE repository SET pull_count = pull_count + v.column2 FROM (VALUES {}) AS v
        WHERE repository.id = v.column1",
        pairs(count)
    )
}

/// A table of times: its name, its key, and the table that the key is of.
#[derive(Clone, Copy)]
pub(super) struct Times(&'static str, &'static str, &'static str);

pub(super) const ARTIFACTS: Times = Times("artifact_pull", "artifact_id", "artifact");
pub(super) const TAGS: Times = Times("tag_pull", "tag_id", "tag");

/// Times only go forward, whichever replica comes last.
pub(super) fn later(Times(table, key, _): Times, count: usize) -> String {
    format!(
        "UPDATE {table} SET pulled_at = CASE WHEN pulled_at < v.column2 THEN v.column2 ELSE pulled_at END
        FROM (VALUES {}) AS v WHERE {table}.{key} = v.column1",
        pairs(count)
    )
}

/// The first time of each; what is gone by now stays so.
pub(super) fn first(Times(table, key, of): Times, count: usize) -> String {
    format!(
        "INSERT INTO {table} ({key}, pulled_at) SELECT v.column1, v.column2 FROM (VALUES {}) AS v
        WHERE EXISTS (SELECT 1 FROM {of} o WHERE o.id = v.column1) ON CONFLICT ({key}) DO NOTHING",
        pairs(count)
    )
}

/// An index was pulled when a part of it was.
pub(super) const TOUCH_PARENTS: &str = "INSERT INTO artifact_pull (artifact_id, pulled_at)
    SELECT r.parent_id, MAX(p.pulled_at) FROM artifact_reference r
    JOIN artifact_pull p ON p.artifact_id = r.child_id WHERE r.child_id IN ({list}) GROUP BY r.parent_id
    ON CONFLICT (artifact_id) DO UPDATE SET pulled_at = excluded.pulled_at
    WHERE artifact_pull.pulled_at < excluded.pulled_at";
