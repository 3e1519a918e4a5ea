//! Statements of the keyring.

pub(super) const KEY: &str = "SELECT value FROM keyring WHERE name = $1";

/// The first replica to come makes the key; the others read it.
pub(super) const INSERT_KEY: &str =
    "INSERT INTO keyring (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
