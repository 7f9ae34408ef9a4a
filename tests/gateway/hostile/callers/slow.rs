//! Callers that take their time, in every way that holds a connection: each is cut off when its time is over, with an
//! answer where one can be given, and a healthy caller is served all the while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::{TcpSocket, TcpStream};

use super::{PATH, beside_a_healthy_caller};
use crate::support::client::Connection;
use crate::support::server::Reply;
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

/// Little patience with callers.
const SHORT: &[(&str, &str)] = &[
    ("LISTEN__IDLE_TIMEOUT", "1s"),
    ("LISTEN__REQUEST_TIMEOUT", "2s"),
    ("UPSTREAM__TOTAL_TIMEOUT", "1900ms"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1900ms"),
    ("UPSTREAM__CONNECT_TIMEOUT", "1900ms"),
];

/// Between two pieces of a slow caller: many go by before its time is over.
const STEP: Duration = Duration::from_millis(40);

/// A caller that begins with something and goes on piece by piece, for as long as it is let.
struct Slow {
    what: &'static str,
    begins: String,
    goes_on: &'static str,
    /// The code of the answer; None is the end of the connection without a word.
    ends: Option<&'static str>,
}

fn slow(
    what: &'static str,
    begins: impl Into<String>,
    goes_on: &'static str,
    ends: Option<&'static str>,
) -> Slow {
    Slow { what, begins: begins.into(), goes_on, ends }
}

fn heads(bearer: &str) -> Vec<Slow> {
    const LATE: Option<&str> = Some("request_timeout");
    let line = format!("GET {PATH} HTTP/1.1\r\n");
    vec![
        slow("nothing", "", "", None),
        slow("empty lines", "\r\n", "\r\n", None),
        slow("one byte", "G", "", LATE),
        slow("a method without end", "G", "E", LATE),
        slow("a path without end", "GET /", "a", LATE),
        slow("a name without end", format!("{line}Host"), "t", LATE),
        slow("a value without end", format!("{line}Host: "), "h", LATE),
        slow("field after field", format!("{line}Host: gate.test\r\n"), "X-A: b\r\n", LATE),
        slow(
            "all but the last byte",
            format!("{line}Host: gate.test\r\nAuthorization: {bearer}\r\n\r"),
            "",
            LATE,
        ),
    ]
}

fn bodies(bearer: &str) -> Vec<Slow> {
    const LATE: Option<&str> = Some("request_timeout");
    let head = |framing: &str| {
        format!(
            "POST /conferences HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n\
             Content-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    let chunked = |first: &str| head("Transfer-Encoding: chunked") + first;
    vec![
        slow("no body", head("Content-Length: 1000"), "", LATE),
        slow("a body byte by byte", head("Content-Length: 1000") + "{", " ", LATE),
        slow("a body that is asked for", head("Content-Length: 1000\r\nExpect: 100-continue"), "", LATE),
        slow("no chunk", chunked(""), "", LATE),
        slow("chunk by chunk", chunked("1\r\n{\r\n"), "1\r\n \r\n", LATE),
        slow("a size without end", chunked("1"), "", LATE),
        slow("a chunk without end", chunked("ff\r\n{"), " ", LATE),
        slow("trailers without end", chunked("2\r\n{}\r\n0\r\n"), "X-A: b\r\n", LATE),
        slow("a size with leading zeros", chunked("0"), "0", LATE),
    ]
}

/// Goes on until the gateway has had enough. Gives the id of the answer, where there is one.
async fn sends(world: &World, caller: Slow, tally: &Tally) -> Option<String> {
    let Slow { what, begins, goes_on, ends } = caller;
    tally.input();
    tally.requests(1);
    let mut connection = Connection::open(world.address).await;
    connection.write(begins).await;
    let dripping = async {
        loop {
            tokio::time::sleep(STEP).await;
            // What comes after the end of a connection may not arrive anywhere.
            if connection.try_write(goes_on).await.is_err() {
                return;
            }
            if connection.has_answer() {
                return;
            }
        }
    };
    within(&format!("the end of {what}"), dripping).await;
    let Some(code) = ends else {
        let said = connection.rest().await;
        tally.expect(said.is_empty(), || format!("{what}: {}", String::from_utf8_lossy(&said)));
        return None;
    };
    let mut answer = connection.answer("POST").await;
    if answer.status == 100 {
        answer = connection.answer("POST").await;
    }
    tally.expect(answer.status == 408 && answer.problem() == code, || format!("{what}: {}", answer.text()));
    tally.expect(answer.header("connection") == Some("close"), || format!("{what}: {answer:?}"));
    Some(answer.request_id().to_owned())
}

#[tokio::test]
async fn who_sends_slowly_is_told_so_and_cut_off() {
    let (world, tally) = (World::with(SHORT).await, Tally::of("slow and many"));
    let bearer = world.issuer.token().bearer();
    // Twice at the same time: nobody's end is another's.
    let callers = [heads(&bearer), bodies(&bearer), heads(&bearer), bodies(&bearer)];
    let slow = join_all(callers.into_iter().flatten().map(|caller| sends(&world, caller, &tally)));
    let told = beside_a_healthy_caller(world.address, &bearer, &tally, slow).await;
    for id in told.into_iter().flatten() {
        let outcome = world.trail.outcome_of(&id).await;
        let right = outcome["reason"] == "request_timeout" && outcome["attempts"] == 0;
        tally.expect(right, || outcome.to_string());
    }
    world.until_connections(0).await;
    let creates = world.vendor.calls().iter().filter(|call| call.method == "POST").count();
    tally.expect(creates == 0, || format!("{creates} creates reached the vendor"));
    tally.finish();
}

/// A caller whose window takes as little as the system lets it.
async fn narrow(world: &World, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(1).expect("a small window");
    let stream = within("a connection", socket.connect(world.address)).await.expect("a connection");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    let mut connection = Connection::over(stream, world.address);
    connection.write(request).await;
    connection.into_stream()
}

/// Reads byte by byte, for as long as there is something, and counts.
async fn sips(stream: &TcpStream, count: &AtomicUsize) {
    loop {
        tokio::time::sleep(STEP).await;
        stream.readable().await.expect("a socket");
        match stream.try_read(&mut [0]) {
            Ok(0) | Err(_) => return,
            Ok(read) => count.fetch_add(read, Ordering::Relaxed),
        };
    }
}

#[tokio::test]
async fn who_reads_slowly_is_cut_off() {
    let (world, tally) = (World::with(SHORT).await, Tally::of("slow and many"));
    let bearer = world.issuer.token().bearer();
    let long: usize = 8 << 20;
    let looks = format!("GET {PATH}X HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n\r\n");
    let describes = "GET /openapi.json HTTP/1.1\r\nHost: gate.test\r\n\r\n".repeat(64);
    for _ in 0..8 {
        world.vendor.script(Reply::body(200, "text/plain", vec![b'x'; long]));
    }
    let (mut silent, mut sipping) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        silent.push(narrow(&world, &looks).await);
        sipping.push(narrow(&world, &looks).await);
        silent.push(narrow(&world, &describes).await);
        sipping.push(narrow(&world, &describes).await);
        tally.inputs(4);
        tally.requests(4);
    }
    world.vendor.wait_for(8).await;
    let count = AtomicUsize::new(0);
    let reading = join_all(sipping.iter().map(|stream| sips(stream, &count)));
    // The gateway lets go of them by itself: its end is closed while theirs are open.
    let cut_off = world.until_connections(1);
    let trouble = Box::pin(async {
        tokio::select! {
            _ = reading => {}
            () = cut_off => {}
        }
    });
    beside_a_healthy_caller(world.address, &bearer, &tally, trouble).await;
    world.until_connections(0).await;
    tally.expect((1..long).contains(&count.into_inner()), || {
        "none of them read a byte, or one read all".to_owned()
    });
    let metrics = world.metrics().await;
    let in_flight = metrics.contains("confgate_tenant_in_flight{tenant=\"crm\"} 0.0");
    tally.expect(in_flight, || metrics);
    drop(silent);
    tally.finish();
}

#[tokio::test]
async fn who_does_not_read_gets_no_further_calls_made() {
    const ASKED: usize = 200;
    let (world, tally) = (World::with(SHORT).await, Tally::of("slow and many"));
    let looks = format!(
        "GET {PATH} HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {}\r\n\r\n",
        world.issuer.token().bearer()
    );
    for _ in 0..ASKED {
        world.vendor.script(Reply::body(200, "text/plain", vec![b'x'; 60_000]));
    }
    let greedy = narrow(&world, &looks.repeat(ASKED)).await;
    world.vendor.wait_for(1).await;
    world.until_connections(0).await;
    tally.input();
    tally.requests(ASKED as u64);
    // What fits the buffers on the way, of which the system doubles the gateway's.
    let made = world.vendor.calls().len();
    tally.expect(made <= 16, || format!("{made} calls were made for a caller that reads no answer"));
    drop(greedy);
    tally.finish();
}
