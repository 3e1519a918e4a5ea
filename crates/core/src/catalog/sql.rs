//! Statements and rows of the artifact model.

use super::{Accessory, Artifact, Reference, Repository, Tag};
use crate::Result;
use haven_db::{Row, Timestamp};
use serde_json::Value;

pub(super) const OPEN_REPOSITORY: &str = "INSERT INTO repository (project_id, name, created_at, updated_at)
    VALUES ($1, $2, $3, $3) ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id, created_at";

pub(super) const LOCK_REPOSITORY: &str =
    "UPDATE repository SET updated_at = $3 WHERE project_id = $1 AND name = $2 RETURNING id";

pub(super) const ARTIFACT_BY_DIGEST: &str =
    "SELECT id, size FROM artifact WHERE repository_id = $1 AND digest = $2";

pub(super) const DIGEST: &str = "SELECT digest FROM artifact WHERE id = $1";

pub(super) const TAG_NAMES: &str =
    "SELECT name FROM tag WHERE artifact_id = $1 ORDER BY pushed_at DESC, id DESC";

pub(super) const ARTIFACT_BY_TAG: &str = "SELECT artifact_id FROM tag WHERE repository_id = $1 AND name = $2";

/// The id behind a tag or digest.
pub(super) const ID_BY_TAG: &str =
    "SELECT t.artifact_id FROM repository r JOIN tag t ON t.repository_id = r.id
    WHERE r.project_id = $1 AND r.name = $2 AND t.name = $3";
pub(super) const ID_BY_DIGEST: &str =
    "SELECT a.id FROM repository r JOIN artifact a ON a.repository_id = r.id
    WHERE r.project_id = $1 AND r.name = $2 AND a.digest = $3";

pub(super) const MANIFEST_IN: &str = "SELECT a.manifest_media_type, m.content FROM repository r
    JOIN artifact a ON a.repository_id = r.id JOIN manifest m ON m.digest = a.digest
    WHERE r.name = $1 AND a.digest = $2";

pub(super) const ARTIFACT_STILL: &str = "SELECT id FROM artifact WHERE id = $1";

pub(super) const INSERT_ARTIFACT: &str =
    "INSERT INTO artifact (project_id, repository_id, digest, type, media_type, artifact_type, manifest_media_type,
        manifest_size, size, icon, own_icon, annotations, extra_attrs, pushed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id";

/// In these `{list}` stands for any number of values, and `{next}` and `{after}` for the two that follow it.
pub(super) const ARTIFACTS_BY_DIGEST: &str =
    "SELECT digest, id, size FROM artifact WHERE digest IN ({list}) AND repository_id = {next}";

pub(super) const CHILDREN_NAMED: &str =
    "SELECT a.digest FROM artifact a JOIN repository r ON r.id = a.repository_id
    WHERE a.digest IN ({list}) AND r.name = {next}";

/// Takes the keys of links in the order in which whoever takes links away holds them.
pub(super) const INSERT_ARTIFACT_BLOBS: &str = "INSERT INTO artifact_blob (artifact_id, project_id, digest)
    SELECT CAST({next} AS BIGINT), l.project_id, l.digest FROM project_blob l
    WHERE l.digest IN ({list}) AND l.project_id = {after} ORDER BY l.digest RETURNING digest";

