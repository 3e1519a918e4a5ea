-- Finding repositories by any part of their name.

-- Of each repository's name what stands from each of its letters on, cut off after some. Who looks for a part of a name
-- looks for the beginning of one of these, which the key answers without a walk through all repositories. A push writes
-- here only when it makes a repository. No key to repository: its deletion, which removes these rows by their own key,
-- would have to look for them by an index that nothing else needs.
CREATE TABLE repository_part (
    part          {{name}} NOT NULL,
    repository_id BIGINT NOT NULL,
    PRIMARY KEY (part, repository_id)
){{by_key}};

WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 255)
    INSERT INTO repository_part (part, repository_id)
    SELECT DISTINCT substr(r.name, n, 24), r.id FROM repository r JOIN place ON n <= length(r.name);
