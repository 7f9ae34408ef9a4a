//! The vendor, as far as its page describes it, for one test: records every call and answers by the book, or as
//! the test says.

mod book;
mod tls;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use super::server::{Call, Gate, Reply, Server};
use book::{Scripts, State, app_of, is_for_token};

/// A vendor with one token endpoint and the four calls, for any org and app.
pub(crate) struct Vendor {
    server: Server,
    state: Arc<Mutex<State>>,
    base_url: String,
    /// Whether it shows a certificate by now that nobody trusts.
    compromised: Arc<AtomicBool>,
}

impl Vendor {
    /// A vendor over plain HTTP.
    pub(crate) async fn start() -> Self {
        Self::start_on("http://127.0.0.1", None).await
    }

    /// A vendor over HTTPS, whose certificate is [`Self::certificate_pem`].
    pub(crate) async fn start_tls() -> Self {
        let compromised = Arc::new(AtomicBool::new(false));
        let tls = tls::acceptor(&compromised);
        Self { compromised, ..Self::start_on("https://localhost", Some(tls)).await }
    }

    /// New connections are shown a certificate from now on that nobody trusts.
    pub(crate) fn lose_certificate(&self) {
        self.compromised.store(true, Ordering::Relaxed);
    }

    async fn start_on(origin: &str, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(Mutex::new(State::new()));
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
        tls::certificate_pem()
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

    /// The next call of this app that is not for a token gets `reply`; more of them in sequence.
    pub(crate) fn script_for(&self, app: &str, reply: Reply) {
        self.scripts(app, |scripts| scripts.next.push_back(reply));
    }

    /// Every call of this app that is not for a token gets `reply` from now on, after those in sequence; by the book
    /// again with `None`.
    pub(crate) fn answer_for(&self, app: &str, reply: Option<Reply>) {
        self.scripts(app, |scripts| scripts.always = reply);
    }

    /// Every call for a token of this app gets `reply` from now on; by the book again with `None`.
    pub(crate) fn answer_tokens_for(&self, app: &str, reply: Option<Reply>) {
        self.scripts(app, |scripts| scripts.always_tokens = reply);
    }

    fn scripts(&self, app: &str, change: impl FnOnce(&mut Scripts)) {
        change(lock(&self.state).apps.entry(app.to_owned()).or_default());
    }

    /// Calls for a token are answered by the book, but not before `gate` is open.
    pub(crate) fn hold_tokens(&self, gate: &Gate) {
        self.hold_tokens_after(0, gate);
    }

    /// The same, but for the first `count` of all.
    pub(crate) fn hold_tokens_after(&self, count: usize, gate: &Gate) {
        lock(&self.state).token_gate = Some((count, gate.clone()));
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

    /// Calls of this app so far, other than for a token.
    pub(crate) fn calls_of(&self, app: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| app_of(call) == app).collect()
    }

    /// Calls for a token of this app so far.
    pub(crate) fn fetches_for(&self, app: &str) -> usize {
        self.token_calls().iter().filter(|call| app_of(call) == app).count()
    }

    /// Calls for a token of the app that tenant `crm` has, so far.
    pub(crate) fn fetches_for_crm(&self) -> usize {
        self.fetches_for("voicechatroom")
    }

    /// Waits until calls for a token of this app have come `count` times in all.
    pub(crate) async fn wait_for_fetches(&self, app: &str, count: usize) {
        let is_it = |call: &&Call| is_for_token(call) && app_of(call) == app;
        let enough = |calls: &[Call]| calls.iter().filter(is_it).count() >= count;
        self.server.wait_for(&format!("{count} calls for a token of {app}"), enough).await;
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic while answering")
}
