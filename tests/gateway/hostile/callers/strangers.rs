//! Floods of tokens that are no good: above the limit of their address no signature is checked for them, the issuer is
//! not asked more often for its keys, and the callers of a tenant are served all the while.

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::{PATH, beside_a_healthy_caller, loopback, signatures};
use crate::support::client::Connection;
use crate::support::issuer::unix_now;
use crate::support::keys::{Alg, Key, published, strange};
use crate::support::server::Reply;
use crate::support::tally::Tally;
use crate::support::world::World;

/// Bad tokens that an address may send in these tests.
const BURST: usize = 5;
const FEW_A_DAY: [(&str, &str); 3] = [
    ("AUTHN__ADDRESS_LIMIT__RATE", "1"),
    ("AUTHN__ADDRESS_LIMIT__PER", "24h"),
    ("AUTHN__ADDRESS_LIMIT__BURST", "5"),
];
/// Connections of each flood, and requests on each.
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 50;

/// Floods the gateway from one address with what `token` makes, by number. Gives each answer's status and code.
async fn flood(
    world: &World,
    from: u32,
    token: impl Fn(usize) -> String,
    tally: &Tally,
) -> Vec<(u16, String)> {
    let token = &token;
    let callers = (0..CONNECTIONS).map(|caller| async move {
        let mut connection = Connection::open_from(loopback(from), world.address).await;
        let mut answers = Vec::new();
        for number in 0..REQUESTS {
            let bearer = format!("Bearer {}", token(caller * REQUESTS + number));
            tally.input();
            tally.requests(1);
            let answer = connection.send("GET", PATH, &[("Authorization", &bearer)], "").await;
            answers.push((answer.status, answer.problem()));
        }
        answers
    });
    join_all(callers).await.into_iter().flatten().collect()
}

/// Makes a token by its number.
type Make<'w> = Box<dyn Fn(usize) -> String + 'w>;

/// One flood each: its name, what its tokens are, and whether their signatures are checked.
fn floods(world: &World) -> Vec<(&'static str, Make<'_>, bool)> {
    let token = || world.issuer.token();
    let number = |number: usize| format!("stranger-{number}");
    let stranger = || strange(Alg::Es256).named(&published(Alg::Es256).kid);
    let same = token().broken().build();
    vec![
        ("one bad token", Box::new(move |_| same.clone()), true),
        ("bad tokens, all distinct", Box::new(move |_| token().broken().build()), true),
        ("bad RSA, which costs most", Box::new(move |_| token().alg(Alg::Rs256).broken().build()), true),
        (
            "distinct subjects",
            Box::new(move |n| token().claim("sub", number(n)).signed_by(&stranger()).build()),
            true,
        ),
        (
            "distinct tenants",
            Box::new(move |n| token().claim("tenant", number(n)).signed_by(&stranger()).build()),
            true,
        ),
        ("giant claims", Box::new(move |n| token().claim("x", "x".repeat(4000 + n)).broken().build()), true),
        ("giant tokens", Box::new(move |n| token().claim("x", "x".repeat(9000 + n)).build()), false),
        ("no signature", Box::new(move |_| token().unsigned().header("alg", "none").build()), false),
        ("keys inside", Box::new(move |_| token().header("jwk", json!({"kty": "EC"})).build()), false),
        ("no token at all", Box::new(number), false),
        ("another issuer", Box::new(move |n| token().claim("iss", number(n)).build()), false),
        (
            "unknown keys",
            Box::new(move |n| {
                let new = token().claim("iat", unix_now());
                new.signed_by(&strange(Alg::Es256).named(&number(n))).build()
            }),
            false,
        ),
        (
            "unknown keys of old tokens",
            Box::new(move |n| token().signed_by(&strange(Alg::Es256).named(&number(n))).build()),
            false,
        ),
    ]
}

