//! What the healthy caller has beside it: each crowd is there when it begins to be measured, and goes on until the end.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::callers::get;
use crate::sockets::{ask, connect, runtime};
use crate::world::CONFERENCE;
use crate::{Scene, forged, token_of_nobody};

pub(crate) const IDLE: &str = "10,000 idle connections";
pub(crate) const MANY: u64 = 10_000;

/// Callers of a flood, each with a connection.
const FLOODERS: u64 = 20;

/// Makes a crowd and gives it when it is complete.
type Make = fn(&Scene) -> Crowd;

/// In the order of the table.
pub(crate) fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("nothing", |_| Crowd::none()),
        (IDLE, |scene| connections(scene, 10_000, String::new(), "", false)),
        ("1,000 slow heads", |scene| {
            connections(scene, 1_000, "GET / HTTP/1.1\r\nx-slow: ".to_owned(), "x", false)
        }),
        ("1,000 slow bodies", slow_bodies),
        ("1,000 slow readers", slow_readers),
        ("bad tokens, 2,000/s, one address", |scene| {
            let bad = forged(&scene.issuer, "stranger");
            flood(scene, 2_000, move |_| get(CONFERENCE, &bad, "x-forwarded-for: 192.0.2.1\r\n"))
        }),
        ("the same, each from a new address", |scene| {
            let bad = forged(&scene.issuer, "stranger");
            flood(scene, 2_000, move |number| {
                let from = Ipv4Addr::from_bits(0x0A00_0000 + number);
                get(CONFERENCE, &bad, &format!("x-forwarded-for: {from}\r\n"))
            })
        }),
        ("distinct bad subjects, 2,000/s", |scene| {
            let stranger = |number| forged(&scene.issuer, &format!("stranger-{number}"));
            let tokens: Vec<String> = (0..2_000).map(stranger).collect();
            flood(scene, 2_000, move |number| {
                let token = tokens.get(number as usize % tokens.len()).map_or("", String::as_str);
                get(CONFERENCE, token, "x-forwarded-for: 192.0.2.2\r\n")
            })
        }),
        ("unknown keys, 2,000/s", |scene| {
            let unknown = token_of_nobody(&scene.issuer);
            flood(scene, 2_000, move |_| get(CONFERENCE, &unknown, "x-forwarded-for: 192.0.2.4\r\n"))
        }),
        ("giant tokens, 1,000/s", |scene| {
            let giant = "x".repeat(12_000);
            flood(scene, 1_000, move |_| get(CONFERENCE, &giant, "x-forwarded-for: 192.0.2.3\r\n"))
        }),
        ("a tenant at 10 times its limit", |scene| {
            let greedy = scene.token("greedy");
            flood(scene, 1_000, move |_| get(CONFERENCE, &greedy, ""))
        }),
        ("a tenant stuck on its own app", |scene| stuck(scene, "stuck")),
        ("a tenant stuck on the same app", |scene| stuck(scene, "neighbour")),
        ("nothing, once more", |_| Crowd::none()),
    ]
}

/// Runs on a thread of its own.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    answers: Answers,
}

/// How many requests were answered with which status; 0 is none.
type Answers = Arc<Mutex<BTreeMap<u16, u64>>>;

fn count(answers: &Answers, status: Option<u16>) {
    *answers.lock().expect("no panic while counting").entry(status.unwrap_or(0)).or_default() += 1;
}

impl Crowd {
    fn none() -> Self {
        Self { stop: Arc::default(), thread: None, answers: Answers::default() }
    }

    /// Has `work` go on until the end, and returns when it says that it is complete.
    fn start<F: Future<Output = ()>>(
        work: impl FnOnce(Arc<AtomicBool>, Answers, mpsc::Sender<()>) -> F + Send + 'static,
    ) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Answers::default());
        let (ready, complete) = mpsc::channel();
        let (stops, counted) = (Arc::clone(&stop), Arc::clone(&answers));
        let thread = std::thread::spawn(move || runtime().block_on(work(stops, counted, ready)));
        complete.recv().expect("a crowd that comes together");
        Self { stop, thread: Some(thread), answers }
    }

    /// Ends it, and says what its requests were answered with.
    pub(crate) fn end(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread {
            thread.join().expect("a crowd that does not panic");
        }
        let answers = self.answers.lock().expect("no panic while counting");
        let told = answers.iter().map(|(status, count)| format!("{status}: {count}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

async fn until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20)).await;
    }
}

