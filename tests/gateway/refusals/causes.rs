//! How each refusal comes about.

use confgate::domain::Code;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::client::{self, Answer, Connection};
use crate::support::issuer::{Issuer, Token, unix_now};
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::within;
use crate::support::world::World;

/// The page that calls.
pub(super) const ORIGIN: &str = "https://app.corp.example";
const ONE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// A request that was refused.
pub(super) struct Refused {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) answer: Answer,
    /// What had to be under way for it.
    pub(super) held: Option<Held>,
}

/// A request whose answer the vendor holds back.
pub(super) struct Held {
    gate: Gate,
    request: JoinHandle<Answer>,
}

impl Held {
    async fn begin(world: &World) -> Self {
        let gate = Gate::closed();
        world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
        let (address, bearer) = (world.address, world.issuer.token().bearer());
        let request = tokio::spawn(async move {
            client::send(address, "GET", ONE, &[("Authorization", &bearer)], "").await
        });
        world.vendor.wait_for(1).await;
        Self { gate, request }
    }

    /// Lets the vendor answer.
    pub(super) async fn finish(self) {
        self.gate.open();
        let answer = within("the request that was held", self.request).await.expect("no panic");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// One a day.
macro_rules! rare {
    ($key:literal) => {
        &[(concat!($key, "__RATE"), "1"), (concat!($key, "__PER"), "24h"), (concat!($key, "__BURST"), "1")]
    };
}

/// The world in which `code` can be met.
pub(super) async fn world(code: Code) -> World {
    let changes: &[(&str, &str)] = match code {
        Code::RequestTimeout => &[("LISTEN__IDLE_TIMEOUT", "3s")],
        Code::BodyTooLarge => &[("LISTEN__MAX_BODY_BYTES", "1KiB")],
        Code::TenantRateLimited => rare!("TENANTS__CRM__RATE_LIMIT"),
        Code::UserRateLimited => rare!("TENANTS__CRM__USER_RATE_LIMIT"),
        Code::AddressRateLimited => rare!("AUTHN__ADDRESS_LIMIT"),
        Code::TenantConcurrencyLimited => &[("TENANTS__CRM__MAX_IN_FLIGHT", "1")],
        Code::VendorBudgetExhausted => rare!("APPS__MEET__BUDGET"),
        Code::Overloaded => &[("LISTEN__MAX_CONNECTIONS", "1")],
        Code::VendorTimeout => &[("UPSTREAM__FIRST_BYTE_TIMEOUT", "50ms")],
        Code::VendorCircuitOpen => &[("VENDOR__BREAKER_FAILURES", "1"), ("VENDOR__BREAKER_PAUSE", "30s")],
        Code::KeysUnavailable => return without_keys().await,
        Code::VendorTokenUnavailable => return without_token().await,
        _ => &[],
    };
    World::with(changes).await
}

async fn without_keys() -> World {
    let issuer = Issuer::start().await;
    issuer.answer_with(Reply::status(500));
    World::around(Vendor::start().await, issuer, &[]).await
}

async fn without_token() -> World {
    let vendor = Vendor::start().await;
    for _ in 0..1000 {
        vendor.script_token(Reply::status(500));
    }
    let world = World::around(vendor, Issuer::start().await, &[]).await;
    let keys = async { while world.until_readyz(503).await.json()["keys"] != "ok" {} };
    within("the issuer's keys", keys).await;
    world
}

/// Has a request refused with `code`. One arm a code, so that a new code does not compile without its cause.
pub(super) async fn provoke(code: Code, world: &mut World) -> Refused {
    let good = world.issuer.token();
    match code {
        Code::RequestMalformed => ask(world, Some(good), "GET", ONE, "a body").await,
        Code::BodyMalformed => create(world, good, "[1]").await,
        Code::TokenMissing => ask(world, None, "POST", "/conferences", "").await,
        Code::TokenMalformed => create(world, good.raw_header("no header"), "{}").await,
        Code::TokenRejected => create(world, good.broken(), "{}").await,
        Code::TokenExpired => create(world, good.claim("iat", unix_now() - 600).expires_in(-60), "{}").await,
        Code::TokenNotYetValid => create(world, good.claim("nbf", unix_now() + 300), "{}").await,
        Code::TenantUnknown => create(world, good.claim("tenant", "nobody"), "{}").await,
        Code::ScopeMissing => create(world, good.claim("scope", "conference:get"), "{}").await,
        Code::CreatorForbidden => {
            create(world, good.claim("scope", "conference:create"), r#"{"creator":"yangss"}"#).await
        }
        Code::RouteUnknown => ask(world, Some(good), "GET", "/conferences/room", "").await,
        Code::MethodNotAllowed => ask(world, Some(good), "PUT", ONE, "").await,
        Code::RequestTimeout => half_a_head(world).await,
        Code::BodyTooLarge => create(world, good, &" ".repeat(1025)).await,
        Code::MediaTypeUnsupported => as_text(world, good).await,
        Code::BodyInvalid => create(world, good, r#"{"confrType":13}"#).await,
        Code::TenantRateLimited | Code::UserRateLimited | Code::VendorBudgetExhausted => {
            assert_eq!(world.call("GET", ONE, "").await.status, 200);
            create(world, good, "{}").await
        }
        Code::AddressRateLimited => {
            create(world, good.clone().broken(), "{}").await;
            create(world, good.broken(), "{}").await
        }
        Code::TenantConcurrencyLimited => {
            let held = Held::begin(world).await;
            Refused { held: Some(held), ..create(world, good, "{}").await }
        }
        Code::HeadersTooLarge => too_many_bytes(world).await,
        Code::Internal => panic!("no caller can provoke it"),
        Code::VendorUnreachable => scripted(world, Reply::reset()).await,
        Code::VendorBadAnswer => scripted(world, Reply::raw("HELLO\r\n\r\n")).await,
        Code::VendorTimeout => scripted(world, Reply::hang()).await,
        Code::VendorRefusedCredentials => {
            world.vendor.script(Reply::status(401));
            scripted(world, Reply::status(401)).await
        }
        Code::KeysUnavailable | Code::VendorTokenUnavailable => create(world, good, "{}").await,
        Code::VendorPaused => {
            world.vendor.script(Reply::status(429).header("Retry-After", "30"));
            assert_eq!(world.call("GET", ONE, "").await.status, 429);
            create(world, good, "{}").await
        }
        Code::VendorCircuitOpen => {
            world.vendor.script(Reply::reset());
            assert_eq!(world.call("POST", "/conferences", "{}").await.status, 502);
            create(world, good, "{}").await
        }
        Code::Overloaded => one_connection_too_many(world).await,
        Code::AuditUnavailable => without_a_trail(world).await,
        Code::ShuttingDown => at_the_end(world).await,
    }
}

/// Sends a request from a page.
async fn ask(
    world: &World,
    token: Option<Token>,
    method: &'static str,
    path: &'static str,
    body: &str,
) -> Refused {
    let bearer = token.map(Token::bearer);
    let mut headers = vec![("Origin", ORIGIN)];
    headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    let answer = client::send(world.address, method, path, &headers, body).await;
    Refused { method, path, answer, held: None }
}

async fn create(world: &World, token: Token, body: &str) -> Refused {
    ask(world, Some(token), "POST", "/conferences", body).await
}

async fn scripted(world: &World, reply: Reply) -> Refused {
    world.vendor.script(reply);
    create(world, world.issuer.token(), "{}").await
}

async fn as_text(world: &World, token: Token) -> Refused {
    let bearer = token.bearer();
    let headers = [("Origin", ORIGIN), ("Authorization", &bearer), ("Content-Type", "text/plain")];
    let answer = client::send(world.address, "POST", "/conferences", &headers, "{}").await;
    Refused { method: "POST", path: "/conferences", answer, held: None }
}

async fn half_a_head(world: &World) -> Refused {
    let mut connection = Connection::open(world.address).await;
    connection.write(format!("GET {ONE} HTTP/1.1\r\nOrigin: {ORIGIN}\r\n")).await;
    let answer = connection.answer("GET").await;
    Refused { method: "GET", path: ONE, answer, held: None }
}

async fn too_many_bytes(world: &World) -> Refused {
    let long = "x".repeat(20 * 1024);
    let headers = [("Origin", ORIGIN), ("Cookie", &long)];
    let answer = client::send(world.address, "GET", ONE, &headers, "").await;
    Refused { method: "GET", path: ONE, answer, held: None }
}

async fn one_connection_too_many(world: &World) -> Refused {
    // Those that fetched the documents may take a moment to be gone.
    let taken = async {
        loop {
            let mut connection = Connection::open(world.address).await;
            if connection.send("GET", "/openapi.json", &[], "").await.status == 200 {
                return connection;
            }
        }
    };
    let _connection = within("a place for a connection", taken).await;
    ask(world, None, "GET", ONE, "").await
}

async fn without_a_trail(world: &World) -> Refused {
    let directory = world.trail_directory();
    let elsewhere = directory.with_file_name("elsewhere");
    std::fs::rename(&directory, &elsewhere).expect("a directory to move");
    world.until_readyz(503).await;
    let refused = create(world, world.issuer.token(), "{}").await;
    std::fs::rename(&elsewhere, &directory).expect("a directory to move");
    world.until_ready().await;
    refused
}

async fn at_the_end(world: &mut World) -> Refused {
    let held = Held::begin(world).await;
    world.begin_to_end();
    let closing = async { while world.status().await["phase"] != "closing" {} };
    within("the gateway to close", closing).await;
    Refused { held: Some(held), ..ask(world, None, "GET", ONE, "").await }
}
