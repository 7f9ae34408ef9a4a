//! Too many connections: from one address, from everywhere, and ten thousand that say nothing.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::net::TcpStream;

use super::{PATH, beside_a_healthy_caller, loopback};
use crate::support::client::Connection;
use crate::support::program::Served;
use crate::support::tally::Tally;
use crate::support::world::World;
use crate::support::{admin, within};

/// A look at a conference; every head is whole.
fn get(bearer: &str) -> String {
    format!("GET {PATH} HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n\r\n")
}

#[tokio::test]
async fn one_address_cannot_have_all_connections() {
    let changes = [("LISTEN__MAX_CONNECTIONS_PER_ADDRESS", "3"), ("LISTEN__TRUSTED_PROXIES", "127.0.0.1")];
    let (world, tally) = (World::with(&changes).await, Tally::of("slow and many"));
    let bearer = world.issuer.token().bearer();
    let from = async |number| {
        tally.requests(1);
        let mut connection = Connection::open_from(loopback(number), world.address).await;
        connection.write(get(&bearer)).await;
        let answer = connection.answer("GET").await;
        (connection, answer)
    };
    let mut greedy = Vec::new();
    for _ in 0..3 {
        let (connection, answer) = from(5).await;
        tally.expect(answer.status == 200, || answer.text());
        greedy.push(connection);
    }
    for _ in 0..5 {
        tally.input();
        let (mut connection, answer) = from(5).await;
        let refused = answer.status == 503 && answer.problem() == "overloaded";
        tally.expect(refused && answer.header("retry-after") == Some("1"), || answer.text());
        tally.expect(connection.rest().await.is_empty(), || "it was not closed".to_owned());
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        tally.expect(outcome["client"] == "127.0.0.6", || outcome.to_string());
    }
    // Others have their own, and a proxy that is trusted has as many as its callers need.
    let mut others = Vec::new();
    for number in [6, 7, 0, 0, 0, 0, 0, 0] {
        let (connection, answer) = from(number).await;
        tally.expect(answer.status == 200, || format!("{number}: {}", answer.text()));
        others.push(connection);
    }
    greedy.pop();
    world.until_connections(2 + 8).await;
    let (_, answer) = from(5).await;
    tally.expect(answer.status == 200, || format!("a place was not given back: {}", answer.text()));
    tally.finish();
}

#[tokio::test]
async fn beyond_what_fits_each_is_told_so_and_place_is_made_when_others_leave() {
    const FIT: usize = 40;
    let (world, tally) =
        (World::with(&[("LISTEN__MAX_CONNECTIONS", "40")]).await, Tally::of("slow and many"));
    let bearer = world.issuer.token().bearer();
    for _ in 0..3 {
        let trouble = async {
            let mut inside = Vec::new();
            for _ in 0..FIT - 1 {
                inside.push(Connection::open(world.address).await);
            }
            world.until_connections(FIT).await;
            let late = (0..100).map(|_| async {
                let mut connection = Connection::open(world.address).await;
                connection.write(get(&bearer)).await;
                connection.answer("GET").await
            });
            for answer in join_all(late).await {
                tally.input();
                tally.requests(1);
                let refused = answer.status == 503 && answer.problem() == "overloaded";
                let complete = refused && answer.header("retry-after") == Some("1");
                tally.expect(complete && answer.header("connection") == Some("close"), || answer.text());
            }
            for connection in &mut inside {
                tally.requests(1);
                let answer = connection.send("GET", PATH, &[("Authorization", &bearer)], "").await;
                tally.expect(answer.status == 200, || format!("one that is inside: {}", answer.text()));
            }
        };
        beside_a_healthy_caller(world.address, &bearer, &tally, trouble).await;
        world.until_connections(0).await;
    }
    tally.finish();
}

/// As many connections as are asked for; each may say something.
async fn crowd(served: &Served, count: usize, says: &str) -> Vec<TcpStream> {
    let opening = (0..count).map(|_| async {
        let stream = TcpStream::connect(served.address).await.expect("a connection");
        let mut connection = Connection::over(stream, served.address);
        connection.write(says).await;
        connection.into_stream()
    });
    stream::iter(opening).buffer_unordered(64).collect().await
}

#[tokio::test]
#[ignore = "ten thousand connections and half a minute"]
async fn ten_thousand_idle_connections_are_in_nobodys_way() {
    const MANY: usize = 10_000;
    let tally = Tally::of("slow and many");
    // Long enough that none is closed for being idle before all are there.
    let changes = [("LISTEN__MAX_CONNECTIONS", "12000"), ("LISTEN__IDLE_TIMEOUT", "40s")];
    let served = Served::with(&changes).await;
    let bearer = served.issuer.token().bearer();
    let (half_a_minute, a_minute) = (Duration::from_secs(30), Duration::from_mins(1));
    let trouble = async {
        let before = served.program.resident();
        let idle = crowd(&served, MANY, "").await;
        admin::until_connections_within(half_a_minute, served.admin, MANY + 1).await;
        let each = (served.program.resident() - before) / MANY as u64;
        tally.expect(each <= 32 * 1024, || format!("{each} bytes of memory for each"));
        for _ in 0..200 {
            tally.requests(1);
            let mut newcomer = Connection::open(served.address).await;
            let answer = newcomer.send("GET", PATH, &[("Authorization", &bearer)], "").await;
            tally.expect(answer.status == 200, || format!("a newcomer: {}", answer.text()));
        }
        tally.inputs(MANY as u64);
        // They are closed when their time is over, without a word and by the gateway.
        admin::until_connections_within(a_minute, served.admin, 1).await;
        for stream in &idle {
            let ended = within("the end of a connection", stream.readable()).await.is_ok();
            let said = stream.try_read(&mut [0]);
            tally.expect(ended && matches!(said, Ok(0)), || format!("an idle one was told {said:?}"));
        }
    };
    beside_a_healthy_caller(served.address, &bearer, &tally, trouble).await;
    tally.finish();
}
