//! Faults on demand, and the end.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn faults_are_answers_as_ordered() {
    let sandbox = start().await;
    for (fault, status, error) in [
        (json!(401), 401, json!("unauthorized")),
        (json!("429"), 429, json!("reach_limit")),
        (json!(500), 500, json!("internal_server_error")),
        (json!(503), 503, json!("service_unavailable")),
        (json!("failure_in_200"), 200, json!(-707)),
    ] {
        sandbox.order(json!({"on": "create", "fault": fault, "times": 1})).await;
        assert_eq!(sandbox.create("{}").await.error(), (status, error));
        assert_eq!(sandbox.create("{}").await.status, 200, "once only");
    }
    for fault in ["html", "502"] {
        sandbox.order(json!({"on": "any", "fault": fault, "times": 1})).await;
        let reply = sandbox.create("{}").await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["content-type"]),
            (502, &"text/html".parse().unwrap())
        );
    }
    sandbox.order(json!({"on": "get", "fault": 503, "retry_after": 7, "times": 1})).await;
    assert_eq!(sandbox.get("X").await.headers["retry-after"], "7");
    sandbox.order(json!({"on": "get", "fault": "oversized", "bytes": 200_000, "times": 1})).await;
    let reply = sandbox.get("X").await;
    assert_eq!((reply.body.len(), reply.error()), (200_000, (200, json!(0))));
}

#[tokio::test]
async fn faults_break_the_connection_as_ordered() {
    let sandbox = start().await;
    let create = || sandbox.call(Method::POST, "/conferences", &sandbox.token, "{}");
    for (fault, io_kind) in [
        ("reset", Some(ErrorKind::ConnectionReset)),
        ("garbage", None),
        ("truncated", Some(ErrorKind::UnexpectedEof)),
    ] {
        sandbox.order(json!({"on": "create", "fault": fault, "times": 1})).await;
        let error = create().await.err().unwrap();
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), io_kind, "{fault}: {error:?}");
        assert_eq!(error.is_parse(), io_kind.is_none(), "{fault}: {error:?}");
    }
    sandbox.order(json!({"on": "create", "fault": "hang", "times": 1})).await;
    tokio::select! {
        _ = create() => panic!("an answer in spite of the order"),
        () = sandbox.until_seen("create", 4) => {}
    }
    let calls = sandbox.control("GET", "/calls", Value::Null).await.json();
    assert_eq!(calls["create"], json!({"seen": 4, "answers": {}, "unanswered": 4}));
    let conferences = sandbox.control("GET", "/conferences", Value::Null).await.json();
    assert_eq!(conferences["conferences"], json!([]), "none was carried out");
}

#[tokio::test]
async fn a_lost_answer_can_hide_an_effect_and_a_late_one_is_the_calls_own() {
    let sandbox = start().await;
    sandbox.order(json!({"on": "create", "fault": "reset", "times": 1, "effect": true})).await;
    assert!(sandbox.call(Method::POST, "/conferences", &sandbox.token, "{}").await.is_err());
    let conferences = sandbox.control("GET", "/conferences", Value::Null).await.json();
    assert_eq!(conferences["conferences"].as_array().unwrap().len(), 1);

    sandbox.order(json!({"on": "create", "fault": "delay", "delay_ms": 150})).await;
    let began = Instant::now();
    assert_eq!(sandbox.create("{}").await.error(), (200, json!(0)));
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn the_token_endpoint_goes_down_alone_and_for_one_app_if_asked() {
    let sandbox = start().await;
    sandbox.order(json!({"on": "token", "fault": 503, "app": format!("{ORG}/class")})).await;
    let reply = sandbox.token_reply("class", &credentials("class").to_string()).await;
    assert_eq!(reply.status, 503);
    sandbox.fetch_token("meet").await;
    assert_eq!(sandbox.create("{}").await.status, 200);
}

#[tokio::test]
async fn it_ends_when_told_even_with_a_caller_hanging() {
    let config = SandboxConfig::new("127.0.0.1:0".parse().unwrap(), vec![app("meet")]);
    let bound = Sandbox::bind(config).await.unwrap();
    let running = Running { address: bound.local_addr(), token: String::new() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(bound.serve(async { drop(stopped.await) }));
    running.order(json!({"on": "get", "fault": "hang"})).await;
    let caller = async { running.call(Method::GET, "/conferences/X", "", "").await.is_err() };
    let stopper = async {
        running.until_seen("get", 1).await;
        stop.send(()).unwrap();
        served.await.unwrap();
    };
    let both = async { tokio::join!(caller, stopper) };
    assert!(tokio::time::timeout(DEADLINE, both).await.unwrap().0);
}
