//! Answers that nobody should hold: they stream through at the pace of whoever reads, and the gateway keeps little of
//! them.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::admin;
use crate::support::client::Connection;
use crate::support::program::Served;
use crate::support::server::{Reply, Step, bytes};
use crate::support::tally::Tally;
use crate::support::{CREATE, within};

const MIB: usize = 1 << 20;
/// How large an answer is.
const LARGE: usize = 50 * MIB;
/// How many are read at the same time.
const READERS: usize = 4;

/// Far more than the buffers of so many streams, and far less than one answer for each.
const ROOM: u64 = 25 << 20;

fn large(head: &str, chunk: &str, end: &str) -> Reply {
    let times = LARGE / MIB;
    let flood = [chunk.as_bytes(), &vec![b'x'; MIB], if chunk.is_empty() { b"" } else { b"\r\n" }].concat();
    Reply::steps([bytes(head), Step::Flood(flood.into(), times), bytes(end)])
}

#[tokio::test]
async fn fifty_megabytes_pass_at_the_readers_pace() {
    let tally = Tally::of("the vendor");
    let patience = [("UPSTREAM__TOTAL_TIMEOUT", "2m"), ("LISTEN__REQUEST_TIMEOUT", "3m")];
    let served = Served::with(&patience).await;
    let bearer = served.issuer.token().bearer();
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for number in 0..READERS {
        tally.fault();
        served.vendor.script(match number % 2 {
            0 => large(&sized, "", ""),
            _ => large(chunked, "100000\r\n", "0\r\n\r\n"),
        });
    }
    let before = served.program.resident();
    // They have their answers, and do not read them.
    let readers = join_all((0..READERS).map(|_| async {
        let mut reader = Connection::open_with_room(256 << 10, served.address).await;
        reader
            .write(format!("GET /conferences/IM3 HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n"))
            .await;
        reader.begun().await;
        reader
    }));
    let readers = readers.await;
    tally.requests(READERS as u64);
    let vendor = served.vendor.server();
    let taken = within("the floods to be stemmed", async {
        let mut last = vendor.flooded();
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            match vendor.flooded() {
                same if same == last => return same,
                more => last = more,
            }
        }
    });
    let taken = taken.await;
    tally.expect(taken < READERS * LARGE / 2, || format!("{taken} bytes were taken though nobody reads"));
    let grown = served.program.resident().saturating_sub(before);
    tally.expect(grown < ROOM, || format!("the gateway has grown by {grown} bytes"));
    // Another caller is served meanwhile.
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let other = crate::support::client::send(served.address, "POST", "/conferences", &headers, CREATE).await;
    tally.requests(1);
    tally.expect(other.status == 200, || other.text());

    let expected = vec![b'x'; LARGE];
    for mut reader in readers {
        let answer = reader.answer("GET").await;
        let whole = answer.status == 200 && answer.body == expected;
        tally.expect(whole, || format!("{} bytes arrived", answer.body.len()));
        served.trail.outcome_of(answer.request_id()).await;
    }
    let grown = served.program.resident().saturating_sub(before);
    tally.expect(grown < ROOM, || format!("the gateway has grown by {grown} bytes in the end"));
    tally.finish();
}

#[tokio::test]
async fn an_answer_without_end_that_is_read_in_sips_ends_in_time() {
    let tally = Tally::of("the vendor");
    let changes = [("UPSTREAM__TOTAL_TIMEOUT", "1s"), ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1s")];
    let served = Served::with(&[changes[0], changes[1], ("UPSTREAM__CONNECT_TIMEOUT", "1s")]).await;
    let bearer = served.issuer.token().bearer();
    let endless =
        Step::Flood([b"100000\r\n".as_slice(), &vec![b'x'; MIB], b"\r\n"].concat().into(), usize::MAX);
    tally.fault();
    tally.requests(1);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    served.vendor.script(Reply::steps([bytes(head), endless]));
    let mut caller = Connection::open(served.address).await;
    caller
        .write(format!("GET /conferences/IM3 HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n"))
        .await;
    caller.begun().await;
    let sipping = async {
        while caller.sip().await.is_ok_and(|read| read > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("an answer without end to end", sipping).await;
    admin::until_in_flight(served.admin, "crm", 0).await;
    tally.finish();
}

#[tokio::test]
async fn what_breaks_off_in_the_middle_never_looks_whole() {
    let tally = Tally::of("the vendor");
    let changes = [("UPSTREAM__TOTAL_TIMEOUT", "3s"), ("UPSTREAM__FIRST_BYTE_TIMEOUT", "3s")];
    let buffer = ("UPSTREAM__RESPONSE_BUFFER", "1KiB");
    let served = Served::with(&[changes[0], changes[1], ("UPSTREAM__CONNECT_TIMEOUT", "1s"), buffer]).await;
    let bearer = served.issuer.token().bearer();
    let body = "x".repeat(100_000);
    for (head, end) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", Step::Close),
        ("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", Step::Reset),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n", Step::Close),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n", Step::Close),
        ("HTTP/1.1 200 OK\r\n\r\n", Step::Reset),
        ("HTTP/1.1 200 OK\r\n\r\n", Step::Hang),
        ("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", Step::Hang),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n", Step::Hang),
    ] {
        tally.fault();
        tally.requests(1);
        let said = format!("{head:?}, {end:?}");
        served.vendor.script(Reply::steps([bytes(head), bytes(&*body), end]));
        let mut caller = Connection::open(served.address).await;
        caller
            .write(format!("GET /conferences/IM3 HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n"))
            .await;
        let answer = within("the end of an answer", caller.try_answer("GET")).await;
        tally.expect(answer.is_err(), || format!("{said}: {answer:?}"));
    }
    tally.finish();
}
