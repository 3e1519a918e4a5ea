//! Statements of settings.

pub(super) const ALL: &str = "SELECT name, value FROM setting";

pub(super) const PUT: &str = "INSERT INTO setting (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// The lock of whoever changes settings: what agrees with what is then looked at by one after the other. It is the row of no
/// setting.
pub(super) const TAKE_TURN: &str = "INSERT INTO setting (name, value) VALUES ('turn', '')
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Anybody but the two accounts that the schema brings.
pub(super) const PEOPLE: &str = "SELECT id FROM user_account WHERE id > 2 AND deleted_at IS NULL LIMIT 1";
