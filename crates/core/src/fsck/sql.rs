//! Statements that only look. What mends is in the slice that owns the rows, except for rows whose owner is gone.

pub(super) const SHELF: &str = "SELECT b.digest, b.size, b.lost,
    EXISTS (SELECT 1 FROM manifest m WHERE m.digest = b.digest)
    FROM blob b WHERE b.digest >= $1 AND b.digest < $2";

pub(super) const BLOB: &str = "SELECT b.digest, b.size, b.lost,
    EXISTS (SELECT 1 FROM manifest m WHERE m.digest = b.digest) FROM blob b WHERE b.digest = $1";

pub(super) const TOTAL_SIZE: &str = "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM blob WHERE NOT lost";

pub(super) const MANIFEST: &str = "SELECT content FROM manifest WHERE digest = $1";

pub(super) const NEEDED_BY: &str = "SELECT r.name, a.digest,
    COALESCE((SELECT MIN(t.name) FROM tag t WHERE t.artifact_id = a.id), '')
    FROM project_blob l JOIN artifact_blob u ON u.project_id = l.project_id AND u.digest = l.digest
    JOIN artifact a ON a.id = u.artifact_id JOIN repository r ON r.id = a.repository_id
    WHERE l.digest = $1 ORDER BY r.name, a.digest LIMIT $2";

// Artifacts with what was made of their manifests. `{list}` stands for their ids.

pub(super) const COUNT_ARTIFACTS: &str = "SELECT COUNT(*) FROM artifact";

pub(super) const NEXT_ARTIFACTS: &str = "SELECT id FROM artifact WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) const ARTIFACTS: &str = "SELECT a.id, a.project_id, a.repository_id, r.name, a.digest, a.type,
    a.media_type, a.artifact_type, a.manifest_media_type, a.manifest_size, a.size, a.annotations, a.accessory, m.content
    FROM artifact a JOIN repository r ON r.id = a.repository_id JOIN manifest m ON m.digest = a.digest
    WHERE a.id IN ({list})";

pub(super) const NEEDS_OF: &str =
    "SELECT u.artifact_id, u.digest FROM artifact_blob u WHERE u.artifact_id IN ({list})";

pub(super) const PARTS_OF: &str =
    "SELECT f.parent_id, f.child_digest, f.platform, f.annotations, f.urls, c.size
    FROM artifact_reference f JOIN artifact p ON p.id = f.parent_id LEFT JOIN artifact c ON c.id = f.child_id
        AND c.digest = f.child_digest AND c.repository_id = p.repository_id
    WHERE f.parent_id IN ({list}) ORDER BY f.parent_id, f.position";

pub(super) const HANGS_ON: &str =
    "SELECT x.artifact_id, x.subject_digest, x.type FROM accessory x WHERE x.artifact_id IN ({list})";

/// Whoever writes to a repository takes its row first.
pub(super) const HOLD_REPOSITORY: &str = "SELECT id FROM repository WHERE id = $1 FOR UPDATE";

// Upload sessions.

pub(super) const COUNT_UPLOADS: &str = "SELECT COUNT(*) FROM upload";

pub(super) const NEXT_UPLOADS: &str = "SELECT id, repository, state, size, lease_until FROM upload
    WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) const ONE_UPLOAD: &str =
    "SELECT id, repository, state, size, lease_until FROM upload WHERE id = $1";

// The checks of rows. Each answers a number and a text that say which row, and a sentence. `$1` is the most of them.

pub(super) const TAG_OF_NOTHING: &str =
    "SELECT t.id, '', 'the tag ' || t.name || ' names an artifact that is not there'
    FROM tag t WHERE NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = t.artifact_id) LIMIT $1";
pub(super) const DELETE_TAG: &str = "DELETE FROM tag WHERE id = $1 AND $2 = ''
    AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = tag.artifact_id)";

pub(super) const TAG_ASTRAY: &str =
    "SELECT t.id, '', 'the tag ' || t.name || ' names an artifact of another repository'
    FROM tag t JOIN artifact a ON a.id = t.artifact_id WHERE a.repository_id <> t.repository_id LIMIT $1";

pub(super) const CHILD_OF_NOTHING: &str =
    "SELECT DISTINCT f.parent_id, f.child_digest, 'a part of an index that is not there' FROM artifact_reference f
    WHERE NOT EXISTS (SELECT 1 FROM artifact p WHERE p.id = f.parent_id) LIMIT $1";