/// So many connections that send `begins`, and then `goes_on` each half second; `reads` of what comes back a byte as
/// often.
fn connections(scene: &Scene, many: usize, begins: String, goes_on: &'static str, reads: bool) -> Crowd {
    let address = scene.gateway.address;
    Crowd::start(move |stop, _, ready| async move {
        let opening = (0..many).map(|_| async {
            let mut stream = connect(address, reads).await.expect("a connection");
            stream.write_all(begins.as_bytes()).await.expect("a beginning");
            stream
        });
        let mut streams: Vec<TcpStream> = stream::iter(opening).buffer_unordered(64).collect().await;
        // They have all been accepted by then.
        sleep(Duration::from_secs(1)).await;
        ready.send(()).expect("a bench that waits");
        while !stop.load(Ordering::Relaxed) {
            for stream in &mut streams {
                // One that was cut off stays.
                let _ = stream.write_all(goes_on.as_bytes()).await;
                if reads {
                    let _ = stream.try_read(&mut [0]);
                }
            }
            sleep(Duration::from_millis(500)).await;
        }
    })
}

fn slow_bodies(scene: &Scene) -> Crowd {
    let token = scene.token("crm");
    let head = format!(
        "POST /conferences HTTP/1.1\r\nhost: gate.test\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 60000\r\n\r\n{}",
        " ".repeat(30_000)
    );
    connections(scene, 999, head, " ", false)
}

/// More answers than anybody reads.
fn slow_readers(scene: &Scene) -> Crowd {
    let describe = "GET /openapi.json HTTP/1.1\r\nhost: gate.test\r\n\r\n".repeat(100);
    connections(scene, 1_000, describe, "", true)
}

/// So many requests each second, over a few connections, of which `request` makes each by its number.
fn flood(scene: &Scene, rate: u64, request: impl Fn(u32) -> String + Send + 'static) -> Crowd {
    let address = scene.gateway.address;
    Crowd::start(move |stop, answers, ready| async move {
        let (stop, answers, request) = (&stop, &answers, &request);
        let flooders = (0..FLOODERS).map(|flooder| async move {
            let mut stream = connect(address, false).await.expect("a connection");
            let mut pace = interval(Duration::from_micros(1_000_000 * FLOODERS / rate));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut number = u32::try_from(flooder).expect("few flooders") << 20;
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let status = ask(&mut stream, &request(number)).await;
                count(answers, status);
                number += 1;
                if status.is_none() {
                    stream = connect(address, false).await.expect("a connection");
                }
            }
        });
        ready.send(()).expect("a bench that waits");
        join_all(flooders).await;
    })
}

/// A tenant whose calls hang: as many as it may have in flight and more.
fn stuck(scene: &Scene, tenant: &'static str) -> Crowd {
    let (address, token) = (scene.gateway.address, scene.token(tenant));
    Crowd::start(move |stop, answers, ready| async move {
        let request = get("/conferences/STUCK", &token, "");
        let (stop, answers, request) = (&stop, &answers, &request);
        let callers = (0..200).map(|_| async move {
            while !stop.load(Ordering::Relaxed) {
                let asking = async {
                    let mut stream = connect(address, false).await.expect("a connection");
                    let status = ask(&mut stream, request).await;
                    count(answers, status);
                    let _ = stream.read(&mut [0]).await;
                };
                tokio::select! {
                    () = asking => {}
                    () = until(stop) => {}
                }
            }
        });
        let complete = async {
            sleep(Duration::from_secs(1)).await;
            ready.send(()).expect("a bench that waits");
        };
        tokio::join!(join_all(callers), complete);
    })
}
