//! Statements of blobs, uploads and manifests.

pub(super) const INSERT_UPLOAD: &str =
    "INSERT INTO upload (id, project_id, repository, actor, state, size, started_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6, $6)";

pub(super) const UPLOAD: &str =
    "SELECT project_id, repository, actor, state, size, lease, lease_until FROM upload WHERE id = $1";

/// One request at a time writes to a session, whichever replica it came to. A lease that lasts longer than any can is
/// from before the clock was turned back.
pub(super) const CLAIM_UPLOAD: &str = "UPDATE upload SET lease = $2, lease_until = $3, updated_at = $4
    WHERE id = $1 AND (lease = '' OR lease_until < $4 OR lease_until > $5) RETURNING state, size";

pub(super) const RENEW_UPLOAD: &str =
    "UPDATE upload SET lease_until = $3, updated_at = $4 WHERE id = $1 AND lease = $2";

pub(super) const SAVE_UPLOAD: &str =
    "UPDATE upload SET state = $3, size = $4, placed = $6, lease = '', lease_until = 0,
    updated_at = $5 WHERE id = $1 AND lease = $2";

pub(super) const UPLOAD_IDS: &str = "SELECT id FROM upload";

pub(super) const COUNT_UPLOADS: &str = "SELECT COUNT(*) FROM upload";

pub(super) const DELETE_UPLOAD: &str = "DELETE FROM upload WHERE id = $1 RETURNING placed";

/// As long as the claim holds: nobody cancelled the session or took it over.
pub(super) const DELETE_CLAIMED: &str = "DELETE FROM upload WHERE id = $1 AND lease = $2";

/// As [`DELETE_CLAIMED`], of one that has become no blob.
pub(super) const END_CLAIMED: &str = "DELETE FROM upload WHERE id = $1 AND lease = $2 RETURNING placed";

/// As long as nothing has come to it and nobody is writing.
pub(super) const DELETE_UNTOUCHED: &str =
    "DELETE FROM upload WHERE id = $1 AND size = 0 AND (lease = '' OR lease_until < $2)";

/// As long as nobody is writing and nothing has come since.
pub(super) const END_LOST_UPLOAD: &str =
    "DELETE FROM upload WHERE id = $1 AND state = $2 AND lease_until < $3 RETURNING placed";

pub(super) const STALE_UPLOADS: &str =
    "SELECT id FROM upload WHERE updated_at < $1 AND lease_until < $2 ORDER BY updated_at LIMIT 100";

pub(super) const DELETE_STALE_UPLOAD: &str =
    "DELETE FROM upload WHERE id = $1 AND updated_at < $2 RETURNING placed";

pub(super) const ABANDON_UPLOADS: &str = "UPDATE upload SET updated_at = 0 WHERE project_id = $1";

/// Also takes the row of a blob that is here already, against whoever is removing its bytes; one that was lost is found
/// again.
pub(super) const INSERT_BLOB: &str = "INSERT INTO blob (digest, size, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (digest) DO UPDATE SET size = excluded.size, lost = FALSE WHERE blob.lost";

pub(super) const LINK_BLOB: &str =
    "INSERT INTO project_blob (project_id, digest, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (project_id, digest) DO NOTHING";

pub(super) const RELINK_BLOB: &str = "INSERT INTO project_blob (project_id, digest, created_at)
    SELECT p.id, b.digest, b.created_at FROM project p, blob b WHERE p.id = $1 AND b.digest = $2
    ON CONFLICT (project_id, digest) DO NOTHING";

/// Conflicts with the keys that [`catalog`](crate::catalog) takes on a link when it records that an artifact needs it.
pub(super) const HOLD_LINKS: &str = "SELECT digest FROM project_blob
    WHERE digest IN ({list}) AND project_id = {next} ORDER BY digest FOR UPDATE";

/// The sizes of those that no artifact of the project needs.
pub(super) const UNUSED_LINKS: &str = "SELECT b.size FROM project_blob l JOIN blob b ON b.digest = l.digest
    WHERE l.digest IN ({list}) AND l.project_id = {next} AND NOT EXISTS (SELECT 1 FROM artifact_blob u
        WHERE u.project_id = l.project_id AND u.digest = l.digest)";

