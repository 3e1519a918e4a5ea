//! haven-testkit
