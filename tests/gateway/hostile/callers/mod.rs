//! Callers that are slow, many, strangers, or one tenant too much: they are cut off, turned away and kept apart, and
//! those who are none of that are served all the while.

mod addresses;
mod fairness;
mod invented;
mod many;
mod memory;
mod slow;
mod strangers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::client::Connection;
use crate::support::tally::Tally;
use crate::support::world::World;

/// What the healthy caller looks at.
const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// How long the healthy caller waits between two requests.
const THINKS: Duration = Duration::from_millis(5);

/// One of the machine's own addresses, of which IPv4 has sixteen million.
fn loopback(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number).into()
}

/// How many signatures of tokens were checked so far that turned out `good` or `bad`.
async fn signatures(world: &World, result: &str) -> usize {
    let name = format!("confgate_signatures_checked_total{{result=\"{result}\"}}");
    world.metric(&name).await.to_string().parse().expect("a whole number")
}

/// A caller that asks one thing after another on one connection until it is told to stop. Each answer has to be 200.
/// Gives how many there were.
async fn healthy(address: SocketAddr, bearer: &str, stop: &AtomicBool, tally: &Tally) -> u64 {
    let mut connection = Connection::open(address).await;
    let mut count = 0;
    // At least once after the end of what it is to be undisturbed by.
    let mut last = false;
    while !last {
        last = stop.load(Ordering::Relaxed);
        let answer = connection.send("GET", PATH, &[("Authorization", bearer)], "").await;
        tally.requests(1);
        tally.expect(answer.status == 200, || format!("healthy: {} {}", answer.status, answer.text()));
        count += 1;
        // As a caller within its limits would.
        tokio::time::sleep(THINKS).await;
    }
    count
}

/// Runs `trouble` beside a healthy caller, to which nothing must happen.
async fn beside_a_healthy_caller<T>(
    address: SocketAddr,
    bearer: &str,
    tally: &Tally,
    trouble: impl Future<Output = T>,
) -> T {
    let stop = AtomicBool::new(false);
    let troubled = async {
        let output = trouble.await;
        stop.store(true, Ordering::Relaxed);
        output
    };
    let (served, output) = tokio::join!(healthy(address, bearer, &stop, tally), troubled);
    tally.expect(served > 1, || "the healthy caller was served only after the trouble".to_owned());
    output
}
