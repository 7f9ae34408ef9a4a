use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::failure::{config, message};
use crate::trail::Signer;
use crate::trail::segment::{Encoding, SegmentFile};
use crate::trail::tests::*;
use crate::trail::writing::compress::compress;
use crate::trail::writing::health::Health;
use crate::trail::writing::start;
use crate::trail::writing::writer::Writer;
use crate::trail::*;

static KEEP_GOING: AtomicBool = AtomicBool::new(false);

fn batch(writer: &mut Writer, records: usize) {
    writer.write(std::iter::repeat_with(|| message(Durability::Queue).0).take(records));
}

fn checkpoints(directory: &Path) -> usize {
    values(directory).iter().filter(|value| value["kind"] == "checkpoint").count()
}

#[test]
fn a_checkpoint_comes_after_so_many_records() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.checkpoints.records = 10;
    let (mut writer, observer) = start::open(&config).unwrap();
    batch(&mut writer, 9);
    assert_eq!(checkpoints(directory.path()), 1, "that of the start");
    batch(&mut writer, 1);
    assert_eq!(checkpoints(directory.path()), 2);
    let proved = observer.status().checkpoint.unwrap().checkpoint;
    assert_eq!((proved.sequence, proved.first), (12, 1));
    assert_eq!(proved.hash.to_string(), sha256sum(lines(directory.path())[11].as_bytes()));
    assert_eq!(observer.status().synced_sequence, 13, "it is on disk before it is told");
}

#[test]
fn a_checkpoint_comes_after_so_long_if_there_is_anything_new() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.checkpoints.every = Duration::ZERO;
    let (mut writer, _) = start::open(&config).unwrap();
    writer.tick();
    assert_eq!(checkpoints(directory.path()), 1);
    batch(&mut writer, 1);
    writer.tick();
    writer.tick();
    assert_eq!(checkpoints(directory.path()), 2);
}

#[test]
fn checkpoints_are_signed_with_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    let key = std::sync::Arc::new(SigningKey::from_pem(&key_pem()).unwrap());
    let public = key.public_key().unwrap();
    config.checkpoints.signer = Signer::new(Some(key));
    let (writer, observer) = start::open(&config).unwrap();
    let proved = observer.status().checkpoint.unwrap().checkpoint;
    assert!(public.verifies(&Statement::from(&proved), proved.signature.as_deref().unwrap()));
    assert_eq!(proved.key.as_deref(), Some(public.id()));
    writer.finish().unwrap();
    let told = serde_json::to_value(observer.status().checkpoint.unwrap()).unwrap();
    let last = values(directory.path()).pop().unwrap();
    for member in ["time", "trail", "first", "sequence", "hash", "key", "signature"] {
        assert_eq!(told[member], last[member], "{member}");
    }
}

#[test]
fn silence_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.heartbeat = Duration::from_millis(1);
    let (mut writer, _) = start::open(&config).unwrap();
    while kinds(directory.path()).last().unwrap() != "heartbeat" {
        writer.tick();
    }
    writer.finish().unwrap();
    verify(directory.path()).unwrap();
}

#[test]
fn a_full_segment_and_an_old_one_make_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.segments.max_bytes = 4000;
    let (mut writer, _) = start::open(&config).unwrap();
    for _ in 0..20 {
        batch(&mut writer, 2);
    }
    let by_size = segments(directory.path()).len();
    assert!(by_size > 4, "{by_size}");
    writer.tick();
    assert_eq!(segments(directory.path()).len(), by_size);
    writer.config.segments.max_age = Duration::ZERO;
    writer.tick();
    assert_eq!(segments(directory.path()).len(), by_size + 1);
    writer.finish().unwrap();
    for segment in &segments(directory.path())[1..] {
        let first = text(segment).lines().next().unwrap().to_owned();
        let first: serde_json::Value = serde_json::from_str(&first).unwrap();
        assert_eq!(first["kind"], "checkpoint", "so that a start need not look further");
        assert!(first["open"].is_array());
    }
    verify(directory.path()).unwrap();
}

/// A trail of three segments.
fn three_segments(directory: &Path) {
    let (mut writer, _) = start::open(&config(directory)).unwrap();
    for _ in 0..2 {
        batch(&mut writer, 8);
        writer.rotate().unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_compressed_segment_is_the_same_segment() {
    let directory = tempfile::tempdir().unwrap();
    three_segments(directory.path());
    let before = verify(directory.path()).unwrap();
    let files = SegmentFile::list(directory.path()).unwrap();
    let written = files[0].path.metadata().unwrap().modified().unwrap();
    for file in &files[..2] {
        compress(directory.path(), file, &KEEP_GOING).unwrap();
        assert!(!file.path.exists());
    }
    let encodings = SegmentFile::list(directory.path()).unwrap();
    let encodings: Vec<_> = encodings.iter().map(|file| file.encoding).collect();
    assert_eq!(encodings, [Encoding::Zstd, Encoding::Zstd, Encoding::Plain]);
    let first = SegmentFile::encoded(directory.path(), 1, Encoding::Zstd).path;
    assert_eq!(first.metadata().unwrap().modified().unwrap(), written);
    assert_eq!(verify(directory.path()).unwrap().last_hash, before.last_hash);
    start::open(&config(directory.path())).unwrap().0.finish().unwrap();
    verify(directory.path()).unwrap();
}

/// Whatever is in the way, and whenever it is told to stop, what was there stays.
#[test]
fn compression_that_does_not_end_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    three_segments(directory.path());
    let file = &SegmentFile::list(directory.path()).unwrap()[0];
    assert!(compress(directory.path(), file, &AtomicBool::new(true)).is_err());
    let place = SegmentFile::encoded(directory.path(), 1, Encoding::Zstd).path;
    std::fs::create_dir(&place).unwrap();
    assert!(compress(directory.path(), file, &KEEP_GOING).is_err());
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        5,
        "three segments, the lock, what was in the way"
    );
    std::fs::remove_dir(&place).unwrap();
    verify(directory.path()).unwrap();
    compress(directory.path(), file, &KEEP_GOING).unwrap();
    verify(directory.path()).unwrap();
}

#[test]
fn a_disk_that_does_not_answer_is_noticed_from_outside() {
    let health = Health::new(Duration::from_millis(20));
    health.set_writable(true);
    assert!(health.is_writable());
    health.begin();
    while health.is_writable() {
        std::thread::yield_now();
    }
    assert!(health.stalled_for().unwrap() >= Duration::from_millis(20));
    assert!(health.end().unwrap() >= Duration::from_millis(20));
    assert!(health.is_writable() && health.stalled_for().is_none());
    health.begin();
    health.end();
    assert!(health.is_writable());
}
