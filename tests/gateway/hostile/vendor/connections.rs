//! Connections that are refused, that nobody serves, and that say something when they should not.

use serde_json::Value;

use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::client::Answer;
use crate::support::issuer::Issuer;
use crate::support::server::{Gate, Reception, Reply, Step, bytes};
use crate::support::vendor::Vendor;

const IMPATIENT: [(&str, &str); 3] = [
    ("LISTEN__WORKERS", "1"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1500ms"),
    ("UPSTREAM__CONNECT_TIMEOUT", "1s"),
];

const PATH: &str = "/conferences/IM3";

const CALLS: [(&str, &str, &str); 3] =
    [("GET", PATH, ""), ("POST", "/conferences", CREATE), ("DELETE", "/conferences/IM3/yangss", "")];

/// Fails unless the gateway refused by itself, with one of these codes; gives the outcome.
async fn refused(cases: &Cases, answer: &Answer, codes: &[&str], what: &str) -> Value {
    let code = answer.problem();
    cases.tally.expect(codes.contains(&&*code), || format!("{what}: {code}"));
    cases.outcome(answer).await
}

#[tokio::test]
async fn a_connection_that_nobody_serves_is_not_an_answer() {
    let cases = Cases::ready("the vendor", 1, &IMPATIENT).await;
    let vendor = &cases.world.vendor;
    for (reception, codes) in [
        (Reception::Close, ["vendor_unreachable"]),
        (Reception::Reset, ["vendor_unreachable"]),
        (Reception::Hang, ["vendor_timeout"]),
    ] {
        for (method, path, body) in CALLS {
            cases.tally.fault();
            vendor.server().receive(reception);
            let answer = cases.call(0, method, path, body).await;
            refused(&cases, &answer, &codes, &format!("{reception:?}, {method}")).await;
        }
    }
    cases.tally.expect(vendor.calls().is_empty(), || "somebody was served".to_owned());
    cases.tally.expect(cases.call(0, "GET", PATH, "").await.status == 200, || "it does not heal".to_owned());
    cases.finish().await;
}

#[tokio::test]
async fn a_handshake_that_fails_or_hangs_changes_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Vendor::certificate_pem()).unwrap();
    let trust = ("UPSTREAM__CA_FILE", file.path().to_str().unwrap());
    let changes = [IMPATIENT[0], IMPATIENT[1], IMPATIENT[2], trust];
    let (vendor, issuer) = (Vendor::start_tls().await, Issuer::start().await);
    let cases = Cases::around("the vendor", 1, vendor, issuer, &changes).await;
    cases.world.until_ready().await;
    let vendor = &cases.world.vendor;
    for reception in [Reception::Close, Reception::Reset, Reception::Hang] {
        for (method, path, body) in CALLS {
            cases.tally.fault();
            vendor.server().receive(reception);
            let answer = cases.call(0, method, path, body).await;
            let what = format!("{reception:?}, {method}");
            let outcome = refused(&cases, &answer, &["vendor_unreachable"], &what).await;
            let unchanged = outcome["outcome_unknown"] == false && outcome["attempts"] == 0;
            cases.tally.expect(unchanged && answer.text().contains("nothing was changed"), || what.clone());
        }
    }
    cases.tally.expect(vendor.calls().is_empty(), || "something was sent".to_owned());
    cases.tally.expect(cases.call(0, "GET", PATH, "").await.status == 200, || "it does not heal".to_owned());
    cases.finish().await;
}

#[tokio::test]
async fn a_vendor_that_is_gone_is_found_again() {
    let cases = Cases::ready("the vendor", 1, &IMPATIENT).await;
    let vendor = &cases.world.vendor;
    for _ in 0..2 {
        cases.tally.fault();
        vendor.server().refuse_connections().await;
        // What is idle is used up first; nothing is kept after this.
        vendor.answer_for(&case(0), Some(Reply::close()));
        let _ = cases.call(0, "GET", PATH, "").await;
        vendor.answer_for(&case(0), None);
        let before = vendor.calls().len();
        for (method, path, body) in CALLS {
            let answer = cases.call(0, method, path, body).await;
            let outcome = refused(&cases, &answer, &["vendor_unreachable"], method).await;
            cases.tally.expect(outcome["outcome_unknown"] == false, || format!("{outcome}"));
        }
        cases.tally.expect(vendor.calls().len() == before, || "something was sent".to_owned());
        vendor.server().accept_connections().await;
        for (method, path, body) in CALLS {
            let answer = cases.call(0, method, path, body).await;
            cases.tally.expect(answer.status == 200, || format!("{method}: {}", answer.text()));
        }
    }
    cases.finish().await;
}

#[tokio::test]
async fn what_an_idle_connection_says_is_nobodys_answer() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"error\":0}";
    const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"forged\"}";
    let cases = Cases::ready("the vendor", 1, &IMPATIENT).await;
    let vendor = &cases.world.vendor;
    let junk =
        [FORGED.to_owned(), FORGED.repeat(1000), "\r\n".to_owned(), "x".to_owned(), OK[..20].to_owned()];
    for (number, junk) in junk.into_iter().enumerate() {
        for (method, path, body) in CALLS {
            cases.tally.fault();
            let gate = Gate::closed();
            let before = vendor.server().hangups();
            let steps = [bytes(OK), Step::Pass(gate.clone()), bytes(&*junk), Step::Hang];
            vendor.script_for(&case(0), Reply::steps(steps));
            let answer = cases.call(0, method, path, body).await;
            cases.tally.expect(answer.text() == r#"{"error":0}"#, || answer.text());
            gate.open();
            // The gateway has read it, and wants no more of this connection.
            vendor.server().wait_for_hangups(before + 1).await;
            let next = cases.call(0, "GET", &format!("/conferences/NEXT{number}"), "").await;
            let own = next.status == 200 && next.json()["id"] == format!("NEXT{number}");
            cases.tally.expect(own, || format!("junk {number}: {}", next.text()));
        }
    }
    cases.finish().await;
}

#[tokio::test]
async fn an_answer_may_come_before_the_question_was_read() {
    let cases = Cases::ready("the vendor", 1, &IMPATIENT).await;
    let vendor = &cases.world.vendor;
    let body = format!(r#"{{"confrType":10,"password":"{}"}}"#, "x".repeat(30));
    for status in [200, 400, 413] {
        cases.tally.fault();
        let before = vendor.calls().len();
        vendor.server().answer_early(Reply::body(status, "text/plain", "early"));
        let answer = cases.call(0, "POST", "/conferences", &body).await;
        cases.tally.expect((answer.status, &*answer.text()) == (status, "early"), || answer.text());
        let next = cases.call(0, "GET", PATH, "").await;
        cases.tally.expect(next.json()["id"] == "IM3", || next.text());
        let creates = vendor.calls()[before..].iter().filter(|call| call.method == "POST").count();
        cases.tally.expect(creates == 1, || format!("created {creates} times"));
    }
    cases.finish().await;
}
