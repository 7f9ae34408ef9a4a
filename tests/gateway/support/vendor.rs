//! The vendor, as far as its page describes it, for one test: records every call and answers by the book, or as
//! the test says.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use super::server::{Call, Gate, Reply, Server};

/// A certificate for `localhost` that nobody trusts who is not told to.
static CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(certificate);
/// Another one, that nobody is told to trust.
static OTHER_CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(certificate);

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate for localhost")
}

/// A vendor with one token endpoint and the four calls, for any org and app.
pub(crate) struct Vendor {
    server: Server,
    state: Arc<Mutex<State>>,
    base_url: String,
    /// Whether it shows [`OTHER_CERTIFICATE`] by now.
    compromised: Arc<AtomicBool>,
}

/// Shows the vendor's certificate, or the other one from some time on.
#[derive(Debug)]
struct Showing {
    good: Arc<sign::CertifiedKey>,
    other: Arc<sign::CertifiedKey>,
    compromised: Arc<AtomicBool>,
}

impl ResolvesServerCert for Showing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<sign::CertifiedKey>> {
        let compromised = self.compromised.load(Ordering::Relaxed);
        Some(Arc::clone(if compromised { &self.other } else { &self.good }))
    }
}

fn signing(certificate: &CertifiedKey<KeyPair>) -> Arc<sign::CertifiedKey> {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).expect("a private key");
    let chain = vec![certificate.cert.der().clone()];
    let key = sign::CertifiedKey::from_der(chain, key, &default_provider());
    Arc::new(key.expect("a key that fits the certificate"))
}

/// By the book, until the test says otherwise.
struct State {
    answers: VecDeque<Reply>,
    token_answers: VecDeque<Reply>,
    expires_in: Value,
    tokens: usize,
    good_tokens: HashSet<String>,
    conferences: usize,
    /// The answer to every call for a token, in place of the book's.
    token_answer: Option<Reply>,
    /// Holds the answers to calls for a token.
    token_gate: Option<Gate>,
    witness: Option<Witness>,
    /// Holds the answers to calls whose path contains the text.
    held: Option<(String, Gate)>,
}

/// Looks on when a call other than for a token arrives, before it is answered.
type Witness = Box<dyn Fn(&Call) + Send>;

impl Vendor {
    /// A vendor over plain HTTP.
    pub(crate) async fn start() -> Self {
        Self::start_on("http://127.0.0.1", None).await
    }

    /// A vendor over HTTPS, whose certificate is [`Self::certificate_pem`].
    pub(crate) async fn start_tls() -> Self {
        let compromised = Arc::new(AtomicBool::new(false));
        let certificates = Showing {
            good: signing(&CERTIFICATE),
            other: signing(&OTHER_CERTIFICATE),
            compromised: Arc::clone(&compromised),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        // Each connection sees the certificate anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let tls = TlsAcceptor::from(Arc::new(config));
        Self { compromised, ..Self::start_on("https://localhost", Some(tls)).await }
    }

    /// New connections are shown a certificate from now on that nobody trusts.
    pub(crate) fn lose_certificate(&self) {
        self.compromised.store(true, Ordering::Relaxed);
    }

    async fn start_on(origin: &str, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(Mutex::new(State {
            answers: VecDeque::new(),
            token_answers: VecDeque::new(),
            expires_in: json!(5_184_000),
            tokens: 0,
            good_tokens: HashSet::new(),
            conferences: 0,
            token_answer: None,
            token_gate: None,
            witness: None,
            held: None,
        }));
        let answering = Arc::clone(&state);
        let server = Server::start(tls, move |call| lock(&answering).reply(call)).await;
        let base_url = format!("{origin}:{}", server.address().port());
        Self { server, state, base_url, compromised: Arc::default() }
    }

    /// For `base_url` in the configuration.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// For `ca_file` in the configuration, when it speaks TLS.
    pub(crate) fn certificate_pem() -> String {
        CERTIFICATE.cert.pem()
    }

    /// The server beneath, for its connections and callers that hang up.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The next call that is not for a token gets `reply`; more of them in sequence. Then by the book again.
    pub(crate) fn script(&self, reply: Reply) -> &Self {
        lock(&self.state).answers.push_back(reply);
        self
    }

    /// The next call for a token gets `reply`; more of them in sequence. Then by the book again.
    pub(crate) fn script_token(&self, reply: Reply) -> &Self {
        lock(&self.state).token_answers.push_back(reply);
        self
    }

    /// Every call for a token gets `reply` from now on; by the book again with `None`.
    pub(crate) fn answer_tokens_with(&self, reply: Option<Reply>) {
        lock(&self.state).token_answer = reply;
    }

    /// Calls for a token are answered by the book, but not before `gate` is open.
    pub(crate) fn hold_tokens(&self, gate: &Gate) {
        lock(&self.state).token_gate = Some(gate.clone());
    }

    /// Has `witness` look on from now on whenever a call other than for a token arrives, before it is answered.
    pub(crate) fn when_called(&self, witness: impl Fn(&Call) + Send + 'static) {
        lock(&self.state).witness = Some(Box::new(witness));
    }

    /// Calls whose path contains `part` are answered by the book from now on, but not before `gate` is open.
    pub(crate) fn hold(&self, part: &str, gate: &Gate) {
        lock(&self.state).held = Some((part.to_owned(), gate.clone()));
    }

    /// What tokens say about their life from now on: seconds, or whatever else a vendor might say.
    pub(crate) fn set_expires_in(&self, expires_in: impl Into<Value>) {
        lock(&self.state).expires_in = expires_in.into();
    }

    /// From now on every token that was served is answered 401.
    pub(crate) fn revoke_tokens(&self) {
        lock(&self.state).good_tokens.clear();
    }

    /// Calls so far, other than for a token.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.server.calls().into_iter().filter(|call| !is_for_token(call)).collect()
    }

