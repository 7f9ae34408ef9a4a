//! What changes beside the requests, and what does not before the next start.

use std::process::Command;

use super::*;
use crate::support::program::Served;

#[tokio::test]
async fn what_needs_a_restart_says_so_and_the_rest_takes_effect() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    world.edit("address = \"127.0.0.1:0\"\nworkers = 2", "address = \"127.0.0.1:1\"\nworkers = 2");
    world.edit("[tenants.acme]", "[tenants.emca]");
    world.reload();
    until_generation(&world, 2).await;
    let status = world.status().await;
    assert_eq!(status["configuration"]["needs_restart"], json!(["listen.address"]));
    tells(&world, "confgate_config_current 0.0").await;
    assert_eq!(get(&world, "emca", "a").await.status, 200);
    tally.requests(1);
    let record = recorded(&world, 2).await;
    let fixed = |key: &str| {
        let mut changes = record["changes"].as_array().unwrap().iter();
        changes.find(|change| change["key"] == key).unwrap()["needs_restart"].clone()
    };
    assert_eq!((fixed("listen.address"), fixed("tenants.emca.app")), (json!(true), json!(false)));

    world.edit("address = \"127.0.0.1:1\"", "address = \"127.0.0.1:0\"");
    world.reload();
    until_generation(&world, 3).await;
    assert_eq!(world.status().await["configuration"]["needs_restart"], json!([]), "it was taken back");
    tally.finish();
}

#[tokio::test]
async fn another_signing_key_signs_from_the_next_checkpoint_on() {
    let tally = tally();
    let directory = tempfile::tempdir().unwrap();
    let keys = ["first", "second"].map(|name| {
        let file = directory.path().join(name);
        let made =
            Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&file).status();
        assert!(made.unwrap().success());
        file
    });
    let in_use = directory.path().join("key");
    std::fs::copy(&keys[0], &in_use).unwrap();
    let file = in_use.to_str().unwrap();
    let every = ("AUDIT__CHECKPOINTS__RECORDS", "1");
    let world = World::with(&[WATCHFUL, ("AUDIT__CHECKPOINTS__KEY_FILE", file), every]).await;
    let signer = |records: &[Value]| {
        let mut checkpoints = records.iter().rev().filter(|record| record["kind"] == "checkpoint");
        checkpoints.next().and_then(|checkpoint| Some(checkpoint["key"].as_str()?.to_owned()))
    };
    get(&world, "crm", "a").await;
    let first = world.trail.wait_until("a signed checkpoint", signer).await;
    std::fs::copy(&keys[1], directory.path().join("new")).unwrap();
    std::fs::rename(directory.path().join("new"), &in_use).unwrap();
    tally.fault();
    until_generation(&world, 2).await;
    let another = |records: &[Value]| signer(records).filter(|signer| *signer != first);
    get(&world, "crm", "a").await;
    world.trail.wait_until("a checkpoint by the other key", another).await;
    tally.requests(2);

    std::fs::write(&in_use, "no key").unwrap();
    tally.fault();
    until_refused(&world, "audit.checkpoints.key_file").await;
    get(&world, "crm", "a").await;
    tally.finish();
}

#[tokio::test]
async fn the_program_reads_again_on_sighup_and_logs_as_it_is_told() {
    let tally = tally();
    let served = Served::with(&[("RELOAD__EVERY", "0s")]).await;
    let text = std::fs::read_to_string(served.file()).unwrap();
    std::fs::write(served.file(), text.replace("[tenants.acme]", "[tenants.emca]")).unwrap();
    served.program.signal("HUP").await;
    let changed = |line: &str| line.contains("the configuration has changed").then(|| line.to_owned());
    let line = served.program.logged("the change", changed).await;
    assert!(line.contains("tenants.emca.app") && line.contains("\"generation\":2"), "{line}");

    std::fs::write(served.file(), "[listen").unwrap();
    served.program.signal("HUP").await;
    let refused = |line: &str| line.contains("the last good one stays").then(|| line.to_owned());
    let line = served.program.logged("the refusal", refused).await;
    assert!(line.contains("confgate.toml"), "{line}");
    let bearer = served.issuer.token().claim("tenant", "emca").bearer();
    let headers = [("Authorization", bearer.as_str())];
    let answer = crate::support::client::send(served.address, "GET", "/conferences/IM3", &headers, "").await;
    assert_eq!(answer.status, 200);
    tally.requests(1);
    tally.finish();
}
