use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use jiff::Timestamp;

use super::directory::{Directory, private};
use super::segment::Segment;
use super::status::{Observer, Publisher};
use super::writer::Writer;
use crate::trail::TrailConfig;
use crate::trail::error::TrailError;
use crate::trail::line::{Link, MAX_LINE, Position};
use crate::trail::record::TornTail;
use crate::trail::segment::SegmentFile;

/// Opens the directory and goes on where the run before left off.
pub(super) fn open(config: &TrailConfig) -> Result<(Writer, Observer), TrailError> {
    let directory = Directory::open(&config.directory)?;
    let end = find_end(&directory)?;
    let (publisher, observer) = Publisher::new(end.position);
    let writer = Writer::start(directory, end.segment, end.position, end.torn, publisher)?;
    Ok((writer.keep_at_most(config.queue.max(1)), observer))
}

/// Where the trail ends.
struct End {
    segment: Option<Segment>,
    position: Position,
    torn: Option<TornTail>,
}

/// Finds the last line; only the end of the last segment is read. The whole is for `verify`, which may take long.
fn find_end(directory: &Directory) -> Result<End, TrailError> {
    let mut torn = None;
    let segments = SegmentFile::list(directory.path()).map_err(TrailError::io("list", directory.path()))?;
    for segment in segments.into_iter().rev() {
        let (file, length) = open_segment(&segment.path)?;
        let tail = Tail::read(&file, length, &segment.path)?;
        if !tail.torn.is_empty() {
            torn = Some(set_aside(directory, &segment.path, &file, &tail)?);
        }
        if let Some(last) = tail.last_line {
            let position = position_after(&last, &segment)?;
            return Ok(End { segment: Some(Segment::resume(segment.path, file, tail.end)), position, torn });
        }
        // Without a line it says nothing, and in the way of the next segment it may be. The trail itself leaves
        // no such file.
        std::fs::remove_file(&segment.path).map_err(TrailError::io("remove", &segment.path))?;
        directory.sync()?;
    }
    Ok(End { segment: None, position: Position::GENESIS, torn })
}

fn open_segment(path: &Path) -> Result<(File, u64), TrailError> {
    let file = private().read(true).append(true).open(path).map_err(TrailError::io("open", path))?;
    let metadata = file.metadata().map_err(TrailError::io("inspect", path))?;
    if !metadata.is_file() {
        return Err(damaged(path, "something that is no file"));
    }
    Ok((file, metadata.len()))
}

fn position_after(last: &[u8], segment: &SegmentFile) -> Result<Position, TrailError> {
    match Link::parse(last) {
        Ok(link) if link.seq >= segment.first => Ok(link.position()),
        Ok(_) => Err(damaged(&segment.path, "a line that belongs to an earlier segment")),
        Err(_) => Err(damaged(&segment.path, "a line that is no record")),
    }
}

fn damaged(segment: &Path, what: &'static str) -> TrailError {
    TrailError::Damaged { segment: segment.to_owned(), what }
}

/// Moves what follows the last newline to a file of its own. It may be evidence, and is never deleted.
fn set_aside(
    directory: &Directory,
    segment: &Path,
    file: &File,
    tail: &Tail,
) -> Result<TornTail, TrailError> {
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ");
    let name = segment.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.torn-{time}");
    let path = directory.path().join(&name);
    let mut aside =
        private().create_new(true).write(true).open(&path).map_err(TrailError::io("create", &path))?;
    aside.write_all(&tail.torn).and_then(|()| aside.sync_all()).map_err(TrailError::io("write", &path))?;
    directory.sync()?;
    file.set_len(tail.end)
        .and_then(|()| file.sync_all())
        .map_err(TrailError::io("cut the torn line off", segment))?;
    Ok(TornTail { file: name, bytes: tail.torn.len() as u64 })
}

/// The end of a segment.
struct Tail {
    /// The last line that has its newline, if there is one.
    last_line: Option<Vec<u8>>,
    /// Where that line ends.
    end: u64,
    /// What follows it.
    torn: Vec<u8>,
}

impl Tail {
    /// Reads backwards, twice as much each time, until the last whole line is there.
    fn read(file: &File, length: u64, path: &Path) -> Result<Self, TrailError> {
        let mut size = 64 << 10;
        loop {
            let start = length.saturating_sub(size);
            let bytes = read_from(file, start, length).map_err(TrailError::io("read", path))?;
            let tail = Self::split(bytes, start);
            if start == 0 || tail.last_line.is_some() {
                return Ok(tail);
            }
            if size > 2 * MAX_LINE as u64 {
                return Err(damaged(path, "a line that is longer than any record"));
            }
            size *= 2;
        }
    }

    /// `bytes` begin at byte `start` of the file, which is the beginning of a line only if it is 0.
    fn split(mut bytes: Vec<u8>, start: u64) -> Self {
        let after_newline = |bytes: &[u8]| bytes.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
        let Some(end) = after_newline(&bytes) else {
            return Self { last_line: None, end: start, torn: bytes };
        };
        let torn = bytes.split_off(end);
        let begin = after_newline(bytes.strip_suffix(b"\n").unwrap_or_default());
        let begin = begin.or((start == 0).then_some(0));
        Self { last_line: begin.map(|begin| bytes.split_off(begin)), end: start + end as u64, torn }
    }
}

fn read_from(file: &File, start: u64, end: u64) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(end.saturating_sub(start)).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}