pub(super) const DELETE_REFERENCES: &str = "DELETE FROM artifact_reference
    WHERE parent_id = $1 AND child_digest = $2
    AND NOT EXISTS (SELECT 1 FROM artifact p WHERE p.id = artifact_reference.parent_id)";

pub(super) const CHILD_ASTRAY: &str =
    "SELECT DISTINCT f.parent_id, f.child_digest, 'the index ' || r.name || '@' || p.digest || ' refers to a row that is not'
        || ' the artifact ' || f.child_digest
    FROM artifact_reference f JOIN artifact p ON p.id = f.parent_id JOIN repository r ON r.id = p.repository_id
    WHERE NOT EXISTS (SELECT 1 FROM artifact c WHERE c.id = f.child_id AND c.digest = f.child_digest
        AND c.repository_id = p.repository_id) LIMIT $1";
pub(super) const POINT_TO_CHILD: &str =
    "UPDATE artifact_reference SET child_id = (SELECT c.id FROM artifact c JOIN artifact p
        ON p.repository_id = c.repository_id WHERE p.id = $1 AND c.digest = $2)
    WHERE parent_id = $1 AND child_digest = $2 AND EXISTS (SELECT 1 FROM artifact c JOIN artifact p
        ON p.repository_id = c.repository_id WHERE p.id = $1 AND c.digest = $2)";

pub(super) const NEED_OF_NOTHING: &str =
    "SELECT u.artifact_id, u.digest, 'a blob for an artifact that is not there' FROM artifact_blob u
    WHERE NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = u.artifact_id) LIMIT $1";
pub(super) const DELETE_NEED: &str = "DELETE FROM artifact_blob WHERE artifact_id = $1 AND digest = $2
    AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = artifact_blob.artifact_id)";

pub(super) const NEED_ASTRAY: &str =
    "SELECT u.artifact_id, u.digest, 'an artifact needs the blob ' || u.digest || ' of another project'
    FROM artifact_blob u JOIN artifact a ON a.id = u.artifact_id WHERE a.project_id <> u.project_id LIMIT $1";

pub(super) const NEED_WITHOUT_LINK: &str =
    "SELECT u.project_id, u.digest, 'an artifact needs the blob ' || u.digest || ' that its project does not have'
    FROM artifact_blob u WHERE NOT EXISTS (SELECT 1 FROM project_blob l
        WHERE l.project_id = u.project_id AND l.digest = u.digest) LIMIT $1";

pub(super) const LINK_OF_NOTHING: &str =
    "SELECT l.project_id, l.digest, 'a project has the blob ' || l.digest || ', which has no row'
    FROM project_blob l WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = l.digest) LIMIT $1";

pub(super) const ARTIFACT_WITHOUT_MANIFEST: &str =
    "SELECT a.id, a.digest, 'the manifest of the artifact ' || a.digest || ' is not in the database'
    FROM artifact a WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = a.digest) LIMIT $1";

pub(super) const MANIFEST_WITHOUT_BLOB: &str =
    "SELECT 0, m.digest, 'the manifest ' || m.digest || ' has no row among the blobs'
    FROM manifest m WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = m.digest)
    AND EXISTS (SELECT 1 FROM artifact a WHERE a.digest = m.digest) LIMIT $1";

pub(super) const ARTIFACT_WITHOUT_OWN_BLOB: &str =
    "SELECT a.id, a.digest, 'the artifact ' || a.digest || ' does not hold its own manifest'
    FROM artifact a WHERE NOT EXISTS (SELECT 1 FROM artifact_blob u
        WHERE u.artifact_id = a.id AND u.digest = a.digest) LIMIT $1";
pub(super) const HOLD_OWN_BLOB: &str = "INSERT INTO artifact_blob (artifact_id, project_id, digest)
    SELECT a.id, l.project_id, l.digest FROM artifact a JOIN project_blob l
        ON l.project_id = a.project_id AND l.digest = a.digest WHERE a.id = $1 AND a.digest = $2
    ON CONFLICT (artifact_id, digest) DO NOTHING";

pub(super) const ARTIFACT_ASTRAY: &str =
    "SELECT a.id, a.digest, 'the artifact ' || a.digest || ' is in no repository of its project' FROM artifact a
    WHERE NOT EXISTS (SELECT 1 FROM repository r WHERE r.id = a.repository_id AND r.project_id = a.project_id)
    LIMIT $1";