/// Some children at once; the parameters are those of one after the other.
pub(super) fn insert_references(count: usize) -> String {
    let row = |n: usize| {
        let marks: Vec<String> = (1..=7).map(|at| format!("${}", n * 7 + at)).collect();
        format!("({})", marks.join(", "))
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    format!(
        "INSERT INTO artifact_reference (parent_id, position, child_id, child_digest, platform, annotations, urls)
        VALUES {}",
        rows.join(", ")
    )
}

pub(super) const TAG: &str = "SELECT id, artifact_id FROM tag WHERE repository_id = $1 AND name = $2";

pub(super) const PUT_TAG: &str = "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)
    VALUES ($1, $2, $3, $4) ON CONFLICT (repository_id, name) DO UPDATE SET
    artifact_id = excluded.artifact_id, pushed_at = excluded.pushed_at
    WHERE tag.artifact_id <> excluded.artifact_id";

pub(super) const ADD_TAG: &str = "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)
    VALUES ($1, $2, $3, $4) ON CONFLICT (repository_id, name) DO NOTHING";

pub(super) const REMOVE_TAG: &str =
    "DELETE FROM tag WHERE repository_id = $1 AND name = $2 RETURNING id, artifact_id";
pub(super) const REMOVE_TAG_PULL: &str = "DELETE FROM tag_pull WHERE tag_id = $1";

pub(super) const INSERT_ACCESSORY: &str =
    "INSERT INTO accessory (artifact_id, repository_id, subject_digest, subject_artifact_id, type, created_at)
    VALUES ($1, $2, $3, (SELECT a.id FROM artifact a WHERE a.repository_id = $2 AND a.digest = $3), $4, $5)
    ON CONFLICT (artifact_id, subject_digest) DO NOTHING";

pub(super) const MARK_ACCESSORY: &str = "UPDATE artifact SET accessory = TRUE WHERE id = $1";

pub(super) const RESOLVE_SUBJECT: &str = "UPDATE accessory SET subject_artifact_id = $1
    WHERE repository_id = $2 AND subject_digest = $3 AND subject_artifact_id IS NULL";

/// Answers the new state when it changed.
pub(super) const RELIST: &str = "UPDATE artifact SET listed = NOT listed WHERE id IN ({list}) AND listed <>
    (NOT accessory AND (EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = artifact.id)
        OR NOT EXISTS (SELECT 1 FROM artifact_reference r WHERE r.child_id = artifact.id)))
    RETURNING listed";

/// The first takes the repository's row.
pub(super) const RECOMPUTE: [&str; 4] = [
    "UPDATE repository SET updated_at = updated_at WHERE id = $1",
    "UPDATE accessory SET subject_artifact_id = (SELECT a.id FROM artifact a
        WHERE a.repository_id = accessory.repository_id AND a.digest = accessory.subject_digest)
        WHERE repository_id = $1",
    "UPDATE artifact SET listed = NOT listed WHERE repository_id = $1 AND listed <>
        (NOT accessory AND (EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = artifact.id)
            OR NOT EXISTS (SELECT 1 FROM artifact_reference r WHERE r.child_id = artifact.id)))",
    "UPDATE repository SET artifact_count = (SELECT COUNT(*) FROM artifact a
        WHERE a.repository_id = repository.id AND a.listed) WHERE id = $1",
];

/// Where an artifact lives, which never changes.
pub(super) const HOME_OF: &str = "SELECT repository_id FROM artifact WHERE id = $1";

pub(super) const HOLD_REPOSITORY: &str = RECOMPUTE[0];

/// What was pushed.
pub(super) const PUSHED: &str = "SELECT a.project_id, a.digest, a.manifest_media_type, a.pushed_at, m.content
    FROM artifact a JOIN manifest m ON m.digest = a.digest WHERE a.id = $1";

/// A picture of its own was looked at when it was pushed, and stays.
pub(super) const DESCRIBE_ARTIFACT: &str =
    "UPDATE artifact SET type = $2, media_type = $3, artifact_type = $4,
    manifest_media_type = $5, manifest_size = $6, size = $7, icon = CASE WHEN own_icon THEN icon ELSE $8 END,
    annotations = $9 WHERE id = $1";

/// Of an artifact; they are made again.
pub(super) const FORGET_NEEDS: [&str; 2] = [
    "DELETE FROM artifact_reference WHERE parent_id = $1",
    "DELETE FROM artifact_blob WHERE artifact_id = $1",
];

pub(super) const HANGS_ON: &str = "SELECT id, subject_digest, type FROM accessory WHERE artifact_id = $1";

pub(super) const DELETE_ACCESSORY: &str = "DELETE FROM accessory WHERE id = $1";

pub(super) const MARK_IF_ACCESSORY: &str = "UPDATE artifact SET accessory =
    EXISTS (SELECT 1 FROM accessory x WHERE x.artifact_id = artifact.id) WHERE id = $1";

pub(super) const COUNT_ARTIFACTS: &str =
    "UPDATE repository SET artifact_count = artifact_count + $2, updated_at = $3 WHERE id = $1";

pub(super) const PARENTS: &str = "SELECT parent_id FROM artifact_reference WHERE child_id = $1 LIMIT 1";

/// What a level of artifacts that go leaves behind.
pub(super) const CHILDREN_OF: &str =
    "SELECT DISTINCT child_id FROM artifact_reference WHERE parent_id IN ({list})";
pub(super) const HANGING_ON: &str =
    "SELECT DISTINCT artifact_id FROM accessory WHERE subject_artifact_id IN ({list})";

