-- What refers to a subject is listed in the order of the artifacts' ids, a page at a time.
DROP INDEX accessory_subject;
CREATE INDEX accessory_subject ON accessory (repository_id, subject_digest, artifact_id);
