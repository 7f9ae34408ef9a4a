//! Requests as bytes, made before anything is measured.

use std::thread::{ScopedJoinHandle, scope};

use confgate::devissuer::{Claims, DevIssuer};
use jiff::SignedDuration;

use crate::process::Cpus;
use crate::world::CONFERENCE;

/// Who asks.
pub(crate) const TENANTS: usize = 20;
/// How many tokens they have together.
pub(crate) const TOKENS: usize = 500;

const CREATE: &str = r#"{"confrType":10,"confrDelayMillis":60000}"#;

/// One in so many of a mix is a create, the others gets.
const CREATES: usize = 5;

pub(crate) struct Requests {
    bytes: Vec<Vec<u8>>,
    /// Whether each is to be sent once, and no more.
    once: bool,
}

/// The name of a tenant.
pub(crate) fn tenant(number: usize) -> String {
    format!("tenant-{:02}", number % TENANTS)
}

impl Requests {
    /// A get with each token.
    pub(crate) fn gets(tokens: &[String]) -> Self {
        Self { bytes: tokens.iter().map(|token| get(token)).collect(), once: false }
    }

    /// A get with each token, which is not sent again.
    pub(crate) fn once(tokens: &[String]) -> Self {
        Self { once: true, ..Self::gets(tokens) }
    }

    /// Four gets for each create, over all tokens alike.
    pub(crate) fn mix(tokens: &[String]) -> Self {
        // Turn by turn, so that a token does not come twice in a row.
        let turns = (0..CREATES).flat_map(|turn| (turn..).zip(tokens));
        let one = |(turn, token): (usize, &String)| {
            if turn.is_multiple_of(CREATES) { create(token) } else { get(token) }
        };
        let bytes = turns.map(one).collect();
        Self { bytes, once: false }
    }

    pub(crate) fn at(&self, number: usize) -> &[u8] {
        &self.bytes[number % self.bytes.len()]
    }

    /// Whether there is nothing more to send.
    pub(crate) fn over(&self, next: usize) -> bool {
        self.once && next >= self.bytes.len()
    }
}

/// So many tokens, signed on all CPUs.
pub(crate) fn mint(issuer: &DevIssuer, count: usize, cpus: Cpus) -> Vec<String> {
    let share =
        |first: usize| (first..count).step_by(cpus.count()).map(|number| token(issuer, number)).collect();
    scope(|scope| {
        let share = &share;
        let threads: Vec<ScopedJoinHandle<'_, Vec<String>>> =
            (0..cpus.count()).map(|first| scope.spawn(move || share(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("tokens")).collect()
    })
}

fn token(issuer: &DevIssuer, number: usize) -> String {
    let claims = Claims::new(tenant(number), format!("user-{number}"), "confgate");
    let claims = claims.lifetime(SignedDuration::from_hours(12));
    issuer.mint(&claims.scopes(["conference:get", "conference:create"])).expect("a token")
}

fn get(token: &str) -> Vec<u8> {
    format!("GET {CONFERENCE} HTTP/1.1\r\n{}\r\n", fields(token)).into()
}

fn create(token: &str) -> Vec<u8> {
    let (fields, length) = (fields(token), CREATE.len());
    format!(
        "POST /conferences HTTP/1.1\r\n{fields}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{CREATE}"
    )
    .into()
}

/// What a browser sends, more or less.
fn fields(token: &str) -> String {
    format!(
        "Host: gateway.corp.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\
         Accept: application/json\r\nOrigin: https://app.corp.example\r\nAuthorization: Bearer {token}\r\n"
    )
}