/// Of these, what nothing holds any more: neither an index nor, for parts of one, a tag.
pub(super) const ORPHANED: &str = "SELECT a.id FROM artifact a WHERE a.id IN ({list})
    AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = a.id)
    AND NOT EXISTS (SELECT 1 FROM artifact_reference r WHERE r.child_id = a.id)";
pub(super) const IN_NO_INDEX: &str = "SELECT a.id FROM artifact a WHERE a.id IN ({list})
    AND NOT EXISTS (SELECT 1 FROM artifact_reference r WHERE r.child_id = a.id)";

/// In the order that keys between the tables allow.
pub(super) const DELETE_ARTIFACTS: [&str; 6] = [
    "DELETE FROM artifact_pull WHERE artifact_id IN ({list})",
    "DELETE FROM tag_pull WHERE tag_id IN (SELECT t.id FROM tag t WHERE t.artifact_id IN ({list}))",
    "DELETE FROM tag WHERE artifact_id IN ({list})",
    "DELETE FROM artifact_reference WHERE parent_id IN ({list})",
    "DELETE FROM accessory WHERE artifact_id IN ({list})",
    "UPDATE accessory SET subject_artifact_id = NULL WHERE subject_artifact_id IN ({list})",
];

pub(super) const DELETE_NEEDS: &str =
    "DELETE FROM artifact_blob WHERE artifact_id IN ({list}) RETURNING digest";

pub(super) const DELETE_ARTIFACT_ROWS: &str = "DELETE FROM artifact WHERE id IN ({list}) RETURNING listed";

/// A repository with all that is in it; answers the digests that it needed. What refers to an artifact is in the same
/// repository.
pub(super) const DELETE_REPOSITORY: [&str; 8] = [
    "DELETE FROM artifact_pull WHERE artifact_id IN (SELECT a.id FROM artifact a WHERE a.repository_id = $1)",
    "DELETE FROM tag_pull WHERE tag_id IN (SELECT t.id FROM tag t WHERE t.repository_id = $1)",
    "DELETE FROM tag WHERE repository_id = $1",
    "DELETE FROM artifact_reference WHERE parent_id IN (SELECT a.id FROM artifact a WHERE a.repository_id = $1)",
    "DELETE FROM accessory WHERE repository_id = $1",
    "DELETE FROM artifact_blob WHERE artifact_id IN (SELECT a.id FROM artifact a WHERE a.repository_id = $1)
    RETURNING digest",
    "DELETE FROM artifact WHERE repository_id = $1",
    "DELETE FROM repository WHERE id = $1",
];

pub(super) const DESCRIBE_REPOSITORY: &str =
    "UPDATE repository SET description = $3, updated_at = $4 WHERE project_id = $1 AND name = $2";

pub(super) const REPOSITORY_COLUMNS: &str =
    "SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at";

pub(super) const ONE_REPOSITORY: &str = "SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at FROM repository r WHERE r.project_id = $1 AND r.name = $2";

/// A list shows annotations of a sensible length; a manifest may have four megabytes of them.
pub(super) const ARTIFACT_COLUMNS: &str = "SELECT a.id, a.type, a.media_type, a.manifest_media_type,
    a.artifact_type, a.project_id, a.repository_id, r.name, a.digest, a.size, a.icon, a.pushed_at,
    COALESCE(p.pulled_at, 0), a.extra_attrs, CASE WHEN LENGTH(a.annotations) <= 65536 THEN a.annotations ELSE '' END";

pub(super) const ARTIFACT_FROM: &str = "FROM artifact a JOIN repository r ON r.id = a.repository_id
    LEFT JOIN artifact_pull p ON p.artifact_id = a.id";

pub(super) const ONE_ARTIFACT: &str = "SELECT a.id, a.type, a.media_type, a.manifest_media_type,
    a.artifact_type, a.project_id, a.repository_id, r.name, a.digest, a.size, a.icon, a.pushed_at,
    COALESCE(p.pulled_at, 0), a.extra_attrs, a.annotations FROM artifact a JOIN repository r ON r.id = a.repository_id
    LEFT JOIN artifact_pull p ON p.artifact_id = a.id WHERE a.id = $1";

/// How many artifacts are listed in a repository, with its id, and in all of a project together.
pub(super) const LISTED_IN: &str =
    "SELECT artifact_count, id FROM repository WHERE project_id = $1 AND name = $2";
pub(super) const LISTED_IN_PROJECT: &str =
    "SELECT COALESCE(CAST(SUM(artifact_count) AS BIGINT), 0) FROM repository WHERE project_id = $1";

