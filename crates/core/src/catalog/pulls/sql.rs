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

/// Times only go forward, whichever replica comes last. What is gone by now stays so.
pub(super) fn touch_artifacts(count: usize) -> String {
    format!(
        "INSERT INTO artifact_pull (artifact_id, pulled_at)
        SELECT v.column1, v.column2 FROM (VALUES {}) AS v
        WHERE EXISTS (SELECT 1 FROM artifact a WHERE a.id = v.column1)
        ON CONFLICT (artifact_id) DO UPDATE SET pulled_at = excluded.pulled_at
        WHERE artifact_pull.pulled_at < excluded.pulled_at",
        pairs(count)
    )
}

pub(super) fn touch_tags(count: usize) -> String {
    format!(
        "INSERT INTO tag_pull (tag_id, pulled_at)
        SELECT v.column1, v.column2 FROM (VALUES {}) AS v
        WHERE EXISTS (SELECT 1 FROM tag t WHERE t.id = v.column1)
        ON CONFLICT (tag_id) DO UPDATE SET pulled_at = excluded.pulled_at
        WHERE tag_pull.pulled_at < excluded.pulled_at",
        pairs(count)
    )
}

/// An index was pulled when a part of it was.
pub(super) const TOUCH_PARENTS: &str = "INSERT INTO artifact_pull (artifact_id, pulled_at)
    SELECT r.parent_id, MAX(p.pulled_at) FROM artifact_reference r
    JOIN artifact_pull p ON p.artifact_id = r.child_id WHERE r.child_id IN ({list}) GROUP BY r.parent_id
    ON CONFLICT (artifact_id) DO UPDATE SET pulled_at = excluded.pulled_at
    WHERE artifact_pull.pulled_at < excluded.pulled_at";
