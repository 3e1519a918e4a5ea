-- Bytes that a push has put in their place, and that no row knows because it came to nothing. They are removed when nobody
-- has done so again for a while.
CREATE TABLE orphan_blob (
    digest   TEXT   PRIMARY KEY,
    noted_at BIGINT NOT NULL
);

-- The blob in whose place the bytes of an open session lie already, if they do.
ALTER TABLE upload ADD COLUMN placed TEXT NOT NULL DEFAULT '';
CREATE INDEX upload_placed ON upload (placed) WHERE placed <> '';
