//! Callers at a fixed rate.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

use crate::gateway::Running;
use crate::sockets::{ask, connect, runtime, within};

/// Who call, and how.
pub(crate) struct Callers {
    address: SocketAddr,
    request: Rc<str>,
}

/// How long each answer took.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) served: Vec<Duration>,
    pub(crate) shed: Vec<Duration>,
}

impl Figures {
    /// The time within which so many percent of those that were served had their answers.
    pub(crate) fn served(&self, percent: usize) -> Duration {
        within(&self.served, percent)
    }

    /// The same of those that were shed.
    pub(crate) fn shed(&self, percent: usize) -> Duration {
        within(&self.shed, percent)
    }
}

impl Callers {
    pub(crate) fn of(gateway: &Running) -> Self {
        let Running { address, bearer, .. } = gateway;
        let request =
            format!("DELETE /conferences/IM3 HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n");
        Self { address: *address, request: request.into() }
    }

    /// Over so many connections, at `rate` requests a second over all of them, or as fast as they are answered.
    pub(crate) fn run(&self, connections: usize, rate: Option<f64>, lasts: Duration) -> Figures {
        let figures = Rc::new(RefCell::new(Figures::default()));
        let tasks = LocalSet::new();
        tasks.block_on(&runtime(), async {
            let every = rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate));
            let begin = Instant::now() + Duration::from_secs(1);
            let calls = (0..connections).map(|number| {
                let offset = every.unwrap_or_default().mul_f64(number as f64 / connections as f64);
                let call = Call {
                    address: self.address,
                    request: Rc::clone(&self.request),
                    first: begin + offset,
                    every,
                    last: begin + lasts,
                };
                spawn_local(call.repeat(Rc::clone(&figures)))
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.expect("no panic");
            }
        });
        let mut figures = Rc::into_inner(figures).expect("no call any more").into_inner();
        figures.served.sort_unstable();
        figures.shed.sort_unstable();
        figures
    }
}

struct Call {
    address: SocketAddr,
    request: Rc<str>,
    first: Instant,
    every: Option<Duration>,
    last: Instant,
}

impl Call {
    async fn repeat(self, figures: Rc<RefCell<Figures>>) {
        let mut stream = connect(self.address, false).await.expect("a connection");
        let mut due = self.first;
        while due < self.last && Instant::now() < self.last {
            sleep_until(due).await;
            let status = ask(&mut stream, &self.request).await.expect("a kept connection");
            let mut figures = figures.borrow_mut();
            match status {
                // Its scope is missing, which only a token that was checked can tell.
                403 => figures.served.push(due.elapsed()),
                503 => figures.shed.push(due.elapsed()),
                other => panic!("an answer {other}"),
            }
            due = self.every.map_or_else(Instant::now, |every| due + every);
        }
    }
}
