-- Live projects, and the vulnerabilities that keep nobody from pulling.

-- A deleted project is public no more, so that whoever looks for public ones need not look twice.
UPDATE project SET public = FALSE WHERE deleted_at IS NOT NULL;
CREATE INDEX project_live ON project (name) WHERE deleted_at IS NULL;

CREATE TABLE cve_allowlist (
    id         {{id}},
    -- 0 is the list of the whole system.
    project_id BIGINT NOT NULL,
    -- A JSON list of names.
    items      TEXT   NOT NULL DEFAULT '[]',
    -- The list counts no longer then; null: it always does.
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX cve_allowlist_project ON cve_allowlist (project_id);
INSERT INTO cve_allowlist (project_id, created_at, updated_at) VALUES (0, 0, 0);
INSERT INTO cve_allowlist (project_id, created_at, updated_at)
    SELECT p.id, p.created_at, p.updated_at FROM project p WHERE p.deleted_at IS NULL;