    /// Calls for a token so far.
    pub(crate) fn token_calls(&self) -> Vec<Call> {
        self.server.calls().into_iter().filter(is_for_token).collect()
    }

    /// Calls for a token of the app that tenant `crm` has, so far.
    pub(crate) fn fetches_for_crm(&self) -> usize {
        self.token_calls().iter().filter(|call| call.path.contains("/voicechatroom/")).count()
    }

    /// Waits for `count` calls other than for a token; gives all of them.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Call> {
        let enough = |calls: &[Call]| calls.iter().filter(|call| !is_for_token(call)).count() >= count;
        self.server.wait_for(&format!("{count} vendor calls"), enough).await;
        self.calls()
    }

    /// Waits for `count` calls for a token; gives all of them.
    pub(crate) async fn wait_for_tokens(&self, count: usize) -> Vec<Call> {
        let enough = |calls: &[Call]| calls.iter().filter(|call| is_for_token(call)).count() >= count;
        self.server.wait_for(&format!("{count} calls for a token"), enough).await;
        self.token_calls()
    }
}

fn is_for_token(call: &Call) -> bool {
    call.path.ends_with("/token")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic while answering")
}

impl State {
    fn reply(&mut self, call: &Call) -> Reply {
        if is_for_token(call) {
            let scripted = self.token_answers.pop_front().or_else(|| self.token_answer.clone());
            return scripted.unwrap_or_else(|| self.token());
        }
        if let Some(witness) = &self.witness {
            witness(call);
        }
        if let Some((part, gate)) = self.held.clone()
            && call.path.contains(&part)
        {
            return self.by_the_book(call).behind(&gate);
        }
        let scripted = self.answers.pop_front();
        scripted.unwrap_or_else(|| self.by_the_book(call))
    }

    fn token(&mut self) -> Reply {
        self.tokens += 1;
        let token = format!("YWMt-test-{}", self.tokens);
        self.good_tokens.insert(token.clone());
        let reply = Reply::json(
            200,
            &json!({
                "access_token": token,
                "expires_in": self.expires_in,
                "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
            }),
        );
        match &self.token_gate {
            Some(gate) => reply.behind(gate),
            None => reply,
        }
    }

    fn by_the_book(&mut self, call: &Call) -> Reply {
        let token = call.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.good_tokens.contains(token)) {
            return unauthorized();
        }
        let segments: Vec<&str> = call.path.split('/').skip(1).collect();
        match (call.method.as_str(), segments.as_slice()) {
            ("POST", [_, _, "conferences"]) => self.created(call),
            ("GET", [_, _, "conferences", id]) => Reply::json(200, &conference(id)),
            ("DELETE", [_, _, "conferences", _] | [_, _, "conferences", _, _]) => {
                Reply::json(200, &json!({"error": 0}))
            }
            _ => Reply::body(404, "text/html", "<html><h1>404 Not Found</h1></html>"),
        }
    }

    fn created(&mut self, call: &Call) -> Reply {
        self.conferences += 1;
        let mut conference = conference(&format!("TEST{:021}", self.conferences));
        conference["expireDate"] = json!("2019-06-14 15:41:58");
        if let Some(kind) = call.json().get("confrType") {
            conference["type"] = kind.clone();
        }
        Reply::json(200, &conference)
    }
}

fn conference(id: &str) -> Value {
    json!({
        "error": 0,
        "id": id,
        "type": 10,
        "mixed": false,
        "password": "sesame",
        "audienceLimit": 600,
        "talkerLimit": 6,
        "allowAudienceTalk": true,
    })
}

fn unauthorized() -> Reply {
    Reply::json(
        401,
        &json!({
            "error": "unauthorized",
            "exception": "SecurityException",
            "timestamp": 1_570_613_925_656_u64,
            "duration": 1,
            "error_description": "Unable to authenticate due to corrupt access token",
        }),
    )
}
