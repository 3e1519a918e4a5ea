//! The audit log: who did what, when, and whether it succeeded. Owns `audit_log_ext`, `audit_log`, `audit_count`,
//! `audit_mark`, `audit_forward` and `audit_forward_lease`.
//!
//! An operation writes its line in its own transaction, so there is a line exactly when it happened:
//! `audit::record(app, &mut tx, Entry::new(Act::CreateMember, &grant.actor, name).in_project(id))`. A refusal that is
//! worth a line, such as a wrong password, has a transaction of its own: [`record_refusal`]. What the settings exclude is
//! not written.

mod act;
mod count;
mod forward;
mod list;
mod purge;
mod record;
mod sql;
mod syslog;
#[cfg(test)]
mod tests;

pub use act::{Act, EVENT_TYPES};
pub use count::count;
pub use forward::{Forwarding, forward, wake};
pub use list::{Line, Scope, earlier_lines, lines, of_project, visible};
pub use purge::{Purge, purge};
pub use record::{Entry, record_refusal};
pub use syslog::probe;

pub(crate) use record::{At, record, record_all, record_under};

/// In the table: of no project.
const NO_PROJECT: i64 = 0;
/// In `audit_count`: of all projects and of none.
const ALL: i64 = -1;
