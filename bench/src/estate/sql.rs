//! Statements that fill a database with an estate.

pub(super) const INSERT_PROJECT: &str = "INSERT INTO project (name, owner_id, public, created_at, updated_at)
    VALUES ($1, 1, $2, $3, $3) RETURNING id";

pub(super) const INSERT_MEMBER: &str =
    "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
    VALUES ($1, 'u', 1, 1, 0, 0)";

pub(super) const INSERT_QUOTA: &str = "INSERT INTO quota (project_id) VALUES ($1)";

pub(super) const INSERT_ALLOWLIST: &str =
    "INSERT INTO cve_allowlist (project_id, created_at, updated_at) VALUES ($1, 0, 0)";

pub(super) const INSERT_LABEL: &str = "INSERT INTO label (name, color, scope, created_at, updated_at) VALUES ($1, '#0065AB', 'g', 0, 0) RETURNING id";

pub(super) const REPOSITORIES: &str =
    "INSERT INTO repository (project_id, name, artifact_count, created_at, updated_at)";
pub(super) const RETURNING_NAME: &str = "RETURNING id, name";

/// The parts of their names, of the repositories of a project.
pub(super) const INSERT_PARTS: &str =
    "WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 255)
    INSERT INTO repository_part (part, repository_id)
    SELECT DISTINCT substr(r.name, n, 24), r.id FROM repository r JOIN place ON n <= length(r.name)
    WHERE r.project_id = $1";

pub(super) const MANIFESTS: &str = "INSERT INTO manifest (digest, content)";

pub(super) const ARTIFACTS: &str =
    "INSERT INTO artifact (project_id, repository_id, digest, type, media_type,
    manifest_media_type, manifest_size, size, listed, pushed_at, extra_attrs)";
pub(super) const RETURNING_DIGEST: &str = "RETURNING id, digest";

pub(super) const TAGS: &str = "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)";

pub(super) const LABELLED: &str = "INSERT INTO artifact_label (artifact_id, label_id, created_at)";

pub(super) const RECORDS: &str =
    "INSERT INTO audit_log_ext (project_id, username, operation, resource_type, resource,
    description, succeeded, happened_at)";

/// As the program keeps them: of each project, of all, and up to which line.
pub(super) const COUNT_RECORDS: [&str; 3] = [
    "INSERT INTO audit_count (project_id, lines)
        SELECT a.project_id, COUNT(*) FROM audit_log_ext a GROUP BY a.project_id",
    "INSERT INTO audit_count (project_id, lines) SELECT -1, COUNT(*) FROM audit_log_ext",
    "UPDATE audit_mark SET counted_to = (SELECT COALESCE(MAX(a.id), 0) FROM audit_log_ext a),
        seen = (SELECT COALESCE(MAX(a.id), 0) FROM audit_log_ext a)",
];

/// SQLite keeps a gigabyte of pages in memory while it writes.
pub(super) const CACHE: &str = "PRAGMA cache_size = -1000000";

pub(super) const ANALYZE: &str = "ANALYZE";

#[cfg(test)]
pub(super) const COUNT: &str = "SELECT (SELECT COUNT(*) FROM project), (SELECT COUNT(*) FROM repository),
    (SELECT COUNT(*) FROM artifact), (SELECT COUNT(*) FROM tag), (SELECT COUNT(*) FROM artifact_label),
    (SELECT COUNT(*) FROM audit_log_ext), (SELECT c.lines FROM audit_count c WHERE c.project_id = -1),
    (SELECT COUNT(*) FROM audit_log_ext a WHERE a.id > (SELECT m.counted_to FROM audit_mark m)),
    (SELECT COUNT(*) FROM repository_part s WHERE s.part = 'service042')";
