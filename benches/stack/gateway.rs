//! Requests over sockets: from the head that is read to the answer that is written, with the vendor's call in between,
//! on the worker's thread and on the trail's. One caller, one request at a time.

use crate::budget::GATEWAY;
use crate::served::{Case, Served};
use crate::table::{Row, Table};
use crate::{callgrind, median};

/// Before anything is measured.
const FIRST: usize = 100;
/// Counted are so many, and twice as many: in the difference there is no start.
const COUNTED: usize = 300;
/// Timed, in each round.
const TIMED: usize = 100;
const ROUNDS: usize = 20;

/// The threads by name, and what they are.
const THREADS: [(&str, &str); 2] = [("worker-0", "worker"), ("audit", "trail")];

/// Of one request, on each of the threads.
type Costs = [f64; THREADS.len()];

pub(crate) fn table() -> Table {
    let mut table = Table::new("over sockets, one at a time");
    for (case, budgets) in GATEWAY {
        let (times, counts) = (time(case), count(case));
        for (index, (_, thread)) in THREADS.into_iter().enumerate() {
            table.push(Row {
                name: format!("{case}: {thread}"),
                goes_on: false,
                nanoseconds: times[index],
                instructions: counts.map(|counts| counts[index]),
                budget: budgets[index],
            });
        }
    }
    table
}

/// Sends so many requests, in as many parts as `each` is then called.
fn send(case: Case, parts: &[usize], mut each: impl FnMut()) {
    let gateway = Served::start(case.configuration());
    let requests = case.requests(&gateway, parts.iter().sum());
    let mut caller = gateway.caller();
    let mut rest = &requests[..];
    for part in parts {
        let (now, later) = rest.split_at(*part);
        for request in now {
            caller.ask(request, case.status());
        }
        rest = later;
        each();
    }
}

/// Nanoseconds of CPU time.
fn time(case: Case) -> Costs {
    let parts: Vec<usize> = std::iter::once(FIRST).chain([TIMED; ROUNDS]).collect();
    let mut readings = Vec::new();
    send(case, &parts, || readings.push(THREADS.map(|(name, _)| on_cpu(name))));
    std::array::from_fn(|thread| {
        let rounds = readings.windows(2).map(|two| (two[1][thread] - two[0][thread]) / TIMED as f64);
        median(rounds.collect())
    })
}

/// Instructions; none without valgrind.
fn count(case: Case) -> Option<Costs> {
    let [once, twice] = [COUNTED, 2 * COUNTED].map(|times| counted(case, times));
    let (once, twice) = (once?, twice?);
    Some(std::array::from_fn(|thread| (twice[thread] - once[thread]) / COUNTED as f64))
}

fn counted(case: Case, times: usize) -> Option<Costs> {
    let counted = callgrind::run(&[&case.to_string(), &times.to_string()])?;
    // valgrind numbers the threads as they come, and so does the system.
    let names: Vec<&str> = counted.printed.lines().collect();
    Some(THREADS.map(|(name, _)| {
        let place = names.iter().position(|found| *found == name).expect("the threads' names");
        counted.to_the_end(place + 1) as f64
    }))
}

/// Prints the names of all threads, sends requests, and ends.
pub(crate) fn be_counted(case: &str, times: &str) {
    let case = GATEWAY.iter().map(|(case, _)| *case).find(|known| known.to_string() == case).expect("a case");
    let times: usize = times.parse().expect("a number");
    let mut is_named = false;
    send(case, &[1, FIRST + times], || {
        if is_named {
            std::process::exit(0);
        }
        // Before one of them may end, whose number another would have.
        for id in threads() {
            println!("{}", about(id, "comm").trim_end());
        }
        is_named = true;
    });
}

/// This program's, in the order in which they were started.
fn threads() -> Vec<u32> {
    let found = std::fs::read_dir("/proc/self/task").expect("the threads of this program");
    let ids = found.map(|thread| thread.expect("a thread").file_name().to_str()?.parse().ok());
    let mut ids: Vec<u32> = ids.collect::<Option<_>>().expect("numbers");
    ids.sort_unstable();
    ids
}

/// What the system says about a thread; nothing once it has ended.
fn about(thread: u32, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/task/{thread}/{what}")).unwrap_or_default()
}

/// The nanoseconds that a thread has been on a CPU for (the first word of its `schedstat`).
fn on_cpu(name: &str) -> f64 {
    let thread = threads().into_iter().find(|thread| about(*thread, "comm").trim_end() == name);
    let stat = about(thread.expect("a thread of this name"), "schedstat");
    stat.split(' ').next().and_then(|word| word.parse().ok()).expect("nanoseconds")
}
