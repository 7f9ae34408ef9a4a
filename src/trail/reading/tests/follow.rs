use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::trail::segment::{Encoding, SegmentFile};
use crate::trail::tests::{bare_trail, intent, lines, open, outcome, segments, split, text, until};

fn last(directory: &Path, count: u64) -> Vec<String> {
    let mut out = Vec::new();
    tail(directory, count, &mut out, || false).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn compress(segment: &SegmentFile) {
    let packed = zstd::encode_all(fs::File::open(&segment.path).unwrap(), 3).unwrap();
    let directory = segment.path.parent().unwrap();
    fs::write(SegmentFile::encoded(directory, segment.first, Encoding::Zstd).path, packed).unwrap();
    fs::remove_file(&segment.path).unwrap();
}

#[test]
fn the_last_lines_may_lie_in_several_segments_of_either_form() {
    let directory = tempfile::tempdir().unwrap();
    bare_trail(directory.path(), 5);
    split(directory.path(), &[0, 3, 5]);
    let all = lines(directory.path());
    for form in ["plain", "compressed"] {
        for count in 0..9 {
            let begin = 7_usize.saturating_sub(count);
            assert_eq!(last(directory.path(), count as u64), all[begin..], "{form} {count}");
        }
        if form == "plain" {
            SegmentFile::list(directory.path()).unwrap().iter().for_each(compress);
        }
    }
}

#[test]
fn half_a_line_is_not_shown_and_a_long_one_is_shown_whole() {
    let directory = tempfile::tempdir().unwrap();
    let short = "{\"v\":1,\"seq\":1,}\n";
    let long = format!("{{\"v\":1,\"seq\":2,{}\n", "x".repeat(900_000));
    let half = "{\"v\":1,\"seq\":3,";
    for room in [0, 100, 1 << 20] {
        let path = SegmentFile::new(directory.path(), 1).path;
        fs::write(path, format!("{short}{long}{half}{}", "\0".repeat(room))).unwrap();
        assert_eq!(last(directory.path(), 2), [short.to_owned(), long.clone()]);
        assert_eq!(last(directory.path(), 1).concat(), long);
        assert!(last(directory.path(), 0).is_empty());
    }
}

/// Follows a trail that the test changes between two looks.
fn follow(directory: &Path, mut steps: Vec<Box<dyn FnOnce()>>) -> Vec<u64> {
    steps.reverse();
    let mut out = Vec::new();
    tail(directory, 100, &mut out, || steps.pop().map(|step| step()).is_some()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let sequence =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap();
    text.lines().map(sequence).collect()
}

/// Eight lines, and where to put them.
fn eight_lines(directory: &Path) -> (Vec<String>, impl Fn(u64) -> std::path::PathBuf + Clone + 'static) {
    bare_trail(directory, 6);
    let all = lines(directory);
    fs::remove_file(&segments(directory)[0]).unwrap();
    let directory = directory.to_owned();
    (all, move |first| SegmentFile::new(&directory, first).path)
}

#[test]
fn lines_are_printed_once_they_are_whole_although_the_file_has_room() {
    let directory = tempfile::tempdir().unwrap();
    let (all, path) = eight_lines(directory.path());
    fs::write(path(1), "").unwrap();
    let file = fs::OpenOptions::new().write(true).open(path(1)).unwrap();
    file.set_len(40 << 20).unwrap();
    let text = all.concat().into_bytes();
    let write_from_to = |from: usize, to: usize| -> Box<dyn FnOnce()> {
        let (file, bytes) = (file.try_clone().unwrap(), text[from..to].to_owned());
        Box::new(move || file.write_all_at(&bytes, from as u64).unwrap())
    };
    let (one, half) = (all[0].len(), all[..3].concat().len() + 10);
    let nothing: Box<dyn FnOnce()> = Box::new(|| ());
    let steps =
        vec![nothing, write_from_to(0, one), write_from_to(one, half), write_from_to(half, text.len())];
    assert_eq!(follow(directory.path(), steps), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_segment_may_be_compressed_or_removed_while_it_is_read() {
    for removed in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (all, path) = eight_lines(directory.path());
        fs::write(path(1), all[..3].concat()).unwrap();
        let gone = SegmentFile::new(directory.path(), 1);
        let (next, third) = (all[3..6].concat(), all[6..].concat());
        let (second_path, third_path) = (path(4), path(7));
        let second = SegmentFile::new(directory.path(), 4);
        let steps: Vec<Box<dyn FnOnce()>> = vec![
            // All at once: the next segment has been begun and closed when the follower looks again.
            Box::new(move || {
                fs::write(second_path, next).unwrap();
                fs::write(third_path, third).unwrap();
                if removed {
                    fs::remove_file(&gone.path).unwrap();
                } else {
                    compress(&gone);
                }
                compress(&second);
            }),
        ];
        assert_eq!(follow(directory.path(), steps), [1, 2, 3, 4, 5, 6, 7, 8], "removed: {removed}");
    }
}

#[test]
fn lines_that_retention_removed_before_they_were_read_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let (all, path) = eight_lines(directory.path());
    fs::write(path(1), all[..3].concat()).unwrap();
    let (first, later_path, later) = (path(1), path(7), all[6..].concat());
    let steps: Vec<Box<dyn FnOnce()>> = vec![Box::new(move || {
        fs::remove_file(first).unwrap();
        fs::write(later_path, later).unwrap();
    })];
    assert_eq!(follow(directory.path(), steps), [1, 2, 3, 7, 8]);
}

#[test]
fn what_a_failed_segment_leaves_is_not_printed_twice() {
    let directory = tempfile::tempdir().unwrap();
    let (all, path) = eight_lines(directory.path());
    // Line 4 is seen, then its sync fails: the next segment has it again, and the old one keeps it and half of line 5.
    fs::write(path(1), all[..4].concat() + &all[4][..20]).unwrap();
    let (next_path, next) = (path(4), all[3..].concat());
    let steps: Vec<Box<dyn FnOnce()>> = vec![Box::new(move || fs::write(next_path, next).unwrap())];
    assert_eq!(follow(directory.path(), steps), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn the_directory_may_go_and_come_back() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    fs::create_dir(&directory).unwrap();
    let (all, path) = eight_lines(&directory);
    fs::write(path(1), all[..3].concat()).unwrap();
    let (gone, back, next_path, next) = (directory.clone(), directory.clone(), path(3), all[2..].concat());
    let steps: Vec<Box<dyn FnOnce()>> = vec![
        Box::new(move || fs::remove_dir_all(gone).unwrap()),
        Box::new(move || fs::create_dir(back).unwrap()),
        Box::new(move || fs::write(next_path, next).unwrap()),
    ];
    assert_eq!(follow(&directory, steps), [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Gives a test every line as it is printed.
struct Printed(UnboundedSender<Vec<u8>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_owned()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The trail itself, from its first line on, through a failure that it heals from.
#[tokio::test]
async fn a_trail_that_heals_is_followed_into_its_new_segment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let (sender, mut printed) = unbounded_channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let follower = std::thread::spawn(move || {
        let wait = || {
            stopped.recv_timeout(std::time::Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout)
        };
        tail(&path, 10, &mut Printed(sender), wait).unwrap();
    });
    let mut seen = Vec::new();
    let (trail, thread) = open(directory.path());
    trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await.unwrap();
    while lines_in(&seen) < 3 {
        seen.extend(printed.recv().await.unwrap());
    }
    fs::rename(&segments(directory.path())[0], directory.path().join("moved")).unwrap();
    until(&trail, |status| !status.writable).await;
    until(&trail, |status| status.writable).await;
    trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    while lines_in(&seen) < 4 {
        seen.extend(printed.recv().await.unwrap());
    }
    stop.send(()).unwrap();
    follower.join().unwrap();
    thread.close().unwrap();
    let moved = text(&directory.path().join("moved"));
    let all = moved + &lines(directory.path()).concat();
    assert!(all.as_bytes().starts_with(&seen), "{}", String::from_utf8_lossy(&seen));
}

fn lines_in(bytes: &[u8]) -> usize {
    bytes.split_inclusive(|byte| *byte == b'\n').count()
}
