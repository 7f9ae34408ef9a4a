use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use jiff::Timestamp;

use super::directory::{Directory, private};
use super::failpoint::attempt;
use super::replay::Replay;
use super::segment::{Room, Segment};
use super::status::{Observer, Publisher};
use super::store::Store;
use super::writer::{Heritage, Writer};
use crate::trail::TrailConfig;
use crate::trail::error::TrailError;
use crate::trail::line::Position;
use crate::trail::record::TornTail;
use crate::trail::segment::{Encoding, LineReader, MAX_LOST, Read, SegmentFile, has_lost_sectors};

/// Opens the directory and goes on where the run before left off.
pub(super) fn open(config: &TrailConfig) -> Result<(Writer, Observer), TrailError> {
    let directory = Directory::open(&config.directory)?;
    let segments = SegmentFile::list(directory.path()).map_err(TrailError::io("list", directory.path()))?;
    let room = Room { step: config.segments.preallocate };
    let end = find_end(&directory, &segments, room)?;
    let (publisher, observer) = Publisher::new(end.position, config.stall_timeout);
    let store = Store::new(directory, end.segment, end.position, room);
    Ok((Writer::start(config, store, end.heritage, publisher), observer))
}

/// Where the trail ends.
struct End {
    segment: Option<Segment>,
    position: Position,
    heritage: Heritage,
}

/// Reads the last segment, and those before it back to one that says what was open when it began, which is nearly
/// always itself. The whole is for `verify`, which may take long.
fn find_end(directory: &Directory, segments: &[SegmentFile], room: Room) -> Result<End, TrailError> {
    let mut torn = None;
    for (index, segment) in segments.iter().enumerate().rev() {
        let mut replay = Replay::default();
        let last = read_last(directory, segment, &mut replay)?;
        torn = last.torn.or(torn);
        if let Some(position) = replay.position() {
            let mut earlier = segments.get(..index).unwrap_or_default();
            while !replay.is_complete()
                && let Some((before, rest)) = earlier.split_last()
            {
                replay = replay.after(read_earlier(before, segments.get(rest.len() + 1))?);
                earlier = rest;
            }
            let begun = replay.begun().unwrap_or_else(Timestamp::now);
            let resume = |(file, end)| Segment::resume(segment.clone(), file, end, begun, room);
            let segment = last.file.map(resume).transpose()?;
            return Ok(End { segment, position, heritage: replay.heritage(torn) });
        }
        // Without a line it says nothing, and in the way of the next segment it may be. The trail itself leaves
        // no such file.
        attempt(|| std::fs::remove_file(&segment.path)).map_err(TrailError::io("remove", &segment.path))?;
        directory.sync()?;
    }
    let heritage = Heritage { trail: None, first: 1, torn, unknown: None };
    Ok(End { segment: None, position: Position::GENESIS, heritage })
}

/// What the last segment ends with.
struct Last {
    /// The file, open to be written to from this byte on. A compressed one is not written to any more.
    file: Option<(File, u64)>,
    torn: Option<TornTail>,
}

/// Reads the segment that the trail ends in, and sets aside what a crash has left half written.
fn read_last(directory: &Directory, segment: &SegmentFile, replay: &mut Replay) -> Result<Last, TrailError> {
    let path = &segment.path;
    let metadata = path.symlink_metadata().map_err(TrailError::io("inspect", path))?;
    if !metadata.is_file() {
        return Err(damaged(path, "something that is no file"));
    }
    let mut reader = LineReader::open(segment).map_err(TrailError::io("open", path))?;
    let end = loop {
        let end = reader.offset();
        match reader.read().map_err(TrailError::io("read", path))? {
            Read::End | Read::Torn(_) => break end,
            Read::TooLong => return Err(damaged(path, "a line that is longer than any record")),
            Read::Line => match replay.add(segment.first, reader.bytes()) {
                Ok(()) => {}
                // Blocks reach the disk in any order. Where one of them did not, there are zeros, and what follows
                // them was never synced.
                Err(_) if has_lost_sectors(end, reader.bytes()) => break end,
                Err(what) => return Err(damaged(path, what)),
            },
        }
    };
    if segment.encoding == Encoding::Zstd {
        return Ok(Last { file: None, torn: None });
    }
    let file =
        attempt(|| private().read(true).write(true).open(path)).map_err(TrailError::io("open", path))?;
    let torn = set_aside(directory, path, &file, end)?;
    Ok(Last { file: Some((file, end)), torn })
}

/// Reads a whole segment that others follow, up to where the next takes over.
fn read_earlier(segment: &SegmentFile, next: Option<&SegmentFile>) -> Result<Replay, TrailError> {
    let mut replay = Replay::default();
    let mut reader = LineReader::open(segment).map_err(TrailError::io("open", &segment.path))?;
    let end = next.map_or(u64::MAX, |next| next.first);
    while reader.read().map_err(TrailError::io("read", &segment.path))? == Read::Line {
        if replay.position().is_some_and(|position| position.next >= end) {
            break;
        }
        // What is wrong with it is for `verify` to say; here it has nothing more to tell.
        if replay.add(segment.first, reader.bytes()).is_err() {
            break;
        }
    }
    Ok(replay)
}

fn damaged(segment: &Path, what: &'static str) -> TrailError {
    TrailError::Damaged { segment: segment.to_owned(), what }
}

/// Moves what follows byte `end` to a file of its own. It may be evidence, and is never deleted. Zeros at its end were
/// room for more, and say nothing.
fn set_aside(
    directory: &Directory,
    segment: &Path,
    mut file: &File,
    end: u64,
) -> Result<Option<TornTail>, TrailError> {
    let mut rest = Vec::new();
    let ends = file
        .seek(SeekFrom::Start(end))
        .and_then(|_| file.take(MAX_LOST).read_to_end(&mut rest))
        .and_then(|_| only_zeros_follow(file))
        .map_err(TrailError::io("read", segment))?;
    if !ends {
        return Err(damaged(segment, "more after an unfinished line than a crash can have left"));
    }
    if rest.is_empty() {
        return Ok(None);
    }
    let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    rest.truncate(written);
    // First the zeros: on a full disk they may be all the room that there is.
    attempt(|| file.set_len(end + written as u64))
        .map_err(TrailError::io("give back room taken ahead in", segment))?;
    let torn = if rest.is_empty() { None } else { Some(keep_torn(directory, segment, &rest)?) };
    attempt(|| file.set_len(end).and_then(|()| file.sync_all()))
        .map_err(TrailError::io("cut the torn line off", segment))?;
    Ok(torn)
}

/// From where it has been read to.
fn only_zeros_follow(mut file: &File) -> io::Result<bool> {
    let mut block = vec![0; 64 << 10];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(true),
            read if block.iter().take(read).any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

fn keep_torn(directory: &Directory, segment: &Path, rest: &[u8]) -> Result<TornTail, TrailError> {
    let path = directory.aside(segment, "torn");
    let write = || {
        let mut aside = private().create_new(true).write(true).open(&path)?;
        aside.write_all(rest).and_then(|()| aside.sync_all())
    };
    if let Err(error) = attempt(write) {
        // The next start makes it whole; a part of it, made at every start, would be evidence of nothing.
        let _ = std::fs::remove_file(&path);
        return Err(TrailError::io("write", &path)(error));
    }
    directory.sync()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(TornTail { file: name, bytes: rest.len() as u64 })
}