/// Whose artifacts are listed.
pub(super) const IN_PROJECT: &str = "a.project_id = ?";
pub(super) const IN_REPOSITORY: &str = "a.repository_id = ?";
pub(super) const IN_NAMED: &str =
    "a.repository_id = (SELECT n.id FROM repository n WHERE n.project_id = ? AND n.name = ?)";

/// Conditions of the `tags` filter.
pub(super) const TAGGED: &str = "EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = a.id)";
pub(super) const UNTAGGED: &str = "NOT EXISTS (SELECT 1 FROM tag t WHERE t.artifact_id = a.id)";
pub(super) const TAG_IS: &str =
    "a.id IN (SELECT t.artifact_id FROM tag t WHERE t.repository_id = ? AND t.name = ?)";
pub(super) const TAG_CONTAINS: &str =
    r"a.id IN (SELECT t.artifact_id FROM tag t WHERE t.repository_id = ? AND t.name ILIKE ? ESCAPE '\')";
pub(super) const TAG_IS_IN_PROJECT: &str = "a.id IN (SELECT t.artifact_id FROM repository o
    JOIN tag t ON t.repository_id = o.id WHERE o.project_id = ? AND t.name = ?)";
pub(super) const TAG_CONTAINS_IN_PROJECT: &str = r"a.id IN (SELECT t.artifact_id FROM repository o
    JOIN tag t ON t.repository_id = o.id WHERE o.project_id = ? AND t.name ILIKE ? ESCAPE '\')";

/// Condition of the `labels` filter.
pub(super) const CARRIES_ALL: &str = "a.id IN (SELECT c.artifact_id
    FROM (SELECT CAST(? AS BIGINT) AS wanted) w
    JOIN (SELECT l.artifact_id, COUNT(*) AS carried FROM artifact_label l WHERE l.label_id IN ({list})
        GROUP BY l.artifact_id) c ON c.carried = w.wanted)";

/// Of each repository of a project the last push of a type: one look into an index for each repository.
pub(super) const NEWEST_OF_MEDIA_TYPE: &str = "(a.repository_id, a.pushed_at) IN (SELECT o.id,
    (SELECT MAX(n.pushed_at) FROM artifact n WHERE n.repository_id = o.id AND n.listed AND n.media_type = ?)
    FROM repository o WHERE o.project_id = ?) AND a.media_type = ?";
pub(super) const NEWEST_OF_ARTIFACT_TYPE: &str = "(a.repository_id, a.pushed_at) IN (SELECT o.id,
    (SELECT MAX(n.pushed_at) FROM artifact n WHERE n.repository_id = o.id AND n.listed AND n.artifact_type = ?)
    FROM repository o WHERE o.project_id = ?) AND a.artifact_type = ?";

/// About the artifacts of a page, in the order of an index: the newest tags of each.
pub(super) const TAGS_OF: &str =
    "SELECT t.id, t.repository_id, t.artifact_id, t.name, t.pushed_at, COALESCE(p.pulled_at, 0)
    FROM tag t LEFT JOIN tag_pull p ON p.tag_id = t.id
    WHERE t.artifact_id IN ({list}) ORDER BY t.artifact_id, t.pushed_at DESC, t.id DESC LIMIT {next}";
/// The same where they are very many: of each artifact the newest.
pub(super) const NEWEST_TAGS_OF: &str = "SELECT t.id, t.repository_id, t.artifact_id, t.name, t.pushed_at,
    COALESCE(p.pulled_at, 0) FROM (SELECT n.id, n.repository_id, n.artifact_id, n.name, n.pushed_at,
        ROW_NUMBER() OVER (PARTITION BY n.artifact_id ORDER BY n.pushed_at DESC, n.id DESC) AS place
        FROM tag n WHERE n.artifact_id IN ({list})) t
    LEFT JOIN tag_pull p ON p.tag_id = t.id WHERE t.place <= {next} ORDER BY t.artifact_id, t.place";
pub(super) const REFERENCES_OF: &str =
    "SELECT f.parent_id, f.child_id, f.child_digest, f.platform, f.annotations, f.urls FROM artifact_reference f
    WHERE f.parent_id IN ({list}) AND f.position < {next} ORDER BY f.parent_id, f.position";
