//! The trail. However it is edited, `verify` finds it whole only where every line is as it was written, but for the
//! last one, which only a signature or a checkpoint that was kept elsewhere could vouch for.

use std::path::PathBuf;
use std::sync::LazyLock;

use confgate::trail::{Lines, verify};

/// A trail that a gateway has written.
const WRITTEN: &[u8] = include_bytes!("../trail.jsonl");
/// How many edits are made at most.
const MOST_EDITS: usize = 8;

/// The trail's directory. libFuzzer ends without a destructor: `.ci/fuzz` removes what it leaves.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| tempfile::tempdir().expect("a directory").keep());

/// The bytes are edits, each a kind, a place, and a number of bytes or a byte.
pub fn run(edits: &[u8]) {
    let mut bytes = WRITTEN.to_vec();
    for edit in edits.chunks_exact(4).take(MOST_EDITS) {
        apply(edit, &mut bytes);
    }
    std::fs::write(DIRECTORY.join("audit-00000000000000000001.jsonl"), &bytes).expect("room for a file");
    read_to_the_end(&bytes);
    let Ok(summary) = verify(&DIRECTORY) else {
        assert_ne!(bytes, WRITTEN, "what was written is whole");
        return;
    };
    let lines = usize::try_from(summary.records).expect("a number of lines");
    let chained: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').take(lines).collect();
    let written = WRITTEN.split_inclusive(|byte| *byte == b'\n');
    for (number, (line, written)) in chained.iter().zip(written).enumerate() {
        // No hash vouches for the last line, which may be any other record.
        let same = *line == written || (number + 1 == lines && stands_at(line, written));
        assert!(same, "found whole what was not written: {}", String::from_utf8_lossy(line));
    }
    let whole: usize = chained.iter().map(|line| line.len()).sum();
    let rest = bytes[whole..].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    assert!(summary.torn_bytes >= rest as u64, "{rest} bytes follow that nobody speaks of: {summary:?}");
}

/// Whether `line` is a record in the place of `written`.
fn stands_at(line: &[u8], written: &[u8]) -> bool {
    let record = |line: &[u8]| {
        let record: serde_json::Value = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        Some((record["seq"].clone(), record["prev"].clone()))
    };
    record(line).is_some() && record(line) == record(written)
}

fn apply(edit: &[u8], bytes: &mut Vec<u8>) {
    let (kind, number) = (edit[0] % 7, edit[3]);
    let place = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % (bytes.len() + 1);
    let end = (place + usize::from(number)).min(bytes.len());
    match kind {
        0 => bytes.truncate(place),
        1 => bytes.insert(place, number),
        2 => drop(bytes.drain(place..end)),
        3 => bytes[place..end].fill(0),
        4 => bytes.extend_from_within(place..end),
        5 => line_to(bytes, place, usize::from(number)),
        _ if place < bytes.len() => bytes[place] = number,
        _ => {}
    }
}

/// Moves a line, or repeats it: the one at `place` is put before line `before` too.
fn line_to(bytes: &mut Vec<u8>, place: usize, before: usize) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let line =
        if before >= 128 { lines.remove(place % lines.len()) } else { lines[place % lines.len()].clone() };
    let before = before % (lines.len() + 1);
    lines.insert(before, line);
    *bytes = lines.concat();
}

/// Reading goes on past what is no line, and comes to an end.
fn read_to_the_end(bytes: &[u8]) {
    let most = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut lines = Lines::from(&DIRECTORY, 0);
    let mut read = 0;
    loop {
        match lines.read() {
            Ok(Some(_)) | Err(_) => read += 1,
            Ok(None) => break,
        }
        assert!(read <= 2 * most + 2, "reading does not end");
    }
}
