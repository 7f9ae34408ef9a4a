use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests have begun and not ended, and how many may. Clones count together.
#[derive(Clone, Debug)]
pub struct InFlight {
    current: Arc<AtomicUsize>,
    max: NonZeroUsize,
}

/// One request in flight. It ends when the guard is dropped, however that comes about.
#[derive(Debug)]
pub struct InFlightGuard(Arc<AtomicUsize>);

impl InFlight {
    /// Lets in at most `max` requests at a time.
    pub fn new(max: NonZeroUsize) -> Self {
        Self { current: Arc::default(), max }
    }

    /// Counts the same requests, and lets in `max`. Where more are in flight already, they go on.
    pub fn with(&self, max: NonZeroUsize) -> Self {
        Self { current: Arc::clone(&self.current), max }
    }

    /// Begins a request, or refuses it when `max` are in flight.
    pub fn enter(&self) -> Option<InFlightGuard> {
        // Nothing else is published by the count, so it needs no ordering.
        let begin = |current| (current < self.max()).then_some(current + 1);
        self.current
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin)
            .ok()
            .map(|_| InFlightGuard(Arc::clone(&self.current)))
    }

    /// Requests in flight now.
    pub fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// The most that are let in.
    pub fn max(&self) -> usize {
        self.max.get()
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_makes_room() {
        let in_flight = InFlight::new(2.try_into().unwrap());
        let first = in_flight.enter().unwrap();
        let second = in_flight.clone().enter().unwrap();
        assert!(in_flight.enter().is_none());
        assert_eq!(in_flight.current(), 2, "a refusal does not count");
        drop(first);
        assert!(in_flight.enter().is_some());
        drop(second);
        assert_eq!(in_flight.current(), 0);
    }

    #[test]
    fn a_changed_bound_counts_those_that_are_there() {
        let in_flight = InFlight::new(2.try_into().unwrap());
        let guards = [in_flight.enter().unwrap(), in_flight.enter().unwrap()];
        let narrower = in_flight.with(1.try_into().unwrap());
        assert!(narrower.enter().is_none());
        let third = in_flight.with(3.try_into().unwrap()).enter().unwrap();
        assert_eq!(narrower.current(), 3);
        drop((guards, third));
        assert!(narrower.enter().is_some());
    }

    #[test]
    fn the_most_is_never_exceeded() {
        let in_flight = InFlight::new(3.try_into().unwrap());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let guard = in_flight.enter();
                        assert!(in_flight.current() <= 3);
                        drop(guard);
                    }
                });
            }
        });
        assert_eq!(in_flight.current(), 0);
    }
}
