//! What goes wrong with a receiver or a cursor, and that nothing is lost by it.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{consumer, create, cursor, of, shipping_to};
use crate::support::CREATE;
use crate::support::admin;
use crate::support::client;
use crate::support::configuration::write_configuration;
use crate::support::issuer::Issuer;
use crate::support::program::{Program, confgate, run, serve};
use crate::support::receiver::{Receiver, lines_of, once_each};
use crate::support::server::Reply;
use crate::support::trail::Trail;
use crate::support::vendor::Vendor;
use crate::support::world::World;

#[tokio::test]
async fn however_the_receiver_fails_requests_go_on_and_everything_arrives_later() {
    for reply in [
        Reply::status(503),
        Reply::status(400),
        Reply::status(429).header("Retry-After", "1"),
        Reply::status(302).header("Location", "http://127.0.0.1:1/"),
        Reply::reset(),
        Reply::close(),
        Reply::hang(),
        Reply::raw("no HTTP at all\r\n\r\n"),
    ] {
        let receiver = Receiver::start().await;
        receiver.answer_with(Some(reply.clone()));
        let mut world = shipping_to(&receiver, &[("AUDIT__SHIP__SIEM__TIMEOUT", "2s")]).await;
        receiver.wait_for_batches(1).await;
        let id = create(&world).await;
        let failing = |status: &Value| {
            let siem = of(status, "siem");
            siem["failures"].as_u64() > Some(0) && siem["lag_records"].as_u64() >= Some(2)
        };
        world.until_status("failures and a lag", failing).await;
        let siem = of(&world.status().await, "siem").clone();
        assert_eq!((&siem["sequence"], &siem["shipped_records"]), (&json!(0), &json!(0)), "{siem}");
        assert!(siem["failing_since"].is_string() && siem["last_error"]["message"].is_string(), "{siem}");
        assert!(world.metric(r#"confgate_audit_ship_lag_records{consumer="siem"}"#).await >= 2.0);
        assert!(world.metric(r#"confgate_audit_ship_lag_seconds{consumer="siem"}"#).await > 0.0);
        assert!(world.metric(r#"confgate_audit_ship_failures_total{consumer="siem"}"#).await >= 1.0);
        // That is no reason to send callers elsewhere.
        assert_eq!(world.until_readyz(200).await.status, 200);
        assert_eq!(world.trail.outcome_of(&id).await["vendor_status"], 200);
        receiver.answer_with(None);
        receiver.until_told("intent", &id).await;
        world
            .until_status("no failure any more", |status| of(status, "siem")["failing_since"].is_null())
            .await;
        assert!(!world.ended().await);
        assert_eq!(receiver.taken(), world.trail.lines(), "{reply:?}");
        assert_eq!(world.vendor.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_receiver_is_asked_again_when_it_says_and_not_before() {
    let receiver = Receiver::start().await;
    receiver.script(Reply::status(503).header("Retry-After", "2"));
    let world = shipping_to(&receiver, &[]).await;
    receiver.wait_for_batches(1).await;
    create(&world).await;
    let batches = receiver.wait_for_batches(2).await;
    let waited = batches[1].at - batches[0].at;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_dead_receiver_holds_up_no_other() {
    let (dead, gone, alive) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    dead.answer_with(Some(Reply::hang()));
    gone.server().refuse_connections().await;
    let (url, nowhere) = (dead.url(), gone.url());
    let keys = [
        ("AUDIT__SHIP__DEAD__SINK", "http"),
        ("AUDIT__SHIP__DEAD__URL", url.as_str()),
        ("AUDIT__SHIP__GONE__SINK", "http"),
        ("AUDIT__SHIP__GONE__URL", nowhere.as_str()),
    ];
    let world = shipping_to(&alive, &keys).await;
    dead.wait_for_batches(1).await;
    for _ in 0..3 {
        let id = create(&world).await;
        alive.until_told("intent", &id).await;
    }
    let acknowledged = |status: &Value| of(status, "siem")["sequence"].as_u64() > Some(3);
    world.until_status("acknowledged batches", acknowledged).await;
    let tried = |status: &Value| of(status, "gone")["last_error"].is_object();
    world.until_status("an attempt to reach the one that is gone", tried).await;
    let status = world.status().await;
    assert_eq!((&of(&status, "dead")["sequence"], &of(&status, "gone")["sequence"]), (&json!(0), &json!(0)));
    let told = of(&status, "gone")["last_error"]["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("the connection failed: Connection refused"), "{told}");
}

#[tokio::test]
async fn the_end_waits_for_a_dead_receiver_a_few_seconds_and_loses_nothing() {
    for reply in [Reply::hang(), Reply::status(500)] {
        let receiver = Receiver::start().await;
        receiver.answer_with(Some(reply));
        let mut world = shipping_to(&receiver, &[]).await;
        create(&world).await;
        let begun = Instant::now();
        assert!(!world.ended().await);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert_eq!(receiver.taken(), [""; 0]);
        let stopped = world.trail.lines();
        receiver.answer_with(None);
        let mut world = world.started_again().await;
        assert!(!world.ended().await);
        assert_eq!(receiver.taken(), world.trail.lines());
        assert!(world.trail.lines().starts_with(&stopped));
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_sent_in_parts() {
    // Said plainly; as a server does that does not read to the end; by one that takes too long over so much.
    for reply in [Reply::status(413), Reply::reset(), Reply::hang()] {
        let receiver = Receiver::start().await;
        receiver.answer_with(Some(Reply::status(503)));
        let mut world = shipping_to(&receiver, &[("AUDIT__SHIP__SIEM__TIMEOUT", "1s")]).await;
        let mut last = String::new();
        for _ in 0..10 {
            last = create(&world).await;
        }
        receiver.take_at_most(4000, reply.clone());
        receiver.answer_with(None);
        receiver.until_told("intent", &last).await;
        assert!(!world.ended().await);
        assert_eq!(receiver.taken(), world.trail.lines(), "{reply:?}");
        let refused = receiver.batches().iter().filter(|batch| batch.body.len() > 4000).count();
        assert!(refused > 0, "no batch was too large");
    }
}

#[tokio::test]
async fn one_record_that_is_too_large_is_not_dropped() {
    let receiver = Receiver::start().await;
    receiver.take_at_most(10, Reply::status(413));
    let world = shipping_to(&receiver, &[]).await;
    create(&world).await;
    let told = |status: &Value| {
        of(status, "siem")["last_error"]["message"]
            .as_str()
            .is_some_and(|told| told.contains("batch of 1 records"))
    };
    world.until_status("a record that is too large", told).await;
    receiver.take_at_most(1 << 20, Reply::status(413));
    let mut world = world;
    assert!(!world.ended().await);
    assert_eq!(receiver.taken(), world.trail.lines());
}

#[tokio::test]
async fn killed_before_the_acknowledgement_it_sends_again_and_leaves_no_gap() {
    let receiver = Receiver::start().await;
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let url = receiver.url();
    let keys = consumer(&url, &[]);
    let trail = Trail::new(&directory.path().join("audit"));
    let bearer = issuer.token().bearer();
    for round in 0..4 {
        // Every other time the receiver has the batch, and its acknowledgement does not come.
        receiver.answer_with((round % 2 == 0).then(Reply::hang));
        let before = receiver.batches().len();
        let mut program = Program::start(&mut serve(&file, &keys));
        let (address, admin) = program.serving().await;
        admin::until_readyz(admin, |answer| answer.status == 200).await;
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let answer = client::send(address, "POST", "/conferences", &headers, CREATE).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        receiver.wait_for_batches(before + 1).await;
        program.signal("KILL").await;
        program.ended().await;
    }
    receiver.answer_with(None);
    let mut program = Program::start(&mut serve(&file, &keys));
    program.serving().await;
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code, Some(0));
    let came: Vec<String> = receiver.batches().iter().flat_map(lines_of).collect();
    assert!(came.len() > once_each(&came).len(), "nothing was sent twice");
    assert_eq!(once_each(&receiver.taken()), trail.lines());
    assert_eq!(vendor.calls().len(), 4);
}

#[tokio::test]
async fn a_cursor_that_cannot_be_believed_skips_nothing() {
    let receiver = Receiver::start().await;
    let mut world = shipping_to(&receiver, &[]).await;
    create(&world).await;
    assert!(!world.ended().await);
    let good = cursor(&world).unwrap();
    let zeros = "0".repeat(64);
    for (text, why) in [
        ("{\"v\":1,\"sequ".to_owned(), "is damaged"),
        (json!({"v": 1, "sequence": 1_000_000, "hash": good["hash"]}).to_string(), "beyond the end"),
        (json!({"v": 1, "sequence": 2, "hash": zeros}).to_string(), "is another one now"),
    ] {
        fs::write(world.trail_directory().join("consumer-siem.json"), text).unwrap();
        let before = receiver.taken().len();
        world = world.started_again().await;
        let told = |status: &Value| {
            of(status, "siem")["last_error"]["message"].as_str().is_some_and(|told| told.contains(why))
        };
        world.until_status(why, told).await;
        create(&world).await;
        assert!(!world.ended().await);
        assert_eq!(receiver.taken()[before..], world.trail.lines());
    }
    // In good order again, and nothing comes twice any more.
    let before = receiver.taken().len();
    let known = world.trail.lines().len();
    world = world.started_again().await;
    assert!(!world.ended().await);
    assert_eq!(receiver.taken()[before..], world.trail.lines()[known..]);
}

#[tokio::test]
async fn the_token_is_sent_and_told_to_nobody_else() {
    const TOKEN: &str = "canary-siem-token";
    let receiver = Receiver::start().await;
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let token = directory.path().join("siem");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let (url, token) = (receiver.url(), token.to_str().unwrap().to_owned());
    let keys = consumer(&url, &[("AUDIT__SHIP__SIEM__TOKEN_FILE", &token), ("LOG__LEVEL", "trace")]);
    receiver.script(Reply::status(500)).script(Reply::reset());
    let mut program = Program::start(&mut serve(&file, &keys));
    let (_, admin) = program.serving().await;
    let batches = receiver.wait_for_batches(3).await;
    assert!(
        batches.iter().all(|batch| batch.headers.get("authorization") == Some("Bearer canary-siem-token"))
    );
    let status = admin::get(admin, "/status").await.text();
    let metrics = admin::get(admin, "/metrics").await.text();
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.error.contains("the audit trail is not shipped"), "{}", ended.error);
    let mut check = confgate(["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    let checked = run(check.envs(keys.iter().map(|(key, value)| (format!("CONFGATE__{key}"), value)))).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.output.contains("[audit.ship.siem]"), "{}", checked.output);
    let trail = Trail::new(&directory.path().join("audit")).lines().concat();
    for text in [status, metrics, ended.error, ended.output, checked.output, checked.error, trail] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_cursor_of_a_consumer_that_is_gone_is_told_about() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    fs::create_dir(directory.path().join("audit")).unwrap();
    fs::write(directory.path().join("audit/consumer-old.json"), "{}").unwrap();
    let mut program = Program::start(&mut serve(&file, &[]));
    program
        .logged("the forgotten consumer", |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["consumer"] == "old" && event["level"] == "WARN").then_some(())
        })
        .await;
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn lines_that_were_removed_are_named_and_the_rest_arrives() {
    let receiver = Receiver::start().await;
    receiver.answer_with(Some(Reply::status(503)));
    let mut world = World::with(&consumer(&receiver.url(), &[])).await;
    create(&world).await;
    receiver.wait_for_batches(1).await;
    fs::remove_dir_all(world.trail_directory()).unwrap();
    world.until_readyz(503).await;
    fs::create_dir(world.trail_directory()).unwrap();
    world.until_ready().await;
    let id = create(&world).await;
    receiver.answer_with(None);
    receiver.until_told("intent", &id).await;
    assert!(!world.ended().await);
    let taken = receiver.taken();
    assert!(taken.ends_with(&world.trail.lines()[1..]), "{taken:#?}");
}
