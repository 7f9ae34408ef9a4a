//! What the trail adds to a request: creates by one caller and by many at once, as firmly on record as each class of
//! durability has it; and gets with a queued record and without one. In process, the vendor answers from memory.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use confgate::assembly::stack;
use confgate::devissuer::{Algorithm, DevIssuer};
use confgate::domain::Refusal;
use confgate::stages::identify::Accepted;
use http::{Method, StatusCode};
use http_body_util::Full;
use rustix::time::{ClockId, clock_gettime};

use crate::world::{Answer, CONFERENCE, Stack, World, answer, mint, request};

/// Callers at once, and how many creates each makes.
const CROWDS: [(usize, usize); 3] = [(1, 2000), (64, 400), (512, 100)];

const GETS: usize = 200_000;

pub(crate) fn measure() {
    println!(
        "{:>8} {:>8} {:>12} {:>10} {:>10} {:>14}",
        "callers", "intents", "creates/s", "p50 µs", "p99 µs", "creates/sync"
    );
    for (callers, times) in CROWDS {
        for durability in ["sync", "write", "queue"] {
            creates(callers, times, durability);
        }
    }
    let [without, with] = ["off", "queue"].map(gets);
    println!(
        "a get takes {without:.2} µs of its worker's CPU without a record, {with:.2} µs with a queued one: {:.2} µs more",
        with - without
    );
}

fn world(durability: &str) -> (World, String) {
    let issuer = DevIssuer::generate("https://issuer.test", Algorithm::Es256).expect("a key");
    let world = World::with(&[&issuer], &format!("[audit.durability]\n{durability}\n"));
    let token = mint(&issuer, &["conference:create", "conference:get"]);
    (world, token)
}

fn creates(callers: usize, times: usize, durability: &str) {
    let (world, token) = world(&format!("mutations = \"{durability}\""));
    let whole = stack(&world.parts, Rc::clone(&world.desk), Answer::<Refusal>::new());
    let body = r#"{"confrType":10,"confrDelayMillis":60000}"#;
    let create = move || request(Method::POST, "/conferences", Some(&token), body);
    world.warm_up(&whole, &create);
    let before = world.parts.trail.status().syncs;
    let (mut each, all) = crowd(&world, &whole, callers, times, create);
    let syncs = world.parts.trail.status().syncs - before;
    each.sort_unstable();
    let at = |percent: usize| micros(each.get(each.len() * percent / 100).copied().unwrap_or_default());
    let count = number(each.len());
    println!(
        "{callers:>8} {durability:>8} {:>12.0} {:>10.0} {:>10.0} {:>14.1}",
        count / all.as_secs_f64(),
        at(50),
        at(99),
        count / number(usize::try_from(syncs.max(1)).expect("few syncs")),
    );
}

/// Microseconds of CPU that a get costs its worker.
fn gets(reads: &str) -> f64 {
    let (world, token) = world(&format!("reads = \"{reads}\""));
    let whole = stack(&world.parts, Rc::clone(&world.desk), Answer::<Refusal>::new());
    let get = move || request(Method::GET, CONFERENCE, Some(&token), "");
    world.warm_up(&whole, &get);
    let before = cpu_time();
    crowd(&world, &whole, 16, GETS / 16, get);
    micros(cpu_time().saturating_sub(before)) / number(GETS)
}

/// Has so many callers at once send so many requests each, one after another, and returns how long each request
/// took and how long all did.
fn crowd<S: Stack + 'static>(
    world: &World,
    stack: &S,
    callers: usize,
    times: usize,
    next: impl Fn() -> Accepted<Full<Bytes>> + Clone + 'static,
) -> (Vec<Duration>, Duration) {
    let caller = || {
        let (stack, next) = (stack.clone(), next.clone());
        tokio::task::spawn_local(async move {
            let mut each = Vec::with_capacity(times);
            for _ in 0..times {
                let started = Instant::now();
                assert_eq!(answer(&stack, next()).await, StatusCode::OK);
                each.push(started.elapsed());
                tokio::task::yield_now().await;
            }
            each
        })
    };
    let work = async {
        let started = Instant::now();
        let callers: Vec<_> = (0..callers).map(|_| caller()).collect();
        let mut all = Vec::new();
        for caller in callers {
            all.extend(caller.await.expect("a caller that does not panic"));
        }
        (all, started.elapsed())
    };
    world.block_on(work)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a count of a bench"))
}

/// Of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
