//! Statements that count.

pub(super) const COUNTS: &str = "SELECT COUNT(*),
    CAST(COALESCE(SUM((SELECT COUNT(*) FROM repository r WHERE r.project_id = p.id)), 0) AS BIGINT)";
pub(super) const FROM: &str = "FROM project p";

/// Deleted projects are not public.
pub(super) const PUBLIC: &str = "p.public";

pub(super) const PRIVATE: &str = "NOT p.public AND p.deleted_at IS NULL";

/// A deleted project has no members.
pub(super) const MINE: &str = "p.id IN (SELECT m.project_id FROM project_member m
    WHERE m.entity_type = 'u' AND m.entity_id = ? OR m.entity_type = 'g' AND m.entity_id IN ({list}))";

pub(super) const STORAGE: &str = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blob WHERE NOT lost";
