//! Stories of hostile.
