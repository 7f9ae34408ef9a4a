use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};

use super::{Encoding, SegmentFile};
use crate::trail::line::MAX_LINE;

/// How many bytes are read at once.
const BLOCK: usize = 256 << 10;

/// The most memory that a compressed segment may ask for to be read, as a power of two in bytes: what this program
/// writes needs 8 MiB, and a file that claims more is not its own.
const MAX_WINDOW_LOG: u32 = 23;

/// Reads a segment line by line, with memory for one of them. At the end it can be asked again: a segment that is
/// written to has more by then.
pub(in crate::trail) struct LineReader {
    source: Source,
    bytes: Vec<u8>,
    line: u64,
    offset: u64,
}

enum Source {
    Plain(BufReader<File>),
    Zstd(Box<BufReader<zstd::Decoder<'static, BufReader<File>>>>),
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trail) enum Read {
    /// A line with its newline.
    Line,
    /// As many bytes at the end as have no newline, zeros after them left out.
    Torn(u64),
    /// More bytes without a newline than any line has.
    TooLong,
    /// Nothing: this is the end.
    End,
}

impl LineReader {
    /// Opens the segment before its first line.
    pub(in crate::trail) fn open(segment: &SegmentFile) -> io::Result<Self> {
        let file = File::open(&segment.path)?;
        let source = match segment.encoding {
            Encoding::Plain => Source::Plain(BufReader::with_capacity(BLOCK, file)),
            Encoding::Zstd => {
                let mut decoder = zstd::Decoder::new(file)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Source::Zstd(Box::new(BufReader::with_capacity(BLOCK, decoder)))
            }
        };
        Ok(Self { source, bytes: Vec::new(), line: 0, offset: 0 })
    }

    /// Reads on.
    pub(in crate::trail) fn read(&mut self) -> io::Result<Read> {
        self.bytes.clear();
        self.forget_what_is_no_line()?;
        let read = match &mut self.source {
            Source::Plain(file) => until_newline(file, &mut self.bytes)?,
            Source::Zstd(file) => until_newline(file, &mut self.bytes)?,
        };
        if self.bytes.last() == Some(&b'\n') {
            self.line += 1;
            self.offset += read as u64;
            return Ok(Read::Line);
        }
        if read == MAX_LINE {
            self.line += 1;
            return Ok(Read::TooLong);
        }
        self.go_back()?;
        let written = self.bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.bytes.truncate(written);
        Ok(if written == 0 { Read::End } else { Read::Torn(written as u64) })
    }

    /// Has what follows the last whole line in the buffer read anew: zeros or half a line when it was read, it may be
    /// more by now.
    fn forget_what_is_no_line(&mut self) -> io::Result<()> {
        match &self.source {
            Source::Plain(file) if !file.buffer().contains(&b'\n') => self.go_back(),
            _ => Ok(()),
        }
    }

    /// Before what is not a line yet, so that it is read anew once it is one.
    fn go_back(&mut self) -> io::Result<()> {
        match &mut self.source {
            Source::Plain(file) => file.seek(SeekFrom::Start(self.offset)).map(drop),
            Source::Zstd(_) => Ok(()),
        }
    }

    /// What was read last: a line with its newline, or torn bytes.
    pub(in crate::trail) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of the line read last in the segment, from 1; 0 before the first.
    pub(in crate::trail) fn line(&self) -> u64 {
        self.line
    }

    /// Where the line read last ends, in bytes of the plain segment.
    pub(in crate::trail) fn offset(&self) -> u64 {
        self.offset
    }
}

fn until_newline(file: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    file.take(MAX_LINE as u64).read_until(b'\n', bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    fn read_all(reader: &mut LineReader) -> Vec<String> {
        let mut lines = Vec::new();
        while reader.read().unwrap() == Read::Line {
            lines.push(String::from_utf8(reader.bytes().to_owned()).unwrap());
        }
        lines
    }

    #[test]
    fn room_after_the_last_line_is_no_line_until_it_is_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let segment = SegmentFile::new(directory.path(), 1);
        let file = File::create(&segment.path).unwrap();
        file.set_len(100_000).unwrap();
        file.write_all_at(b"one\ntwo\nthr", 0).unwrap();
        let mut reader = LineReader::open(&segment).unwrap();
        assert_eq!(read_all(&mut reader), ["one\n", "two\n"]);
        assert_eq!(reader.read().unwrap(), Read::Torn(3));
        file.write_all_at(b"ee\n", 11).unwrap();
        assert_eq!(read_all(&mut reader), ["three\n"]);
        assert_eq!((reader.line(), reader.offset()), (3, 14));
        assert_eq!(reader.read().unwrap(), Read::End);
    }

    #[test]
    fn what_was_no_line_when_its_block_was_read_is_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let segment = SegmentFile::new(directory.path(), 1);
        let file = File::create(&segment.path).unwrap();
        file.set_len(3 * BLOCK as u64).unwrap();
        file.write_all_at(b"one\ntwo\nthr", 0).unwrap();
        let mut reader = LineReader::open(&segment).unwrap();
        // The end is not seen: whoever reads stops after a line that it knows to be the last.
        assert_eq!((reader.read().unwrap(), reader.read().unwrap()), (Read::Line, Read::Line));
        file.write_all_at(b"ee\nfour\n", 11).unwrap();
        assert_eq!(read_all(&mut reader), ["three\n", "four\n"]);
    }

    #[test]
    fn compressed_lines_are_the_same_lines() {
        let directory = tempfile::tempdir().unwrap();
        let segment = SegmentFile::encoded(directory.path(), 1, Encoding::Zstd);
        let mut encoder = zstd::Encoder::new(File::create(&segment.path).unwrap(), 3).unwrap();
        encoder.write_all(b"one\ntwo\n").unwrap();
        encoder.finish().unwrap();
        let mut reader = LineReader::open(&segment).unwrap();
        assert_eq!(read_all(&mut reader), ["one\n", "two\n"]);
        assert_eq!(reader.read().unwrap(), Read::End);
    }

    #[test]
    fn a_compressed_segment_that_was_cut_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let segment = SegmentFile::encoded(directory.path(), 1, Encoding::Zstd);
        let whole = zstd::encode_all(&b"one\n".repeat(1000)[..], 3).unwrap();
        std::fs::write(&segment.path, &whole[..whole.len() - 5]).unwrap();
        let mut reader = LineReader::open(&segment).unwrap();
        let error = std::iter::repeat_with(|| reader.read()).find_map(Result::err).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
