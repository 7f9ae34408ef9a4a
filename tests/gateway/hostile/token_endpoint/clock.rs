//! The wall clock jumps, as it does when it is set for the first time, or on a machine that was asleep: what the
//! gateway does ahead of time goes by a clock that only ever ticks, so that no token is thought to have expired, and
//! none is fetched for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::PATH;
use crate::support::client::send;
use crate::support::issuer::unix_now;
use crate::support::program::Program;
use crate::support::site::{Running, Site};
use crate::support::tally::Tally;
use crate::support::tools::needs;

const HOUR: i64 = 3600;

/// `libfaketime`, as the program of that name would have it loaded.
fn library() -> String {
    needs(&["faketime"]);
    let told = Command::new("faketime").args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"]).output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// The gateway's clock is so many seconds fast from now on.
fn jump(clock: &Path, seconds: i64) {
    // Renamed into place: the clock is read at any moment.
    let new = clock.with_extension("new");
    std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
    std::fs::rename(new, clock).unwrap();
}

async fn started(site: &Site) -> (Running, PathBuf) {
    let clock = site.directory().join("clock");
    jump(&clock, 0);
    let mut command = site.command();
    command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    let program = Program::start(&mut command);
    let (address, admin) = program.serving().await;
    (site.reached(program, address, admin).await, clock)
}

/// What a caller gets whose token was issued by a clock that is so many seconds fast.
async fn call(site: &Site, running: &Running, tally: &Tally, seconds: i64) -> u16 {
    let now = unix_now() + seconds;
    let bearer = site.issuer.token().claim("iat", now).claim("exp", now + 600).bearer();
    tally.requests(1);
    send(running.address, "GET", PATH, &[("Authorization", &bearer)], "").await.status
}

#[tokio::test]
#[ignore = "needs faketime; .ci/run runs it"]
async fn no_jump_of_the_wall_clock_has_a_token_fetched() {
    let tally = Tally::of("the token endpoint");
    let site = Site::new(&[]).await;
    let (running, clock) = started(&site).await;
    tally.expect(call(&site, &running, &tally, 0).await == 200, || "before".to_owned());
    for seconds in [HOUR, 48 * HOUR, 365 * 24 * HOUR, -HOUR, -48 * HOUR, -365 * 24 * HOUR, 0] {
        tally.fault();
        jump(&clock, seconds);
        let status = call(&site, &running, &tally, seconds).await;
        tally.expect(status == 200, || format!("{status} after a jump to {seconds} s"));
        // Callers' tokens are another matter: their issuers say by the wall clock how long they live.
        let elsewhere = call(&site, &running, &tally, seconds + 2 * HOUR).await;
        tally.expect(elsewhere == 401, || format!("the clock is not off by {seconds} s"));
    }
    running.until_readyz(200).await;
    let (asked, keys) = (site.vendor.fetches_for_crm(), site.issuer.fetches());
    tally.expect((asked, keys) == (1, 1), || format!("{asked} fetches of a token, {keys} of keys"));
    running.stopped().await;
    tally.expect(confgate::trail::verify(site.audit()).is_ok(), || "the trail is not whole".to_owned());
    tally.finish();
}

#[tokio::test]
#[ignore = "needs faketime; .ci/run runs it"]
async fn a_clock_that_jumps_about_changes_nothing_about_when_tokens_are_fetched() {
    let tally = Tally::of("the token endpoint");
    let site = Site::new(&[("VENDOR__REFRESH_AT", "0.25")]).await;
    // Fetched again after a second, give or take a tenth.
    site.vendor.set_expires_in(4);
    let (running, clock) = started(&site).await;
    let begun = Instant::now();
    for turn in 0..60 {
        let seconds = [HOUR, -HOUR, 48 * HOUR, -48 * HOUR][turn % 4];
        tally.fault();
        jump(&clock, seconds);
        let status = call(&site, &running, &tally, seconds).await;
        tally.expect(status == 200, || format!("{status} after a jump to {seconds} s"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = site.vendor.fetches_for_crm() as u128;
    let most = begun.elapsed().as_millis() / 900 + 2;
    tally.expect((2..=most).contains(&asked), || format!("{asked} fetches, not {most}"));
    running.stopped().await;
    tally.expect(confgate::trail::verify(site.audit()).is_ok(), || "the trail is not whole".to_owned());
    tally.finish();
}
