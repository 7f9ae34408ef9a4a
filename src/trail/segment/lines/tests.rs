use std::io::Write as _;

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

/// A line that lies on two pages may be written between the reading of the one and of the other.
#[test]
fn a_line_that_was_written_while_it_was_read_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let segment = SegmentFile::new(directory.path(), 1);
    std::fs::write(&segment.path, b"one\n\0\0\0ee\nfo\0r\n").unwrap();
    let mut reader = LineReader::open(&segment).unwrap();
    assert_eq!(reader.read().unwrap(), Read::Line);
    File::options().write(true).open(&segment.path).unwrap().write_all_at(b"thr", 4).unwrap();
    assert_eq!(read_all(&mut reader), ["three\n", "fo\0r\n"]);
    assert_eq!((reader.line(), reader.offset()), (3, 15));
}

#[test]
fn room_may_be_larger_than_any_line() {
    let directory = tempfile::tempdir().unwrap();
    let segment = SegmentFile::new(directory.path(), 1);
    let file = File::create(&segment.path).unwrap();
    file.set_len(3 * MAX_LINE as u64).unwrap();
    let mut reader = LineReader::open(&segment).unwrap();
    assert_eq!(reader.read().unwrap(), Read::End);
    file.write_all_at(b"one\ntw", 0).unwrap();
    assert_eq!(read_all(&mut reader), ["one\n"]);
    assert_eq!(reader.read().unwrap(), Read::Torn(2));
    // What stands after a gap is no room.
    file.write_all_at(b"x", 2 * MAX_LINE as u64).unwrap();
    assert_eq!(reader.read().unwrap(), Read::TooLong);
}

#[test]
fn a_part_is_skipped_without_being_read() {
    let directory = tempfile::tempdir().unwrap();
    let segment = SegmentFile::new(directory.path(), 1);
    let line = |seq: u64| format!("{{\"v\":1,\"seq\":{seq},{:90}\n", "");
    let lines = (1..=20_000).map(line).collect::<Vec<_>>().concat();
    for (room, torn) in [(0, ""), (40 << 20, ""), (40 << 20, "{\"v\":1,\"se")] {
        let file = File::create(&segment.path).unwrap();
        file.set_len(room).unwrap();
        file.write_all_at(lines.as_bytes(), 0).unwrap();
        file.write_all_at(torn.as_bytes(), lines.len() as u64).unwrap();
        for wanted in [0, 1, 2, 7_000, 19_999, 20_000, 50_000] {
            let mut reader = LineReader::open(&segment).unwrap();
            reader.skip_while(|line| sequence_of(line).is_some_and(|seq| seq <= wanted)).unwrap();
            assert_eq!(reader.read().unwrap(), Read::Line);
            let found = sequence_of(reader.bytes()).unwrap();
            assert_eq!(reader.line(), found);
            assert!(found <= wanted.max(1) && found + 4_000 > wanted.min(20_000), "{wanted}: {found}");
        }
    }
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
