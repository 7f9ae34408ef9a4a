//! Replaces a closed segment with its compressed form, without a moment in which neither is whole on disk.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{Context, SHA256};

use super::directory::{private, sync_directory};
use crate::trail::segment::{Encoding, LineReader, Read, SegmentFile};

/// What most of the gain is had for, at more than the speed of a disk.
const LEVEL: i32 = 3;

/// Compresses `segment`, reads back what it has made, and only then removes the plain file. Gives up in the middle when
/// `stop` turns true; what there is by then is begun anew the next time.
pub(super) fn compress(directory: &Path, segment: &SegmentFile, stop: &AtomicBool) -> io::Result<()> {
    let unfinished = directory.join("new-compressed");
    let place = SegmentFile::encoded(directory, segment.first, Encoding::Zstd).path;
    let made =
        write_compressed(segment, &unfinished, stop).and_then(|()| std::fs::rename(&unfinished, &place));
    if let Err(error) = made {
        let _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    sync_directory(directory)?;
    std::fs::remove_file(&segment.path)?;
    sync_directory(directory)
}

/// Writes the compressed form of `segment` to `path`, durably, and makes sure that it reads back as the same.
fn write_compressed(segment: &SegmentFile, path: &Path, stop: &AtomicBool) -> io::Result<()> {
    let file = private().create(true).write(true).truncate(true).open(path)?;
    let mut encoder = zstd::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    let plain = each_line(segment, stop, |bytes| encoder.write_all(bytes))?;
    let file = encoder.finish()?;
    file.set_modified(segment.path.metadata()?.modified()?)?;
    file.sync_all()?;
    let compressed = SegmentFile { path: path.to_owned(), encoding: Encoding::Zstd, ..segment.clone() };
    if each_line(&compressed, stop, |_| Ok(()))? == plain {
        Ok(())
    } else {
        Err(io::Error::other("the compressed segment does not read back as it was"))
    }
}

/// Hands every line to `each`, and what a failure may have left after the last. Returns the hash of it all.
fn each_line(
    segment: &SegmentFile,
    stop: &AtomicBool,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<[u8; 32]> {
    let mut hash = Context::new(&SHA256);
    let mut reader = LineReader::open(segment)?;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let read = reader.read()?;
        hash.update(reader.bytes());
        match read {
            Read::Line => each(reader.bytes())?,
            Read::TooLong => return Err(io::Error::other("a line is longer than any record")),
            Read::Torn(_) | Read::End => {
                each(reader.bytes())?;
                let mut sum = [0; 32];
                sum.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
                return Ok(sum);
            }
        }
    }
}
