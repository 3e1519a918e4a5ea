//! Statements that fill a database.

pub(super) const INSERT_REPOSITORY: &str =
    "INSERT INTO repository (project_id, name, created_at, updated_at) VALUES ($1, $2, 0, 0) RETURNING id";

pub(super) const MANIFESTS: &str = "INSERT INTO manifest (digest, content)";

pub(super) const ARTIFACTS: &str =
    "INSERT INTO artifact (project_id, repository_id, digest, type, media_type,
    manifest_media_type, manifest_size, size, listed, pushed_at, extra_attrs)";

pub(super) const RETURNING: &str = "RETURNING id, digest";

pub(super) const TAGS: &str = "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)";

pub(super) const BLOBS: &str = "INSERT INTO blob (digest, size, created_at)";

pub(super) const LINKS: &str = "INSERT INTO project_blob (project_id, digest, created_at)";

pub(super) const KNOWN: &str = "ON CONFLICT DO NOTHING";

pub(super) const USES: &str = "INSERT INTO artifact_blob (artifact_id, project_id, digest)";

/// SQLite keeps a gigabyte of pages in memory while it writes.
pub(super) const CACHE: &str = "PRAGMA cache_size = -1000000";

pub(super) const COUNT: &str = "UPDATE repository SET artifact_count =
    (SELECT COUNT(*) FROM artifact a WHERE a.repository_id = repository.id)";

pub(super) const COUNT_REPOSITORIES: &str = "UPDATE project SET repository_count =
    (SELECT COUNT(*) FROM repository r WHERE r.project_id = project.id)";

pub(super) const ANALYZE: &str = "ANALYZE";

#[cfg(test)]
pub(super) const FIND: &str = "SELECT a.digest, m.content, r.artifact_count,
    (SELECT COUNT(*) FROM artifact_blob b WHERE b.artifact_id = a.id)
    FROM repository r JOIN tag t ON t.repository_id = r.id JOIN artifact a ON a.id = t.artifact_id
    JOIN manifest m ON m.digest = a.digest WHERE r.name = $1 AND t.name = $2";
