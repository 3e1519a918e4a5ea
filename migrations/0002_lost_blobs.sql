-- Blobs whose bytes were lost, and the removal of bytes beside pushes of the same ones.

-- The bytes are missing or were damaged: whoever asks is told that there is no such blob, until it is pushed again.
ALTER TABLE blob ADD COLUMN lost BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX blob_lost ON blob (digest) WHERE lost;

-- Grows when bytes are removed from storage; odd while that is under way. A push that sees it change is refused, because
-- it cannot know whether the bytes it found are still there.
CREATE TABLE blob_removal (
    digest     TEXT   PRIMARY KEY,
    generation BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX blob_removal_changed ON blob_removal (changed_at);
