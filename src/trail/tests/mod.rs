//! The whole trail, over real files.

pub(super) mod builder;
mod chain;
mod every_record;
mod records;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub(super) use builder::trail_of;
pub(crate) use every_record::{every_line, every_record};

use super::segment::SegmentFile;
use super::*;
use crate::domain::{Action, AppKey, Code, ConferenceId, RequestId, TenantId, TraceContext};

/// What every request of these tests says.
pub(super) fn call() -> Call {
    Call {
        request_id: RequestId::generate(&uuid::ContextV7::new()),
        trace: TraceContext::continued(None, (0xab, 1)),
        action: Some(Action::Dissolve),
        tenant: Some(TenantId::parse("crm").unwrap()),
        subject: Some("huangcl".into()),
        issuer: Some("https://sso.corp.example".into()),
        token_id: Some("t-1".into()),
        client: "10.2.3.4".parse().unwrap(),
        app: Some(AppKey::parse("meet").unwrap()),
        conference: Some(ConferenceId::parse("IM3SKW51SKH4TB80LV45000C7").unwrap()),
        user: None,
        creator: None,
    }
}

pub(super) fn intent() -> Record {
    Record::Intent(Intent { time: Timestamp::now(), call: call(), body: None })
}

pub(super) fn outcome() -> Record {
    Record::Outcome(refused())
}

pub(super) fn refused() -> Outcome {
    Outcome {
        time: Timestamp::now(),
        call: call(),
        decision: Decision::Refused,
        reason: Some(Code::ScopeMissing),
        detail: None,
        status: Some(403),
        vendor_status: None,
        vendor_error: None,
        attempts: 0,
        duration: Duration::from_micros(31_250),
        vendor_duration: None,
        intent: None,
        outcome_unknown: false,
        caller_gone: false,
    }
}

pub(super) fn allowed() -> Outcome {
    Outcome {
        decision: Decision::Allowed,
        reason: None,
        status: Some(200),
        vendor_status: Some(200),
        vendor_error: Some(VendorError::Number(0)),
        attempts: 1,
        vendor_duration: Some(Duration::from_micros(30_911)),
        ..refused()
    }
}

/// A thousand that asked for what is not there.
pub(super) fn refusals() -> Refusals {
    let (time, id) = (Timestamp::now(), call().request_id);
    Refusals {
        time,
        action: None,
        tenant: None,
        subject: None,
        client: Some("10.2.3.4".parse().unwrap()),
        reason: Some(Code::RouteUnknown),
        detail: None,
        status: Some(404),
        count: 1000,
        first_time: time,
        first_request_id: id,
        last_time: time,
        last_request_id: id,
    }
}

pub(super) fn open(directory: &Path) -> (Trail, TrailThread) {
    open_with(directory, 64)
}

pub(super) fn open_with(directory: &Path, queue: usize) -> (Trail, TrailThread) {
    Trail::open(&TrailConfig { queue, ..TrailConfig::new(directory.to_owned()) }).unwrap()
}

/// Writes a segment of `records` outcomes between start and stop, and nothing that the trail says of itself.
pub(super) fn bare_trail(directory: &Path, records: usize) {
    let (time, version) = (Timestamp::now(), "1");
    let start = Record::Start(Start { time, version, trail: uuid::Uuid::nil(), torn: None });
    let outcomes = std::iter::repeat_with(outcome).take(records);
    let records: Vec<Record> =
        std::iter::once(start).chain(outcomes).chain([Record::Stop(Stop { time })]).collect();
    trail_of(directory, &records, &[]);
}

/// Writes a trail of `records` outcomes between start and stop.
pub(super) async fn written_trail(directory: &Path, records: usize) {
    let (trail, thread) = open(directory);
    for _ in 0..records {
        trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    }
    thread.close().unwrap();
}

pub(super) fn segments(directory: &Path) -> Vec<PathBuf> {
    let segments = SegmentFile::list(directory).unwrap();
    segments.into_iter().map(|segment| segment.path).collect()
}

/// What is written of a segment, without the room after it.
pub(super) fn text(segment: &Path) -> String {
    std::fs::read_to_string(segment).unwrap().trim_end_matches('\0').to_owned()
}

/// Every line of every segment, with its newline.
pub(super) fn lines(directory: &Path) -> Vec<String> {
    let texts = segments(directory).into_iter().map(|path| text(&path));
    texts.flat_map(|text| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Splits a trail into segments that begin with the lines of these indices.
pub(super) fn split(directory: &Path, starts: &[usize]) {
    let all = lines(directory);
    let ends = starts.iter().skip(1).copied().chain([all.len()]);
    for (start, end) in starts.iter().zip(ends) {
        let segment = SegmentFile::new(directory, *start as u64 + 1).path;
        std::fs::write(segment, all[*start..end].concat()).unwrap();
    }
}

/// Every line, held against the schema.
pub(super) fn values(directory: &Path) -> Vec<Value> {
    let lines = lines(directory);
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    values.iter().for_each(schema::assert_matches);
    values
}

/// The kinds of all lines but the checkpoints.
pub(super) fn kinds(directory: &Path) -> Vec<String> {
    let kinds = values(directory).into_iter().map(|value| value["kind"].as_str().unwrap().to_owned());
    kinds.filter(|kind| kind != "checkpoint").collect()
}

/// Waits until the status is as `wanted`; that it never is shows as the test's timeout.
pub(super) async fn until(trail: &Trail, wanted: impl FnMut(&TrailStatus) -> bool) {
    let mut status = trail.observer.status.clone();
    let waited = tokio::time::timeout(Duration::from_secs(20), status.wait_for(wanted)).await;
    drop(waited.expect("the status never came").unwrap());
}

/// Verifies what is there as a part of a trail whose beginning was lost.
pub(super) fn verify_part(directory: &Path) -> Result<verify::Summary, verify::VerifyError> {
    let measure = verify::Measure { partial: true, ..verify::Measure::default() };
    verify::verify_by(directory, &measure, &mut |_| ())
}

/// The SHA-256 of `bytes` as `sha256sum` has it: recomputed by another program than the one under test.
pub(super) fn sha256sum(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout[..64].to_vec()).unwrap()
}

/// A new key for checkpoints, as its file has it.
pub(super) fn key_pem() -> Vec<u8> {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem().into_bytes()
}
