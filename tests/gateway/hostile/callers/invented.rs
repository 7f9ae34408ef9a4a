//! Invented keys by the hundred while the issuer hangs: few wait for it, so that they take no place from others.

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{PATH, beside_a_healthy_caller, loopback};
use crate::support::client::Connection;
use crate::support::issuer::unix_now;
use crate::support::keys::{Alg, strange};
use crate::support::server::Reply;
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

const CALLERS: u32 = 300;
/// How many of one worker's callers may wait for the keys.
const MOST_WAITING: u32 = 64;

#[tokio::test]
async fn few_wait_for_an_issuer_that_hangs() {
    let changes =
        [("LISTEN__WORKERS", "1"), ("LISTEN__MAX_REQUESTS", "128"), ("AUTHN__FETCH_TIMEOUT", "30s")];
    let (world, tally) = (World::with(&changes).await, Tally::of("strangers"));
    let bearer = world.issuer.token().bearer();
    world.issuer.answer_with(Reply::hang());
    let callers =
        join_all((0..CALLERS).map(|number| Connection::open_from(loopback(5000 + number), world.address)));
    let connections = callers.await;
    let flood = async {
        let mut answers: FuturesUnordered<_> = connections
            .into_iter()
            .enumerate()
            .map(|(number, mut connection)| {
                let stranger = strange(Alg::EdDsa).named(&format!("invented-{number}"));
                let token = world.issuer.token().claim("iat", unix_now()).signed_by(&stranger).bearer();
                tally.input();
                async move { connection.send("GET", PATH, &[("Authorization", &token)], "").await }
            })
            .collect();
        for _ in MOST_WAITING..CALLERS {
            let answer = within("an answer though the issuer hangs", answers.next()).await.expect("one more");
            tally.requests(1);
            tally.expect(answer.status == 503 && answer.problem() == "keys_unavailable", || answer.text());
            let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
            tally.expect(wait.is_some_and(|wait| (1..=30).contains(&wait)), || format!("{answer:?}"));
            let told = answer.text().contains("have to be fetched anew");
            tally.expect(told, || format!("waited for the issuer: {}", answer.text()));
        }
        tally.expect(answers.next().now_or_never().is_none(), || {
            "more were let off than had to be".to_owned()
        });
    };
    beside_a_healthy_caller(world.address, &bearer, &tally, flood).await;
    world.issuer.wait_for_fetches(2).await;
    let fetches = world.issuer.fetches();
    tally.expect(fetches == 2, || format!("{fetches} fetches of the keys"));
    let strangers = world.vendor.calls().iter().filter(|call| !call.path.ends_with(PATH)).count();
    tally.expect(strangers == 0, || "the vendor saw a stranger".to_owned());
    tally.finish();
}

#[tokio::test]
async fn who_is_not_waited_for_counts_against_its_address() {
    let changes = [
        ("LISTEN__WORKERS", "1"),
        ("AUTHN__FETCH_TIMEOUT", "30s"),
        ("AUTHN__ADDRESS_LIMIT__PER", "24h"),
        ("AUTHN__ADDRESS_LIMIT__BURST", "5"),
    ];
    let (world, tally) = (World::with(&changes).await, Tally::of("strangers"));
    world.issuer.answer_with(Reply::hang());
    let stranger = |number: u32| {
        let key = strange(Alg::EdDsa).named(&format!("invented-{number}"));
        world.issuer.token().claim("iat", unix_now()).signed_by(&key).bearer()
    };
    let waiting = join_all(
        (0..=MOST_WAITING).map(|number| Connection::open_from(loopback(6000 + number), world.address)),
    );
    let mut waiting: FuturesUnordered<_> = waiting
        .await
        .into_iter()
        .zip(0..)
        .map(|(mut connection, number)| {
            let token = stranger(number);
            async move { connection.send("GET", PATH, &[("Authorization", &token)], "").await }
        })
        .collect();
    // Whoever is answered is the one too many.
    let answer = within("an answer though the issuer hangs", waiting.next()).await.expect("one");
    tally.expect(answer.status == 503, || answer.text());
    let mut connection = Connection::open_from(loopback(7000), world.address).await;
    let one_address = async {
        let mut codes = Vec::new();
        while codes.last().is_none_or(|code| code != "address_rate_limited") {
            let headers = [("Authorization", &*stranger(1000))];
            tally.input();
            tally.requests(1);
            codes.push(connection.send("GET", PATH, &headers, "").await.problem());
        }
        codes
    };
    let codes = tokio::select! {
        codes = within("the limit of the address", one_address) => codes,
        Some(answer) = waiting.next() => panic!("it does not hang: {answer:?}"),
    };
    let let_off = codes.iter().filter(|code| *code == "keys_unavailable").count();
    tally.expect(let_off == 5 && codes.len() == 6, || format!("{codes:?}"));
    tally.finish();
}