pub(super) const UNLINK_BLOBS: &str =
    "DELETE FROM project_blob WHERE digest IN ({list}) AND project_id = {next}
    AND NOT EXISTS (SELECT 1 FROM artifact_blob u
        WHERE u.project_id = project_blob.project_id AND u.digest = project_blob.digest)";

/// All that the artifacts of a list need, for the project `{next}`; answers the size of each that is new to it. In order,
/// so that of two who bring the same blobs one waits for the other, and not each for the other.
pub(super) const LINK_NEEDED: &str = "INSERT INTO project_blob (project_id, digest, created_at)
    SELECT DISTINCT CAST({next} AS BIGINT), u.digest, CAST({after} AS BIGINT) FROM artifact_blob u
    WHERE u.artifact_id IN ({list}) ORDER BY u.digest ON CONFLICT (project_id, digest) DO NOTHING
    RETURNING (SELECT b.size FROM blob b WHERE b.digest = project_blob.digest)";

pub(super) const BLOB: &str = "SELECT b.size FROM project_blob l JOIN blob b ON b.digest = l.digest
    WHERE l.project_id = $1 AND l.digest = $2 AND NOT b.lost";

pub(super) const BLOBS_OF: &str =
    "SELECT b.digest, b.size FROM project_blob l JOIN blob b ON b.digest = l.digest
    WHERE l.digest IN ({list}) AND l.project_id = {next} AND NOT b.lost";

pub(super) const PROJECTS_WITH_BLOB: &str = "SELECT p.id FROM project_blob l
    JOIN project p ON p.id = l.project_id
    WHERE l.digest = $1 AND p.deleted_at IS NULL AND ($2 = '' OR p.name = $2) ORDER BY p.id LIMIT 20";

/// A blob that an artifact of the project still needs stays linked.
pub(super) const UNLINK_BLOB: &str = "DELETE FROM project_blob WHERE project_id = $1 AND digest = $2
    AND NOT EXISTS (SELECT 1 FROM artifact_blob u WHERE u.project_id = $1 AND u.digest = $2)
    RETURNING (SELECT b.size FROM blob b WHERE b.digest = project_blob.digest)";

/// Asked after a row that refers to the project was written: PostgreSQL then holds its key, so a deletion of the project
/// either is seen here or sees that row.
pub(super) const LIVE_PROJECT: &str = "SELECT id FROM project WHERE id = $1 AND deleted_at IS NULL";

/// Content that is not the digest's can only be damaged, and is replaced.
pub(super) const INSERT_MANIFEST: &str = "INSERT INTO manifest (digest, content) VALUES ($1, $2)
    ON CONFLICT (digest) DO UPDATE SET content = excluded.content WHERE manifest.content <> excluded.content";

pub(super) const MANIFEST: &str = "SELECT content FROM manifest WHERE digest = $1";

pub(super) const BY_TAG: &str = "SELECT a.digest, a.manifest_media_type, a.id, r.id, t.id FROM repository r
    JOIN tag t ON t.repository_id = r.id JOIN artifact a ON a.id = t.artifact_id
    WHERE r.name = $1 AND t.name = $2 AND r.project_id = $3";

pub(super) const BY_DIGEST: &str =
    "SELECT a.digest, a.manifest_media_type, a.id, r.id, CAST(NULL AS BIGINT) FROM repository r
    JOIN artifact a ON a.repository_id = r.id WHERE r.name = $1 AND a.digest = $2 AND r.project_id = $3";

/// The next `$6` of a subject, as far as their annotations together take no more than `$7` bytes, and at least one. Lengths
/// are added up before any annotation is read; the last column is how many there were before that.
pub(super) const REFERRERS: &str = "WITH next AS (SELECT x.artifact_id, OCTET_LENGTH(a.annotations) AS bytes
        FROM repository r JOIN accessory x ON x.repository_id = r.id JOIN artifact a ON a.id = x.artifact_id
        WHERE r.name = $1 AND x.subject_digest = $2 AND r.project_id = $3 AND x.artifact_id > $4
            AND ($5 = '' OR a.artifact_type = $5) ORDER BY x.artifact_id LIMIT $6),
    page AS (SELECT artifact_id, ROW_NUMBER() OVER (ORDER BY artifact_id) AS position,
        SUM(bytes) OVER (ORDER BY artifact_id) AS bytes, COUNT(*) OVER () AS found FROM next)
    SELECT a.digest, a.manifest_media_type, a.manifest_size, a.artifact_type, a.annotations, a.id, page.found
    FROM page JOIN artifact a ON a.id = page.artifact_id WHERE page.bytes <= $7 OR page.position = 1 ORDER BY a.id";

