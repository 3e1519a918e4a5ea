-- When things were pulled last, apart from what they are: after a burst of pulls as many small rows change as there were
-- different artifacts, where whole rows of artifacts, some twenty times as wide, would be written once more.
--
-- No keys to artifact and tag: PostgreSQL would write to the row there to hold it. Whoever writes here holds the
-- repository and looks whether it is still there; whoever deletes an artifact or a tag deletes its row here.
CREATE TABLE artifact_pull (
    artifact_id BIGINT NOT NULL PRIMARY KEY,
    pulled_at   BIGINT NOT NULL
){{by_key}};
CREATE TABLE tag_pull (
    tag_id    BIGINT NOT NULL PRIMARY KEY,
    pulled_at BIGINT NOT NULL
){{by_key}};

INSERT INTO artifact_pull (artifact_id, pulled_at) SELECT a.id, a.pulled_at FROM artifact a WHERE a.pulled_at > 0;
INSERT INTO tag_pull (tag_id, pulled_at) SELECT t.id, t.pulled_at FROM tag t WHERE t.pulled_at > 0;
-- The columns stay for replicas of the version before, which go on while this one starts.
