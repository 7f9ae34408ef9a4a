//! What the trail adds to a request: creates by one caller and by many at once, as firmly on record as each class of
//! durability has it; and gets with a queued record and without one. In process, the vendor answers from memory.

use std::rc::Rc;
use std::time::Duration;

use confgate::assembly::stack;
use confgate::devissuer::{Algorithm, DevIssuer};
use confgate::domain::Refusal;
use http::Method;
use rustix::time::{ClockId, clock_gettime};

use crate::world::{Answer, CONFERENCE, World, mint, request};

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
    let (mut each, all) = world.crowd(&whole, callers, times, create);
    let syncs = world.parts.trail.status().syncs - before;
    each.sort_unstable();
    let at = |part: f64| {
        let index = (each.len() as f64 * part) as usize;
        each.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e6)
    };
    let count = each.len() as f64;
    println!(
        "{callers:>8} {durability:>8} {:>12.0} {:>10.0} {:>10.0} {:>14.1}",
        count / all.as_secs_f64(),
        at(0.5),
        at(0.99),
        count / syncs.max(1) as f64,
    );
}

/// Microseconds of CPU that a get costs its worker.
fn gets(reads: &str) -> f64 {
    let (world, token) = world(&format!("reads = \"{reads}\""));
    let whole = stack(&world.parts, Rc::clone(&world.desk), Answer::<Refusal>::new());
    let get = move || request(Method::GET, CONFERENCE, Some(&token), "");
    world.warm_up(&whole, &get);
    let before = cpu_time();
    world.crowd(&whole, 16, GETS / 16, get);
    (cpu_time() - before).as_secs_f64() * 1e6 / GETS as f64
}

/// Of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
