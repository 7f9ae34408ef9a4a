//! How many files and sockets the process may have open. The limit that a system sets at first is mostly 1024, for the sake
//! of programs that use `select`; each program may raise its own up to a higher one, and one that serves thousands of
//! connections has to. Without a descriptor left, no probe is answered either.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides the callers' connections: those to the vendor and the issuers, the trail, the threads' own.
const BESIDES: u64 = 256;

/// Raises the limit as far as the system lets, and says so where that does not reach for `max_connections`.
pub(super) fn raise_limit(max_connections: NonZeroUsize) {
    let highest = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: highest, maximum: highest }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    let wanted = u64::try_from(max_connections.get()).unwrap_or(u64::MAX).saturating_add(BESIDES);
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "the system allows fewer open files than listen.max_connections needs: raise the one or lower the other"
        );
    }
}
