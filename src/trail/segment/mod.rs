//! The files of a trail: their names, and how their lines are read, whether they are still written to or compressed.

mod lines;
mod sectors;

use std::io;
use std::path::{Path, PathBuf};

pub(super) use lines::{LineReader, Read};
pub(super) use sectors::{MAX_LOST, has_lost_sectors};

/// How the lines of a segment lie in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are. Zeros may follow the last line: room that the file has been given ahead.
    Plain,
    /// As one Zstandard frame (RFC 8878). Only of a segment that is not written to any more.
    Zstd,
}

/// A segment's place in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentFile {
    /// The sequence number in its name, which is that of its first line.
    pub(super) first: u64,
    /// The file.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) encoding: Encoding,
}

impl SegmentFile {
    /// Where the segment that begins with line `first` is written.
    pub(super) fn new(directory: &Path, first: u64) -> Self {
        Self::encoded(directory, first, Encoding::Plain)
    }

    /// The same segment's place in another encoding.
    pub(super) fn encoded(directory: &Path, first: u64, encoding: Encoding) -> Self {
        let path = directory.join(format!("audit-{first:020}{}", encoding.suffix()));
        Self { first, path, encoding }
    }

    /// How many bytes the file has; 0 when it cannot be told.
    pub(super) fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Every segment of a directory, in order. Files of other names are none of the trail's. Of a segment that is
    /// there twice, because its compression was not finished, the plain file counts.
    pub(super) fn list(directory: &Path) -> io::Result<Vec<Self>> {
        let mut segments = Vec::new();
        for entry in directory.read_dir()? {
            if let Some((first, encoding)) = entry?.file_name().to_str().and_then(parse_name) {
                segments.push(Self::encoded(directory, first, encoding));
            }
        }
        segments.sort_unstable_by_key(|segment| (segment.first, segment.encoding == Encoding::Zstd));
        segments.dedup_by_key(|segment| segment.first);
        Ok(segments)
    }
}

impl Encoding {
    fn suffix(self) -> &'static str {
        match self {
            Self::Plain => ".jsonl",
            Self::Zstd => ".jsonl.zst",
        }
    }
}

fn parse_name(name: &str) -> Option<(u64, Encoding)> {
    let rest = name.strip_prefix("audit-")?;
    let encoding = [Encoding::Plain, Encoding::Zstd].into_iter().find(|e| rest.ends_with(e.suffix()))?;
    let digits = rest.strip_suffix(encoding.suffix())?;
    let padded = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    padded.then(|| digits.parse().ok()).flatten().map(|first| (first, encoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_have_a_first_sequence() {
        assert_eq!(parse_name("audit-00000000000000000042.jsonl"), Some((42, Encoding::Plain)));
        assert_eq!(parse_name("audit-00000000000000000042.jsonl.zst"), Some((42, Encoding::Zstd)));
        for name in [
            "lock",
            "audit-42.jsonl",
            "audit-+0000000000000000042.jsonl",
            "audit-00000000000000000042.jsonl.torn-20261123",
            "audit-99999999999999999999.jsonl",
            "audit-00000000000000000042.jsonl.gz",
        ] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }

    #[test]
    fn of_two_files_of_one_segment_the_plain_one_counts() {
        let directory = tempfile::tempdir().unwrap();
        let plain = SegmentFile::new(directory.path(), 7);
        for encoding in [Encoding::Zstd, Encoding::Plain] {
            std::fs::write(SegmentFile::encoded(directory.path(), 7, encoding).path, "").unwrap();
        }
        assert_eq!(SegmentFile::list(directory.path()).unwrap(), [plain]);
    }
}
