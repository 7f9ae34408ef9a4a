//! Requests in unusual forms that HTTP/1.1 allows, and what may follow one another on a connection.

use crate::support::client::Connection;
use crate::support::server::Reply;
use crate::support::world::World;
use crate::wire::{get, head, is_refused, leaves_outcomes, sent};

#[tokio::test]
async fn every_form_of_a_good_request_is_understood() {
    let world = World::start().await;
    let line = |line: &str, extra: &str| head(&world, &format!("{line}\r\n"), extra);
    let cases = [
        ("origin form", get(&world, "")),
        ("absolute form", line("GET http://gate.test/conferences/IM3 HTTP/1.1", "Host: gate.test\r\n")),
        ("HTTP/1.0", line("GET /conferences/IM3 HTTP/1.0", "Host: gate.test\r\n")),
        ("HTTP/1.0 without Host", line("GET /conferences/IM3 HTTP/1.0", "")),
        ("lines that end with LF alone", get(&world, "").replace("\r\n", "\n")),
        ("empty lines first", format!("\r\n\r\n{}", get(&world, ""))),
        ("a query", line("GET /conferences/IM3?a=b&c HTTP/1.1", "Host: gate.test\r\n")),
        ("a protocol to change to", get(&world, "Upgrade: websocket\r\nConnection: upgrade\r\n")),
        ("an expectation without a body", get(&world, "Expect: 100-continue\r\n")),
    ];
    for (number, (what, text)) in cases.iter().enumerate() {
        let answer = sent(&world, text).await.answer("GET").await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let calls = world.vendor.calls();
        assert_eq!(calls.len(), number + 1, "{what}");
        assert_eq!(calls[number].path, "/1100181023201864/voicechatroom/conferences/IM3", "{what}");
        let id = answer.header("x-request-id").expect("an id");
        assert_eq!(world.trail.outcome_of(id).await["decision"], "allowed", "{what}");
    }
}

#[tokio::test]
async fn a_connection_may_ask_for_another_protocol_again_and_again() {
    let world = World::start().await;
    let mut connection = Connection::open(world.address).await;
    for _ in 0..3 {
        connection.write(get(&world, "Upgrade: websocket\r\nConnection: upgrade\r\n")).await;
        assert_eq!(connection.answer("GET").await.status, 200);
    }
    connection.write("CONNECT gate.test:443 HTTP/1.1\r\nHost: gate.test:443\r\n\r\n").await;
    let answer = connection.answer("CONNECT").await;
    is_refused(&world, &answer, "route_unknown", "CONNECT").await;
}

#[tokio::test]
async fn the_whole_server_can_be_asked_for_its_options() {
    let world = World::start().await;
    let answer = sent(&world, "OPTIONS * HTTP/1.1\r\nHost: gate.test\r\n\r\n").await.answer("OPTIONS").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.header("x-request-id").is_some() && answer.header("access-control-allow-origin").is_some()
    );
    assert_eq!(world.vendor.calls().len(), 0);
    leaves_outcomes(&world, 0).await;
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let world = World::start().await;
    let mut connection = Connection::open(world.address).await;
    let refused = connection.send("HEAD", "/conferences/IM3", &[], "").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, DELETE, OPTIONS")));
    let document = connection.send("HEAD", "/openapi.json", &[], "").await;
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    let whole = connection.send("GET", "/openapi.json", &[], "").await;
    assert_eq!(document.header("content-length"), Some(whole.body.len().to_string().as_str()));
    assert!(world.vendor.calls().is_empty());
    leaves_outcomes(&world, 1).await;
}

#[tokio::test]
async fn what_is_sent_at_once_is_answered_in_order() {
    let world = World::start().await;
    let ask = |id: &str| head(&world, &format!("GET /conferences/{id} HTTP/1.1\r\nHost: gate.test\r\n"), "");
    let unknown = "GET /nothing HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    let all = [&ask("IM1"), &ask("IM2"), unknown, &ask("IM3"), "GARBAGE\r\n\r\n", &ask("IM4")].concat();
    let mut connection = sent(&world, all).await;
    for id in ["IM1", "IM2"] {
        assert_eq!(connection.answer("GET").await.json()["id"], id);
    }
    is_refused(&world, &connection.answer("GET").await, "route_unknown", "the third").await;
    assert_eq!(connection.answer("GET").await.json()["id"], "IM3");
    is_refused(&world, &connection.answer("GET").await, "request_malformed", "the fifth").await;
    assert_eq!(connection.rest().await, b"", "nothing after what cannot be read is acted on");
    assert_eq!(world.vendor.calls().len(), 3);
    leaves_outcomes(&world, 5).await;
}

#[tokio::test]
async fn an_answer_that_looks_like_one_of_the_servers_own_comes_through() {
    let world = World::start().await;
    // More than is held; wherever it is cut into pieces, some piece begins with a status line.
    let body = "HTTP/1.1 400 \n\n".repeat(400_000);
    world.vendor.script(Reply::body(200, "text/plain", body.clone()));
    let answer = sent(&world, get(&world, "")).await.answer("GET").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == body.as_bytes(), "{} of {} bytes", answer.body.len(), body.len());
    leaves_outcomes(&world, 1).await;
}
