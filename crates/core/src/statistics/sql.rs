//! Statements that count.

pub(super) const COUNTS: &str = "SELECT COUNT(*),
    CAST(COALESCE(SUM((SELECT COUNT(*) FROM repository r WHERE r.project_id = p.id)), 0) AS BIGINT)";
pub(super) const FROM: &str = "FROM project p";

/// Deleted projects are not public.
pub(super) const PUBLIC: &str = "p.public";

pub(super) const LIVE: &str = "p.deleted_at IS NULL";

pub(super) const STORAGE: &str = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blob WHERE NOT lost";
