//! Statements of a copy. In those about many, `{list}` are artifacts of the source and `{next}` is the destination.
//! Everything that is there already is left as it is, so each may be run again.

pub(super) const LIVE_PROJECT: &str = "SELECT id FROM project WHERE id = $1 AND deleted_at IS NULL";

/// Holds the source as it is until the transaction ends, beside other copies from it.
pub(super) const HOLD_SOURCE: &str =
    "SELECT id FROM repository WHERE project_id = $1 AND name = $2 FOR SHARE";

pub(super) const SOURCE_BY_TAG: &str = "SELECT a.id, a.digest, a.accessory FROM tag t
    JOIN artifact a ON a.id = t.artifact_id WHERE t.repository_id = $1 AND t.name = $2";
pub(super) const SOURCE_BY_DIGEST: &str =
    "SELECT a.id, a.digest, a.accessory FROM artifact a WHERE a.repository_id = $1 AND a.digest = $2";

/// What tags that arrive take from others: `{next}` is the destination.
pub(super) const LOSE_TAGS: &str = "SELECT d.artifact_id FROM tag t
    JOIN tag d ON d.repository_id = {next} AND d.name = t.name WHERE t.artifact_id IN ({list})";

/// The copies: `{next}` is the destination.
pub(super) const COPIES: &str = "SELECT d.id FROM artifact s
    JOIN artifact d ON d.repository_id = {next} AND d.digest = s.digest WHERE s.id IN ({list})";

/// With `{next}` the destination and `{after}` the time, in the order that keys between the tables allow.
pub(super) const TIMED: [&str; 2] = [
    "INSERT INTO artifact (project_id, repository_id, digest, type, media_type, artifact_type, manifest_media_type,
        manifest_size, size, icon, own_icon, annotations, extra_attrs, accessory, pushed_at)
    SELECT r.project_id, r.id, a.digest, a.type, a.media_type, a.artifact_type, a.manifest_media_type,
        a.manifest_size, a.size, a.icon, a.own_icon, a.annotations, a.extra_attrs, a.accessory,
        CAST({after} AS BIGINT)
    FROM artifact a JOIN repository r ON r.id = {next} WHERE a.id IN ({list})
    ON CONFLICT (repository_id, digest) DO NOTHING",
    "INSERT INTO accessory (artifact_id, repository_id, subject_digest, subject_artifact_id, type, created_at)
    SELECT d.id, d.repository_id, x.subject_digest,
        (SELECT o.id FROM artifact o WHERE o.repository_id = d.repository_id AND o.digest = x.subject_digest),
        x.type, CAST({after} AS BIGINT)
    FROM accessory x JOIN artifact s ON s.id = x.artifact_id
    JOIN artifact d ON d.repository_id = {next} AND d.digest = s.digest
    WHERE x.artifact_id IN ({list}) ON CONFLICT (artifact_id, subject_digest) DO NOTHING",
];

/// With `{next}` the destination, after the artifacts.
pub(super) const UNTIMED: [&str; 3] = [
    // In the order in which whoever takes links away holds them.
    "INSERT INTO artifact_blob (artifact_id, project_id, digest)
    SELECT d.id, d.project_id, u.digest FROM artifact_blob u JOIN artifact s ON s.id = u.artifact_id
    JOIN artifact d ON d.repository_id = {next} AND d.digest = s.digest
    WHERE u.artifact_id IN ({list}) ORDER BY u.digest, d.id ON CONFLICT (artifact_id, digest) DO NOTHING",
    "INSERT INTO artifact_reference (parent_id, position, child_id, child_digest, platform, annotations, urls)
    SELECT d.id, f.position, c.id, f.child_digest, f.platform, f.annotations, f.urls
    FROM artifact_reference f JOIN artifact s ON s.id = f.parent_id
    JOIN artifact d ON d.repository_id = {next} AND d.digest = s.digest
    JOIN artifact c ON c.repository_id = {next} AND c.digest = f.child_digest
    WHERE f.parent_id IN ({list}) ON CONFLICT (parent_id, position) DO NOTHING",
    // Those who hang on a digest that is here now.
    "UPDATE accessory SET subject_artifact_id = (SELECT d.id FROM artifact d
        WHERE d.repository_id = accessory.repository_id AND d.digest = accessory.subject_digest)
    WHERE repository_id = {next} AND subject_artifact_id IS NULL
    AND subject_digest IN (SELECT s.digest FROM artifact s WHERE s.id IN ({list}))",
];

/// `{next}` is the destination and `{after}` the time. A tag that names another artifact there moves.
pub(super) const COPY_TAGS: &str = "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)
    SELECT d.repository_id, d.id, t.name, CAST({after} AS BIGINT) FROM tag t JOIN artifact s ON s.id = t.artifact_id
    JOIN artifact d ON d.repository_id = {next} AND d.digest = s.digest WHERE t.artifact_id IN ({list})
    ON CONFLICT (repository_id, name) DO UPDATE SET artifact_id = excluded.artifact_id,
    pushed_at = excluded.pushed_at WHERE tag.artifact_id <> excluded.artifact_id";
