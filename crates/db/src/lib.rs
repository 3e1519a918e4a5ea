//! haven-db
