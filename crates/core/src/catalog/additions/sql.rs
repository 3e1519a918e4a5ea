//! Statements of what was read out of artifacts.

/// An artifact by tag, with what was read out of it under a name, if it was.
pub(super) const BY_TAG: &str = "SELECT a.digest, a.type, a.manifest_media_type, x.problem, x.content
    FROM repository r JOIN tag t ON t.repository_id = r.id JOIN artifact a ON a.id = t.artifact_id
    LEFT JOIN manifest_addition x ON x.digest = a.digest AND x.name = $4
    WHERE r.name = $1 AND r.project_id = $2 AND t.name = $3";

/// The same by digest.
pub(super) const BY_DIGEST: &str = "SELECT a.digest, a.type, a.manifest_media_type, x.problem, x.content
    FROM repository r JOIN artifact a ON a.repository_id = r.id
    LEFT JOIN manifest_addition x ON x.digest = a.digest AND x.name = $4
    WHERE r.name = $1 AND r.project_id = $2 AND a.digest = $3";

pub(super) const MANIFEST: &str = "SELECT content FROM manifest WHERE digest = $1";

pub(super) const KEEP: &str = "INSERT INTO manifest_addition (digest, name, problem, content)
    VALUES ($1, $2, $3, $4) ON CONFLICT (digest, name) DO NOTHING";
