use std::io::{self, Write};
use std::path::Path;

use super::lines::Lines;

/// Writes the last `lines` lines of the trail in `directory` to `out`, then, whenever `wait` returns true, those that
/// have been added; `wait` ends it with false. Each line appears once and only when it is whole, whatever happens to
/// the segments meanwhile: that one is begun or compressed, that the one which is read is removed, that another takes
/// over from one that failed.
///
/// Fails when the directory or a segment cannot be read or has something in it that is no line, or `out` takes no more.
pub fn tail(
    directory: &Path,
    lines: u64,
    out: &mut impl Write,
    mut wait: impl FnMut() -> bool,
) -> io::Result<()> {
    let mut reader = Lines::last(directory, lines)?;
    loop {
        print(&mut reader, out)?;
        out.flush()?;
        if !wait() {
            return Ok(());
        }
    }
}

/// Prints every whole line that is there.
fn print(lines: &mut Lines, out: &mut impl Write) -> io::Result<()> {
    loop {
        match lines.read() {
            Ok(Some(line)) => out.write_all(line.bytes)?,
            Ok(None) => return Ok(()),
            // A follower outlives the directory: the trail makes it anew when it heals.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
