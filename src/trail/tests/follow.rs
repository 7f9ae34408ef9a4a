use std::io::Write;

use tokio::sync::mpsc;

use super::*;

fn last(directory: &Path, count: usize) -> Vec<String> {
    let mut out = Vec::new();
    tail(directory, count, &mut out, || true).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[tokio::test]
async fn the_last_lines_may_lie_in_several_segments() {
    let directory = tempfile::tempdir().unwrap();
    bare_trail(directory.path(), 5);
    split(directory.path(), &[0, 3, 5]);
    let all = lines(directory.path());
    for count in 0..9 {
        assert_eq!(last(directory.path(), count), all[7_usize.saturating_sub(count)..], "{count}");
    }
}

#[tokio::test]
async fn half_a_line_is_not_shown_and_a_long_one_is_shown_whole() {
    let directory = tempfile::tempdir().unwrap();
    let long = format!("{}\n", "x".repeat(200_000));
    let text = format!("short\n{long}half");
    std::fs::write(SegmentFile::new(directory.path(), 1).path, text).unwrap();
    assert_eq!(last(directory.path(), 2), ["short\n".to_owned(), long.clone()]);
    assert_eq!(last(directory.path(), 1).concat(), long);
    assert!(last(directory.path(), 0).is_empty());
}

/// Gives a test every line as it is printed.
struct Printed(mpsc::UnboundedSender<Vec<u8>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_owned()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_added_is_followed_into_new_segments() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let (sender, mut printed) = mpsc::unbounded_channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let follower = std::thread::spawn(move || {
        tail(&path, 10, &mut Printed(sender), || stopped.try_recv().is_ok()).unwrap();
    });
    let (trail, thread) = open(directory.path());
    trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await.unwrap();
    let mut seen = Vec::new();
    while lines_in(&seen) < 3 {
        seen.extend(printed.recv().await.unwrap());
    }
    std::fs::rename(&segments(directory.path())[0], directory.path().join("moved")).unwrap();
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
    let seen = String::from_utf8(seen).unwrap();
    assert!((moved + &lines(directory.path()).concat()).starts_with(&seen), "{seen}");
}

fn lines_in(bytes: &[u8]) -> usize {
    bytes.split_inclusive(|byte| *byte == b'\n').count()
}
