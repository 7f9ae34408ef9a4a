//! Callers that never tire: until the connection breaks, or until they are moved on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::Connection;
use super::dice::Dice;
use super::within;

/// What a caller was answered.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The trace that its request carried, and that the vendor and the trail know it by.
    pub(crate) trace: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
    pub(crate) request_id: String,
}

impl Told {
    /// Whether the vendor has changed something. What was refused is in the trail as soon as is convenient.
    pub(crate) fn is_mutation(&self) -> bool {
        self.method != "GET" && self.status == 200
    }
}

/// Callers, each on a connection of its own, that send one request after the other until the connection breaks.
pub(crate) struct Load {
    callers: Vec<JoinHandle<Vec<Told>>>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, callers: usize, bearer: &str, dice: &Dice) -> Self {
        let caller = |_| {
            let caller = Caller { bearer: bearer.to_owned(), dice: Dice::seeded(dice.number()) };
            tokio::spawn(caller.keep_calling(address))
        };
        Self { callers: (0..callers).map(caller).collect() }
    }

    /// Waits until every caller has given up, and gives what they were answered.
    pub(crate) async fn ended(self) -> Vec<Told> {
        let mut told = Vec::new();
        for caller in self.callers {
            told.extend(within("a caller to give up", caller).await.expect("a caller that does not panic"));
        }
        told
    }
}

struct Caller {
    bearer: String,
    dice: Dice,
}

impl Caller {
    async fn keep_calling(self, address: SocketAddr) -> Vec<Told> {
        let mut told = Vec::new();
        let Some(mut connection) = Connection::try_open(address).await else { return told };
        loop {
            let (method, path, body) = self.request();
            let trace = new_trace();
            let parent = format!("00-{trace}-00f067aa0ba902b7-01");
            // Some are strangers.
            let bearer = if self.dice.below(8) == 0 { "Basic x" } else { &self.bearer };
            let headers =
                [("Authorization", bearer), ("traceparent", &parent), ("Content-Type", "application/json")];
            let headers = if body.is_empty() { &headers[..2] } else { &headers[..] };
            let Some(answer) = connection.try_send(method, path, headers, body).await else { return told };
            let request_id = answer.request_id().to_owned();
            told.push(Told { trace, method, status: answer.status, request_id });
        }
    }

    fn request(&self) -> (&'static str, &'static str, &'static str) {
        match self.dice.below(8) {
            0..4 => ("POST", "/conferences", r#"{"confrType":12,"password":"canary"}"#),
            4 => ("DELETE", "/conferences/IM3", ""),
            5 => ("DELETE", "/conferences/IM3/yangss", ""),
            _ => ("GET", "/conferences/IM3", ""),
        }
    }
}

/// One that nobody has had before.
pub(crate) fn new_trace() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("c0{:030x}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Calls over one connection after the other, until some answers have come on connections that were asked to be closed.
/// Any answer but 200 fails the test.
pub(crate) async fn call_until_moved_on(address: SocketAddr, bearer: String, progress: watch::Sender<usize>) {
    let mut closed = 0;
    while closed < 5 {
        let mut connection = Connection::open(address).await;
        loop {
            let headers = [("Authorization", bearer.as_str())];
            let answer = connection.send("GET", "/conferences/IM3", &headers, "").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            progress.send_modify(|answers| *answers += 1);
            if answer.is_closing() {
                assert_eq!(connection.rest().await, b"");
                break;
            }
        }
        closed += 1;
    }
}
