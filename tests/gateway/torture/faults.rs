//! System calls that fail once, or take long, as `strace` has them do it to the real program.

use std::cell::Cell;
use std::time::{Duration, Instant};

use confgate::trail::verify;
use serde_json::Value;

use crate::support::CREATE;
use crate::support::bewitched::Bewitched;
use crate::support::books::Books;
use crate::support::client;
use crate::support::load::{Told, new_trace};
use crate::support::program::{Ended, Program};
use crate::support::site::{Running, Site};

/// So many calls that nothing but the start begins a segment, or a failure.
const FEW: usize = 6;

/// So many that the trail begins a second segment.
const MANY: usize = 50;

/// Calls of every kind. Whoever is turned away for want of a trail waits until the gateway is ready again. Gives what
/// callers were told.
async fn play(site: &Site, running: &Running, calls: usize) -> Vec<Told> {
    let bearer = site.issuer.token().claim("jti", "j".repeat(200)).bearer();
    let mut told = Vec::new();
    for number in 0..calls {
        let (method, path, body) = match number % 6 {
            0 | 3 | 4 => ("POST", "/conferences", CREATE),
            1 => ("GET", "/conferences/IM3", ""),
            2 => ("DELETE", "/conferences/IM3", ""),
            _ => ("DELETE", "/conferences/IM3/yangss", ""),
        };
        let trace = new_trace();
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        let headers =
            [("Authorization", &*bearer), ("traceparent", &parent), ("Content-Type", "application/json")];
        let headers = if body.is_empty() { &headers[..2] } else { &headers[..] };
        let answer = client::send(running.address, method, path, headers, body).await;
        if answer.status == 503 {
            assert_eq!(
                (answer.problem().as_str(), method == "GET"),
                ("audit_unavailable", false),
                "{number}"
            );
            running.until_readyz(200).await;
        } else {
            assert_eq!(answer.status, 200, "{number}: {method}: {}", answer.text());
        }
        told.push(Told { trace, method, status: answer.status, request_id: answer.request_id().to_owned() });
    }
    told
}

/// What there is of the trail already. A start that begins the trail does other things than one that goes on with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    OneRun,
}

/// Plays with this spell on the program. Gives whether it has worked.
async fn play_with(spell: &str, calls: usize, before: Before) -> bool {
    let bewitched = Bewitched::new(&[("AUDIT__SEGMENTS__MAX_SIZE", "64KiB")]).await;
    let site = &bewitched.site;
    if before == Before::OneRun {
        site.start().await.stopped().await;
    }
    let mut program = Program::start(&mut bewitched.command(spell));
    let (address, admin) = match program.serving_or_ended().await {
        Ok(addresses) => addresses,
        Err(ended) => {
            refuses_to_start(&bewitched, spell, &ended).await;
            return true;
        }
    };
    let running = site.reached(program, address, admin).await;
    let told = play(site, &running, calls).await;
    running.stopped().await;

    let mut books = Books::default();
    books.read(&site.trail);
    books.know_what_the_vendor_saw(&site.vendor.calls());
    books.know_the_answers(told.iter().filter(|told| told.status == 200));
    books.have_one_end_for_each_intent();
    let summary = verify(site.audit()).unwrap_or_else(|error| panic!("{spell}: {error}"));
    let refused = told.iter().filter(|told| told.status == 503).count();
    println!("{spell}: {refused} refused; {} records in {} segments", summary.records, summary.segments);
    assert!(refused <= 1, "{spell}: {refused} were refused for one failure");
    if bewitched.hits() == 0 {
        assert_eq!((refused, books.recovered.len()), (0, 0), "{spell}");
        return false;
    }
    // What fails while a segment is left for the next costs nothing, and is in the log alone.
    let [recovered] = &books.recovered[..] else {
        let tidying = spell.starts_with("fsync") && refused == 0;
        assert!(tidying && books.recovered.is_empty(), "{spell}: {:?}", books.recovered);
        return true;
    };
    let fault = recovered["fault"].as_str().unwrap();
    let error = if spell.contains("EIO") { "Input/output error" } else { "No space left on device" };
    assert!(recovered["after"] == "fault" && fault.contains(error), "{spell}: {recovered}");
    assert!(summary.segments > 1, "{spell}: the file that failed was used again: {summary}");
    true
}

/// A gateway whose trail cannot be begun says why, and what there is of it is not in the way of the next.
async fn refuses_to_start(bewitched: &Bewitched, spell: &str, ended: &Ended) {
    let site = &bewitched.site;
    assert!(bewitched.hits() > 0 && ended.code == Some(1), "{spell}: {ended:?}");
    let audit = site.audit().to_str().unwrap();
    assert!(ended.error.contains(audit) && ended.error.contains("Input/output error"), "{spell}: {ended:?}");
    site.start().await.stopped().await;
    let summary = verify(site.audit()).unwrap_or_else(|error| panic!("{spell}: {error}"));
    assert_eq!(summary.first_sequence, Some(1), "{spell}");
}

