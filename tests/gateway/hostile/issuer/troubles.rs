//! Each kind of trouble twice: from the very start, and once the keys are known.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{admitted, cases, issuers, rejected, unavailable, until};
use crate::support::cases::Cases;
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, published, strange};
use crate::support::server::{Reply, Step, bytes};

/// What an issuer does in place of publishing its keys.
enum Trouble {
    /// Nothing is to be had from it: what is known goes on.
    Outage(Reply),
    /// Nobody listens.
    Refused,
    /// It publishes no key that is of any use: those that were are withdrawn, and nobody is blamed for it.
    Withdrawn(Reply),
}

const MIB: usize = 1 << 20;

fn troubles() -> Vec<(&'static str, Trouble)> {
    let text = |text: &str| Trouble::Outage(Reply::body(200, "application/json", text));
    let raw = |raw: &str| Trouble::Outage(Reply::raw(raw));
    let stopping = |sent: &str, end: Step| Trouble::Outage(Reply::steps([bytes(sent), end]));
    let status = |status: u16| Trouble::Outage(Reply::status(status));
    let set = json!({"keys": [published(Alg::Es256).jwk()]}).to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let flood = |head: &str, unit: Vec<u8>| {
        Trouble::Outage(Reply::steps([bytes(head), Step::Flood(unit.into(), 100), Step::Close]))
    };
    let drops = Step::Trickle(format!("{head}{set}").into(), Duration::from_millis(20));
    let many = vec![published(Alg::Es256).jwk(); 3000];
    vec![
        ("refused", Trouble::Refused),
        ("closed", Trouble::Outage(Reply::close())),
        ("reset", Trouble::Outage(Reply::reset())),
        ("hanging before the head", Trouble::Outage(Reply::hang())),
        ("hanging within the head", stopping("HTTP/1.1 200 OK\r\nConte", Step::Hang)),
        ("hanging before the body", stopping(head, Step::Hang)),
        ("hanging within the body", stopping(&format!("{head}{{\"keys\":["), Step::Hang)),
        ("reset within the body", stopping(&format!("{head}{{\"keys\":["), Step::Reset)),
        ("in drops", Trouble::Outage(Reply::steps([drops]))),
        ("500", status(500)),
        ("503", Trouble::Outage(Reply::status(503).header("Retry-After", "86400"))),
        ("404 with keys", Trouble::Outage(Reply::body(404, "application/json", &*set))),
        ("401", Trouble::Outage(Reply::status(401).header("WWW-Authenticate", "Basic"))),
        ("204", status(204)),
        ("206 with keys", Trouble::Outage(Reply::body(206, "application/json", &*set))),
        ("301", Trouble::Outage(Reply::status(301).header("Location", "/jwks.json"))),
        ("307", Trouble::Outage(Reply::status(307).header("Location", "/elsewhere"))),
        ("a page", Trouble::Outage(Reply::body(200, "text/html", "<html>maintenance</html>"))),
        ("nothing", status(200)),
        ("half a document", text(&set[..set.len() / 2])),
        ("half of what was announced", raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"keys\":[")),
        (
            "compressed",
            Trouble::Outage(Reply::body(200, "application/json", &*set).header("Transfer-Encoding", "gzip")),
        ),
        ("100 MB", flood(head, vec![b' '; MIB])),
        ("100 MB in chunks", flood(chunked, [b"100000\r\n".as_slice(), &vec![b' '; MIB], b"\r\n"].concat())),
        ("a head of 100 MB", flood("HTTP/1.1 200 OK\r\nX: ", vec![b'x'; MIB])),
        ("null", text("null")),
        ("a list", text("[]")),
        ("no list", text(r#"{"keys":{}}"#)),
        ("without keys", text(r#"{"kid":"x"}"#)),
        ("nested", text(&"[".repeat(100_000))),
        ("two documents", text(&set.repeat(2))),
        (
            "no Unicode",
            Trouble::Outage(Reply::body(
                200,
                "application/json",
                [b"{\"keys\":[\"\xff\"]}".as_slice()].concat(),
            )),
        ),
        ("too many keys", text(&json!({ "keys": many }).to_string())),
        ("too many of nothing", text(&json!({ "keys": vec![json!({}); 200_000] }).to_string())),
        ("no http", raw("SSH-2.0-OpenSSH_9.6\r\n")),
        ("another protocol", raw("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
        ("an empty set", Trouble::Withdrawn(Reply::json(200, &json!({"keys": []})))),
        (
            "useless keys",
            Trouble::Withdrawn(Reply::json(200, &json!({"keys": [null, {}, {"kty": "oct", "k": "AAAA"}]}))),
        ),
    ]
}

const CHANGES: [(&str, &str); 3] = [
    ("AUTHN__REFRESH_INTERVAL", "1s"),
    ("AUTHN__FETCH_TIMEOUT", "2s"),
    ("AUTHN__UNKNOWN_KEY_COOLDOWN", "1s"),
];

#[tokio::test]
async fn no_trouble_of_an_issuers_is_a_401() {
    let troubles = troubles();
    let issuers = issuers(troubles.len()).await;
    for (issuer, (_, trouble)) in issuers.iter().zip(&troubles) {
        begin(issuer, trouble).await;
    }
    let cases = cases(&issuers, &CHANGES).await;
    until(&cases, &cases.world.issuer, "keys", |status| status["usable"] == true).await;
    // All the while, the callers of the one that is well are served.
    let healthy = async {
        loop {
            admitted(&cases, cases.world.issuer.token(), "an issuer that is well").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let all = issuers
        .iter()
        .zip(&troubles)
        .map(|(issuer, (name, trouble))| go_through(&cases, issuer, name, trouble));
    tokio::select! {
        _ = join_all(all) => {}
        () = healthy => {}
    }
    cases.world.until_ready().await;
    cases.finish().await;
}

async fn begin(issuer: &Issuer, trouble: &Trouble) {
    match trouble {
        Trouble::Refused => issuer.server().refuse_connections().await,
        Trouble::Outage(reply) | Trouble::Withdrawn(reply) => issuer.answer_with(reply.clone()),
    }
}

async fn end<'k>(
    issuer: &Issuer,
    trouble: &Trouble,
    keys: impl IntoIterator<Item = &'k crate::support::keys::Key>,
) {
    issuer.publish(keys);
    if matches!(trouble, Trouble::Refused) {
        issuer.server().accept_connections().await;
    }
}

async fn go_through(cases: &Cases, issuer: &Issuer, name: &str, trouble: &Trouble) {
    // From the start: nobody can tell good tokens from bad ones.
    cases.tally.fault();
    until(cases, issuer, "the trouble", |status| !status["last_error"].is_null()).await;
    unavailable(cases, issuer.token(), name).await;
    unavailable(cases, issuer.token().broken(), name).await;
    unavailable(cases, issuer.token().expires_in(-300), name).await;
    end(issuer, trouble, Alg::ALL.map(published)).await;
    until(cases, issuer, "its keys", |status| status["usable"] == true).await;
    let known = issuer.token();
    admitted(cases, known.clone(), name).await;
    rejected(cases, issuer.token().broken(), name).await;

    // Once more: what is known goes on, unless it was withdrawn.
    cases.tally.fault();
    begin(issuer, trouble).await;
    let is_withdrawn = matches!(trouble, Trouble::Withdrawn(_));
    // That a fetch has failed may also mean that the issuer's answer took too long.
    let more =
        |status: &Value| !status["last_error"].is_null() && (!is_withdrawn || status["usable"] == false);
    until(cases, issuer, "more trouble", more).await;
    let new = strange(Alg::Es256);
    if is_withdrawn {
        unavailable(cases, known.clone(), name).await;
        unavailable(cases, issuer.token(), name).await;
        unavailable(cases, issuer.token().broken(), name).await;
    } else {
        admitted(cases, known.clone(), name).await;
        admitted(cases, issuer.token().alg(Alg::EdDsa), name).await;
        rejected(cases, issuer.token().broken(), name).await;
    }
    // It may be one that was published since.
    join_all((0..4).map(|_| unavailable(cases, issuer.token().signed_by(new), name))).await;
    end(issuer, trouble, [published(Alg::Es256), new]).await;
    until(cases, issuer, "the new set", |status| status["usable"] == true && status["keys"] == 2).await;
    admitted(cases, known, name).await;
    admitted(cases, issuer.token().signed_by(new), name).await;
    rejected(cases, issuer.token().alg(Alg::EdDsa), name).await;

    // However much it had to say, little of it was listened to.
    let (flooded, fetches) = (issuer.server().flooded(), issuer.fetches());
    cases
        .tally
        .expect(flooded <= 16 * MIB * fetches, || format!("{name}: {flooded} bytes in {fetches} fetches"));
}
