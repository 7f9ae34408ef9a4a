//! Decides which segments have been kept long enough.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::trail::segment::{LineReader, Read, SegmentFile};

/// How much of the trail is kept. What has not been shipped is kept whatever this says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// How old a record may become before its segment can go; `None` keeps all.
    pub max_age: Option<Duration>,
    /// How many bytes the segments may have together, as they lie on the disk; `None` keeps all.
    pub max_bytes: Option<u64>,
}

/// A segment, and what it takes up.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) file: SegmentFile,
    pub(super) bytes: u64,
}

/// Every segment of the directory, in order.
pub(super) fn inventory(directory: &Path) -> io::Result<Vec<Stored>> {
    let stored = |file: SegmentFile| Ok(Stored { bytes: file.path.metadata()?.len(), file });
    SegmentFile::list(directory)?.into_iter().map(stored).collect()
}

impl Retention {
    /// How many of the oldest segments have been kept long enough. Never the last, which is written to.
    pub(super) fn outdated(self, stored: &[Stored], now: Timestamp) -> io::Result<usize> {
        let mut bytes: u64 = stored.iter().map(|segment| segment.bytes).sum();
        let mut count = 0;
        for pair in stored.windows(2) {
            let [segment, next] = pair else { break };
            let too_many = self.max_bytes.is_some_and(|max| bytes > max);
            if !too_many && !self.is_too_old(next, now)? {
                break;
            }
            bytes = bytes.saturating_sub(segment.bytes);
            count += 1;
        }
        Ok(count)
    }

    /// A segment's last record is about as old as the first of the `next` one.
    fn is_too_old(self, next: &Stored, now: Timestamp) -> io::Result<bool> {
        let Some(max) = self.max_age else { return Ok(false) };
        let max = SignedDuration::try_from(max).unwrap_or(SignedDuration::MAX);
        let ended = first_time(&next.file)?;
        Ok(ended.is_some_and(|ended| now.duration_since(ended) > max))
    }
}

/// How many of the first `count` segments can go, as every line of them has been shipped up to `shipped`.
pub(super) fn releasable(stored: &[Stored], count: usize, shipped: u64) -> usize {
    let ends = stored.iter().skip(1).map(|next| next.file.first.saturating_sub(1));
    ends.take(count).take_while(|end| *end <= shipped).count()
}

/// When the first line was written; `None` where it does not say.
fn first_time(segment: &SegmentFile) -> io::Result<Option<Timestamp>> {
    #[derive(Deserialize)]
    struct Timed {
        time: Timestamp,
    }
    let mut reader = LineReader::open(segment)?;
    let found = reader.read()? == Read::Line;
    let timed = found.then(|| serde_json::from_slice::<Timed>(reader.bytes()).ok()).flatten();
    Ok(timed.map(|timed| timed.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2026-11-{text}T00:00:00Z").parse().unwrap()
    }

    /// Segments of 100 bytes that begin with lines 1, 11, 21, 31 on the days 1, 2, 3, 4.
    fn sample(directory: &Path) -> Vec<Stored> {
        for day in 1..=4 {
            let first = day * 10 - 9;
            let line = format!("{{\"v\":1,\"seq\":{first},\"time\":\"2026-11-0{day}T00:00:00Z\"}}");
            let line = format!("{line:99}\n");
            std::fs::write(SegmentFile::new(directory, first).path, line).unwrap();
        }
        inventory(directory).unwrap()
    }

    #[test]
    fn a_segment_is_old_when_its_last_record_is() {
        let directory = tempfile::tempdir().unwrap();
        let stored = sample(directory.path());
        let days = |days: u64| Retention { max_age: Some(Duration::from_hours(24 * days)), max_bytes: None };
        for (max, now, count) in [(2, "04", 0), (2, "05", 1), (1, "05", 2), (1, "30", 3), (90, "30", 0)] {
            assert_eq!(days(max).outdated(&stored, time(now)).unwrap(), count, "{max} on {now}");
        }
        assert_eq!(Retention::default().outdated(&stored, time("30")).unwrap(), 0);
    }

    #[test]
    fn the_oldest_go_first_and_the_last_stays() {
        let directory = tempfile::tempdir().unwrap();
        let stored = sample(directory.path());
        for (max, count) in [(400, 0), (399, 1), (300, 1), (250, 2), (100, 3), (1, 3)] {
            let retention = Retention { max_age: None, max_bytes: Some(max) };
            assert_eq!(retention.outdated(&stored, time("04")).unwrap(), count, "{max}");
        }
    }

    #[test]
    fn nothing_goes_that_is_not_shipped() {
        let directory = tempfile::tempdir().unwrap();
        let stored = sample(directory.path());
        for (shipped, count) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (u64::MAX, 3)] {
            assert_eq!(releasable(&stored, 3, shipped), count, "{shipped}");
        }
        assert_eq!(releasable(&stored, 1, u64::MAX), 1);
    }
}
