-- Labels, what is read out of artifacts, icons of their own, and the indexes behind lists and their filters.
--
-- What lists of artifacts ask, and what answers it:
--   newest first, push_time         artifact_listed (a repository), artifact_project (a project)
--   type, media_type, artifact_type artifact_kind, artifact_media_type, artifact_artifact_type below
--   latest_in_repository            the last two of these: one look for each repository of the project
--   digest                          artifact_digest (a repository), artifact_manifest (a project)
--   tags=name, tags=~part           tag_name, once for the whole list
--   tags=*, tags=nil                artifact_listed, with one look into tag_artifact for each row
--   labels=(1 2)                    artifact_label_label, once for the whole list
--   tags, children, labels, accessories of a page
--                                   tag_artifact, the keys of artifact_reference and artifact_label,
--                                   accessory_subject_artifact
--   size, pull_time, base=*         none: one repository is walked. An index on them would be written at every pull or push
--                                   for a question that hardly anybody asks.
-- Repositories are walked by repository_project and repository_created, and found by repository_name. There is none on
-- update_time and pull_count, which change at every push and pull.

CREATE TABLE label (
    id          {{id}},
    name        {{name}} NOT NULL,
    description TEXT   NOT NULL DEFAULT '',
    color       TEXT   NOT NULL DEFAULT '',
    -- 'g' for the whole registry, 'p' for one project.
    scope       TEXT   NOT NULL,
    -- 0 for the whole registry.
    project_id  BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
-- A name is given once in its scope; also the list of a scope.
CREATE UNIQUE INDEX label_name ON label (scope, project_id, name);

-- Which artifact carries which label. The key is for the labels of a page of artifacts.
CREATE TABLE artifact_label (
    artifact_id BIGINT NOT NULL REFERENCES artifact (id) ON DELETE CASCADE,
    label_id    BIGINT NOT NULL REFERENCES label (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (artifact_id, label_id)
);
-- The artifacts that carry a label: for the filter, and when the label goes.
CREATE INDEX artifact_label_label ON artifact_label (label_id, artifact_id);

-- What was read out of an artifact's config and layers, once for however many repositories hold it: a digest's bytes
-- never change, so neither does this. Made when it is first asked for.
CREATE TABLE manifest_addition (
    digest  TEXT NOT NULL REFERENCES manifest (digest) ON DELETE CASCADE,
    -- build_history, values.yaml, … as the REST API names it.
    name    TEXT NOT NULL,
    -- Why there is nothing to show; empty when there is.
    problem TEXT NOT NULL DEFAULT '',
    content {{bytes}} NOT NULL,
    PRIMARY KEY (digest, name)
);

-- The icon is one of the artifact's own layers, not a built-in picture.
ALTER TABLE artifact ADD COLUMN own_icon BOOLEAN NOT NULL DEFAULT FALSE;
-- Whose picture it is, when it is asked for by its digest.
CREATE INDEX artifact_icon ON artifact (icon) WHERE own_icon;

-- Lists of a repository by what an artifact is, newest first.
CREATE INDEX artifact_kind ON artifact (repository_id, type, pushed_at DESC, id DESC) WHERE listed;
-- The same by media type and by artifact type; also the newest of a type in each repository.
CREATE INDEX artifact_media_type ON artifact (repository_id, media_type, pushed_at DESC, id DESC) WHERE listed;
CREATE INDEX artifact_artifact_type ON artifact (repository_id, artifact_type, pushed_at DESC, id DESC) WHERE listed;

-- The repositories of a project by name.
CREATE INDEX repository_project_name ON repository (project_id, name);
