use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::trail::line::{Head, Stamp, sequence_of};
use crate::trail::segment::{LineReader, Read, SegmentFile};

/// How often a segment is looked for that was there a moment ago. Each time it has been compressed or removed.
const ATTEMPTS: usize = 5;

/// Reads a trail's lines in order, each once, over all of its segments. At the end it can be asked again: it goes on
/// with what was added, into new segments too, also when the segment that it reads has been compressed or removed. It
/// checks nothing; that is for [`verify`](crate::trail::verify()).
pub struct Lines {
    directory: PathBuf,
    current: Option<Current>,
    /// The lowest sequence that is wanted.
    wanted: u64,
    /// Lines with an earlier time may be passed over.
    since: Option<Stamp>,
}

/// The segment that is read.
struct Current {
    segment: SegmentFile,
    reader: LineReader,
    /// The segment that takes over from this one, once there is one. What stands here from its first line on stands
    /// there again.
    next: Option<SegmentFile>,
}

/// One line of a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its sequence number.
    pub sequence: u64,
    /// The segment that it stands in.
    pub file: &'a Path,
    /// Its number in that file, from 1. After lines have been passed over, it is reckoned from the sequence in the
    /// file's name.
    pub number: u64,
    /// Its bytes, with the newline.
    pub bytes: &'a [u8],
}

impl Line<'_> {
    /// When it was written; `None` when it does not begin as every line does.
    pub fn time(&self) -> Option<Timestamp> {
        std::str::from_utf8(Head::of(self.bytes)?.time).ok()?.parse().ok()
    }

    /// Says of a line that it is none.
    pub(super) fn no_record(&self) -> String {
        let (file, line) = (self.file.display(), self.number);
        format!("line {line} of {file} is no record; `confgate audit verify` says more")
    }
}

impl Lines {
    /// Before line `first`, or before the first that is there after it. Reads nothing yet.
    pub fn from(directory: &Path, first: u64) -> Self {
        Self { directory: directory.to_owned(), current: None, wanted: first, since: None }
    }

    /// Before the first line that is not earlier than `time`, or somewhat before it. Lines count as written in the
    /// order of their times: whoever does not trust the clock that far asks for an earlier time.
    pub fn since(directory: &Path, time: Timestamp) -> Self {
        Self { since: Some(Stamp::of(time)), ..Self::from(directory, 0) }
    }

    /// Before the last `count` lines, or as many as there are. Takes it that no sequence is missing.
    pub fn last(directory: &Path, count: u64) -> io::Result<Self> {
        let mut segments = SegmentFile::list(directory)?;
        while let Some(segment) = segments.pop() {
            let last = match open(&segment) {
                Ok(reader) => last_sequence(reader)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            if let Some(last) = last {
                return Ok(Self::from(directory, last.saturating_add(1).saturating_sub(count)));
            }
        }
        Ok(Self::from(directory, 0))
    }

    /// The next whole line; `None` at the end of what is there. Fails when the directory or a file cannot be read. What
    /// is no line is [`io::ErrorKind::InvalidData`], and can be passed over by reading on.
    pub fn read(&mut self) -> io::Result<Option<Line<'_>>> {
        let Some(sequence) = self.advance()? else { return Ok(None) };
        self.wanted = sequence.saturating_add(1);
        Ok(self.current.as_ref().map(|current| current.line(sequence)))
    }