/// Has the first call fail, then the second, and so on until there is none left that could. Gives how many there were.
async fn each_fails_once(spell: &str, calls: usize, before: Before) -> u32 {
    let mut nth = 1;
    while play_with(&format!("{spell}:when={nth}"), calls, before).await {
        nth += 1;
    }
    nth - 1
}

#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn any_sync_may_fail() {
    let count = each_fails_once("fdatasync:error=EIO", FEW, Before::Nothing).await;
    assert!(count >= 5, "{count}: fewer than there are mutations");
}

#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn any_write_may_fail() {
    let count = each_fails_once("pwrite64:error=ENOSPC", FEW, Before::Nothing).await;
    assert!(count >= 10, "{count}: fewer than mutations have records");
}

#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn any_sync_of_a_new_file_or_of_the_directory_may_fail() {
    for before in [Before::Nothing, Before::OneRun] {
        let count = each_fails_once("fsync:error=EIO", MANY, before).await;
        assert!(count >= 3, "{count}: a new segment and its directory, and the one before when it is left");
    }
}

#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn any_file_may_not_be_named() {
    for before in [Before::Nothing, Before::OneRun] {
        let count = each_fails_once("rename:error=EIO", MANY, before).await;
        assert!(count >= 1, "{count}: a new segment is named");
    }
}

/// How long the disk hangs: long enough for the gateway to notice, which may take it two seconds, and for what
/// is tried meanwhile on a slow machine.
const HANG: Duration = Duration::from_millis(6500);

/// Creates until told that the disk answers again. Gives the statuses of the answers.
async fn keep_creating(running: &Running, healed: &Cell<bool>) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !healed.get() {
        statuses.push(running.call("POST", "/conferences", CREATE).await.status);
        tokio::task::yield_now().await;
    }
    statuses
}

#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn a_disk_that_hangs_stops_changes_and_nothing_else() {
    let bewitched = Bewitched::new(&[("AUDIT__STALL_TIMEOUT", "1s")]).await;
    let site = &bewitched.site;
    let spell = format!("fdatasync:delay_enter={}:when=5", HANG.as_micros());
    let program = Program::start(&mut bewitched.command(&spell));
    let (address, admin) = program.serving().await;
    let running = site.reached(program, address, admin).await;
    let healed = Cell::new(false);
    let watching = async {
        let readiness = running.until_readyz(503).await.json();
        let seen = site.vendor.calls().len();
        let begun = Instant::now();
        assert!(readiness["trail"].as_str().unwrap().contains("not"), "{readiness}");
        assert!(running.metric("confgate_audit_writable").await.abs() < 0.5);
        let refused = running.call("DELETE", "/conferences/IM3", "").await;
        assert_eq!((refused.status, refused.problem().as_str()), (503, "audit_unavailable"));
        assert_eq!(site.vendor.calls().len(), seen, "the vendor saw what is on no record");
        assert_eq!(running.call("GET", "/conferences/IM3", "").await.status, 200);
        assert!(begun.elapsed() < HANG / 2, "not at once, but after {:?}", begun.elapsed());
        assert_eq!(running.until_readyz(503).await.status, 503, "all of it was while the disk hung");
        let logged = |line: &str| line.contains("disk does not answer").then_some(());
        running.program.logged("that the disk hangs", logged).await;
        running.until_readyz(200).await;
        healed.set(true);
    };
    let (statuses, ()) = tokio::join!(keep_creating(&running, &healed), watching);
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(running.call("POST", "/conferences", CREATE).await.status, 200);
    let told = |record: &&Value| record["kind"] == "recovered" && record["after"] == "fault";
    let recovered =
        site.trail.wait_until("how long it hung", |records| records.iter().find(told).cloned()).await;
    let fault = recovered["fault"].as_str().unwrap();
    let took = fault.strip_prefix("the disk took ").and_then(|took| took.split(' ').next());
    let took: f64 = took.and_then(|took| took.parse().ok()).unwrap_or_else(|| panic!("{recovered}"));
    assert!((6.4..20.0).contains(&took), "{recovered}");
    running.stopped().await;
    let mut books = Books::default();
    books.read(&site.trail);
    books.know_what_the_vendor_saw(&site.vendor.calls());
    books.have_one_end_for_each_intent();
    verify(site.audit()).unwrap();
}
