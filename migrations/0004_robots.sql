-- Robot accounts: programs with permissions of their own, in one project or over the whole system.

CREATE TABLE robot (
    id           {{id}},
    -- What its full name has after the prefix: `name`, or `project+name` in a project. No other name has a plus.
    name         {{name}} NOT NULL,
    description  TEXT    NOT NULL DEFAULT '',
    -- Null at system level.
    project_id   BIGINT  REFERENCES project (id),
    -- A salted hash; a PHC string where somebody chose the secret.
    secret_hash  TEXT    NOT NULL,
    -- Grows with every new secret.
    version      BIGINT  NOT NULL DEFAULT 1,
    disabled     BOOLEAN NOT NULL DEFAULT FALSE,
    -- In days; -1 never ends.
    duration     BIGINT  NOT NULL,
    -- 0: never.
    expires_at   BIGINT  NOT NULL,
    -- A JSON list; projects are named by their number.
    permissions  TEXT    NOT NULL,
    -- `local` a user, `robot` a robot.
    creator_type TEXT    NOT NULL,
    creator_id   BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL
);
CREATE UNIQUE INDEX robot_name ON robot (name);
-- Lists of one level, and the robots of a project that goes.
CREATE INDEX robot_project ON robot (project_id, name);
