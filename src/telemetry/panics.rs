//! Panics, wherever they happen: each is counted and has one line in the log. None should ever happen; that one
//! request, one connection or one attempt is all that it costs is the business of whoever catches it.

use std::any::Any;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where a panic happened, by the thread's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A worker: a request, or a connection.
    Worker,
    /// The thread that accepts connections.
    Accept,
    /// The control plane: keys, tokens, the admin port.
    Control,
    /// The trail's threads, and those that ship it.
    Trail,
    /// Any other thread.
    Other,
}

static COUNTS: [AtomicU64; Place::ALL.len()] = [const { AtomicU64::new(0) }; Place::ALL.len()];
static IS_LOGGED: AtomicBool = AtomicBool::new(false);

impl Place {
    /// Every place.
    pub const ALL: [Self; 5] = [Self::Worker, Self::Accept, Self::Control, Self::Trail, Self::Other];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Accept => "accept",
            Self::Control => "control",
            Self::Trail => "trail",
            Self::Other => "other",
        }
    }

    /// Panics in this process so far, since they are watched.
    pub fn panics(self) -> u64 {
        COUNTS.get(self as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn of_thread(name: &str) -> Self {
        match name.split('-').next().unwrap_or_default() {
            "worker" => Self::Worker,
            "accept" => Self::Accept,
            "control" => Self::Control,
            "audit" | "ship" => Self::Trail,
            _ => Self::Other,
        }
    }
}

/// Counts panics from now on, in the whole process. What was said of them before is said still.
pub fn watch_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if let Some(count) = COUNTS.get(Place::of_thread(name) as usize) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            if IS_LOGGED.load(Ordering::Relaxed) { log(panic, name) } else { before(panic) }
        }));
    });
}

/// The same, and from now on a panic is a line of the log in place of what the runtime writes.
pub(super) fn log_panics() {
    watch_panics();
    IS_LOGGED.store(true, Ordering::Relaxed);
}

fn log(panic: &PanicHookInfo<'_>, thread: &str) {
    let location = panic.location().map(tracing::field::display);
    tracing::error!(
        thread,
        location,
        reason = literal(panic.payload()),
        "a panic, which is a fault of the program"
    );
}

/// A message that was put together when it happened can quote what it is about: a slice of a token, say. It is left
/// out, and the place in the source tells what it was.
fn literal(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_the_gateways_has_its_place() {
        let places = [
            ("worker-0", Place::Worker),
            ("accept", Place::Accept),
            ("control", Place::Control),
            ("audit", Place::Trail),
            ("audit-keeper", Place::Trail),
            ("ship-siem", Place::Trail),
            ("main", Place::Other),
            ("", Place::Other),
        ];
        for (name, place) in places {
            assert_eq!(Place::of_thread(name), place, "{name}");
        }
        assert!(Place::ALL.iter().enumerate().all(|(index, place)| *place as usize == index));
    }

    #[test]
    fn what_was_put_together_is_not_told() {
        let literal_one = std::panic::catch_unwind(|| panic!("as it stands in the source")).unwrap_err();
        assert_eq!(literal(&*literal_one), Some("as it stands in the source"));
        let token = String::from("Bearer secret");
        let quoting = std::panic::catch_unwind(|| panic!("no boundary in {token}")).unwrap_err();
        assert_eq!(literal(&*quoting), None);
    }
}
