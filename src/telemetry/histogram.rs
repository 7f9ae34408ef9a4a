use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in nanoseconds, 100 µs to 10 s: below, the gateway's own work; above, the vendor's.
const BOUNDS: [u64; 16] = {
    const US: u64 = 1_000;
    const MS: u64 = 1_000 * US;
    [
        100 * US,
        250 * US,
        500 * US,
        MS,
        2_500 * US,
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        1_000 * MS,
        2_500 * MS,
        5_000 * MS,
        10_000 * MS,
    ]
};
const BUCKETS: usize = BOUNDS.len() + 1;

/// A number that one thread counts up and any may read. Without a second writer no atomic addition is needed,
/// which costs several times the plain one.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(sum, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, counted by one thread. (prometheus-client's own is behind a mutex.)
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Count; BUCKETS],
    sum_nanos: Count,
}

impl Histogram {
    pub(super) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(count) = self.buckets.get(bucket) {
            count.add(1);
        }
        self.sum_nanos.add(nanos);
    }
}

/// Several threads' histograms added up.
#[derive(Debug, Default)]
pub(super) struct Total {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
}

impl Total {
    pub(super) fn of<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Self {
        histograms.fold(Self::default(), |mut total, histogram| {
            for (sum, count) in total.buckets.iter_mut().zip(&histogram.buckets) {
                *sum += count.read();
            }
            total.sum_nanos = total.sum_nanos.wrapping_add(histogram.sum_nanos.read());
            total
        })
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum_nanos).as_secs_f64()
    }

    /// Taken from the buckets, so that it agrees with them however the reading fell.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Upper bounds in seconds, each with its own count; the last has no bound.
    pub(super) fn buckets(&self) -> [(f64, u64); BUCKETS] {
        let mut counts = self.buckets.map(|count| (f64::INFINITY, count));
        for (bucket, bound) in counts.iter_mut().zip(BOUNDS) {
            bucket.0 = Duration::from_nanos(bound).as_secs_f64();
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001, u64::MAX] {
            histogram.record(Duration::from_micros(micros));
        }
        let total = Total::of([&histogram, &Histogram::default()].into_iter());
        let filled: Vec<_> = total.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_1, 2), (0.000_25, 1), (10.0, 1), (f64::INFINITY, 2)]);
        assert_eq!(total.count(), 6);
    }

    #[test]
    fn threads_add_up() {
        let histograms = [Histogram::default(), Histogram::default()];
        for (histogram, millis) in histograms.iter().zip([20, 30]) {
            histogram.record(Duration::from_millis(millis));
        }
        let total = Total::of(histograms.iter());
        assert!((total.sum_seconds() - 0.05).abs() < 1e-9);
        assert_eq!(total.count(), 2);
    }
}
