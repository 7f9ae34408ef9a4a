//! Any single edit of a trail is found, whatever it is and wherever it is made.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::trail::line::Link;
use crate::trail::segment::Encoding;
use crate::trail::tests::key_pem;
use crate::trail::tests::outcome;

/// What somebody does to a trail.
#[derive(Clone, Debug)]
enum Edit {
    Change {
        byte: Index,
        to: u8,
    },
    Remove {
        byte: Index,
    },
    Insert {
        byte: Index,
        what: u8,
    },
    Delete {
        line: Index,
    },
    Duplicate {
        line: Index,
        at: Index,
    },
    Swap {
        a: Index,
        b: Index,
    },
    /// A line of another record, with the number and hash of its place, and the rest as it was.
    Forge {
        at: Index,
    },
    CutLine {
        line: Index,
        byte: Index,
    },
    Rename {
        segment: Index,
        to: u64,
    },
    Drop {
        segment: Index,
    },
    SwapNames {
        a: Index,
        b: Index,
    },
    CutSegment {
        segment: Index,
        lines: Index,
    },
    Append {
        segment: Index,
        what: Vec<u8>,
    },
}

fn edits() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        6 => (index(), any::<u8>()).prop_map(|(byte, to)| Edit::Change { byte, to }),
        2 => index().prop_map(|byte| Edit::Remove { byte }),
        2 => (index(), any::<u8>()).prop_map(|(byte, what)| Edit::Insert { byte, what }),
        2 => index().prop_map(|line| Edit::Delete { line }),
        2 => (index(), index()).prop_map(|(line, at)| Edit::Duplicate { line, at }),
        2 => (index(), index()).prop_map(|(a, b)| Edit::Swap { a, b }),
        2 => index().prop_map(|at| Edit::Forge { at }),
        1 => (index(), index()).prop_map(|(line, byte)| Edit::CutLine { line, byte }),
        1 => (index(), 0..60_u64).prop_map(|(segment, to)| Edit::Rename { segment, to }),
        1 => index().prop_map(|segment| Edit::Drop { segment }),
        1 => (index(), index()).prop_map(|(a, b)| Edit::SwapNames { a, b }),
        1 => (index(), index()).prop_map(|(segment, lines)| Edit::CutSegment { segment, lines }),
        1 => (index(), prop::collection::vec(1_u8.., 1..30)).prop_map(|(segment, what)| Edit::Append { segment, what }),
    ]
}

impl Edit {
    /// Makes the edit.
    fn make(&self, sample: &mut TrailBuilder) {
        let places = sample.places();
        let line = |index: &Index| *index.get(&places);
        match self {
            Self::Change { byte, to } => {
                let (line, at) = byte_of(sample, *byte);
                line[at] = *to;
            }
            Self::Remove { byte } => {
                let (line, at) = byte_of(sample, *byte);
                line.remove(at);
            }
            Self::Insert { byte, what } => {
                let (line, at) = byte_of(sample, *byte);
                line.insert(at, *what);
            }
            Self::Delete { line: index } => {
                let (segment, at) = line(index);
                sample.segments[segment].lines.remove(at);
            }
            Self::Duplicate { line: index, at } => {
                let (from, to) = (line(index), line(at));
                let copy = sample.segments[from.0].lines[from.1].clone();
                sample.segments[to.0].lines.insert(to.1, copy);
            }
            Self::Swap { a, b } => {
                let (a, b) = (line(a), line(b));
                let first = sample.segments[a.0].lines[a.1].clone();
                let second = std::mem::replace(&mut sample.segments[b.0].lines[b.1], first);
                sample.segments[a.0].lines[a.1] = second;
            }
            Self::Forge { at } => {
                let (segment, at) = line(at);
                let lines = &mut sample.segments[segment].lines;
                let place = Link::parse(&lines[at]).unwrap();
                let mut forged = Vec::new();
                Position { next: place.seq, prev: place.prev }
                    .append(&mut forged, &outcome().payload().unwrap());
                lines[at] = forged;
            }
            Self::CutLine { line: index, byte } => {
                let (segment, at) = line(index);
                let line = &mut sample.segments[segment].lines[at];
                line.truncate(byte.index(line.len()));
            }
            Self::Rename { segment, to } => segment.get_mut(&mut sample.segments).first = *to,
            Self::Drop { segment } => drop(sample.segments.remove(segment.index(sample.segments.len()))),
            Self::SwapNames { a, b } => {
                let (a, b) = (a.index(sample.segments.len()), b.index(sample.segments.len()));
                let name = sample.segments[a].first;
                sample.segments[a].first = std::mem::replace(&mut sample.segments[b].first, name);
            }
            Self::CutSegment { segment, lines } => {
                let lines = lines.index(segment.get_mut(&mut sample.segments).lines.len());
                segment.get_mut(&mut sample.segments).lines.truncate(lines);
            }
            Self::Append { segment, what } => segment.get_mut(&mut sample.segments).rest.extend(what),
        }
    }
}

/// The line that a byte of the trail stands in, and where.
fn byte_of(sample: &mut TrailBuilder, byte: Index) -> (&mut Vec<u8>, usize) {
    let mut at = byte.index(sample.segments.iter().map(|segment| segment.lines.concat().len()).sum());
    for line in sample.segments.iter_mut().flat_map(|segment| &mut segment.lines) {
        if at < line.len() {
            return (line, at);
        }
        at -= line.len();
    }
    unreachable!("an index of what is there")
}

