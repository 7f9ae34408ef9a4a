#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use super::{Encoding, SegmentFile};
use crate::trail::line::{MAX_LINE, sequence_of};

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
    /// The sequence number in the segment's name.
    first: u64,
    line: u64,
    offset: u64,
    /// Whether the last look found nothing but room.
    at_end: bool,
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
        Ok(Self { source, bytes: Vec::new(), first: segment.first, line: 0, offset: 0, at_end: false })
    }

    /// Reads on.
    pub(in crate::trail) fn read(&mut self) -> io::Result<Read> {
        self.bytes.clear();
        self.at_end = self.is_still_at_end()?;
        if !self.at_end {
            self.forget_what_is_no_line()?;
            self.at_end = self.has_only_room()?;
        }
        if self.at_end {
            return Ok(Read::End);
        }
        let mut read = self.until_newline()?;
        let is_plain = matches!(self.source, Source::Plain(_));
        if is_plain && self.bytes.last() == Some(&b'\n') && self.bytes.contains(&0) {
            // The line's beginning was read before it was written, as room, and its end after that: it is all there by
            // now. What is still zero is so in the file.
            self.go_back()?;
            read = self.until_newline()?;
        }
        if self.bytes.last() == Some(&b'\n') {
            self.line += 1;
            self.offset += read as u64;
            return Ok(Read::Line);
        }
        if read == MAX_LINE && !self.only_zeros_follow()? {
            self.line += 1;
            self.offset += read as u64;
            self.go_back()?;
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

    fn until_newline(&mut self) -> io::Result<usize> {
        self.bytes.clear();
        match &mut self.source {
            Source::Plain(file) => until_newline(file, &mut self.bytes),
            Source::Zstd(file) => until_newline(file, &mut self.bytes),
        }
    }

    /// Goes on before the last line for which `is_before` holds, or a little earlier, without reading all that lies
    /// before it. It must hold for a part of the lines from the first on, and for none after them. `is_before` is asked
    /// of lines that may be anything. A compressed segment stays where it is: it has to be read from its beginning.
    pub(in crate::trail) fn skip_while(&mut self, is_before: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        let Source::Plain(file) = &mut self.source else { return Ok(()) };
        let mut low = self.offset;
        let mut high = file.get_ref().metadata()?.len();
        while high.saturating_sub(low) > BLOCK as u64 {
            let middle = low + (high - low) / 2;
            match line_after(file, middle, &mut self.bytes)? {
                Some(start) if start < high && is_before(&self.bytes) => {
                    low = start;
                    // Each line counts one from the segment's first, which has its sequence in the name.
                    self.line = sequence_of(&self.bytes).map_or(0, |seq| seq.saturating_sub(self.first));
                }
                _ => high = middle,
            }
        }
        self.offset = low;
        self.go_back()
    }

    /// Whether the last look found the end, and nothing has been written there since. Spares a follower from reading
    /// all the room of a file that has been given room ahead, each time it looks.
    fn is_still_at_end(&self) -> io::Result<bool> {
        let (true, Source::Plain(file)) = (self.at_end, &self.source) else { return Ok(false) };
        let mut next = [0];
        Ok(file.get_ref().read_at(&mut next, self.offset)? == 0 || next == [0])
    }

    /// Whether zeros are all that is left. However many they are, they are not kept.
    fn has_only_room(&mut self) -> io::Result<bool> {
        let Source::Plain(file) = &mut self.source else { return Ok(false) };
        if file.fill_buf()?.first() != Some(&0) {
            return Ok(false);
        }
        let only_room = self.only_zeros_follow()?;
        self.go_back()?;
        Ok(only_room)
    }

    fn only_zeros_follow(&mut self) -> io::Result<bool> {
        let Source::Plain(file) = &mut self.source else { return Ok(false) };
        loop {
            let length = match file.fill_buf()? {
                [] => return Ok(true),
                bytes if bytes.iter().any(|byte| *byte != 0) => return Ok(false),
                zeros => zeros.len(),
            };
            file.consume(length);
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

/// Reads the first whole line that begins after byte `at`, and returns where; none where there is none.
fn line_after(file: &mut BufReader<File>, at: u64, bytes: &mut Vec<u8>) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(at))?;
    bytes.clear();
    // No line has a zero in it: this is room.
    if file.fill_buf()?.first() == Some(&0) {
        return Ok(None);
    }
    let start = at + until_newline(file, bytes)? as u64;
    bytes.clear();
    until_newline(file, bytes)?;
    Ok((bytes.last() == Some(&b'\n')).then_some(start))
}

fn until_newline(file: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    file.take(MAX_LINE as u64).read_until(b'\n', bytes)
}
