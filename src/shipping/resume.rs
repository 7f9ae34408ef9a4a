//! Where a consumer goes on.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::cursor::Cursor;
use crate::trail::{LineHash, Lines};

/// What a cursor says about the trail that is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    /// It points into it: the next line is the one after the cursor's.
    Fits,
    /// It fits, but lines after it are gone that were never acknowledged: the next one is this.
    Gap {
        /// The first line that is there.
        next: u64,
    },
    /// It points into another trail, or into one that was cut; with what tells.
    Foreign(&'static str),
}

/// Holds `cursor` against the trail in `directory`.
pub(super) fn resumption(directory: &Path, cursor: Cursor) -> io::Result<Resumption> {
    let mut lines = Lines::from(directory, cursor.sequence);
    let Some(line) = lines.read()? else {
        return Ok(Resumption::Foreign("it lies beyond the end of the trail"));
    };
    let after = cursor.sequence.saturating_add(1);
    Ok(if line.sequence == cursor.sequence {
        fits_if(LineHash::of(line.bytes) == cursor.hash)
    } else if line.sequence == after {
        // The cursor's own line was removed, as its time was over; the next one holds its hash.
        fits_if(prev(line.bytes) == Some(cursor.hash))
    } else {
        Resumption::Gap { next: line.sequence }
    })
}

fn fits_if(same: bool) -> Resumption {
    if same { Resumption::Fits } else { Resumption::Foreign("the line that it points to is another one now") }
}

fn prev(line: &[u8]) -> Option<LineHash> {
    #[derive(Deserialize)]
    struct Members {
        prev: String,
    }
    LineHash::parse(&serde_json::from_slice::<Members>(line).ok()?.prev)
}

/// The first line that is there, whatever came before it; `None` where there is none.
pub(super) fn first_line(directory: &Path) -> io::Result<Option<u64>> {
    Ok(Lines::from(directory, 0).read()?.map(|line| line.sequence))
}

/// The cursor of somebody who has had everything up to the line `sequence`; `None` where that line is not there.
pub(super) fn cursor_at(directory: &Path, sequence: u64) -> io::Result<Option<Cursor>> {
    let mut lines = Lines::from(directory, sequence);
    let line = lines.read()?.filter(|line| line.sequence == sequence);
    Ok(line.map(|line| Cursor { sequence, hash: LineHash::of(line.bytes) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a chain of lines `first` to `last` as one segment, and returns each one's cursor.
    fn trail(directory: &Path, first: u64, last: u64, salt: &str) -> Vec<Cursor> {
        let mut prev = LineHash::of(salt.as_bytes());
        let (mut text, mut cursors) = (String::new(), Vec::new());
        for sequence in first..=last {
            let line = format!("{{\"v\":1,\"seq\":{sequence},\"kind\":\"x\",\"prev\":\"{prev}\"}}\n");
            prev = LineHash::of(line.as_bytes());
            cursors.push(Cursor { sequence, hash: prev });
            text += &line;
        }
        std::fs::write(directory.join(format!("audit-{first:020}.jsonl")), text).unwrap();
        cursors
    }

    #[test]
    fn a_cursor_of_this_trail_fits_wherever_it_points() {
        let directory = tempfile::tempdir().unwrap();
        for cursor in trail(directory.path(), 1, 5, "") {
            assert_eq!(resumption(directory.path(), cursor).unwrap(), Resumption::Fits);
            assert_eq!(cursor_at(directory.path(), cursor.sequence).unwrap(), Some(cursor));
        }
        assert_eq!(first_line(directory.path()).unwrap(), Some(1));
        assert_eq!(cursor_at(directory.path(), 6).unwrap(), None);
    }

    #[test]
    fn it_fits_too_when_its_own_line_was_removed_and_a_gap_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let before = Cursor { sequence: 9, hash: LineHash::of(b"salt") };
        trail(directory.path(), 10, 12, "salt");
        assert_eq!(resumption(directory.path(), before).unwrap(), Resumption::Fits);
        let other = Cursor { hash: LineHash::ZERO, ..before };
        assert!(matches!(resumption(directory.path(), other).unwrap(), Resumption::Foreign(_)));
        let earlier = Cursor { sequence: 8, ..before };
        assert_eq!(resumption(directory.path(), earlier).unwrap(), Resumption::Gap { next: 10 });
        assert_eq!(first_line(directory.path()).unwrap(), Some(10));
    }

    #[test]
    fn a_replaced_or_cut_trail_is_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let ours = trail(directory.path(), 1, 5, "");
        trail(directory.path(), 1, 5, "another");
        assert!(matches!(resumption(directory.path(), ours[2]).unwrap(), Resumption::Foreign(_)));
        trail(directory.path(), 1, 2, "");
        let cut = resumption(directory.path(), ours[2]).unwrap();
        assert_eq!(cut, Resumption::Foreign("it lies beyond the end of the trail"));
        assert_eq!(resumption(directory.path(), ours[1]).unwrap(), Resumption::Fits);
    }
}