/// The lines that a reader would see, so that an edit that changes none of them is known for one.
fn content(sample: &TrailBuilder) -> Vec<(u64, Vec<u8>)> {
    let mut files: Vec<_> = sample.segments.iter().map(|segment| (segment.first, segment.plain())).collect();
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_single_edit_is_found(edit in edits()) {
        let pem = key_pem();
        let good = TrailBuilder::rich(SigningKey::from_pem(&pem).unwrap());
        let last = good.segments[2].lines.last().unwrap();
        let measure = Measure {
            kept: by_kept([last]).kept,
            ..by_key(&SigningKey::from_pem(&pem).unwrap())
        };
        let summary = check(&good, &measure).unwrap();
        prop_assert_eq!((summary.crashes.len(), summary.runs, summary.kept_checked), (1, 3, 1));
        let mut bad = good.clone();
        edit.make(&mut bad);
        if content(&bad) == content(&good) {
            return Ok(());
        }
        let found = check(&bad, &measure);
        // Bytes after the very end are a line that is being written just now.
        let after_the_end = matches!(edit, Edit::Append { .. }) && bad.segments[2].rest != good.segments[2].rest;
        if after_the_end && !bad.segments[2].rest.contains(&b'\n') {
            prop_assert!(found.unwrap().torn_bytes > 0);
        } else {
            prop_assert!(found.is_err(), "{:?}: {}", edit, found.unwrap());
        }
    }

    /// Without a key and without a checkpoint from elsewhere, whatever happens before the last line is found.
    #[test]
    fn the_chain_alone_names_the_line_of_a_change(byte in any::<Index>(), to: u8) {
        let good = TrailBuilder::rich(key());
        let mut bad = good.clone();
        Edit::Change { byte, to }.make(&mut bad);
        let places = good.places();
        let changed = places.iter().position(|(segment, line)| {
            good.segments[*segment].lines[*line] != bad.segments[*segment].lines[*line]
        });
        let Some(changed) = changed.filter(|changed| changed + 1 < places.len()) else { return Ok(()) };
        let found = fault(check(&bad, &Measure::default()));
        let segment = good.segments.iter().position(|segment| {
            SegmentFile::encoded(found.segment.parent().unwrap(), segment.first, segment.encoding).path == found.segment
        });
        let named = places.iter().position(|place| {
            Some(place.0) == segment && place.1 as u64 + 1 == found.line
        });
        // A changed prev in the last line of a segment could as well be a change of the line before.
        let named = named.unwrap();
        // Without its newline a segment's last line is an unfinished one, which the line after it misses.
        let no_end = named == changed + 1 && places[named].0 > places[changed].0;
        prop_assert!(named == changed || named + 1 == changed || no_end, "{} for {}: {}", named, changed, found);
    }

    /// A forger without the key puts a line in, takes one out or changes one, and writes everything after it anew.
    #[test]
    fn a_rest_written_anew_is_found_by_the_key_and_by_a_checkpoint(line in any::<Index>(), how in 0..3) {
        let pem = key_pem();
        let good = TrailBuilder::rich(SigningKey::from_pem(&pem).unwrap());
        let last = good.segments[2].lines.last().unwrap();
        let mut bad = good.clone();
        let place = *line.get(&good.places());
        let lines = &mut bad.segments[place.0].lines;
        let other = good.segments[0].lines[2].clone();
        match how {
            0 => lines.insert(place.1, other),
            1 if lines.len() > 1 => drop(lines.remove(place.1)),
            _ => lines[place.1] = other,
        }
        bad.rechain(place);
        if content(&bad) == content(&good) {
            return Ok(());
        }
        let by_key = check(&bad, &by_key(&SigningKey::from_pem(&pem).unwrap()));
        // What lies after the last signed checkpoint is not signed yet, and is told as such.
        let signed = by_key.as_ref().map(|summary| summary.signed.as_ref().map_or(0, |signed| signed.sequence));
        let edited = good.places().iter().position(|other| *other == place).unwrap() as u64 + 1;
        prop_assert!(signed.is_err() || signed.is_ok_and(|signed| signed < edited), "{:?}", by_key);
        prop_assert!(check(&bad, &by_kept([last])).is_err());
    }

    /// Whatever is changed in a compressed file, it does not decompress, or has other lines, or the same.
    #[test]
    fn a_changed_compressed_segment_is_found(byte in any::<Index>(), to: u8) {
        let good = TrailBuilder::rich(key());
        let directory = written(&good);
        let segment = SegmentFile::encoded(directory.path(), 1, Encoding::Zstd);
        let mut bytes = std::fs::read(&segment.path).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] = to;
        std::fs::write(&segment.path, &bytes).unwrap();
        let same = zstd::decode_all(&bytes[..]).is_ok_and(|plain| plain == good.segments[0].plain());
        match verify(directory.path()) {
            Ok(_) => prop_assert!(same),
            Err(VerifyError::Fault(fault)) => {
                // That lines are missing at its end shows where the next begins.
                let here = fault.segment == segment.path || fault.kind == FaultKind::CutOff;
                prop_assert!(!same && here, "{}", fault);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