#[tokio::test]
async fn above_the_limit_of_an_address_no_signature_is_checked() {
    let (world, tally) = (World::with(&FEW_A_DAY).await, Tally::of("strangers"));
    let bearer = world.issuer.token().bearer();
    let all = async {
        for ((what, token, checked), from) in floods(&world).into_iter().zip(10..) {
            let before = signatures(&world, "bad").await;
            let answers = flood(&world, from, token, &tally).await;
            let looked_at = answers.iter().filter(|(_, code)| code != "address_rate_limited").count();
            // What the other worker was looking at when the limit was reached is looked at; and where no signature is
            // checked, as the issuer may have to be asked first, what all connections were about to be told.
            let most = BURST + if checked { 1 } else { CONNECTIONS };
            tally.expect((BURST..=most).contains(&looked_at), || {
                format!("{what}: {looked_at} were looked at")
            });
            let expected = ["token_rejected", "token_malformed", "address_rate_limited", "keys_unavailable"];
            let strange = answers.iter().find(|(_, code)| !expected.contains(&code.as_str()));
            tally.expect(strange.is_none(), || format!("{what}: {strange:?}"));
            let signatures = signatures(&world, "bad").await - before;
            let right = signatures == if checked { looked_at } else { 0 };
            tally.expect(right, || format!("{what}: {signatures} signatures were checked"));
        }
    };
    beside_a_healthy_caller(world.address, &bearer, &tally, all).await;
    let good = signatures(&world, "good").await;
    tally.expect((1..=2).contains(&good), || format!("{good} of one token, by two workers"));
    let fetches = world.issuer.fetches();
    tally.expect(fetches == 2, || {
        format!("{fetches} fetches of the keys: one at the start, one for unknown keys")
    });
    let strangers = world.vendor.calls().iter().filter(|call| !call.path.ends_with(PATH)).count();
    tally.expect(strangers == 0, || "the vendor saw a stranger".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_crowd_of_addresses_frees_none_that_is_blocked() {
    let changes =
        [&FEW_A_DAY[..], &[("AUTHN__MAX_ADDRESSES", "1024"), ("LISTEN__TRUSTED_PROXIES", "127.0.0.1")]]
            .concat();
    let (world, tally) = (World::with(&changes).await, Tally::of("strangers"));
    let (good, bad) = (world.issuer.token().bearer(), world.issuer.token().broken().bearer());
    let blocked = 1000;
    for _ in 0..BURST {
        let mut connection = Connection::open_from(loopback(blocked), world.address).await;
        let answer = connection.send("GET", PATH, &[("Authorization", &bad)], "").await;
        tally.expect(answer.status == 401, || answer.text());
    }
    let crowd = async {
        // Over connections of their own, and twice as many as are remembered through a proxy.
        for number in 2000..2300 {
            let mut connection = Connection::open_from(loopback(number), world.address).await;
            let answer = connection.send("GET", PATH, &[("Authorization", &bad)], "").await;
            tally.expect(answer.status == 401, || answer.text());
        }
        let mut proxied = Connection::open(world.address).await;
        for number in 0..2048_u32 {
            let client = format!("10.0.{}.{}", number >> 8, number & 255);
            let headers = [("Authorization", &*bad), ("X-Forwarded-For", &*client)];
            let answer = proxied.send("GET", PATH, &headers, "").await;
            tally.expect(answer.status == 401, || answer.text());
        }
    };
    beside_a_healthy_caller(world.address, &good, &tally, crowd).await;
    tally.requests(5 + 300 + 2048);
    let mut connection = Connection::open_from(loopback(blocked), world.address).await;
    let answer = connection.send("GET", PATH, &[("Authorization", &bad)], "").await;
    tally.expect(answer.status == 429 && answer.problem() == "address_rate_limited", || answer.text());
    tally.expect(world.issuer.fetches() == 1, || "the keys were fetched again".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_token_that_one_worker_knows_passes_a_blocked_address_on_all() {
    let (world, tally) = (World::with(&FEW_A_DAY).await, Tally::of("strangers"));
    let good = world.issuer.token().bearer();
    tally.expect(world.call_as(&good, "GET", PATH, "").await.status == 200, || "refused at first".to_owned());
    for _ in 0..=BURST {
        let bad = world.issuer.token().broken().bearer();
        world.call_as(&bad, "GET", PATH, "").await;
    }
    // All open at the same time, so that both workers have some.
    let connections = join_all((0..8).map(|_| Connection::open(world.address))).await;
    for mut connection in connections {
        let answer = connection.send("GET", PATH, &[("Authorization", &good)], "").await;
        tally.expect(answer.status == 200, || answer.text());
        let unknown = world.issuer.token().bearer();
        let answer = connection.send("GET", PATH, &[("Authorization", &unknown)], "").await;
        tally.expect(answer.status == 429, || "one that nobody has seen was looked at".to_owned());
    }
    let checked = signatures(&world, "good").await;
    tally.expect(checked == 2, || format!("{checked} signatures of one token were checked, by two workers"));
    tally.requests(1 + 6 + 16);
    tally.finish();
}

#[tokio::test]
async fn invented_keys_do_not_log_out_those_who_have_a_new_one() {
    let changes = [("AUTHN__UNKNOWN_KEY_COOLDOWN", "5s"), ("LISTEN__WORKERS", "1")];
    let (world, tally) = (World::with(&changes).await, Tally::of("strangers"));
    let invented = strange(Alg::EdDsa).named("invented");
    let stranger = world.issuer.token().signed_by(&invented).bearer();
    let answer = world.call_as(&stranger, "GET", PATH, "").await;
    tally.input();
    tally.expect(answer.status == 401, || format!("asked for, and not found: {}", answer.text()));
    // It has used up the refetch, just before the issuer begins to sign with a new key.
    let keys = [published(Alg::Es256), strange(Alg::Es256)].map(Key::jwk);
    world.issuer.answer_with(Reply::json(200, &json!({ "keys": keys })));
    let new = world.issuer.token().claim("iat", unix_now()).signed_by(strange(Alg::Es256)).bearer();
    let answer = world.call_as(&new, "GET", PATH, "").await;
    let told = answer.status == 503 && answer.problem() == "keys_unavailable";
    tally.expect(told, || format!("logged out: {}", answer.text()));
    tally.expect(answer.header("www-authenticate").is_none(), || format!("{answer:?}"));
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    let detail = "the key is unknown, and may be newer than the last fetch";
    tally.expect(outcome["detail"] == detail, || outcome.to_string());
    let wait: u64 =
        answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("how long to wait");
    tally.expect((1..=5).contains(&wait), || format!("told to wait {wait} s"));
    sleep(std::time::Duration::from_secs(wait)).await;
    let answer = world.call_as(&new, "GET", PATH, "").await;
    tally.expect(answer.status == 200, || format!("waiting as told was not enough: {}", answer.text()));
    let fetches = world.issuer.fetches();
    tally.expect(fetches == 3, || format!("{fetches} fetches of the keys"));
    tally.requests(3);
    tally.finish();
}
