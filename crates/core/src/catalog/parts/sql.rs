//! Statements of the parts of names.

pub(super) const PUT: &str =
    "WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 255)
    INSERT INTO repository_part (part, repository_id)
    SELECT DISTINCT substr(r.name, n, 24), r.id FROM repository r JOIN place ON n <= length(r.name)
    WHERE r.id = $1 ON CONFLICT (part, repository_id) DO NOTHING";

/// By the key: nothing else finds the rows of a repository.
pub(super) const REMOVE: &str =
    "WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 255)
    DELETE FROM repository_part WHERE repository_id = $1 AND part IN
        (SELECT substr(r.name, n, 24) FROM repository r JOIN place ON n <= length(r.name) WHERE r.id = $1)";

pub(super) const BETWEEN: &str =
    "SELECT repository_id FROM repository_part WHERE part >= $1 AND part < $2 LIMIT $3";
