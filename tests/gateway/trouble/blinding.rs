//! Somebody lays hands on the trail's files while they are written to.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use confgate::trail::verify;
use confgate::trail::verify::{FaultKind, VerifyError};
use serde_json::Value;

use super::{PATH, passed_on};
use crate::support::CREATE;
use crate::support::client::Answer;
use crate::support::trail::Trail;
use crate::support::world::World;

/// How soon it is noticed, by nothing but the passing of time: the trail looks after itself once a second. The
/// rest is for a machine that is busy.
const SOON: Duration = Duration::from_secs(5);

/// The file that is written to.
fn live(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).max().unwrap()
}

/// What it does to the file and the directory that it is in.
type Hand = fn(&Path, &Path);

/// What is left of a trail that somebody has laid hands on.
struct Left {
    world: World,
    /// What was answered before, and after.
    answers: [Answer; 2],
    /// What the trail says that it has met.
    fault: String,
}

/// Lays hands on a trail with a create in it, and sees that it is noticed, told and got over without anybody's help.
/// While it is not, no change reaches the vendor.
async fn lay_hands_on_it(hand: Hand) -> Left {
    let world = World::start().await;
    let before = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &before, 200).await;
    let directory = world.trail_directory();
    hand(&live(&directory), &directory);

    let begun = Instant::now();
    let readiness = world.until_readyz(503).await.json();
    assert!(begun.elapsed() < SOON, "noticed after {:?}", begun.elapsed());
    assert!(readiness["trail"].as_str().unwrap().starts_with("not writable since"), "{readiness}");
    // It may heal at any moment: then the call is made, and is on record.
    let (seen, answer) = (world.vendor.calls().len(), world.call("DELETE", PATH, "").await);
    let made = usize::from(answer.status == 200);
    assert!([200, 503].contains(&answer.status), "{}", answer.text());
    assert_eq!(world.vendor.calls().len(), seen + made);

    world.until_ready().await;
    assert!(begun.elapsed() < 2 * SOON, "healed after {:?}", begun.elapsed());
    assert!(world.metric("confgate_audit_faults_total").await > 0.5);
    assert!(world.metric("confgate_audit_writable").await > 0.5);
    let after = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &after, 200).await;
    let told = |record: &&Value| record["kind"] == "recovered" && record["after"] == "fault";
    let find = |records: &[Value]| records.iter().find(told).cloned();
    let recovered = world.trail.wait_until("what was done to it", find).await;
    assert!(recovered["since"].is_string(), "{recovered}");
    let fault = recovered["fault"].as_str().unwrap().to_owned();
    Left { world, answers: [before, after], fault }
}

impl Left {
    /// The fault names the file, and says this of it.
    fn says(&self, what: &str) -> &Self {
        let file = self.world.trail_directory().join("audit-00000000000000000001.jsonl");
        let named = self.fault.contains(file.to_str().unwrap());
        assert!(named && self.fault.contains(what), "{}", self.fault);
        self
    }

    /// Nothing was lost.
    async fn is_whole(&self) {
        let summary = verify(&self.world.trail_directory()).unwrap();
        assert_eq!(summary.first_sequence, Some(1), "{summary}");
        for answer in &self.answers {
            self.world.trail.intent_of(answer.request_id()).await;
            self.world.trail.outcome_of(answer.request_id()).await;
        }
    }

    /// Lines were lost, and it can be told which: those before the file that is written to now. What was not yet on
    /// disk when the hand was laid on it is there once more.
    fn lacks(&self, kind: FaultKind) {
        let Err(VerifyError::Fault(fault)) = verify(&self.world.trail_directory()) else {
            panic!("nobody would know");
        };
        let live = live(&self.world.trail_directory());
        let name = format!("audit-{:020}.jsonl", fault.found.unwrap());
        assert_eq!((fault.kind, &fault.segment), (kind, &live), "{fault}");
        assert_eq!(live.file_name().unwrap().to_str(), Some(&*name), "{fault}");
    }
}

#[tokio::test]
async fn a_file_that_is_removed_is_missed() {
    let left = lay_hands_on_it(|live, _| fs::remove_file(live).unwrap()).await;
    left.says("no longer in its directory").lacks(FaultKind::Missing);
}

#[tokio::test]
async fn a_file_that_is_renamed_is_missed_and_can_be_put_back() {
    let left = lay_hands_on_it(|live, _| fs::rename(live, live.with_extension("away")).unwrap()).await;
    left.says("no longer in its directory").lacks(FaultKind::Missing);
    let directory = left.world.trail_directory();
    let file = directory.join("audit-00000000000000000001.jsonl");
    fs::rename(file.with_extension("away"), file).unwrap();
    left.is_whole().await;
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_noticed() {
    let cut = |live: &Path, _: &Path| {
        let text = fs::read_to_string(live).unwrap();
        let two_lines: usize = text.split_inclusive('\n').take(2).map(str::len).sum();
        fs::File::options().write(true).open(live).unwrap().set_len(two_lines as u64).unwrap();
    };
    let left = lay_hands_on_it(cut).await;
    left.says("another program has changed it").lacks(FaultKind::CutOff);
}

#[tokio::test]
async fn a_file_that_is_emptied_is_noticed() {
    let left = lay_hands_on_it(|live, _| drop(fs::File::create(live).unwrap())).await;
    left.says("another program has changed it");
    assert!(verify(&left.world.trail_directory()).is_err());
}

#[tokio::test]
async fn a_file_that_is_replaced_with_a_copy_is_written_to_no_more() {
    let replace = |live: &Path, directory: &Path| {
        let copy = directory.join("copy");
        fs::copy(live, &copy).unwrap();
        fs::rename(copy, live).unwrap();
    };
    let left = lay_hands_on_it(replace).await;
    left.says("no longer in its directory").is_whole().await;
}

#[tokio::test]
async fn what_another_program_adds_is_noticed_and_cut_off() {
    let add = |live: &Path, _: &Path| {
        let mut file = fs::File::options().append(true).open(live).unwrap();
        file.write_all(b"{\"v\":1,\"seq\":5,\"kind\":\"outcome\"}\n").unwrap();
    };
    let left = lay_hands_on_it(add).await;
    left.says("another program has changed it").is_whole().await;
}

#[tokio::test]
async fn a_directory_that_is_removed_and_made_again_is_gone_on_in() {
    let again = |_: &Path, directory: &Path| {
        fs::remove_dir_all(directory).unwrap();
        fs::create_dir(directory).unwrap();
    };
    let left = lay_hands_on_it(again).await;
    left.says("no longer in its directory").lacks(FaultKind::Missing);
}

#[tokio::test]
async fn a_directory_that_is_replaced_with_a_copy_is_gone_on_in() {
    let replace = |_: &Path, directory: &Path| {
        let copy = directory.with_extension("copy");
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        fs::remove_dir_all(directory).unwrap();
        fs::rename(copy, directory).unwrap();
    };
    let left = lay_hands_on_it(replace).await;
    left.says("no longer in its directory").is_whole().await;
}

#[tokio::test]
async fn a_file_in_the_place_of_the_directory_is_not_gone_on_in() {
    let world = World::start().await;
    let directory = world.trail_directory();
    fs::remove_dir_all(&directory).unwrap();
    fs::write(&directory, "no directory").unwrap();
    world.until_readyz(503).await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "audit_unavailable"));
    assert_eq!(world.vendor.calls().len(), 0);
    fs::remove_file(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    world.until_ready().await;
    let trail = Trail::new(&directory);
    assert_eq!(trail.outcome_of(answer.request_id()).await["reason"], "audit_unavailable");
}
