-- What each project may store, and what it does. A project without a limit only ever gets rows of quota_change, so its
-- pushes wait for nobody; one with a limit takes from a few slots and goes one by one only near its limit.

CREATE TABLE quota (
    id         {{id}},
    project_id BIGINT NOT NULL REFERENCES project (id),
    -- Bytes; -1: no limit.
    hard       BIGINT NOT NULL DEFAULT -1,
    -- What was stored when changes were last folded in; counts only without a limit.
    base       BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX quota_project ON quota (project_id);

-- The room that is left under a limit, in pieces: use is the limit less all of them.
CREATE TABLE quota_slot (
    project_id BIGINT NOT NULL REFERENCES quota (project_id),
    slot       BIGINT NOT NULL,
    room       BIGINT NOT NULL,
    PRIMARY KEY (project_id, slot)
);

-- Changes of use that are not folded in yet; use is base, or limit less room, and all of these.
CREATE TABLE quota_change (
    id         {{id}},
    project_id BIGINT NOT NULL,
    bytes      BIGINT NOT NULL
);
CREATE INDEX quota_change_project ON quota_change (project_id);

INSERT INTO quota (project_id, base)
    SELECT p.id, COALESCE((SELECT CAST(SUM(b.size) AS BIGINT) FROM project_blob l JOIN blob b ON b.digest = l.digest
        WHERE l.project_id = p.id), 0)
    FROM project p WHERE p.deleted_at IS NULL;
