//! The requests that are measured.

use std::fmt;

use super::Served;
use crate::world::CONFERENCE;

/// What every request of a browser has.
const HEADERS: &str = "host: gateway.corp.example\r\n\
     user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\
     accept: application/json\r\n\
     origin: https://app.corp.example\r\n";
const BODY: &str = r#"{"confrType":10,"confrDelayMillis":60000}"#;

/// A kind of request. All of them go over a socket through the whole gateway, and to the vendor where they get so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// With a token that was seen before.
    Get,
    /// A get with a token that was never seen before, signed with ES256.
    NewToken,
    /// Its intent is on disk before the vendor has it, and its outcome written before the caller has the answer.
    Create,
    /// 401, with a line of its own in the trail.
    Refusal,
    /// 401, counted in the trail together with others.
    RefusalOfAFlood,
    Preflight,
}

impl Case {
    /// What it needs of the configuration.
    pub(crate) fn configuration(self) -> &'static str {
        match self {
            Self::Refusal => "[audit.floods]\nindividually = 1000000\n",
            _ => "",
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Refusal | Self::RefusalOfAFlood => 401,
            Self::Get | Self::NewToken | Self::Create | Self::Preflight => 200,
        }
    }

    /// So many of them.
    pub(crate) fn requests(self, gateway: &Served, count: usize) -> Vec<String> {
        let known = gateway.token();
        let request = || match self {
            Self::Get => get(&known),
            Self::NewToken => get(&gateway.token()),
            Self::Create => create(&known),
            Self::Refusal | Self::RefusalOfAFlood => refused(),
            Self::Preflight => preflight(),
        };
        std::iter::repeat_with(request).take(count).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Get => "get",
            Self::NewToken => "get, new token",
            Self::Create => "create",
            Self::Refusal => "401, recorded",
            Self::RefusalOfAFlood => "401, of a flood",
            Self::Preflight => "preflight",
        })
    }
}

fn get(token: &str) -> String {
    format!("GET {CONFERENCE} HTTP/1.1\r\n{HEADERS}authorization: Bearer {token}\r\n\r\n")
}

fn create(token: &str) -> String {
    let length = BODY.len();
    format!(
        "POST /conferences HTTP/1.1\r\n{HEADERS}authorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}"
    )
}

/// It has no token, and is answered 401.
fn refused() -> String {
    format!("GET {CONFERENCE} HTTP/1.1\r\n{HEADERS}\r\n")
}

fn preflight() -> String {
    format!(
        "OPTIONS {CONFERENCE} HTTP/1.1\r\n{HEADERS}access-control-request-method: GET\r\n\
         access-control-request-headers: authorization\r\n\r\n"
    )
}
