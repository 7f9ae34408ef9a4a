//! An allocator that counts, for each thread by itself: so a caller and a vendor in the same process do not disturb.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker};

/// Threads that can be told apart, one after another ever.
const THREADS: usize = 256;

static ALLOCATIONS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static BYTES: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
/// As the system knows each thread.
static IDS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
static SEEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's place in the lists, once it has allocated. It needs no memory itself, and no destructor.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Begins to count, for as long as the process lives.
pub(super) fn begin() {
    AllocationRegistry::set_global_tracker(Counter).expect("nobody else who counts");
    AllocationRegistry::enable_tracking();
}

struct Counter;

impl AllocationTracker for Counter {
    /// Also for what grows: it is allocated anew.
    fn allocated(&self, _: usize, bytes: usize, _: usize, _: AllocationGroupId) {
        let place = PLACE.get().unwrap_or_else(enter);
        ALLOCATIONS[place].fetch_add(1, Relaxed);
        BYTES[place].fetch_add(bytes as u64, Relaxed);
    }

    fn deallocated(&self, _: usize, _: usize, _: usize, _: AllocationGroupId, _: AllocationGroupId) {}
}

fn enter() -> usize {
    let place = SEEN.fetch_add(1, Relaxed);
    assert!(place < THREADS, "more threads than there are places");
    IDS[place].store(rustix::thread::gettid().as_raw_pid(), Relaxed);
    PLACE.set(Some(place));
    place
}

/// What threads asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) allocations: u64,
    pub(super) bytes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.allocations += other.allocations;
        self.bytes += other.bytes;
    }
}

/// What each thread has asked for so far.
pub(super) struct Snapshot(Vec<Counts>);

impl Snapshot {
    pub(super) fn now() -> Self {
        let of = |place: usize| Counts {
            allocations: ALLOCATIONS[place].load(Relaxed),
            bytes: BYTES[place].load(Relaxed),
        };
        Self((0..THREADS).map(of).collect())
    }

    /// What threads have asked for from then on to `later`, by their names. Threads that have ended meanwhile have
    /// none.
    pub(super) fn until(&self, later: &Self) -> BTreeMap<String, Counts> {
        let mut by_name: BTreeMap<String, Counts> = BTreeMap::new();
        for (place, (before, after)) in self.0.iter().zip(&later.0).enumerate() {
            if IDS[place].load(Relaxed) != 0 {
                *by_name.entry(name(place)).or_default() += Counts {
                    allocations: after.allocations - before.allocations,
                    bytes: after.bytes - before.bytes,
                };
            }
        }
        by_name
    }
}

fn name(place: usize) -> String {
    let id = IDS[place].load(Relaxed);
    let name = std::fs::read_to_string(format!("/proc/self/task/{id}/comm"));
    name.unwrap_or_default().trim_end().to_owned()
}

/// The name of the thread that asks.
pub(super) fn own_name() -> String {
    let id = rustix::thread::gettid().as_raw_pid();
    let place = (0..THREADS).find(|place| IDS[*place].load(Relaxed) == id);
    place.map(name).unwrap_or_default()
}
