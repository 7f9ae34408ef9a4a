//! What the program says and takes, seen from outside, when callers come by TLS and HTTP/2.

use crate::support::CREATE;
use crate::support::certificates::Shown;
use crate::support::client::Connection;
use crate::support::configuration::borrowed;
use crate::support::http2::{Frame, Frames, Http2};
use crate::support::program::Served;
use crate::support::tally::Tally;

/// The log at its most talkative, with what HTTP/2, its compression of header fields, and TLS say of themselves.
#[tokio::test]
async fn no_secret_is_in_the_log() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let pair = shown.authority.sign();
    shown.write(&pair);
    let mut served = Served::with(&borrowed(&shown.changes(&[("LOG__LEVEL", "trace")]))).await;
    let bearer = served.issuer.token().bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let (http2, _) = Http2::over(shown.caller().open(served.address).await).await.unwrap();
    assert_eq!(http2.send("POST", "/conferences", &headers, CREATE).await.status, 200);
    // One head that is malformed, and says so in the log of whoever reads it.
    let malformed = [headers[0], ("te", "gzip")];
    let _ = http2.try_send("GET", "/conferences/IM3", &malformed, "").await;
    let http1 = shown.caller().offering(&["http/1.1"]).open(served.address).await;
    assert_eq!(
        Connection::over(http1, served.address).send("POST", "/conferences", &headers, CREATE).await.status,
        200
    );
    tally.requests(3);
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    tally.expect(ended.error.contains("serving"), || format!("there is no log: {ended:?}"));
    let tokens = bearer.trim_start_matches("Bearer ").split('.').filter(|part| part.len() > 12);
    let keys = pair.key.lines().filter(|line| !line.starts_with('-'));
    for secret in tokens.chain(keys).chain(["sesame"]) {
        let line = ended.error.lines().find(|line| line.contains(secret));
        tally.expect(line.is_none(), || format!("{line:?} has a secret"));
    }
    tally.finish();
}

#[tokio::test]
async fn connections_without_requests_take_little_memory() {
    const COUNT: u64 = 400;
    let tally = Tally::of("slow and many");
    let shown = Shown::new();
    let clear = Served::with(&[("LISTEN__WORKERS", "1")]).await;
    let before = clear.program.resident();
    let mut idle = Vec::new();
    for _ in 0..COUNT {
        let mut frames = Frames::open(clear.address, &[]).await;
        assert!(frames.until(Frame::SETTINGS).await.is_some());
        idle.push(frames);
    }
    let each = clear.program.resident().saturating_sub(before) / COUNT;
    println!("an idle connection by HTTP/2: {each} bytes");
    tally.expect(each < 64 << 10, || format!("{each} bytes for an idle connection by HTTP/2"));

    let tls = Served::with(&borrowed(&shown.changes(&[("LISTEN__WORKERS", "1")]))).await;
    let before = tls.program.resident();
    let mut shaken = Vec::new();
    for _ in 0..COUNT {
        shaken.push(Http2::over(shown.caller().open(tls.address).await).await.unwrap());
    }
    assert_eq!(shaken[0].0.send("GET", "/openapi.json", &[], "").await.status, 200);
    let each = tls.program.resident().saturating_sub(before) / COUNT;
    println!("the same by TLS: {each} bytes");
    tally.expect(each < 128 << 10, || format!("{each} bytes for an idle connection by TLS"));
    tally.requests(1);
    tally.finish();
}
