//! The outer layer around a small application.
