//! Where a caller is: what a proxy that is trusted says, read from its own end, and nothing that anybody else says. The
//! trail and the limit of bad tokens mean the same address.

use super::{PATH, loopback, signatures};
use crate::support::client::Connection;
use crate::support::tally::Tally;
use crate::support::world::World;

/// One bad token each day: the second one from an address tells which address that is.
const ONE_A_DAY: [(&str, &str); 3] = [
    ("AUTHN__ADDRESS_LIMIT__RATE", "1"),
    ("AUTHN__ADDRESS_LIMIT__PER", "24h"),
    ("AUTHN__ADDRESS_LIMIT__BURST", "1"),
];

/// What is said, in lines of a head, and the address that is meant, where the connection is from 127.0.0.1 and
/// `127.0.0.0/8`, `10.0.0.0/8` and `fd00::/8` are trusted. `*` is the connection's own address.
const SAID: &[(&[&str], &str)] = &[
    (&["X-Forwarded-For: 198.51.100.1"], "198.51.100.1"),
    (&["x-forwarded-for:198.51.100.2"], "198.51.100.2"),
    (&["X-Forwarded-For: 6.6.6.6, 198.51.100.3"], "198.51.100.3"),
    (&["X-Forwarded-For: 6.6.6.6, 198.51.100.4, 10.0.0.7"], "198.51.100.4"),
    (&["X-Forwarded-For: 198.51.100.5, 10.0.0.7, 10.0.0.8,fd00::1,\tfd00::2"], "198.51.100.5"),
    (&["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 198.51.100.6"], "198.51.100.6"),
    (&["X-Forwarded-For: 6.6.6.6, 198.51.100.7", "X-Forwarded-For: 10.0.0.7"], "198.51.100.7"),
    (&["X-Forwarded-For: 127.0.0.1, 198.51.100.8"], "198.51.100.8"),
    (&["X-Forwarded-For: unknown, 198.51.100.9"], "198.51.100.9"),
    (&["X-Forwarded-For: \u{ff}\u{1f4a9}, 198.51.100.10"], "198.51.100.10"),
    (&["X-Forwarded-For: \u{ff}", "X-Forwarded-For: 198.51.100.11"], "198.51.100.11"),
    (&["X-Forwarded-For: 198.51.100.12:4711"], "198.51.100.12"),
    (&["X-Forwarded-For: , 198.51.100.13 ,, ,"], "198.51.100.13"),
    (&["X-Forwarded-For: 198.51.100.14", "X-Forwarded-For:"], "198.51.100.14"),
    (&["X-Forwarded-For: ::ffff:198.51.100.15"], "198.51.100.15"),
    (&["X-Forwarded-For: 2001:db8:1::1"], "2001:db8:1::1"),
    (&["X-Forwarded-For: 2001:DB8:2:0:0:0:0:1"], "2001:db8:2::1"),
    (&["X-Forwarded-For: [2001:db8:3::1]"], "2001:db8:3::1"),
    (&["X-Forwarded-For: 6.6.6.6, [2001:db8:4::1]:443"], "2001:db8:4::1"),
    (&["X-Forwarded-For: 198.51.100.16", "Forwarded: for=6.6.6.6"], "198.51.100.16"),
    (&["X-Forwarded-For: 198.51.100.17", "X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6"], "198.51.100.17"),
];

/// The same, where nothing that is said means an address.
const SAID_IN_VAIN: &[&[&str]] = &[
    &[],
    &["X-Forwarded-For:"],
    &["X-Forwarded-For: , ,"],
    &["X-Forwarded-For: unknown"],
    &["X-Forwarded-For: 6.6.6.6, unknown"],
    &["X-Forwarded-For: 6.6.6.6, 198.51.100.300"],
    &["X-Forwarded-For: 6.6.6.6, 0x7f.1"],
    &["X-Forwarded-For: 6.6.6.6, 010.8.8.8"],
    &["X-Forwarded-For: 6.6.6.6, 3221225985"],
    &["X-Forwarded-For: 6.6.6.6, [198.51.100.1]"],
    &["X-Forwarded-For: 6.6.6.6, 198.51.100.1:70000"],
    &["X-Forwarded-For: 6.6.6.6, 198.51.100.1;10.0.0.1"],
    &["X-Forwarded-For: 6.6.6.6, fe80::1%eth0"],
    &["X-Forwarded-For: 6.6.6.6, \u{ff}"],
    &["X-Forwarded-For: 6.6.6.6 198.51.100.1"],
    &["X-Forwarded-For: \"198.51.100.1\""],
    &["Forwarded: for=198.51.100.1"],
    &["X-Forwarded: 198.51.100.1", "X-Real-IP: 198.51.100.1", "Client-IP: 198.51.100.1"],
];

/// Sends a bad token from there with these lines in the head. Gives the answer's code and whom the trail means.
async fn bad_token(world: &World, from: u32, said: &[&str], tally: &Tally) -> (String, String) {
    let bearer = world.issuer.token().broken().bearer();
    let said = said.iter().flat_map(|line| [*line, "\r\n"]).collect::<String>();
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n{said}\r\n");
    let mut connection = Connection::open_from(loopback(from), world.address).await;
    tally.requests(1);
    connection.write(request).await;
    let answer = connection.answer("GET").await;
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    (answer.problem(), outcome["client"].as_str().expect("a client").to_owned())
}

#[tokio::test]
async fn a_trusted_proxy_says_who_calls_and_the_trail_and_the_limit_mean_the_same() {
    let trusted = ("LISTEN__TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8,fd00::/8");
    let (world, tally) = (World::with(&[&ONE_A_DAY[..], &[trusted]].concat()).await, Tally::of("strangers"));
    let in_vain = SAID_IN_VAIN.iter().map(|said| (*said, "*"));
    for (number, (said, client)) in (0..).zip(SAID.iter().copied().chain(in_vain)) {
        tally.input();
        let own = loopback(number).to_string();
        let client = if client == "*" { own.as_str() } else { client };
        let first = bad_token(&world, number, said, &tally).await;
        tally.expect(first == ("token_rejected".into(), client.into()), || format!("{said:?}: {first:?}"));
        // The same address, said as plainly as can be, has had its share.
        let plainly = format!("X-Forwarded-For: {client}");
        let second = bad_token(&world, number, &[&plainly], &tally).await;
        tally.expect(second.0 == "address_rate_limited", || format!("{said:?}, then plainly: {second:?}"));
    }
    let free = bad_token(&world, 0, &["X-Forwarded-For: 6.6.6.6"], &tally).await;
    tally.expect(free.0 == "token_rejected", || format!("somebody else's share was used: {free:?}"));
    tally.expect(world.vendor.calls().is_empty(), || "the vendor saw a stranger".to_owned());
    tally.finish();
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let trusted = ("LISTEN__TRUSTED_PROXIES", "10.0.0.0/8");
    let (world, tally) = (World::with(&[&ONE_A_DAY[..], &[trusted]].concat()).await, Tally::of("strangers"));
    let said = SAID.iter().map(|(said, _)| *said).chain(SAID_IN_VAIN.iter().copied());
    for (number, said) in said.enumerate() {
        tally.input();
        let expected = if number == 0 { "token_rejected" } else { "address_rate_limited" };
        let told = bad_token(&world, 0, said, &tally).await;
        tally.expect(told == (expected.into(), "127.0.0.1".into()), || format!("{said:?}: {told:?}"));
    }
    let checked = signatures(&world, "bad").await;
    tally.expect(checked == 1, || format!("{checked} signatures were checked"));
    tally.finish();
}
