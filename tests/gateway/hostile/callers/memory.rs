//! What floods leave in memory: no more than their connections may hold, and nothing once they are over.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::{PATH, beside_a_healthy_caller, loopback};
use crate::support::admin;
use crate::support::client::Connection;
use crate::support::keys::{Alg, published, strange};
use crate::support::program::Served;
use crate::support::tally::Tally;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Connections of a flood, and tokens of one.
const CONNECTIONS: usize = 1_000;
const TOKENS: usize = 5_000;

/// What one connection may hold at most with the defaults of `listen`: a body of `max_body_bytes` twice, as it was read
/// and put together, what was read of the next, and what belongs to the connection and the request.
const ONE: u64 = (2 * 64 + 64 + 64) * KIB;

/// What so many connections may take to come and to go.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// Opens connections that have sent this, and waits until the gateway serves them all.
async fn holding(served: &Served, sends: &[u8], count: usize) -> Vec<Connection> {
    let opening = (0..count).map(|_| async {
        let mut connection = Connection::open(served.address).await;
        connection.write(sends).await;
        connection
    });
    let connections = stream::iter(opening).buffer_unordered(64).collect().await;
    admin::until_connections_within(HALF_A_MINUTE, served.admin, count + 1).await;
    connections
}

/// Slow bodies, slow heads, and tokens of strangers; gives the most memory that was taken.
async fn flood(served: &Served, bearer: &str, tally: &Tally) -> u64 {
    let mut most = 0;
    let body = format!(
        "POST /conferences HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: 65536\r\n\r\n{}",
        " ".repeat(65_535)
    );
    let head = format!("GET {PATH} HTTP/1.1\r\nHost: gate.test\r\nX-A: {}", "a".repeat(15_000));
    for sends in [body, head] {
        let connections = holding(served, sends.as_bytes(), CONNECTIONS).await;
        most = most.max(served.program.resident());
        drop(connections);
        admin::until_connections_within(HALF_A_MINUTE, served.admin, 1).await;
        tally.requests(CONNECTIONS as u64);
        (0..CONNECTIONS).for_each(|_| tally.input());
    }
    let stranger = strange(Alg::Es256).named(&published(Alg::Es256).kid);
    let tokens = (0..TOKENS).map(|number| {
        let token =
            served.issuer.token().claim("sub", format!("stranger-{number}")).claim("x", "x".repeat(3000));
        // A third each: forged, of a key that nobody knows, and good.
        let token = match number % 3 {
            0 => token.signed_by(&stranger),
            1 => token.signed_by(&strange(Alg::Es256).named(&format!("key-{number}"))),
            _ => token,
        };
        async move {
            let from = loopback(u32::try_from(number).expect("a small number") + 100);
            let mut connection = Connection::open_from(from, served.address).await;
            connection.send("GET", PATH, &[("Authorization", &token.bearer())], "").await.status
        }
    });
    let answers: Vec<u16> = stream::iter(tokens).buffer_unordered(32).collect().await;
    (0..TOKENS).for_each(|_| tally.input());
    tally.requests(TOKENS as u64);
    let known = answers.iter().all(|status| [200, 401, 429, 503].contains(status));
    tally.expect(known, || format!("{answers:?}"));
    admin::until_connections_within(HALF_A_MINUTE, served.admin, 1).await;
    most.max(served.program.resident())
}

#[tokio::test]
#[ignore = "half a minute of floods"]
async fn memory_is_bounded_in_a_flood_and_flat_over_floods() {
    let tally = Tally::of("slow and many");
    // Room for as many in flight, and a cache that is full after the first flood.
    let changes = [
        ("TENANTS__CRM__MAX_IN_FLIGHT", "2000"),
        ("TENANTS__CRM__RATE_LIMIT__RATE", "1000000"),
        ("TENANTS__CRM__RATE_LIMIT__BURST", "1000000"),
        ("TENANTS__CRM__USER_RATE_LIMIT__RATE", "100000"),
        ("TENANTS__CRM__USER_RATE_LIMIT__PER", "1s"),
        ("TENANTS__CRM__USER_RATE_LIMIT__BURST", "100000"),
        ("TENANTS__CRM__MAX_USERS", "512"),
        ("AUTHN__CACHE_CAPACITY", "512"),
        ("AUTHN__MAX_ADDRESSES", "1024"),
        ("AUDIT__FLOODS__INDIVIDUALLY", "5"),
    ];
    let served = Served::with(&changes).await;
    let (bearer, slow) = (served.issuer.token().bearer(), served.issuer.token().bearer());
    let floods = async {
        let before = served.program.resident();
        let mut after = Vec::new();
        for _ in 0..3 {
            let most = flood(&served, &slow, &tally).await;
            let bound = before + CONNECTIONS as u64 * ONE + 16 * MIB;
            tally.expect(most <= bound, || format!("{} MiB in a flood, of {}", most / MIB, bound / MIB));
            after.push(served.program.resident());
        }
        println!(
            "resident before {} KiB, after each flood {:?} KiB",
            before / KIB,
            after.iter().map(|a| a / KIB).collect::<Vec<_>>()
        );
        tally.expect(after[2] <= after[0] + 8 * MIB, || format!("{before} before, then {after:?} bytes"));
    };
    beside_a_healthy_caller(served.address, &bearer, &tally, floods).await;
    tally.finish();
}