pub(super) const COUNT_REFERRERS: &str = "SELECT COUNT(*) FROM repository r
    JOIN accessory x ON x.repository_id = r.id WHERE r.name = $1 AND x.subject_digest = $2 AND r.project_id = $3";

pub(super) const TAGS: &str = "SELECT t.name FROM tag t WHERE t.repository_id = $1 AND t.name > $2
    ORDER BY t.name LIMIT $3";

pub(super) const REPOSITORY: &str = "SELECT id FROM repository WHERE name = $1";

pub(super) const REPOSITORY_IN: &str = "SELECT id FROM repository WHERE name = $1 AND project_id = $2";

pub(super) const CATALOG: &str = "SELECT r.name FROM repository r
    WHERE r.name > $1 AND EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = r.id)
    ORDER BY r.name LIMIT $2";

pub(super) const GENERATION: &str = "SELECT generation FROM blob_removal WHERE digest = $1";

/// Counts up from the generation that was seen; answers nothing when it is another one by now. The time is when the
/// removal has ended for certain, even if nobody says so.
pub(super) const ANNOUNCE_REMOVAL: &str =
    "INSERT INTO blob_removal (digest, generation, changed_at) VALUES ($1, $2 + 1, $3)
    ON CONFLICT (digest) DO UPDATE SET generation = excluded.generation, changed_at = excluded.changed_at
    WHERE blob_removal.generation = $2 RETURNING generation";

pub(super) const END_REMOVAL: &str = "UPDATE blob_removal SET generation = generation + 1, changed_at = $3 WHERE digest = $1 AND generation = $2";

/// As [`END_REMOVAL`], by somebody else than its owner: not before the removal can no longer come to pass.
pub(super) const EXPIRE_REMOVAL: &str = "UPDATE blob_removal SET generation = generation + 1, changed_at = $3
    WHERE digest = $1 AND generation = $2 AND changed_at <= $3";

/// One that would end later than any can is from before the clock was turned back. Nobody knows how long ago that was, so it
/// counts as one that began now: unlike a lease, it may still come to pass.
pub(super) const REDATE_REMOVAL: &str = "UPDATE blob_removal SET changed_at = $3
    WHERE digest = $1 AND generation = $2 AND changed_at > $4";

pub(super) const FORGET_REMOVALS: &str =
    "DELETE FROM blob_removal WHERE changed_at < $1 AND generation % 2 = 0";

/// Takes the key of a row that is not there: until the transaction ends, nobody else can make it.
pub(super) const HOLD_BLOB: &str =
    "INSERT INTO blob (digest, size, created_at, lost) VALUES ($1, 0, $2, TRUE)
    ON CONFLICT (digest) DO NOTHING";

pub(super) const DROP_HELD_BLOB: &str = "DELETE FROM blob WHERE digest = $1";

pub(super) const LOSE_BLOB: &str = "UPDATE blob SET lost = TRUE WHERE digest = $1";

pub(super) const FIND_BLOB: &str = "UPDATE blob SET lost = FALSE, size = $2 WHERE digest = $1";

pub(super) const NOTE_ORPHAN: &str = "INSERT INTO orphan_blob (digest, noted_at) VALUES ($1, $2)
    ON CONFLICT (digest) DO UPDATE SET noted_at = excluded.noted_at";

/// Those that were noted long enough ago, but for what open sessions will ask for.
pub(super) const DUE_ORPHANS: &str = "SELECT o.digest, o.noted_at FROM orphan_blob o
    WHERE o.digest > $1 AND o.noted_at <= $2
        AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.placed = o.digest AND u.placed <> '')
    ORDER BY o.digest LIMIT 100";

/// Not one that was noted again since.
pub(super) const FORGET_ORPHAN: &str = "DELETE FROM orphan_blob WHERE digest = $1 AND noted_at = $2";

pub(super) const BLOB_ROW: &str = "SELECT size FROM blob WHERE digest = $1";