    /// Reads up to the next wanted line, and returns its sequence.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        loop {
            let Some(current) = &mut self.current else {
                self.current = self.enter()?;
                if self.current.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if let Some(sequence) = current.read(self.wanted)? {
                return Ok(Some(sequence));
            }
            if current.next.is_some() {
                let first = current.segment.first;
                self.current = self.open(|segments| after(segments, first))?;
                continue;
            }
            current.next = after(&SegmentFile::list(&self.directory)?, current.segment.first).cloned();
            // Whatever was added before the successor came is read before it is moved on to.
            if current.next.is_none() {
                return Ok(None);
            }
        }
    }

    /// Opens the segment to begin with, near the first line that is wanted.
    fn enter(&self) -> io::Result<Option<Current>> {
        let wanted = self.wanted;
        let current = match &self.since {
            None => self.open(|segments| {
                let before = segments.partition_point(|segment| segment.first <= wanted);
                segments.get(before.saturating_sub(1))
            }),
            Some(since) => self.open(|segments| {
                let before = segments.partition_point(|segment| begins_before(segment, since));
                segments.get(before.saturating_sub(1))
            }),
        };
        let Some(mut current) = current? else { return Ok(None) };
        match &self.since {
            None if wanted <= current.segment.first => {}
            None => current.reader.skip_while(|line| sequence_of(line).is_some_and(|seq| seq <= wanted))?,
            Some(since) => current.reader.skip_while(|line| is_before(line, since))?,
        }
        Ok(Some(current))
    }

    /// Opens the segment that `choose` takes from all of them. One that has gone meanwhile is chosen anew.
    fn open(&self, choose: impl Fn(&[SegmentFile]) -> Option<&SegmentFile>) -> io::Result<Option<Current>> {
        for attempt in 1.. {
            let segments = SegmentFile::list(&self.directory)?;
            let Some(segment) = choose(&segments) else { break };
            match open(segment) {
                Ok(reader) => {
                    let next = after(&segments, segment.first).cloned();
                    return Ok(Some(Current { segment: segment.clone(), reader, next }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl Current {
    /// The sequence of the next line that is wanted, once it has been read; `None` at the end of the segment.
    fn read(&mut self, wanted: u64) -> io::Result<Option<u64>> {
        let end = self.next.as_ref().map_or(u64::MAX, |next| next.first);
        loop {
            match self.reader.read().map_err(|error| in_file(&self.segment, &error))? {
                Read::Line => {}
                Read::End | Read::Torn(_) => return Ok(None),
                Read::TooLong => return Err(self.no_record()),
            }
            let sequence = sequence_of(self.reader.bytes()).ok_or_else(|| self.no_record())?;
            if sequence >= end {
                return Ok(None);
            }
            if sequence >= wanted {
                return Ok(Some(sequence));
            }
        }
    }

    fn line(&self, sequence: u64) -> Line<'_> {
        let (number, bytes) = (self.reader.line(), self.reader.bytes());
        Line { sequence, file: &self.segment.path, number, bytes }
    }

    fn no_record(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self.line(0).no_record())
    }
}

fn after(segments: &[SegmentFile], first: u64) -> Option<&SegmentFile> {
    segments.iter().find(|segment| segment.first > first)
}

fn open(segment: &SegmentFile) -> io::Result<LineReader> {
    LineReader::open(segment).map_err(|error| in_file(segment, &error))
}

fn last_sequence(mut reader: LineReader) -> io::Result<Option<u64>> {
    reader.skip_while(|line| sequence_of(line).is_some())?;
    let mut last = None;
    while let Read::Line | Read::TooLong = reader.read()? {
        last = sequence_of(reader.bytes()).or(last);
    }
    Ok(last)
}

/// Whether the first line is earlier. Of what cannot be read now nothing is known, so that it is not passed over.
pub(super) fn begins_before(segment: &SegmentFile, time: &Stamp) -> bool {
    let Ok(mut reader) = LineReader::open(segment) else { return false };
    reader.read().is_ok() && is_before(reader.bytes(), time)
}

fn is_before(line: &[u8], time: &Stamp) -> bool {
    Head::stamped(line).is_some_and(|head| head.time < time.as_bytes())
}

fn in_file(segment: &SegmentFile, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", segment.path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::tests::{bare_trail, lines, split, written_trail};

    fn read_all(reader: &mut Lines) -> Vec<u64> {
        std::iter::from_fn(|| reader.read().unwrap().map(|line| line.sequence)).collect()
    }

    #[tokio::test]
    async fn each_line_is_read_once_from_wherever_one_wants() {
        let directory = tempfile::tempdir().unwrap();
        bare_trail(directory.path(), 6);
        let all = lines(directory.path());
        split(directory.path(), &[0, 3, 6]);
        for first in 0..10 {
            let expected: Vec<u64> = (first.max(1)..9).collect();
            assert_eq!(read_all(&mut Lines::from(directory.path(), first)), expected, "from {first}");
        }
        // What a failed segment has left over is read where it counts.
        let first = SegmentFile::new(directory.path(), 1).path;
        std::fs::write(first, all[..5].concat() + "{\"v\":1,\"seq\":6").unwrap();
        let mut reader = Lines::from(directory.path(), 1);
        assert_eq!(read_all(&mut reader), (1..9).collect::<Vec<_>>());
        assert_eq!(reader.read().unwrap(), None);
        written_trail(directory.path(), 0).await;
        assert_eq!(read_all(&mut reader), [9, 10, 11, 12]);
    }

    #[test]
    fn an_empty_directory_has_no_line_yet() {
        let directory = tempfile::tempdir().unwrap();
        let mut reader = Lines::from(directory.path(), 1);
        assert_eq!(reader.read().unwrap(), None);
        std::fs::write(SegmentFile::new(directory.path(), 1).path, "{\"v\":1,\"seq\":1,\n").unwrap();
        assert_eq!(read_all(&mut reader), [1]);
    }
}
