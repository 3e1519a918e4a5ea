-- People, projects and the artifact model. Times are microseconds since 1970 (UTC); 0 means never.

CREATE TABLE user_account (
    id            {{id}},
    username      {{name}} NOT NULL,
    email         TEXT,
    realname      TEXT    NOT NULL DEFAULT '',
    comment       TEXT    NOT NULL DEFAULT '',
    -- PHC string; empty: no password yet, so nobody can log in with one.
    password_hash TEXT    NOT NULL DEFAULT '',
    sysadmin      BOOLEAN NOT NULL DEFAULT FALSE,
    -- Grows with every change of what a remembered log-in depends on.
    version       BIGINT  NOT NULL DEFAULT 1,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    deleted_at    BIGINT
);
CREATE UNIQUE INDEX user_account_username ON user_account (username);
CREATE UNIQUE INDEX user_account_email ON user_account (email);

CREATE TABLE project (
    id         {{id}},
    name       {{name}} NOT NULL,
    owner_id   BIGINT  NOT NULL REFERENCES user_account (id),
    public     BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX project_name ON project (name);
CREATE INDEX project_owner ON project (owner_id);
CREATE INDEX project_public ON project (name) WHERE public;

-- Every other property of a project, as the REST API names it.
CREATE TABLE project_metadata (
    project_id BIGINT NOT NULL REFERENCES project (id),
    name       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    PRIMARY KEY (project_id, name)
);

CREATE TABLE project_member (
    id          {{id}},
    project_id  BIGINT NOT NULL REFERENCES project (id),
    -- 'u' a user, 'g' a group.
    entity_type TEXT   NOT NULL,
    entity_id   BIGINT NOT NULL,
    -- 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
    role_id     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX project_member_entity ON project_member (entity_type, entity_id, project_id);
CREATE INDEX project_member_project ON project_member (project_id);

CREATE TABLE repository (
    id             {{id}},
    project_id     BIGINT NOT NULL REFERENCES project (id),
    -- The full name, project included.
    name           {{name}} NOT NULL,
    description    TEXT   NOT NULL DEFAULT '',
    -- Kept by the writes: how many of its artifacts are listed, and how often one was pulled.
    artifact_count BIGINT NOT NULL DEFAULT 0,
    pull_count     BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX repository_name ON repository (name);
CREATE INDEX repository_project ON repository (project_id, created_at DESC, id DESC);
CREATE INDEX repository_created ON repository (created_at DESC, id DESC);

-- The exact bytes of a manifest, once for however many repositories hold it.
CREATE TABLE manifest (
    digest  TEXT PRIMARY KEY,
    content {{bytes}} NOT NULL
);

CREATE TABLE artifact (
    id                  {{id}},
    project_id          BIGINT  NOT NULL REFERENCES project (id),
    repository_id       BIGINT  NOT NULL REFERENCES repository (id),
    digest              TEXT    NOT NULL REFERENCES manifest (digest),
    -- IMAGE, CHART, … as derived from the media types.
    type                TEXT    NOT NULL,
    media_type          TEXT    NOT NULL,
    artifact_type       TEXT    NOT NULL DEFAULT '',
    manifest_media_type TEXT    NOT NULL,
    -- Bytes of the manifest alone, and of the whole artifact with all that it refers to.
    manifest_size       BIGINT  NOT NULL,
    size                BIGINT  NOT NULL,
    icon                TEXT    NOT NULL DEFAULT '',
    -- JSON objects.
    annotations         TEXT    NOT NULL DEFAULT '{}',
    extra_attrs         TEXT    NOT NULL DEFAULT '{}',
    -- It is an accessory of another artifact, so never listed by itself.
    accessory           BOOLEAN NOT NULL DEFAULT FALSE,
    -- It belongs in lists: no accessory, and tagged or in no index.
    listed              BOOLEAN NOT NULL DEFAULT FALSE,
    pushed_at           BIGINT  NOT NULL,
    pulled_at           BIGINT  NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX artifact_digest ON artifact (repository_id, digest);
CREATE INDEX artifact_listed ON artifact (repository_id, pushed_at DESC, id DESC) WHERE listed;
CREATE INDEX artifact_project ON artifact (project_id, pushed_at DESC, id DESC) WHERE listed;
CREATE INDEX artifact_manifest ON artifact (digest);

CREATE TABLE tag (
    id            {{id}},
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    artifact_id   BIGINT NOT NULL REFERENCES artifact (id),
    name          {{name}} NOT NULL,
    pushed_at     BIGINT NOT NULL,
    pulled_at     BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX tag_name ON tag (repository_id, name);
CREATE INDEX tag_artifact ON tag (artifact_id, pushed_at DESC, id DESC);

-- An index's children, in the order of its manifest.
CREATE TABLE artifact_reference (
    parent_id    BIGINT NOT NULL REFERENCES artifact (id),
    position     BIGINT NOT NULL,
    child_id     BIGINT NOT NULL REFERENCES artifact (id),
    child_digest TEXT   NOT NULL,
    -- JSON; empty when absent.
    platform     TEXT   NOT NULL DEFAULT '',
    annotations  TEXT   NOT NULL DEFAULT '',
    urls         TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (parent_id, position)
);
CREATE INDEX artifact_reference_child ON artifact_reference (child_id);

-- What hangs on a subject, which need not exist yet.
CREATE TABLE accessory (
    id                  {{id}},
    artifact_id         BIGINT NOT NULL REFERENCES artifact (id),
    repository_id       BIGINT NOT NULL REFERENCES repository (id),
    subject_digest      TEXT   NOT NULL,
    subject_artifact_id BIGINT,
    type                TEXT   NOT NULL,
    created_at          BIGINT NOT NULL
);
CREATE UNIQUE INDEX accessory_artifact ON accessory (artifact_id, subject_digest);
CREATE INDEX accessory_subject ON accessory (repository_id, subject_digest);
CREATE INDEX accessory_subject_artifact ON accessory (subject_artifact_id);

-- Bytes in storage: a row exists exactly for what is whole, verified and synced.
CREATE TABLE blob (
    digest     TEXT   PRIMARY KEY,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Which project may read which blob. Knowing a digest gives access to nothing.
CREATE TABLE project_blob (
    project_id BIGINT NOT NULL REFERENCES project (id),
    digest     TEXT   NOT NULL REFERENCES blob (digest),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, digest)
);
CREATE INDEX project_blob_digest ON project_blob (digest);

-- What an artifact needs. The key to project_blob means that no link can go while an artifact needs it.
CREATE TABLE artifact_blob (
    artifact_id BIGINT NOT NULL REFERENCES artifact (id),
    project_id  BIGINT NOT NULL,
    digest      TEXT   NOT NULL,
    PRIMARY KEY (artifact_id, digest),
    FOREIGN KEY (project_id, digest) REFERENCES project_blob (project_id, digest)
);
CREATE INDEX artifact_blob_link ON artifact_blob (project_id, digest);

-- Upload sessions: any replica can take the next request of one.
CREATE TABLE upload (
    id          TEXT   PRIMARY KEY,
    project_id  BIGINT NOT NULL REFERENCES project (id),
    repository  TEXT   NOT NULL,
    -- Who opened it; only they continue it.
    actor       TEXT   NOT NULL,
    -- What the blob store needs to go on, with the hash of what is there.
    state       {{bytes}} NOT NULL,
    size        BIGINT NOT NULL DEFAULT 0,
    -- The request that is writing now, if any, and until when its claim holds.
    lease       TEXT   NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    started_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX upload_updated ON upload (updated_at);
CREATE INDEX upload_project ON upload (project_id);

-- Settings that administrators change at run time.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Keys shared by all replicas, encrypted with the installation's secret key.
CREATE TABLE keyring (
    name       TEXT   PRIMARY KEY,
    value      {{bytes}} NOT NULL,
    created_at BIGINT NOT NULL
);

-- Ids 1 and 2 are fixed, so the first person created is number 3. The first start sets password and times.
INSERT INTO user_account (username, email, realname, comment, sysadmin, created_at, updated_at)
    VALUES ('admin', 'admin@example.com', 'system admin', 'admin user', TRUE, 0, 0);
INSERT INTO user_account (username, email, realname, comment, created_at, updated_at, deleted_at)
    VALUES ('anonymous', NULL, 'anonymous user', 'anonymous user', 0, 0, 1);
INSERT INTO project (name, owner_id, public, created_at, updated_at) VALUES ('library', 1, TRUE, 0, 0);
INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
    VALUES (1, 'u', 1, 1, 0, 0);
