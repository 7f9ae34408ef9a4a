//! Calls through the image, and what it is held to meanwhile.

use super::machine::{is_held_to, run};
use super::place::Place;
use super::running::Container;
use super::{ENDPOINT, SIDECAR};
use crate::support::CREATE;

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_four_calls_go_through_beside_an_app() {
    the_four_calls_go_through(SIDECAR).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_four_calls_go_through_the_endpoint() {
    the_four_calls_go_through(ENDPOINT).await;
}

async fn the_four_calls_go_through(example: &str) {
    let place = Place::new(example).await;
    let container = place.start().await;
    let serving = container.serving().await;
    serving.until_readyz(200).await;
    is_held_to(&place.manifest, container.process().await);

    let bearer = place.issuer.token().bearer();
    let calls = [
        ("POST", "/conferences", CREATE, "create"),
        ("GET", "/conferences/IM3", "", "get"),
        ("DELETE", "/conferences/IM3/yangss", "", "kick"),
        ("DELETE", "/conferences/IM3", "", "dissolve"),
    ];
    let trail = place.trail();
    for (method, path, body, action) in calls {
        let answer = serving.call(&bearer, method, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let outcome = trail.outcome_of(answer.request_id()).await;
        assert_eq!((&outcome["action"], &outcome["status"]), (&action.into(), &200.into()), "{outcome}");
        assert_eq!(
            (&outcome["tenant"], &outcome["subject"]),
            (&"crm".into(), &"huangcl".into()),
            "{outcome}"
        );
    }
    let seen: Vec<_> = place.vendor.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(seen, ["POST", "GET", "DELETE", "DELETE"]);

    let stranger = serving.call("Bearer nonsense", "GET", "/conferences/IM3", "").await;
    assert_eq!((stranger.status, stranger.problem().as_str()), (401, "token_malformed"));
    let reason = &trail.outcome_of(stranger.request_id()).await["reason"];
    assert_eq!(reason, "token_malformed");
    let page = serving.call("", "GET", "/problems/token_malformed", "").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(place.vendor.calls().len(), 4);

    let verified = place.verified().await;
    assert!(verified.starts_with("whole"), "{verified}");
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn there_is_no_shell_and_nothing_else_to_run() {
    let place = Place::new(SIDECAR).await;
    let container = place.start().await;
    container.serving().await;
    for program in ["sh", "/bin/sh", "bash", "/busybox", "ls"] {
        let mut command = super::machine::podman(["exec"]);
        command.args([&container.inspect("{{.Name}}").await, program]);
        let told = run(command).await.expect_err("it ran");
        assert!(told.contains("no such file") || told.contains("not found"), "{told}");
    }
}

/// What `deploy/README.md` says to try first.
#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_demo_runs_in_the_image() {
    let place = Place::new(SIDECAR).await;
    let arguments = ["demo", "--directory", "/demo"].into_iter();
    let ports = ["--listen", "--admin", "--sandbox", "--issuer"].into_iter();
    let ports = ports.flat_map(|option| [option, "127.0.0.1:0"]);
    let arguments: Vec<String> = arguments.chain(ports).map(str::to_owned).collect();
    let flags = ["--cap-drop=all", "--read-only", "--read-only-tmpfs=false", "--tmpfs=/demo:mode=1777"];
    let flags = flags.map(str::to_owned);
    let container = Container::run(&super::place::new_name(), place.directory(), &flags, &arguments).await;
    let line = container.says(&["curl ", "-d '{", "/conferences"]).await;
    let between = |before: &str, after: &str| {
        let rest = line.split_once(before).expect("a part of a line").1;
        rest.split(after).next().expect("its end").to_owned()
    };
    let (bearer, address) = (between("Authorization: ", "'"), between("http://", "/"));
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let body = between("-d '", "'");
    let address = address.parse().expect("an address");
    let answer = crate::support::client::send(address, "POST", "/conferences", &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tail = container.exec(&["/confgate", "audit", "tail", "/demo/audit"]).await;
    assert!(tail.contains("create"), "{tail}");
    container.signal("TERM").await;
    assert_eq!(container.ended().await, 0);
}
