use std::io;
use std::path::{Path, PathBuf};

use crate::trail::line::sequence_of;
use crate::trail::segment::{LineReader, Read, SegmentFile};

/// Reads a trail's lines in order, each once, over all of its segments. At the end it can be asked again: it goes on
/// with what was added, into new segments too. It checks nothing; that is for [`verify`](crate::trail::verify()).
pub struct Lines {
    directory: PathBuf,
    current: Option<Current>,
    /// The lowest sequence that is wanted.
    wanted: u64,
}

/// The segment that is read.
struct Current {
    first: u64,
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
    /// Its bytes, with the newline.
    pub bytes: &'a [u8],
}

impl Lines {
    /// Before line `first`, or before the first that is there after it. Reads nothing yet.
    pub fn from(directory: &Path, first: u64) -> Self {
        Self { directory: directory.to_owned(), current: None, wanted: first }
    }

    /// The next whole line; `None` at the end of what is there. Fails when the directory or a file cannot be read, or
    /// has something in it that is no line.
    pub fn read(&mut self) -> io::Result<Option<Line<'_>>> {
        let Some(sequence) = self.advance()? else { return Ok(None) };
        self.wanted = sequence.saturating_add(1);
        let bytes = self.current.as_ref().map_or(&[][..], |current| current.reader.bytes());
        Ok(Some(Line { sequence, bytes }))
    }

    /// Reads up to the next wanted line, and returns its sequence.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(first) = self.entrance()? else { return Ok(None) };
                self.current = Some(Current::open(&self.directory, &first)?);
                continue;
            };
            if let Some(sequence) = current.read(self.wanted)? {
                return Ok(Some(sequence));
            }
            if let Some(next) = current.next.take() {
                self.current = Some(Current::open(&self.directory, &next)?);
                continue;
            }
            current.next = successor(&self.directory, current.first)?;
            // Whatever was added before the successor came is read before it is moved on to.
            if current.next.is_none() {
                return Ok(None);
            }
        }
    }

    /// The segment to begin with: the last that begins at or before the wanted line, which has it if any has.
    fn entrance(&self) -> io::Result<Option<SegmentFile>> {
        let segments = SegmentFile::list(&self.directory)?;
        let before = segments.partition_point(|segment| segment.first <= self.wanted);
        Ok(segments.into_iter().nth(before.saturating_sub(1)))
    }
}

impl Current {
    fn open(directory: &Path, segment: &SegmentFile) -> io::Result<Self> {
        let reader = LineReader::open(segment).map_err(|error| in_file(segment, &error))?;
        Ok(Self { first: segment.first, reader, next: successor(directory, segment.first)? })
    }

    /// The sequence of the next line that is wanted, once it has been read; `None` at the end of the segment.
    fn read(&mut self, wanted: u64) -> io::Result<Option<u64>> {
        let end = self.next.as_ref().map_or(u64::MAX, |next| next.first);
        loop {
            match self.reader.read()? {
                Read::Line => {}
                Read::End | Read::Torn(_) => return Ok(None),
                Read::TooLong => return Err(io::Error::other("a line is longer than any record")),
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

    fn no_record(&self) -> io::Error {
        let (first, line) = (self.first, self.reader.line());
        io::Error::other(format!("line {line} of the segment that begins with sequence {first} is no record"))
    }
}

fn successor(directory: &Path, first: u64) -> io::Result<Option<SegmentFile>> {
    Ok(SegmentFile::list(directory)?.into_iter().find(|segment| segment.first > first))
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