/// Of each the oldest.
pub(super) const ACCESSORIES_OF: &str = "SELECT x.id, x.artifact_id, x.subject_artifact_id, x.subject_digest,
    r.name, a.size, a.digest, x.type, x.created_at FROM (SELECT n.id, n.artifact_id, n.repository_id,
        n.subject_artifact_id, n.subject_digest, n.type, n.created_at,
        ROW_NUMBER() OVER (PARTITION BY n.subject_artifact_id ORDER BY n.id) AS place
        FROM accessory n WHERE n.subject_artifact_id IN ({list})) x
    JOIN artifact a ON a.id = x.artifact_id JOIN repository r ON r.id = x.repository_id
    WHERE x.place <= {next} ORDER BY x.id";

/// Signatures of the indexes that artifacts without any of their own are part of; of each the oldest.
pub(super) const INHERITED_BY: &str =
    "SELECT DISTINCT s.id, s.artifact_id, s.subject_artifact_id, s.subject_digest,
    r.name, a.size, a.digest, s.type, s.created_at, s.child_id FROM (SELECT x.id, x.artifact_id, x.repository_id,
        x.subject_artifact_id, x.subject_digest, x.type, x.created_at, f.child_id,
        DENSE_RANK() OVER (PARTITION BY f.child_id ORDER BY x.id) AS place
        FROM artifact_reference f JOIN accessory x ON x.subject_artifact_id = f.parent_id
        WHERE f.child_id IN ({list}) AND x.type IN ('signature.cosign', 'signature.notation')
        AND NOT EXISTS (SELECT 1 FROM accessory o WHERE o.subject_artifact_id = f.child_id
            AND o.type IN ('signature.cosign', 'signature.notation'))) s
    JOIN artifact a ON a.id = s.artifact_id JOIN repository r ON r.id = s.repository_id
    WHERE s.place <= {next} ORDER BY s.child_id, s.id";

pub(super) const ACCESSORY_COLUMNS: &str =
    "SELECT x.id, x.artifact_id, x.subject_artifact_id, x.subject_digest,
    r.name, a.size, a.digest, x.type, x.created_at";
pub(super) const ACCESSORY_FROM: &str = "FROM accessory x JOIN artifact a ON a.id = x.artifact_id
    JOIN repository r ON r.id = x.repository_id";

pub(super) const TAG_COLUMNS: &str =
    "SELECT t.id, t.repository_id, t.artifact_id, t.name, t.pushed_at, COALESCE(p.pulled_at, 0)";
pub(super) const TAG_FROM: &str = "FROM tag t LEFT JOIN tag_pull p ON p.tag_id = t.id";

pub(super) fn repository(row: &Row) -> Result<Repository> {
    Ok(Repository {
        id: row.get(0)?,
        project_id: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        artifact_count: row.get(4)?,
        pull_count: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

pub(super) fn tag(row: &Row) -> Result<Tag> {
    Ok(Tag {
        id: row.get(0)?,
        repository_id: row.get(1)?,
        artifact_id: row.get(2)?,
        name: row.get(3)?,
        pushed_at: row.get(4)?,
        pulled_at: row.get(5)?,
    })
}

pub(super) fn accessory(row: &Row) -> Result<Accessory> {
    Ok(Accessory {
        id: row.get(0)?,
        artifact_id: row.get(1)?,
        subject_artifact_id: row.get(2)?,
        subject_digest: row.get(3)?,
        repository: row.get(4)?,
        size: row.get(5)?,
        digest: row.get(6)?,
        kind: row.get(7)?,
        created_at: row.get::<Timestamp>(8)?,
    })
}

pub(super) fn reference(row: &Row) -> Result<Reference> {
    Ok(Reference {
        parent_id: row.get(0)?,
        child_id: row.get(1)?,
        child_digest: row.get(2)?,
        platform: json(row, 3)?,
        annotations: json(row, 4)?,
        urls: json(row, 5)?,
    })
}

pub(super) fn artifact(row: &Row) -> Result<Artifact> {
    Ok(Artifact {
        id: row.get(0)?,
        kind: row.get(1)?,
        media_type: row.get(2)?,
        manifest_media_type: row.get(3)?,
        artifact_type: row.get(4)?,
        project_id: row.get(5)?,
        repository_id: row.get(6)?,
        repository: row.get(7)?,
        digest: row.get(8)?,
        size: row.get(9)?,
        icon: row.get(10)?,
        pushed_at: row.get(11)?,
        pulled_at: row.get(12)?,
        extra_attrs: json(row, 13)?,
        annotations: json(row, 14)?,
        ..Artifact::default()
    })
}

/// A JSON column; empty text is nothing.
fn json(row: &Row, column: usize) -> Result<Value> {
    let text: String = row.get(column)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}
