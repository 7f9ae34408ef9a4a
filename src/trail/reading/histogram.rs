/// How many parts each doubling is divided into, as a power of two: what is told is at most an eighth too much.
const PARTS: u32 = 3;

/// Counts numbers by their size, so that quantiles can be told of any many.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, number: u64) {
        let bucket = bucket(number);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.total += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The number that `percent` of all do not exceed, rounded up by an eighth at most; `None` without numbers.
    pub(super) fn quantile(&self, percent: u64) -> Option<u64> {
        let rank = self.total.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(highest_of(bucket))
    }
}

/// Numbers below 8 have a bucket of their own; each doubling from there on has 8.
fn bucket(number: u64) -> usize {
    let shift = (u64::BITS - number.leading_zeros()).saturating_sub(PARTS + 1);
    let bucket = (u64::from(shift) << PARTS) + (number >> shift);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

fn highest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> PARTS).saturating_sub(1);
    let first = bucket - (shift << PARTS);
    (first << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_an_eighth_apart_at_most() {
        for number in (0..2000).chain([31_250, 1 << 40, u64::MAX / 3, u64::MAX]) {
            let told = highest_of(bucket(number));
            assert!(told >= number && told - number <= number / 8, "{number}: {told}");
        }
    }

    #[test]
    fn quantiles_are_told_of_all_numbers() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(50), None);
        for number in 0..=4 {
            histogram.add(number);
        }
        assert_eq!([0, 50, 99, 100].map(|percent| histogram.quantile(percent)), [0, 2, 4, 4].map(Some));
        let mut more = Histogram::default();
        (0..95).for_each(|_| more.add(1_000));
        histogram.merge(&more);
        assert_eq!(
            (histogram.quantile(5), histogram.quantile(6)),
            (Some(4), Some(highest_of(bucket(1_000))))
        );
    }
}
