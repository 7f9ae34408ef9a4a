//! How fast a trail is verified, beside `sha256sum` on the same file. Both read it from memory after the first time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use confgate::trail::{Durability, Trail, TrailConfig, verify};
use criterion::{Criterion, SamplingMode, Throughput};

use crate::record::outcome;

/// How large the file is, in bytes.
const SIZE: u64 = 1_000_000_000;

pub(crate) fn measure(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let segment = write_segment(directory.path());
    let size = segment.metadata().expect("a segment").len();
    let mut group = criterion.benchmark_group("a segment of 1 GB");
    group.throughput(Throughput::BytesDecimal(size));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(3)).measurement_time(Duration::from_secs(30));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify(directory.path()).expect("a whole trail"));
    });
    group.bench_function("sha256sum", |bencher| bencher.iter(|| sha256sum(&segment)));
    group.finish();
}

/// Writes a trail of one segment, as the gateway does.
fn write_segment(directory: &Path) -> PathBuf {
    let mut config = TrailConfig::new(directory.to_owned());
    config.segments.max_bytes = u64::MAX;
    let (trail, thread) = Trail::open(&config).expect("a trail");
    let segment = directory.join("audit-00000000000000000001.jsonl");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut written = 0;
        while written < SIZE {
            for _ in 0..10_000 {
                let slot = trail.reserve().await;
                drop(slot.record(&outcome(), Durability::Queue));
            }
            written = segment.metadata().expect("a segment").len();
        }
    });
    drop(trail);
    thread.close().expect("a trail that ends well");
    segment
}

fn sha256sum(file: &Path) {
    let status = Command::new("sha256sum").arg(file).stdout(Stdio::null()).status();
    assert!(status.expect("the program sha256sum").success());
}
