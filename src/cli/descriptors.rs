//! How many files and sockets the process may have open. The limit that a system sets at first is mostly 1024, for the
//! sake of programs that use `select`; each program may raise its own up to a higher one, and one that serves thousands
//! of connections has to. Without a descriptor left, no probe is answered either.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::assembly::cpus;
use crate::config::Config;

/// What is open besides the callers' connections and those to the vendor: callers who are turned away, probes, the
/// issuers, the trail, the threads' own.
const BESIDES: usize = 512;

/// What a gateway with this configuration may come to have open besides its callers' connections.
fn headroom(config: &Config) -> usize {
    let workers = config.listen.workers.map_or_else(cpus, NonZeroUsize::get);
    let to_the_vendor = config.upstream.pool.max_connections.saturating_mul(workers * config.apps.len());
    to_the_vendor.saturating_add(BESIDES)
}

/// Raises the limit as far as the system lets. Where that does not reach, callers get fewer connections than configured,
/// and it says so: without a descriptor for the vendor, the trail or a probe, theirs would be of no use.
pub(super) fn fit_limit(config: &mut Config) {
    let highest = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: highest, maximum: highest }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    let allowed = allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX));
    let (headroom, configured) = (headroom(config), config.listen.max_connections);
    let wanted = configured.get().saturating_add(headroom);
    if allowed < wanted {
        config.listen.max_connections = fitting(allowed, headroom);
        tracing::warn!(
            allowed,
            wanted,
            max_connections = config.listen.max_connections,
            "the system allows fewer open files than listen.max_connections and upstream.max_connections may need: \
             raise the one or lower the others; until then there are fewer connections for callers"
        );
    }
}

/// Connections for callers where so many files may be open. They get half of what there is at least.
fn fitting(allowed: usize, headroom: usize) -> NonZeroUsize {
    NonZeroUsize::new(allowed.saturating_sub(headroom).max(allowed / 2)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_leave_room_for_the_rest_but_not_all_of_it() {
        for (allowed, callers) in [(65_536, 64_536), (2000, 1000), (1200, 600), (64, 32), (1, 1)] {
            assert_eq!(fitting(allowed, 1000).get(), callers, "of {allowed}");
        }
    }
}
