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

/// What a gateway with this configuration may come to have open.
fn wanted(config: &Config) -> u64 {
    let workers = config.listen.workers.map_or_else(cpus, NonZeroUsize::get);
    let to_the_vendor = config.upstream.pool.max_connections.saturating_mul(workers * config.apps.len());
    let wanted = config.listen.max_connections.get().saturating_add(to_the_vendor).saturating_add(BESIDES);
    u64::try_from(wanted).unwrap_or(u64::MAX)
}

/// Raises the limit as far as the system lets, and says so where that does not reach.
pub(super) fn raise_limit(config: &Config) {
    let highest = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: highest, maximum: highest }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    let wanted = wanted(config);
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "the system allows fewer open files than listen.max_connections and upstream.max_connections may need: \
             raise the one or lower the others"
        );
    }
}
