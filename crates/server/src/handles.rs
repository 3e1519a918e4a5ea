//! File handles: as many as the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files to the most that is allowed. Each connection and each blob on its way needs one, and
/// what a login shell allows by default is less than the connections that are taken.
pub(crate) fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let (Some(now), true) = (current, maximum.is_none_or(|most| current.is_some_and(|now| now < most)))
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(handles = now, error = %error, "the limit of open files cannot be raised");
    }
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2);
    if let Some(handles) = getrlimit(Resource::Nofile).current.filter(|handles| *handles < wanted) {
        tracing::warn!(
            handles,
            connections,
            "fewer open files are allowed than that many connections can need"
        );
    }
}
