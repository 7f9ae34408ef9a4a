//! How many files and sockets the process may have open. The limit that a system sets at first is mostly 1024, for the
//! sake of programs that use `select`; each program may raise its own up to a higher one, and one that serves thousands
//! of connections has to. Without a descriptor left, no probe is answered either.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::crew::workers;
use crate::config::Config;

/// What is open besides the callers' connections and those to the vendor: callers who are turned away, probes, the
/// issuers, the trail, the threads' own.
const BESIDES: usize = 512;

/// What a gateway with this configuration may come to have open besides its callers' connections.
fn headroom(config: &Config) -> usize {
    let workers = workers(config);
    let to_the_vendor = config.upstream.pool.max_connections.saturating_mul(workers * config.apps.len());
    to_the_vendor.saturating_add(BESIDES)
}

/// How many files this process may have open.
fn allowed() -> usize {
    let allowed = getrlimit(Resource::Nofile).current;
    allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// How many connections callers may have: as many as are configured, unless too few files may be open. Without a
/// descriptor for the vendor, the trail or a probe, theirs would be of no use.
pub(super) fn max_connections(config: &Config) -> usize {
    config.listen.max_connections.get().min(fitting(allowed(), headroom(config)))
}

/// Raises the limit as far as the system lets, and says so where that does not reach.
pub fn raise_limit(config: &Config) {
    let highest = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: highest, maximum: highest }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let (allowed, wanted) = (allowed(), config.listen.max_connections.get().saturating_add(headroom(config)));
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            max_connections = max_connections(config),
            "the system allows fewer open files than listen.max_connections and upstream.max_connections may need: \
             raise the one or lower the others; until then there are fewer connections for callers"
        );
    }
}

/// Connections for callers where so many files may be open. They get half of what there is at least.
fn fitting(allowed: usize, headroom: usize) -> usize {
    allowed.saturating_sub(headroom).max(allowed / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_leave_room_for_the_rest_but_not_all_of_it() {
        for (allowed, callers) in [(65_536, 64_536), (2000, 1000), (1200, 600), (64, 32), (1, 1)] {
            assert_eq!(fitting(allowed, 1000), callers, "of {allowed}");
        }
    }
}
