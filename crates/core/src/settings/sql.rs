//! Statements of settings.

pub(super) const ALL: &str = "SELECT name, value FROM setting";

pub(super) const PUT: &str = "INSERT INTO setting (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
