-- Who did what. The names of the tables are those of Harbor: the second one is the log of its versions before 2.13,
-- which is still shown and to which nothing is added.

CREATE TABLE audit_log_ext (
    id            {{id}},
    -- 0: of no project.
    project_id    BIGINT  NOT NULL,
    username      TEXT    NOT NULL,
    operation     TEXT    NOT NULL,
    resource_type TEXT    NOT NULL,
    resource      TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    succeeded     BOOLEAN NOT NULL,
    happened_at   BIGINT  NOT NULL
);
CREATE INDEX audit_log_ext_time ON audit_log_ext (happened_at DESC, id DESC);
CREATE INDEX audit_log_ext_project ON audit_log_ext (project_id, happened_at DESC, id DESC);
CREATE INDEX audit_log_ext_username ON audit_log_ext (username, happened_at DESC, id DESC);

CREATE TABLE audit_log (
    id            {{id}},
    project_id    BIGINT NOT NULL,
    username      TEXT   NOT NULL,
    operation     TEXT   NOT NULL,
    resource_type TEXT   NOT NULL,
    resource      TEXT   NOT NULL,
    happened_at   BIGINT NOT NULL
);
CREATE INDEX audit_log_time ON audit_log (happened_at DESC, id DESC);
CREATE INDEX audit_log_project ON audit_log (project_id, happened_at DESC, id DESC);

-- How many lines of audit_log_ext there are up to the mark: of each project, and of all (-1). Those after the mark are
-- few and are counted when somebody asks. `seen` was the last line when the mark was last looked at.
CREATE TABLE audit_count (
    project_id BIGINT PRIMARY KEY,
    lines      BIGINT NOT NULL
);
CREATE TABLE audit_mark (
    id         BIGINT PRIMARY KEY,
    counted_to BIGINT NOT NULL,
    seen       BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
INSERT INTO audit_mark (id, counted_to, seen, seen_at) VALUES (1, 0, 0, 0);

-- Lines on their way to a syslog server, and the lease of the one replica that sends them.
CREATE TABLE audit_forward (
    id   {{id}},
    line TEXT NOT NULL
);
CREATE TABLE audit_forward_lease (
    id     BIGINT PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
);
INSERT INTO audit_forward_lease (id, holder, until) VALUES (1, '', 0);
