//! What a cluster gets wrong: each time one line says what it is and what to do, the pod is not ready, and it gets well
//! by itself once it is mended.
//!
//! What is written wrongly ends the container, as a rollout should stop there while the old pods serve on: the kubelet
//! starts it again until it is right, and so does podman here. What the world withholds is waited for.

use super::place::{CONFIG, Place, SECRET};
use super::running::Container;
use super::{ENDPOINT, SIDECAR};
use crate::support::CREATE;
use crate::support::disk::Mounted;
use crate::support::tools::tool;

/// Waits for the line of a container that ends again and again: each run says it, and no other of that kind.
async fn ends_with_one_line(container: &Container, parts: &[&str]) {
    let line = container.says(&[parts, &["confgate: "]].concat()).await;
    let mut other = container.lines();
    // Warnings of the start may come before it.
    other.retain(|said| *said != line && !said.contains("\"level\":\"WARN\""));
    assert!(other.is_empty(), "{other:#?}");
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_key_that_the_secret_lacks() {
    let mut place = Place::new(ENDPOINT).await;
    place.secrets.remove(SECRET);
    let container = place.start_for_good().await;
    let parts =
        ["apps.meet.client_secret_file", "/run/secrets/confgate/meet", "there is no such file; create it"];
    ends_with_one_line(&container, &parts).await;
    place.secrets.set(SECRET, "here-it-is");
    container.serving().await.until_readyz(200).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_config_map_with_an_unknown_key_and_a_wrong_value() {
    let mut place = Place::new(SIDECAR).await;
    let good = place.config.text(CONFIG);
    place.edit("[tenants.crm]\napp = \"meet\"", "[tenants.crm]\napp = \"meat\"\nmax_in_fligth = 3");
    let container = place.start_for_good().await;
    let parts = ["2 problems", "tenants.crm.app", "did you mean meet?", "tenants.crm.max_in_fligth", CONFIG];
    ends_with_one_line(&container, &parts).await;
    place.config.set(CONFIG, &good);
    container.serving().await.until_readyz(200).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_trail_that_is_mounted_for_reading_alone() {
    let place = Place::new(ENDPOINT).await;
    let volume = Mounted::tmpfs(place.audit(), 8 << 20);
    own(&place);
    remount(&volume, "ro");
    let container = place.start_for_good().await;
    let parts = [
        "/var/lib/confgate/audit",
        "Read-only file system",
        "mount the volume of audit.directory for writing",
    ];
    ends_with_one_line(&container, &parts).await;
    remount(&volume, "rw");
    container.serving().await.until_readyz(200).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_trail_without_room() {
    let place = Place::new(ENDPOINT).await;
    let volume = Mounted::tmpfs(place.audit(), 1 << 20);
    own(&place);
    let filler = volume.fill();
    let container = place.start().await;
    let serving = container.serving().await;
    let line =
        container.says(&["the audit trail cannot be written", "No space left on device", "make room"]).await;
    assert!(line.starts_with('{') && line.contains("ERROR"), "{line}");
    serving.until_unready(&[("trail", "make room on the volume of audit.directory")]).await;
    let bearer = place.issuer.token().bearer();
    let refused = serving.call(&bearer, "POST", "/conferences", CREATE).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "audit_unavailable"));
    assert!(place.vendor.calls().is_empty(), "what is on no record");
    assert_eq!(container.times("the audit trail cannot be written"), 1);

    std::fs::remove_file(filler).expect("a file of ours");
    serving.until_readyz(200).await;
    let made = serving.call(&bearer, "POST", "/conferences", CREATE).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let trail = place.trail();
    assert_eq!(trail.outcome_of(made.request_id()).await["status"], 200);
    assert_eq!(trail.records()[0]["kind"], "start");
    let verified = place.verified().await;
    assert!(verified.starts_with("whole") && verified.contains("0 crashes"), "{verified}");
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn an_issuer_that_cannot_be_reached() {
    let place = Place::new(ENDPOINT).await;
    place.issuer.server().refuse_connections().await;
    let container = place.start().await;
    let serving = container.serving().await;
    let fault = "the issuer's keys were not refreshed";
    let line =
        container.says(&[fault, "Connection refused", "check the address, and what filters traffic"]).await;
    assert!(line.contains(place.issuer.name()), "{line}");
    serving.until_unready(&[("keys", "Connection refused")]).await;
    let bearer = place.issuer.token().bearer();
    let early = serving.call(&bearer, "GET", "/conferences/IM3", "").await;
    assert_eq!((early.status, early.problem().as_str()), (503, "keys_unavailable"));

    place.issuer.server().accept_connections().await;
    serving.until_readyz(200).await;
    assert_eq!(serving.call(&bearer, "GET", "/conferences/IM3", "").await.status, 200);
    assert_eq!(container.times(fault), 1, "once for each fault, however often it is tried");
}

/// Gives the volume that was mounted over it to the group of the pod.
fn own(place: &Place) {
    super::place::room(place.audit(), place.manifest.number("fsGroup"));
}

fn remount(volume: &Mounted, how: &str) {
    let path = volume.path().to_str().expect("a path in Unicode");
    tool("mount", &["-o", &format!("remount,{how}"), path]);
}
