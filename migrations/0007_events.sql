-- What happened, until what follows from it is done. A row is written with its cause, in one transaction, and goes
-- with its consequences, in another.

CREATE TABLE event (
    id          {{id}},
    -- The events of a project share a lane; one replica at a time works on a lane, in the order of ids.
    lane        BIGINT NOT NULL,
    -- 0: of no project.
    project_id  BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    -- JSON.
    payload     TEXT   NOT NULL,
    happened_at BIGINT NOT NULL,
    -- How often its consequences failed, why at last, and when they are tried again.
    attempts    BIGINT NOT NULL DEFAULT 0,
    error       TEXT   NOT NULL DEFAULT '',
    due_at      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX event_order ON event (lane, id);
CREATE INDEX event_failing ON event (lane, project_id, id) WHERE attempts > 0;

-- Whoever works on a lane holds its row, until the transaction ends or the process does.
CREATE TABLE event_lane (
    lane BIGINT PRIMARY KEY
);
INSERT INTO event_lane (lane) VALUES (0), (1), (2), (3), (4), (5), (6), (7);

-- Events whose consequences failed too often. They wait for somebody to look at them.
CREATE TABLE event_set_aside (
    id           BIGINT PRIMARY KEY,
    project_id   BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    payload      TEXT   NOT NULL,
    happened_at  BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    error        TEXT   NOT NULL,
    set_aside_at BIGINT NOT NULL
);
CREATE INDEX event_set_aside_at ON event_set_aside (set_aside_at);
