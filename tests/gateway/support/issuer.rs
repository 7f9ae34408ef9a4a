//! An issuer of tokens with a JWKS that can change, fail, and count who asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use super::keys::{Alg, Key, base64, published};
use super::server::{Reply, Server};

/// The audience of its tokens.
pub(crate) const AUDIENCE: &str = "confgate";
/// All that a caller can be allowed.
pub(crate) const SCOPES: &str =
    "conference:create conference:get conference:dissolve conference:kick conference:create_for_others";

/// An issuer that publishes one key for each algorithm until it is told otherwise.
pub(crate) struct Issuer {
    name: String,
    server: Server,
    answer: Arc<Mutex<Reply>>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        Self::named("https://issuer.test").await
    }

    /// With `name` as the `iss` of its tokens.
    pub(crate) async fn named(name: &str) -> Self {
        let answer = Arc::new(Mutex::new(Reply::hang()));
        let answering = Arc::clone(&answer);
        let server = Server::start(None, move |_| answering.lock().unwrap().clone()).await;
        let name = name.to_owned();
        let issuer = Self { name, server, answer };
        issuer.publish(Alg::ALL.map(published));
        issuer
    }

    /// The `iss` of its tokens.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// For `jwks_url` in the configuration.
    pub(crate) fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.server.address())
    }

    /// Publishes these keys and no other from now on.
    pub(crate) fn publish<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) {
        let keys: Vec<Value> = keys.into_iter().map(Key::jwk).collect();
        self.answer_with(Reply::json(200, &json!({ "keys": keys })));
    }

    /// Whoever asks for the keys gets `reply` from now on: an outage, a hang, a set that is no set.
    pub(crate) fn answer_with(&self, reply: Reply) {
        *self.answer.lock().unwrap() = reply;
    }

    /// The server beneath, for its connections.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// How often the keys were asked for so far.
    pub(crate) fn fetches(&self) -> usize {
        self.server.calls().len()
    }

    /// Waits until the keys were asked for `count` times in all.
    pub(crate) async fn wait_for_fetches(&self, count: usize) {
        let what = format!("{count} fetches of the JWKS");
        self.server.wait_for(&what, |calls| calls.len() >= count).await;
    }

    /// A good token, valid for 10 minutes: tenant `crm`, subject `huangcl`, all scopes, signed with ES256. It was
    /// issued two minutes ago, and so before the gateway has last asked for the keys.
    pub(crate) fn token(&self) -> Token {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let (now, number) = (unix_now(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let claims = json!({
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": "huangcl",
            "tenant": "crm",
            "scope": SCOPES,
            "jti": format!("token-{number}"),
            "iat": now - 120,
            "exp": now + 600,
        });
        Token {
            header: object(json!({"typ": "JWT"})),
            claims: object(claims),
            raw_header: None,
            raw_claims: None,
            seal: Seal::Nothing,
        }
        .signed_by(published(Alg::Es256))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(elapsed.as_secs()).expect("a clock before the end of time")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("no object: {other}"),
    }
}

/// A token in the making. Everything about it can be changed, for the better or the worse.
#[derive(Clone)]
pub(crate) struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<String>,
    raw_claims: Option<String>,
    seal: Seal,
}

#[derive(Clone)]
enum Seal {
    Key(Key),
    Hmac(Vec<u8>),
    Broken(Key),
    Nothing,
}

impl Token {
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Lives for so many more seconds; negative when it is over.
    pub(crate) fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", unix_now() + seconds)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// This text in place of the header, whatever it is.
    pub(crate) fn raw_header(mut self, text: &str) -> Self {
        self.raw_header = Some(text.to_owned());
        self
    }

    /// This text in place of the claims, whatever it is.
    pub(crate) fn raw_claims(mut self, text: &str) -> Self {
        self.raw_claims = Some(text.to_owned());
        self
    }

    /// Signed with the issuer's key for `alg`.
    pub(crate) fn alg(self, alg: Alg) -> Self {
        self.signed_by(published(alg))
    }

    /// Signed with `key`, and naming it.
    pub(crate) fn signed_by(mut self, key: &Key) -> Self {
        self.seal = Seal::Key(key.clone());
        self.header("alg", key.alg.name()).header("kid", key.kid.as_str())
    }

    /// Signed with HMAC-SHA-256 by `secret`; names the key as before.
    pub(crate) fn hmac(mut self, secret: &[u8]) -> Self {
        self.seal = Seal::Hmac(secret.to_vec());
        self.header("alg", "HS256")
    }

    /// With one bit of the signature wrong.
    pub(crate) fn broken(mut self) -> Self {
        let Seal::Key(key) = self.seal else {
            panic!("there is no signature to break");
        };
        self.seal = Seal::Broken(key);
        self
    }

    /// With an empty signature.
    pub(crate) fn unsigned(mut self) -> Self {
        self.seal = Seal::Nothing;
        self
    }

    /// The token in compact form (RFC 7515, section 7.1).
    pub(crate) fn build(self) -> String {
        let header = self.raw_header.unwrap_or_else(|| Value::Object(self.header).to_string());
        let claims = self.raw_claims.unwrap_or_else(|| Value::Object(self.claims).to_string());
        let signed = format!("{}.{}", base64(header), base64(claims));
        let signature = match self.seal {
            Seal::Key(key) => key.sign(signed.as_bytes()),
            Seal::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            Seal::Broken(key) => {
                let mut signature = key.sign(signed.as_bytes());
                signature[20] ^= 1;
                signature
            }
            Seal::Nothing => Vec::new(),
        };
        format!("{signed}.{}", base64(signature))
    }

    /// The value of `Authorization` with this token.
    pub(crate) fn bearer(self) -> String {
        format!("Bearer {}", self.build())
    }
}
