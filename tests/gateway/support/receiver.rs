//! Whoever the trail is shipped to: records every batch, and takes it unless the test says otherwise.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::server::{Call, Reply, Server};
use super::within;

/// An HTTP endpoint that takes batches of JSON lines, and JSON arrays.
pub(crate) struct Receiver {
    server: Server,
    orders: Arc<Mutex<Orders>>,
    /// Every line of the batches that were acknowledged, as often as they came.
    taken: Arc<watch::Sender<Vec<String>>>,
}

#[derive(Default)]
struct Orders {
    /// What the next batches get, one after the other.
    scripted: VecDeque<Reply>,
    /// What all others get, in place of 200.
    always: Option<Reply>,
    /// The most bytes of a batch, and what a larger one gets.
    max_bytes: Option<(usize, Reply)>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let orders = Arc::new(Mutex::new(Orders::default()));
        let taken: Arc<watch::Sender<Vec<String>>> = Arc::default();
        let (answering, taking) = (Arc::clone(&orders), Arc::clone(&taken));
        let server = Server::start(None, move |call| {
            let reply = answering.lock().expect("no panic while answering").reply(call);
            if reply.status_code().is_some_and(|status| (200..300).contains(&status)) {
                taking.send_modify(|taken| taken.extend(lines_of(call)));
            }
            reply
        })
        .await;
        Self { server, orders, taken }
    }

    /// For `url` in the configuration.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/trail", self.server.address())
    }

    /// The server beneath.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The next batch gets `reply`; more of them in sequence.
    pub(crate) fn script(&self, reply: Reply) -> &Self {
        self.orders.lock().expect("no panic while answering").scripted.push_back(reply);
        self
    }

    /// Every batch gets `reply` from now on; with `None` it is taken.
    pub(crate) fn answer_with(&self, reply: Option<Reply>) {
        self.orders.lock().expect("no panic while answering").always = reply;
    }

    /// Batches over this size get `reply` from now on.
    pub(crate) fn take_at_most(&self, bytes: usize, reply: Reply) {
        self.orders.lock().expect("no panic while answering").max_bytes = Some((bytes, reply));
    }

    /// Every batch so far, taken or not.
    pub(crate) fn batches(&self) -> Vec<Call> {
        self.server.calls()
    }

    /// Waits for `count` batches, taken or not; gives all of them.
    pub(crate) async fn wait_for_batches(&self, count: usize) -> Vec<Call> {
        self.server.wait_for(&format!("{count} batches"), |calls| calls.len() >= count).await
    }

    /// Every line that was acknowledged, as often as it came.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.borrow().clone()
    }

    /// Waits until the lines that were acknowledged are enough.
    pub(crate) async fn until_taken(&self, what: &str, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut taken = self.taken.subscribe();
        let reached = within(&format!("{what} to arrive"), taken.wait_for(|taken| enough(taken))).await;
        reached.expect("the receiver is there").clone()
    }

    /// Waits until a line says this of a request.
    pub(crate) async fn until_told(&self, kind: &str, request_id: &str) -> Vec<String> {
        let says = |line: &String| {
            let record: Value = serde_json::from_str(line).expect("a line of JSON");
            record["kind"] == kind && record["request_id"] == request_id
        };
        self.until_taken(&format!("the {kind} of {request_id}"), |taken| taken.iter().any(says)).await
    }
}

impl Orders {
    fn reply(&mut self, call: &Call) -> Reply {
        if let Some((_, reply)) = self.max_bytes.as_ref().filter(|(max, _)| call.body.len() > *max) {
            return reply.clone();
        }
        let reply = self.scripted.pop_front().or_else(|| self.always.clone());
        reply.unwrap_or_else(|| Reply::status(200))
    }
}

/// The lines of a batch, without their ends.
pub(crate) fn lines_of(batch: &Call) -> Vec<String> {
    if batch.headers.get("content-type") == Some("application/json") {
        let records: Vec<&RawValue> = serde_json::from_slice(&batch.body).expect("an array");
        return records.iter().map(|record| record.get().to_owned()).collect();
    }
    let text = String::from_utf8(batch.body.clone()).expect("text");
    assert!(text.ends_with('\n'), "a batch ends with a whole line: {text:?}");
    text.lines().map(str::to_owned).collect()
}

/// The lines less those that came before: what is left when a receiver goes by the sequence numbers.
pub(crate) fn once_each(lines: &[String]) -> Vec<String> {
    let mut last = 0;
    let mut kept = Vec::new();
    for line in lines {
        let record: Value = serde_json::from_str(line).expect("a line of JSON");
        let sequence = record["seq"].as_u64().expect("a sequence number");
        if sequence > last {
            last = sequence;
            kept.push(line.clone());
        }
    }
    kept
}
