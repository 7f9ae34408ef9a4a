use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::trail::line::MAX_LINE;
use crate::trail::segment::SegmentFile;

/// How often a followed trail is looked at.
const POLL: Duration = Duration::from_millis(200);

/// How many bytes are read at once.
const BLOCK: usize = 64 << 10;

/// Writes the last `lines` lines of the trail in `directory` to `out`, then those that are added, until `stop` says
/// so; it is asked after each look, five times a second. A line appears only once it is whole. After a write of
/// the trail failed, the lines that its next segment takes over may appear twice.
///
/// Fails when the directory or a segment cannot be read, or `out` takes no more.
pub fn tail(
    directory: &Path,
    lines: usize,
    out: &mut impl Write,
    mut stop: impl FnMut() -> bool,
) -> io::Result<()> {
    let mut cursor = Cursor::before_last(directory, lines)?;
    loop {
        cursor.print(directory, out)?;
        out.flush()?;
        if stop() {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

/// The next byte to print.
struct Cursor {
    /// The segment, and its open file: it can be read to its end even when it is moved away.
    current: Option<(u64, File)>,
    offset: u64,
}

impl Cursor {
    /// Before the last `lines` lines.
    fn before_last(directory: &Path, lines: usize) -> io::Result<Self> {
        let mut wanted = lines;
        let mut cursor = Self { current: None, offset: 0 };
        for segment in SegmentFile::list(directory)?.into_iter().rev() {
            let file = File::open(&segment.path)?;
            let (offset, found) = back(&file, wanted)?;
            cursor = Self { current: Some((segment.first, file)), offset };
            wanted = wanted.saturating_sub(found);
            if wanted == 0 {
                break;
            }
        }
        Ok(cursor)
    }

    /// Prints every whole line that is there, through all later segments.
    fn print(&mut self, directory: &Path, out: &mut impl Write) -> io::Result<()> {
        loop {
            // Listed first: a segment that has a successor is not added to any more.
            let next = self.next_segment(directory)?;
            if let Some((_, file)) = &self.current {
                self.offset = copy_lines(file, self.offset, out)?;
            }
            let Some(next) = next else { return Ok(()) };
            self.current = Some((next.first, File::open(&next.path)?));
            self.offset = 0;
        }
    }

    fn next_segment(&self, directory: &Path) -> io::Result<Option<SegmentFile>> {
        let current = self.current.as_ref().map(|(first, _)| *first);
        let mut segments = SegmentFile::list(directory)?.into_iter();
        Ok(segments.find(|segment| current.is_none_or(|current| segment.first > current)))
    }
}

/// Where the last `lines` whole lines of a file begin, and how many there are, if there are fewer.
fn back(file: &File, lines: usize) -> io::Result<(u64, usize)> {
    let mut end = file.metadata()?.len();
    let mut newlines = 0;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let bytes = block.get_mut(..length).unwrap_or_default();
        file.read_exact_at(bytes, start)?;
        for (at, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            // The newline before the first wanted line ends the line before it.
            if newlines == lines {
                return Ok((start + at as u64 + 1, lines));
            }
            newlines += 1;
        }
        end = start;
    }
    Ok((0, newlines))
}

/// Writes the whole lines from `offset` on, and returns where the rest begins.
fn copy_lines(file: &File, mut offset: u64, out: &mut impl Write) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read_at(&mut block, offset)?;
        let bytes = block.get(..read).unwrap_or_default();
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                out.write_all(bytes.get(..=last).unwrap_or_default())?;
                offset += last as u64 + 1;
            }
            None if read > MAX_LINE => return Err(io::Error::other("a line is longer than any record")),
            // A line longer than the block, or the end.
            None if read == block.len() => block.resize(block.len() * 2, 0),
            None => return Ok(offset),
        }
    }
}