pub(super) const REPOSITORY_ASTRAY: &str =
    "SELECT r.id, r.name, 'the repository ' || r.name || ' is in no project of that name' FROM repository r
    WHERE NOT EXISTS (SELECT 1 FROM project p WHERE p.id = r.project_id AND p.deleted_at IS NULL
        AND SUBSTR(r.name, 1, LENGTH(p.name) + 1) = p.name || '/') LIMIT $1";

pub(super) const ACCESSORY_OF_NOTHING: &str =
    "SELECT x.id, '', 'what hangs on ' || x.subject_digest || ' is not there' FROM accessory x
    WHERE NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = x.artifact_id) LIMIT $1";
pub(super) const DELETE_ACCESSORY: &str = "DELETE FROM accessory WHERE id = $1 AND $2 = ''
    AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = accessory.artifact_id)";

pub(super) const LABEL_OF_NOTHING: &str =
    "SELECT x.artifact_id, CAST(x.label_id AS TEXT), 'a label and an artifact, of which one is not there' FROM artifact_label x
    WHERE NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = x.artifact_id)
    OR NOT EXISTS (SELECT 1 FROM label l WHERE l.id = x.label_id) LIMIT $1";
pub(super) const DELETE_LABEL: &str = "DELETE FROM artifact_label
    WHERE artifact_id = $1 AND CAST(label_id AS TEXT) = $2
    AND (NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = artifact_label.artifact_id)
        OR NOT EXISTS (SELECT 1 FROM label l WHERE l.id = artifact_label.label_id))";

pub(super) const PULL_OF_NOTHING: &str =
    "SELECT x.artifact_id, '', 'when an artifact was pulled that is not there' FROM artifact_pull x
    WHERE NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = x.artifact_id) LIMIT $1";
pub(super) const DELETE_PULL: &str = "DELETE FROM artifact_pull WHERE artifact_id = $1 AND $2 = ''
    AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.id = artifact_pull.artifact_id)";

pub(super) const TAG_PULL_OF_NOTHING: &str =
    "SELECT x.tag_id, '', 'when a tag was pulled that is not there' FROM tag_pull x
    WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.id = x.tag_id) LIMIT $1";
pub(super) const DELETE_TAG_PULL: &str = "DELETE FROM tag_pull WHERE tag_id = $1 AND $2 = ''
    AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.id = tag_pull.tag_id)";

pub(super) const UPLOAD_OF_NOTHING: &str =
    "SELECT 0, o.id, 'an upload into a project that is not there' FROM upload o
    WHERE NOT EXISTS (SELECT 1 FROM project p WHERE p.id = o.project_id) LIMIT $1";
pub(super) const DELETE_UPLOAD: &str = "DELETE FROM upload WHERE id = $2 AND $1 = 0
    AND NOT EXISTS (SELECT 1 FROM project p WHERE p.id = upload.project_id)";

// Values that follow from other rows; the number is that of the repository.

pub(super) const SUBJECT: &str =
    "SELECT x.repository_id, '', 'what hangs on ' || x.subject_digest || ' is tied to another artifact or to none'
    FROM accessory x LEFT JOIN artifact a ON a.repository_id = x.repository_id AND a.digest = x.subject_digest
    WHERE COALESCE(x.subject_artifact_id, 0) <> COALESCE(a.id, 0) LIMIT $1";

pub(super) const LISTED: &str =
    "SELECT a.repository_id, '', 'the artifact ' || a.digest || CASE WHEN a.listed THEN ' is' ELSE ' is not' END
        || ' in lists' FROM artifact a
    WHERE a.listed <> (NOT a.accessory AND (EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = a.id)
        OR NOT EXISTS (SELECT 1 FROM artifact_reference f WHERE f.child_id = a.id))) LIMIT $1";

pub(super) const COUNT: &str =
    "SELECT r.id, '', 'the repository ' || r.name || ' counts ' || CAST(r.artifact_count AS TEXT) || ' artifacts'
    FROM repository r WHERE r.artifact_count <> (SELECT COUNT(*) FROM artifact a
        WHERE a.repository_id = r.id AND a.listed) LIMIT $1";

pub(super) const PART: &str =
    "SELECT r.id, '', 'the search does not find the repository ' || r.name FROM repository r
    WHERE NOT EXISTS (SELECT 1 FROM repository_part x
        WHERE x.part = substr(r.name, 1, 24) AND x.repository_id = r.id) LIMIT $1";
