//! Stories of rest.
